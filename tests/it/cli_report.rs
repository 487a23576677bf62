//! `afield report`: what a learner knows and lacks, by its own clips.

use std::fs;

use serde_json::Value;

use crate::harness::{Sandbox, models, recording, shared_data};

fn class<'a>(report: &'a Value, label: &str) -> &'a Value {
    let classes = report["classes"].as_array().unwrap();
    classes
        .iter()
        .find(|class| class["label"] == label)
        .unwrap()
}

fn sentences(report: &Value) -> Vec<String> {
    let lacking = report["lacking"].as_array().unwrap().iter();
    lacking
        .map(|lack| lack.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_learner_of_tones_is_told_what_it_lacks() {
    let sandbox = Sandbox::taught();
    let log = |sandbox: &Sandbox| sandbox.run("history --all --json").ok().stdout;
    let before = log(&sandbox);
    let report = sandbox.run("report --json").ok().json();
    assert_eq!(log(&sandbox), before, "a report changes nothing");
    assert_eq!(
        (&report["clips"], &report["sources"]),
        (&8.into(), &8.into())
    );
    assert_eq!(report["held_out"], "recordings");
    assert_eq!(report["accuracy"]["share"], 1.0);
    for label in ["low", "high"] {
        let class = class(&report, label);
        assert_eq!(class["recall"]["of"], 4);
        assert_eq!(class["precision"]["share"], 1.0);
        // Four of four: Wilson's interval begins at .51.
        let low = class["recall"]["low"].as_f64().unwrap();
        assert!((low - 0.5101).abs() < 1e-4, "{low}");
    }
    assert_eq!(report["confusion"], serde_json::json!([[4, 0], [0, 4]]));
    let points = report["curve"].as_array().unwrap();
    let clips: Vec<u64> = (points.iter())
        .map(|point| point["clips_a_class"].as_u64().unwrap())
        .collect();
    assert_eq!(clips, [1, 2, 4]);
    let lacking = sentences(&report);
    assert!(
        lacking[0].starts_with("no class `background`"),
        "{lacking:?}"
    );
    assert!(
        lacking[1].contains("8 clips, fewer than 20: nothing is called unknown yet"),
        "{lacking:?}"
    );

    sandbox
        .run(["teach", "bell", "low/0.wav", "high/1.wav"])
        .ok();
    sandbox.wav(
        "long.wav",
        16_000,
        &recording::tone(16_000, 1_000.0, 3.0, 7),
    );
    sandbox.run("teach hum long.wav --cut 1").ok();
    let text = sandbox.run("report --html page.html").ok().stdout;
    for said in [
        "bell has 2 clips from 2 recordings: teach it from one more recording",
        "hum has 2 clips from 1 recording: teach it from two more recordings",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let page = fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page.contains("hum has 2 clips from 1 recording"), "{page}");
    let hum = text.lines().find(|line| line.starts_with("hum ")).unwrap();
    assert!(hum.contains(" - "), "its recall is not measured: {hum}");
}

#[test]
fn every_kind_of_head_is_reported_and_an_empty_learner_has_no_figures() {
    let sandbox = Sandbox::taught();
    for head in ["ncm", "ridge", "knn", "linear"] {
        let init = format!("init --learner {head} --backbone tiny --head {head}");
        sandbox.run(init.as_str()).ok();
        for label in ["low", "high"] {
            let teach = format!("teach {label} {label} --learner {head}");
            sandbox.run(teach.as_str()).ok();
        }
        let report = format!("report --json --learner {head}");
        let report = sandbox.run(report.as_str()).ok().json();
        assert_eq!(report["accuracy"]["of"], 8, "{head}");
        let says = sentences(&report)
            .contains(&format!("the head {head} calls nothing unknown; lda does"));
        assert_eq!(says, head == "ridge", "{report}");
    }
    sandbox.run("init --learner empty --backbone tiny").ok();
    let empty = sandbox.run("report empty").ok().stdout;
    assert!(empty.contains("no class is taught"), "{empty}");
    let missing = sandbox.run("report nowhere").refused();
    assert!(missing.contains("hint:"), "{missing}");
}

#[test]
fn real_clips_are_held_out_with_their_fold() {
    let test = "a report on real clips";
    let (Some(_), Some(shared)) = (models::real("yamnet-256", test), shared_data::folder(test))
    else {
        return;
    };
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone yamnet-256").ok();
    for class in ["dog_bark", "rain", "rooster", "sea_waves"] {
        let folder = shared.join("esc10").join(class);
        let teach = sandbox.afield(["teach", class, "--group-pattern", r"^(\d)-"]);
        teach.args([folder]).run().ok();
    }
    let report = sandbox.run("report --json").ok().json();
    assert_eq!(report["held_out"], "groups");
    assert_eq!(
        (&report["clips"], &report["sources"]),
        (&96.into(), &3.into())
    );
    let accuracy = report["accuracy"]["share"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
    assert!(report["ece"].as_f64().unwrap() < 0.1, "{}", report["ece"]);
    let told = class(&report, "dog_bark")["told_unknown"]["share"]
        .as_f64()
        .unwrap();
    assert!(told < 0.3, "{told}");
    let points = report["curve"].as_array().unwrap();
    assert_eq!(
        points.len(),
        5,
        "1, 2, 4, 8 and 16 clips of two folds: {points:?}"
    );
    assert!(points[0]["accuracy"]["share"].as_f64().unwrap() <= accuracy);
    assert!(
        !sentences(&report)
            .iter()
            .any(|lack| lack.contains("more group"))
    );
}
