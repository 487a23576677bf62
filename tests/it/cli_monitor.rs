//! A sensor's learner that was taught one class: blocks, alarms and the trend.

use std::fs;

use afield::Recording;
use afield_lab::monitor::{Fault, Pump};
use serde_json::Value;

use crate::harness::Sandbox;
use crate::harness::listener::number;

/// The vibration of a pump as a table.
fn pump(sandbox: &Sandbox, name: &str, seed: u64, hours: f64, fault: Option<Fault>) {
    let pump = Pump::new(seed, hours * 3600.0, fault).unwrap();
    let mut recording = Recording::from_source(Box::new(pump), name);
    fs::write(sandbox.path(name), recording.to_table().unwrap()).unwrap();
}

/// A learner that was taught two hours of `normal`.
fn taught() -> Sandbox {
    let sandbox = Sandbox::cold().with_learner("box");
    pump(&sandbox, "normal.csv", 1, 2.0, None);
    sandbox
        .run("init box --backbone imu --normalise normal.csv")
        .ok();
    sandbox.run("teach normal normal.csv --cut 12:12").ok();
    sandbox
}

#[test]
fn blocks_of_a_healthy_machine_are_normal_and_those_of_a_broken_one_alarms() {
    let sandbox = taught();
    pump(&sandbox, "good.csv", 2, 1.0, None);
    let fault = Fault {
        onset: 0.0,
        amplitude: 0.06,
        doubles: 1e9,
    };
    pump(&sandbox, "bad.csv", 3, 1.0, Some(fault));
    let blocks = |name: &str| -> Vec<Value> {
        let listen = sandbox
            .afield("listen --source")
            .args([format!("csv:{name}")]);
        listen.run().ok().json_lines()
    };
    let (good, bad) = (blocks("good.csv"), blocks("bad.csv"));
    assert!((28..=32).contains(&good.len()), "{}", good.len());
    for block in &good {
        let length = number(block, "end") - number(block, "start");
        assert!((110.0..125.0).contains(&length), "{block}");
        assert!(number(block, "novelty") <= 1.0, "{block}");
    }
    let alarms = |blocks: &[Value]| blocks.iter().filter(|b| b["kind"] == "unknown").count();
    assert!(alarms(&good) <= 1, "{good:#?}");
    assert!(alarms(&bad) > bad.len() * 9 / 10, "{bad:#?}");
    assert!(
        good.iter()
            .any(|b| b["label"] == "normal" && b["kind"] == "known")
    );
    assert!(bad.iter().any(|b| b["label"].is_null()));

    // More false alarms are allowed: more alarms.
    let many = "listen --source csv:good.csv --false-alarms 300/day";
    let many = sandbox.run(many).ok().json_lines();
    assert!(alarms(&many) > alarms(&good), "{many:#?}");

    let trend = sandbox
        .run("trend good.csv bad.csv --json --html trend.html")
        .ok()
        .json();
    let points = trend["points"].as_array().unwrap();
    assert_eq!(points.len(), 2, "{trend}");
    assert!(number(&points[0], "surprise") < 1.0, "{trend}");
    assert!(number(&points[1], "surprise") > 3.0, "{trend}");
    assert!(
        fs::read_to_string(sandbox.path("trend.html"))
            .unwrap()
            .contains("<svg")
    );
    sandbox
        .run("trend good.csv")
        .ok()
        .prints(["-log10 p", "##"]);

    // A second class is told apart by windows, and there is no trend.
    sandbox.run("teach broken bad.csv --cut 12:12").ok();
    let events = blocks("bad.csv");
    assert!(events.iter().any(|e| e["label"] == "broken"), "{events:#?}");
    let refused = sandbox.run("trend good.csv").refused();
    assert!(refused.contains("one class"), "{refused}");
    sandbox.run("undo").ok();
    assert_eq!(blocks("bad.csv"), bad);
}

#[test]
fn too_little_of_one_class_gives_no_alarm_and_says_so() {
    let sandbox = Sandbox::cold().with_learner("box");
    pump(&sandbox, "normal.csv", 1, 0.5, None);
    sandbox.run("init box --backbone imu").ok();
    sandbox.run("teach normal normal.csv --cut 12:12").ok();
    let heard = sandbox.run("listen --source csv:normal.csv").ok();
    heard.says(["too little of normal is taught", "--cut 12:12"]);
    let refused = sandbox.run("trend normal.csv").refused();
    assert!(refused.contains("40 of them must be taught"), "{refused}");
}
