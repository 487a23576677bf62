//! `afield init`, `teach`, `predict`, `status` and `memory`, run as a user runs them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Sandbox, models, recording, shared_data};

fn fsdd(shared: &Path, digit: u32, speaker: &str, take: u32) -> String {
    let path = shared.join(format!("fsdd/{digit}/{speaker}_{take}.wav"));
    path.to_str().unwrap().to_owned()
}

#[test]
fn spoken_digits_of_two_people_are_taught_and_recognised() {
    let test = "spoken digits on the command line";
    let (Some(shared), Some(_)) = (
        shared_data::folder(test),
        models::real("speech-embedding", test),
    ) else {
        return;
    };
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone speech-embedding").ok();
    let (digits, speakers) = ([0, 3, 7], ["jackson", "theo"]);
    for digit in digits {
        let clips: Vec<String> = (speakers.iter())
            .flat_map(|speaker| (0..6).map(|take| fsdd(&shared, digit, speaker, take)))
            .collect();
        let teach = sandbox.afield(["teach", &digit.to_string()]).args(&clips);
        let expected = format!("{digit}: 12 new, 0 corrected, 0 known already\n");
        assert_eq!(teach.run().ok().stderr, expected);
    }

    let mut clips = Vec::new();
    for digit in digits {
        for speaker in speakers {
            clips.extend((10..20).map(|take| (digit, fsdd(&shared, digit, speaker, take))));
        }
    }
    let paths: Vec<&str> = clips.iter().map(|(_, clip)| clip.as_str()).collect();
    let predicted = sandbox.afield("predict").args(&paths).run().ok();
    let lines = predicted.json_lines();
    assert_eq!(lines.len(), 60);
    let mut right = 0;
    for ((digit, clip), line) in clips.iter().zip(&lines) {
        assert_eq!(line["path"], clip.as_str());
        assert!(
            line["novelty"]
                .as_f64()
                .is_some_and(|novelty| novelty < 1.0),
            "{line}"
        );
        right += usize::from(line["label"].as_str() == Some(&digit.to_string()));
        let scores = line["scores"].as_object().unwrap();
        let sum: f64 = scores.values().map(|p| p.as_f64().unwrap()).sum();
        assert!(scores.len() == 3 && (sum - 1.0).abs() < 1e-4, "{line}");
        let best = &scores[line["label"].as_str().unwrap()];
        assert!((best.as_f64().unwrap() - line["confidence"].as_f64().unwrap()).abs() < 1e-6);
    }
    println!("{right} of 60 unheard takes right");
    assert!(right > 48, "{right} of 60");

    // Real words from a stream, at the file's own 8 kHz.
    let (digit, clip) = &clips[0];
    let source = format!("wav:{clip}");
    let decisions = sandbox
        .run(["listen", "--windows", "--source", &source])
        .ok();
    assert!(!decisions.json_lines().is_empty());
    println!("{digit}: {}", decisions.stdout);
}

#[test]
fn fold_is_an_alias_of_compact() {
    let sandbox = Sandbox::taught();
    let said = sandbox.run("fold --keep 2").ok().stderr;
    assert_eq!(said, "compacted 6 examples, kept 2\n");
}

#[test]
fn status_describes_the_learner_and_its_classes() {
    let sandbox = Sandbox::taught();
    let status = sandbox.status();
    let mut expected = [
        "backbone",
        "backbone_sha256",
        "contract",
        "pool",
        "transform",
        "features",
        "head",
        "selection",
        "seed",
        "examples",
        "operations",
        "revision",
        "classes",
        "groups",
        "folded",
        "listening",
        "max_disk_bytes",
        "written",
        "rehearsal",
        "state_bytes",
        "disk_bytes",
        "created_unix_ms",
    ];
    let mut keys: Vec<&String> = status.as_object().unwrap().keys().collect();
    keys.sort();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(
        (&status["examples"], &status["features"]),
        (&8.into(), &32.into())
    );
    assert_eq!(status["classes"][0], json!({"label": "low", "examples": 4}));
    let text = sandbox.run("status").ok();
    text.prints(["tiny", "8 in 2 classes"]);
}

#[test]
fn status_shows_which_head_auto_selected_and_why() {
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone tiny --head auto").ok();
    let nothing = "lda from the start, compared with nothing yet";
    sandbox.run("status").ok().prints([nothing]);
    assert_eq!(sandbox.status()["selection"]["head"], "lda");
    for (label, hz) in [("low", 300.0), ("high", 2_000.0)] {
        for seed in 0..12 {
            let samples = recording::tone(16_000, hz + 40.0 * seed as f64, 0.5, seed);
            sandbox.wav(&format!("{label}/{seed}.wav"), 16_000, &samples);
        }
        sandbox.run(["teach", label, label]).ok();
    }
    let text = sandbox.run("status").ok().prints(["remembered examples, "]);
    println!("{}", text.stdout);
    let selection = &sandbox.status()["selection"];
    assert_eq!(selection["compared-at"], 20);
    assert_eq!(selection["scores"].as_array().unwrap().len(), 5);
}

#[test]
fn memory_of_an_exact_head_is_empty() {
    let sandbox = Sandbox::taught();
    let text = sandbox.run("memory").ok().stdout;
    assert_eq!(text, "lda keeps no memory of examples\n");
    let report = sandbox.run("memory --json").ok().json();
    assert_eq!(report["memory"], Value::Null);
}

#[test]
fn memory_shows_the_kept_examples_and_their_age() {
    let sandbox = Sandbox::taught();
    fs::remove_dir_all(sandbox.learner()).unwrap();
    let plan = "herding:4KiB:int8";
    sandbox
        .afield("init box --backbone tiny --head linear --rehearsal")
        .args([plan])
        .run()
        .ok();
    sandbox.run("teach low low").ok();
    sandbox.run("teach high high").ok();
    let report = sandbox.run("memory --json").ok().json();
    assert_eq!(report["labels"], json!(["low", "high"]));
    let memory = &report["memory"];
    assert_eq!(memory["plan"], plan);
    // 8 rows of 32 features with a scale, a place and an origin, and two sums.
    assert_eq!(memory["bytes"]["total"], 8 * (32 + 2 + 4 + 16) + 2 * 32 * 8);
    for class in 0..2 {
        let class = &memory["classes"][class];
        assert_eq!((&class["held"], &class["seen"]), (&4.into(), &4.into()));
        let at = |key: &str| class[key].as_i64().unwrap();
        assert!(1_600_000_000_000 < at("oldest_unix_ms"));
        assert!(at("oldest_unix_ms") <= at("newest_unix_ms"));
    }
    sandbox.run("memory").ok().prints([plan, "█"]);
}

#[test]
fn teaching_a_clip_again_is_known_and_with_another_label_is_a_correction() {
    let sandbox = Sandbox::taught();
    let again = sandbox.run("teach low low").ok().stderr;
    assert_eq!(again, "low: 0 new, 0 corrected, 4 known already\n");
    // The same recording under another name is the same clip.
    fs::copy(sandbox.path("low/0.wav"), sandbox.path("renamed.wav")).unwrap();
    let corrected = sandbox.run("teach high renamed.wav").ok().stderr;
    assert_eq!(
        corrected,
        "renamed.wav: was low, is high\nhigh: 0 new, 1 corrected, 0 known already\n"
    );
    let status = sandbox.status();
    assert_eq!(status["classes"][0]["examples"], 3);
    assert_eq!(status["classes"][1]["examples"], 5);
    assert_eq!(status["operations"], 10);
}

#[test]
fn taught_tones_are_recognised_at_any_sample_rate() {
    let sandbox = Sandbox::taught();
    for (label, hz) in [("low", 325.0), ("high", 2_990.0)] {
        for rate in [8_000, 16_000, 44_100] {
            let name = format!("{label}-{rate}.wav");
            sandbox.wav(&name, rate, &recording::tone(rate, hz, 0.5, 77));
            let said = sandbox.run(["predict", &name]).ok().json();
            assert_eq!(said["label"], label, "{said:?}");
        }
    }
}

#[test]
fn a_reader_that_stops_reading_is_not_an_error() {
    let sandbox = Sandbox::taught();
    let mut child = sandbox.afield("predict low high").spawn();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
