//! Movements as decision windows and events: real exercises of people with a smartwatch, with rest
//! between them.

use std::fs;
use std::path::{Path, PathBuf};

use afield::learner::Example;
use afield::store::ClipFilter;
use serde_json::Value;

use crate::harness::listener::{ENDED, number};
use crate::harness::{Sandbox, watch};

const HEAD: &str = "# rate: 50 Hz\nax [g],ay [g],az [g],wx [rad/s],wy [rad/s],wz [rad/s]\n";
const HZ: f64 = 50.0;

/// The contract of learners of the backbone `imu` that learn whole clips: earlier learners have it.
const WHOLE_CLIPS: &str = "d81e0f04271ece0c95095407d24097530998081d04673d16487436a0ec3b546f";

/// The recordings of an exercise by some people, sorted.
fn recordings(cache: &Path, exercise: &str, people: std::ops::RangeInclusive<u32>) -> Vec<PathBuf> {
    let folder = cache.join("data/watch").join(exercise);
    let of = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        people.contains(&name.split('-').nth(1).unwrap().parse().unwrap())
    };
    let all = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<PathBuf> = all.filter(of).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Rows of a table without its head, from `from` to `to` seconds.
fn rows(path: &Path, from: f64, to: f64) -> String {
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(HEAD.lines().count());
    let (from, to) = ((from * HZ) as usize, (to * HZ) as usize);
    rows.skip(from)
        .take(to - from)
        .flat_map(|row| [row, "\n"])
        .collect()
}

/// A watch that lies still, in the position `at`.
fn rest(seconds: f64, at: u32) -> String {
    let tilt = f64::from(at) * 0.7;
    let noise = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 20) / 4096.0 - 0.5;
    let row = |i: u32| {
        let n = |k: u32| 0.02 * noise(i * 6 + k + at * 1_000_003);
        format!(
            "{:.5},{:.5},{:.5},{:.5},{:.5},{:.5}\n",
            tilt.sin() + n(0),
            n(1),
            tilt.cos() + n(2),
            n(3),
            n(4),
            n(5)
        )
    };
    (0..(seconds * HZ) as u32).map(row).collect()
}

/// A movement of no exercise: the watch is shaken.
fn shaken(seconds: f64) -> String {
    let row = |i: u32| {
        let phase = f64::from(i) / HZ * std::f64::consts::TAU * 4.5;
        let (swing, turn) = (2.5 * phase.sin(), 6.0 * phase.cos());
        format!(
            "{swing:.4},{:.4},{:.4},{turn:.4},{:.4},0\n",
            -swing,
            0.4 * turn,
            -turn
        )
    };
    (0..(seconds * HZ) as u32).map(row).collect()
}

/// A learner that was taught four exercises of people 1 to 4 and rest.
fn taught(cache: &Path) -> Sandbox {
    let sandbox = Sandbox::on_cache(cache).with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    for exercise in ["ER", "ROW", "PEN", "ABD"] {
        let paths = recordings(cache, exercise, 1..=4);
        sandbox.afield(["teach", exercise]).args(paths).run().ok();
    }
    for at in 0..6 {
        sandbox.write(&format!("rest/{at}.csv"), HEAD.to_owned() + &rest(20.0, at));
    }
    sandbox.run("teach background rest --cut 5:5").ok();
    sandbox
}

/// Movements of person 6, each 15 s after 10 s of rest.
fn stream(cache: &Path) -> String {
    let mut text = HEAD.to_owned();
    for (at, exercise) in (0..).zip(["ER", "ROW", "shaken", "PEN"]) {
        text += &rest(10.0, 20 + at);
        text += &match exercise {
            "shaken" => shaken(15.0),
            _ => rows(&recordings(cache, exercise, 6..=6)[0], 2.0, 17.0),
        };
    }
    text + &rest(10.0, 30)
}

#[test]
fn each_movement_is_one_event_and_rest_is_none() {
    let Some(cache) = watch::cache("each_movement_is_one_event_and_rest_is_none") else {
        return;
    };
    let sandbox = taught(&cache);
    assert_eq!(sandbox.status()["window_rows"], 18);
    let text = stream(&cache);
    sandbox.write("stream.csv", &text);
    let events = sandbox
        .run("listen --source csv:stream.csv")
        .ok()
        .json_lines();
    // What is strange may be given in several parts.
    let is_strange = |event: &Value| (57.5..77.5).contains(&number(event, "start"));
    let (strange, known): (Vec<&Value>, Vec<&Value>) =
        events.iter().partition(|event| is_strange(event));
    assert!(!strange.is_empty(), "{events:#?}");
    for event in strange {
        assert_eq!(event["kind"], "unknown", "{event}");
        assert!(
            event["label"].is_null() && number(event, "novelty") > 0.9,
            "{event}"
        );
    }
    let labels: Vec<&Value> = known.iter().map(|event| &event["label"]).collect();
    assert_eq!(labels, ["ER", "ROW", "PEN"], "{events:#?}");
    for (event, begins) in known.iter().zip([10.0, 35.0, 85.0]) {
        assert!((number(event, "start") - begins).abs() < 2.5, "{event}");
        assert!(
            (number(event, "end") - begins - 15.0).abs() < 2.5,
            "{event}"
        );
        assert_eq!(event["kind"], "known", "{event}");
    }

    // A pipe gives the same events, and single windows say what rest is.
    let piped = sandbox.afield("listen --source stdin").stdin(text).run();
    assert_eq!(piped.code, Some(ENDED), "{piped}");
    let spans = |events: &[Value]| -> Vec<(Value, Value)> {
        let span = |event: &Value| (event["start"].clone(), event["label"].clone());
        events.iter().map(span).collect()
    };
    assert_eq!(spans(&piped.json_lines()), spans(&events));
    let windows = sandbox.run("listen --windows --source csv:stream.csv").ok();
    let resting = windows.json_lines().into_iter().filter(|window| {
        let (start, end) = (number(window, "start"), number(window, "time"));
        [0.0, 25.0, 50.0]
            .iter()
            .any(|at| *at <= start && end <= at + 10.0)
    });
    let resting: Vec<Value> = resting.collect();
    assert!(resting.len() > 30, "{}", resting.len());
    assert!(
        resting.iter().all(|w| w["label"] == "background"),
        "{resting:#?}"
    );
}

#[test]
fn a_strange_movement_is_a_question_and_its_answer_can_be_undone() {
    let Some(cache) = watch::cache("a_strange_movement_is_a_question") else {
        return;
    };
    let sandbox = taught(&cache);
    sandbox.write("stream.csv", stream(&cache));
    let before = sandbox.run("predict stream.csv").ok().stdout;
    sandbox.run("listen --ask --source csv:stream.csv").ok();
    let open = sandbox.run("queue list --json").ok().json_lines();
    let strange = open.iter().find(|q| q["sound"]["label"].is_null());
    let strange = strange.unwrap_or_else(|| panic!("{open:#?}"));
    let table = strange["sound"]["path"].as_str().unwrap();
    assert!(table.ends_with(".csv"), "{table}");
    // The table holds the samples of the stream.
    let kept = fs::read_to_string(table).unwrap();
    assert!(
        kept.starts_with("# rate: 50 Hz\n\"ax [g]\",\"ay [g]\""),
        "{kept:.80}"
    );
    assert!(kept.lines().count() > 50);
    let id = strange["question"].as_str().unwrap();
    let error = sandbox.run(["queue", "play", id]).refused();
    assert!(error.contains("cannot be played"), "{error}");
    sandbox.run(["queue", "label", id, "shaken"]).ok();
    assert_eq!(examples(&sandbox, "shaken"), strange["sounds"].as_u64());
    sandbox.run("undo").ok();
    assert_eq!(sandbox.run("predict stream.csv").ok().stdout, before);
    assert_eq!(examples(&sandbox, "shaken"), None);
}

/// The examples of a class.
fn examples(sandbox: &Sandbox, label: &str) -> Option<u64> {
    let status = sandbox.status();
    let classes = status["classes"].as_array().unwrap();
    let class = classes.iter().find(|class| class["label"] == label)?;
    class["examples"].as_u64()
}

#[test]
fn windows_of_movements_give_the_same_bytes_in_any_order_and_after_undo() {
    let Some(cache) = watch::cache("windows_of_movements_in_any_order") else {
        return;
    };
    let sandbox = Sandbox::on_cache(&cache);
    let mut clips: Vec<(&str, PathBuf)> = Vec::new();
    for exercise in ["ER", "ROW", "PEN"] {
        let paths = recordings(&cache, exercise, 1..=3);
        clips.extend(paths.into_iter().map(|path| (exercise, path)));
    }
    let taught = |name: &str, clips: &[(&str, PathBuf)]| {
        let sandbox = Sandbox::on_cache(&cache).with_learner(name);
        sandbox.run(["init", name, "--backbone", "imu"]).ok();
        for (exercise, path) in clips {
            sandbox.afield(["teach", exercise]).args([path]).run().ok();
        }
        sandbox
    };
    let state = |sandbox: &Sandbox, name: &str| sandbox.open(name).learner().save();
    let forwards = taught("box", &clips);
    let expected = state(&forwards, "box");
    clips.reverse();
    let backwards = taught("box", &clips);
    assert_eq!(state(&backwards, "box"), expected);

    // Four windows of a clip are learned and unlearned together.
    let session = forwards.open("box");
    let width = session.learner().contract().width();
    for clip in session.clips(&ClipFilter::default()).unwrap() {
        assert_eq!(clip.features.len(), 4 * width, "{}", clip.source);
        assert!(Example::from_fixed(clip.features).features().len() > width);
    }
    drop(session);
    let more = recordings(&cache, "ABD", 1..=1);
    forwards.afield(["teach", "ABD"]).args(more).run().ok();
    assert_ne!(state(&forwards, "box"), expected);
    forwards.run("undo").ok();
    assert_eq!(state(&forwards, "box"), expected);
    drop(sandbox);
}

#[test]
fn learners_of_whole_clips_keep_their_contract() {
    let sandbox = Sandbox::cold().with_learner("box");
    sandbox.run("init box --backbone imu --whole-clips").ok();
    let status = sandbox.status();
    assert_eq!(status["contract"], WHOLE_CLIPS);
    assert!(status["window_rows"].is_null(), "{status}");
}
