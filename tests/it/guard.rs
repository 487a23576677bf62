//! The guard: doubtful clips, and changes that are refused.

use serde_json::Value;

use crate::harness::{Sandbox, recording};

/// Sixteen tones of each of three pitches, of which the first eight are taught.
fn taught() -> Sandbox {
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone tiny").ok();
    for (label, hz) in [("low", 300.0), ("mid", 1_000.0), ("high", 3_000.0)] {
        for seed in 0..16_u32 {
            let hz = hz + 10.0 * f64::from(seed);
            let samples = recording::tone(16_000, hz, 0.5, seed.into());
            let folder = if seed < 8 { "first" } else { "rest" };
            sandbox.wav(&format!("{label}/{folder}/{seed}.wav"), 16_000, &samples);
        }
        sandbox.run(["teach", label, &format!("{label}/first")]).ok();
    }
    sandbox
}

fn state(sandbox: &Sandbox) -> Vec<u8> {
    sandbox.open("box").learner().save()
}

fn doubts(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.run("doubts list --json").ok().json_lines()
}

/// The reasons of the commands, the latest last.
fn reasons(sandbox: &Sandbox) -> Vec<String> {
    let lines = sandbox.run("history --json").ok().json_lines();
    let reasons = lines.iter().map(|line| line["reason"].as_str().unwrap().to_owned());
    reasons.collect()
}

#[test]
fn wrong_labels_are_listed_set_aside_and_brought_back() {
    let sandbox = taught();
    assert!(doubts(&sandbox).is_empty(), "right labels are not doubted");
    let right = state(&sandbox);
    // Wrong corrections that come one by one are taken at once.
    for file in ["high/rest/9.wav", "high/rest/12.wav"] {
        sandbox.run(["teach", "low", file]).ok();
    }
    let wrong = state(&sandbox);
    let found = doubts(&sandbox);
    let sources: Vec<&str> = found.iter().map(|of| of["source"].as_str().unwrap()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    for (file, doubt) in ["high/rest/9.wav", "high/rest/12.wav"].iter().zip(&found) {
        assert!(sources.contains(file), "{found:?}");
        assert_eq!((&doubt["label"], &doubt["like"]), (&"low".into(), &"high".into()));
        assert!(doubt["margin"].as_f64().unwrap() > 0.5);
    }
    let report = sandbox.run("report --json").ok();
    assert!(report.stderr.contains("`afield doubts list`"), "{report}");
    assert_eq!(report.json()["doubtful"], 2);
    assert_eq!(state(&sandbox), wrong, "a list changes nothing");

    let dropped = sandbox.run("doubts drop --all").ok();
    assert!(dropped.stderr.contains("set aside 2 clips"), "{dropped}");
    assert_eq!(state(&sandbox), right, "as if they had never been taught");
    let reason = "doubts drop: 2 clips (low like high 2)";
    assert_eq!(reasons(&sandbox).last().unwrap(), reason);
    sandbox.run("undo").ok();
    assert_eq!(state(&sandbox), wrong);

    let one = found[0]["clip"].as_str().unwrap();
    sandbox.run(["doubts", "drop", &one[..8]]).ok();
    assert_eq!(doubts(&sandbox).len(), 1);
    sandbox.run("undo").ok();

    let kept = sandbox.run("doubts keep --all").ok();
    assert!(kept.stderr.contains("kept 2 clips"), "{kept}");
    assert_eq!(state(&sandbox), wrong, "what is kept stays learned");
    assert!(doubts(&sandbox).is_empty());
    sandbox.run("undo").ok();
    assert_eq!(doubts(&sandbox).len(), 2);
}

#[test]
fn doubts_do_not_depend_on_the_order_of_teaching() {
    let one = taught();
    let other = Sandbox::new().with_learner("box");
    other.run("init box --backbone tiny").ok();
    let wrong = ["high/rest/9.wav", "mid/rest/10.wav"];
    for file in wrong {
        one.run(["teach", "low", file]).ok();
        let file = one.path(file);
        other.afield(["teach", "low"]).args([file]).run().ok();
    }
    for label in ["high", "low", "mid"] {
        let files = (0..8).rev().map(|seed| one.path(&format!("{label}/first/{seed}.wav")));
        other.afield(["teach", label]).args(files).run().ok();
    }
    assert_eq!(state(&one), state(&other));
    let found = |sandbox: &Sandbox| -> Vec<(String, String, String)> {
        let field = |of: &Value, name: &str| of[name].to_string();
        let lines = doubts(sandbox);
        let mut found: Vec<_> = (lines.iter())
            .map(|of| (field(of, "clip"), field(of, "like"), field(of, "margin")))
            .collect();
        found.sort();
        found
    };
    assert_eq!(found(&one).len(), 2);
    assert_eq!(found(&one), found(&other));
}

#[test]
fn a_first_correction_and_a_small_class_are_never_doubted() {
    let sandbox = taught();
    // Sounds of `high` with a new name, fewer than six.
    for seed in 8..13 {
        let file = format!("high/rest/{seed}.wav");
        sandbox.run(["teach", "whistle", &file]).ok();
    }
    assert!(doubts(&sandbox).iter().all(|of| of["label"] != "whistle"));
    // Sounds that are no event are like the class that they are not.
    for seed in 8..16 {
        let file = format!("mid/rest/{seed}.wav");
        sandbox.run(["teach", "not mid", &file]).ok();
    }
    let found = doubts(&sandbox);
    assert!(found.iter().all(|of| of["label"] != "not mid"), "{found:?}");
    assert!(found.iter().all(|of| of["like"] != "not mid"), "{found:?}");
}

#[test]
fn a_change_at_once_that_contradicts_the_others_is_refused() {
    let sandbox = taught();
    let before = state(&sandbox);
    let refused = sandbox.run("teach low high/rest").refused();
    assert!(
        refused.contains("8 of 8 new recordings of low are like high")
            || refused.contains("earlier recordings of"),
        "{refused}"
    );
    assert!(refused.contains("hint: look at the labels; `--despite-doubts`"), "{refused}");
    assert_eq!(state(&sandbox), before);
    let reasons = reasons(&sandbox);
    let last = reasons.last().unwrap();
    assert!(last.starts_with("refused teach low: "), "{last}");
    // Rightly labelled, the same files are taken, and so are they with the flag.
    sandbox.run("teach high high/rest").ok();
    sandbox.run("undo").ok();
    assert_eq!(state(&sandbox), before);
    sandbox.run("teach low high/rest --despite-doubts").ok();
    assert_ne!(state(&sandbox), before);
    sandbox.run("undo").ok();
    // Three are no change at once.
    sandbox.run("teach low high/rest/8.wav high/rest/9.wav high/rest/10.wav").ok();
}

#[test]
fn a_refused_change_stays_in_the_history() {
    let sandbox = taught();
    sandbox.run("teach low high/rest").refused();
    let refused = sandbox.status()["revision"].as_i64().unwrap();
    sandbox.run(format!("rollback {}", refused - 1)).ok();
    let low = sandbox.status()["classes"].as_array().unwrap().iter();
    let low: Vec<u64> = low
        .filter(|of| of["label"] == "low")
        .map(|of| of["examples"].as_u64().unwrap())
        .collect();
    assert_eq!(low, [16]);
}

#[test]
fn a_merge_that_harms_a_part_is_refused() {
    let sandbox = taught();
    sandbox.run("init other --backbone tiny").ok();
    sandbox.run("teach low high/rest --learner other").ok();
    sandbox.run("teach high low/rest --learner other").ok();
    sandbox.run("init good --backbone tiny").ok();
    sandbox.run("teach low low/rest --learner good").ok();
    sandbox.run("teach high high/rest --learner good").ok();
    let refused = sandbox.run("merge box other -o both").refused();
    assert!(refused.contains("refused: "), "{refused}");
    assert!(refused.contains("--despite-doubts"), "{refused}");
    assert!(!sandbox.path("both").join("learner.sqlite").exists());
    sandbox.run("merge box other -o both --despite-doubts").ok();
    sandbox.run("merge box good -o better").ok();
    sandbox.run("merge box box -o same").ok();
}

#[test]
fn other_heads_have_no_doubts_and_judge_nothing() {
    let sandbox = Sandbox::taught();
    sandbox.run("init near --backbone tiny --head ncm").ok();
    sandbox.run("teach low low --learner near").ok();
    sandbox.run("teach high high --learner near").ok();
    let refused = sandbox.run("doubts list --learner near").refused();
    assert!(refused.contains("the head ncm finds no doubtful clips; lda does"), "{refused}");
    assert!(doubts(&sandbox).is_empty(), "too few clips");
    let missing = sandbox.run("doubts drop 0123456789").refused();
    assert!(missing.contains("no doubtful clip 0123456789\nhint:"), "{missing}");
    let short = sandbox.run("doubts keep 0123").refused();
    assert!(short.contains("8 or more digits"), "{short}");
}
