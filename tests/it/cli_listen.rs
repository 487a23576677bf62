//! `afield listen` on files, folders and pipes, run as a user runs it.

use serde_json::Value;

use crate::harness::listener::ENDED;
use crate::harness::{Sandbox, recording};

#[test]
fn a_file_and_the_same_samples_on_stdin_give_the_same_decisions() {
    let sandbox = Sandbox::taught();
    for rate in [8_000, 16_000, 44_100] {
        let mut samples = recording::tone(rate, 300.0, 3.0, 1);
        samples.extend(recording::tone(rate, 3_000.0, 2.0, 2));
        sandbox.wav("long.wav", rate, &samples);
        let file = sandbox.run("listen --windows --source wav:long.wav").ok();
        let stdin = sandbox
            .afield(format!(
                "listen --windows --source stdin --format s16le:{rate}:1"
            ))
            .stdin(recording::pcm(&samples))
            .run();
        assert_eq!(stdin.code, Some(ENDED), "{stdin}");
        file.has_keys(["time", "start", "label", "confidence", "path"]);
        stdin.has_keys(["time", "start", "label", "confidence", "at", "event"]);
        let mut events = file.json_lines();
        for event in &mut events {
            let path = event.as_object_mut().unwrap().remove("path");
            assert_eq!(path.unwrap(), "long.wav");
        }
        let mut piped = stdin.json_lines();
        let mut latest = String::new();
        for event in &mut piped {
            // A stream can be corrected by the number of an event, a file by its path.
            let event = event.as_object_mut().unwrap();
            assert!(event.remove("event").is_some());
            // The host's clock, which does not step back.
            let at = event.remove("at").unwrap().as_str().unwrap().to_owned();
            assert!(at >= latest, "{at} {latest}");
            latest = at;
        }
        assert_eq!(events, piped, "at {rate} Hz");
        decisions_of_low_then_high(&events);
    }
}

/// A decision every half second, on about half a second each: 3 s of `low`, 2 s of `high`.
fn decisions_of_low_then_high(events: &[Value]) {
    assert!((9..=10).contains(&events.len()), "{} events", events.len());
    let time = |event: &Value, key: &str| event[key].as_f64().unwrap();
    for event in events {
        let (start, end) = (time(event, "start"), time(event, "time"));
        assert!((0.4..0.6).contains(&(end - start)) && end <= 5.0, "{event}");
        if end < 3.0 {
            assert_eq!(event["label"], "low", "{event}");
        }
        if start > 3.1 {
            assert_eq!(event["label"], "high", "{event}");
        }
    }
    assert!(
        events
            .windows(2)
            .all(|e| time(&e[0], "time") < time(&e[1], "time"))
    );
}

#[test]
fn a_gate_reports_quiet_once_and_changes_no_other_decision() {
    let sandbox = Sandbox::taught();
    // Noise alone, but for two tones.
    let mut samples: Vec<i16> = recording::tone(16_000, 0.0, 30.0, 9);
    samples.iter_mut().for_each(|sample| *sample /= 8);
    for (second, hz) in [(14, 300.0), (22, 3_000.0)] {
        let tone = recording::tone(16_000, hz, 0.5, 1);
        samples[second * 16_000..][..tone.len()].copy_from_slice(&tone);
    }
    sandbox.wav("night.wav", 16_000, &samples);
    let listen = |gate: &str| {
        let program = sandbox
            .afield("listen --windows --source wav:night.wav")
            .args(gate);
        program.run().ok().json_lines()
    };
    let (all, gated) = (listen(""), listen("--gate"));
    let (quiet, awake): (Vec<&Value>, Vec<&Value>) =
        gated.iter().partition(|line| line["quiet"] == true);
    assert!(awake.iter().all(|line| all.contains(line)), "{gated:#?}");
    assert_eq!(quiet.len(), 3, "before, between and after: {gated:#?}");
    assert!(quiet.iter().all(|line| line["label"].is_null()));
    assert!(
        awake.len() < all.len() * 2 / 3,
        "{} of {}",
        awake.len(),
        all.len()
    );
    for second in [14.0, 22.0] {
        let sounds = |line: &&Value| {
            let time = line["time"].as_f64().unwrap();
            time > second + 0.1 && time < second + 0.9
        };
        let decided: Vec<&Value> = all.iter().filter(sounds).collect();
        assert!(
            !decided.is_empty() && decided.iter().all(|line| awake.contains(line)),
            "{gated:#?}"
        );
    }
    // A margin that nothing reaches.
    let always_quiet = listen("--gate 60");
    let quiet = always_quiet.iter().filter(|line| line["quiet"] == true);
    assert_eq!(quiet.count(), 1);
}

#[test]
fn labelled_clips_are_decided_on_first_and_then_learned() {
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone tiny").ok();
    for (label, hz) in [("low", 300.0), ("high", 3_000.0)] {
        for seed in 0..5 {
            let name = format!("clips/{label}/{seed}.wav");
            sandbox.wav(&name, 16_000, &recording::tone(16_000, hz, 0.5, seed));
        }
    }
    let run = sandbox.run("listen --source dir:clips --learn").ok();
    run.has_keys(["time", "label", "confidence", "truth", "path"]);
    let said = run.json_lines();
    assert_eq!(said.len(), 10);
    // Nothing is known at first, and `low` is new when its first clip comes.
    assert_eq!(
        (&said[0]["label"], &said[0]["truth"]),
        (&Value::Null, &"high".into())
    );
    assert_eq!(
        (&said[5]["label"], &said[5]["truth"]),
        (&"high".into(), &"low".into())
    );
    assert!(said[8..].iter().all(|line| line["label"] == line["truth"]));
    assert_eq!(said[9]["time"], 5.0);
    assert_eq!(sandbox.status()["examples"], 10);
}

#[test]
fn lines_state_the_wall_clock_time_where_it_is_known() {
    let sandbox = Sandbox::taught();
    let samples = recording::tone(16_000, 440.0, 2.0, 1);
    for name in ["20260601T221000+0200", "unknown"] {
        sandbox.wav(&format!("{name}.wav"), 16_000, &samples);
    }
    let first = |line: &str| sandbox.run(line).ok().json_lines()[0].clone();
    let line = first("listen --windows --source wav:20260601T221000+0200.wav --every 1");
    let seconds = line["time"].as_f64().unwrap();
    let expected = format!("2026-06-01T20:10:{seconds:06.3}Z");
    // A line's time has microseconds.
    assert_eq!(line["at"].as_str().unwrap()[..20], expected[..20]);
    assert_eq!(
        first("predict 20260601T221000+0200.wav")["at"],
        "2026-06-01T20:10:00.000Z"
    );
    assert!(first("predict unknown.wav").get("at").is_none());
    assert!(
        first("listen --windows --source wav:unknown.wav")
            .get("at")
            .is_none()
    );
    let line = first("predict unknown.wav --start 2026-06-01T22:10:00Z");
    assert_eq!(line["at"], "2026-06-01T22:10:00.000Z");
    let both = "predict unknown.wav 20260601T221000+0200.wav --start 2026-06-01T22:10:00Z";
    sandbox.run(both).refused();
    sandbox.run("predict unknown.wav --start tomorrow").fails(2);
}
