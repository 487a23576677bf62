//! The soundscape, decision windows and the novelty of recordings, on real sound.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Sandbox, models, recording, shared_data};

/// The clips of a class of ESC-10 whose names begin with `fold`.
fn clips(shared: &Path, class: &str, fold: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(shared.join("esc10").join(class)).unwrap();
    let mut clips: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    let of_fold = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(fold)
    };
    clips.retain(of_fold);
    clips.sort();
    assert_eq!(clips.len(), 8, "{class}");
    clips
}

/// A learner on YAMNet-256, with the rain of fold 1 as its place.
fn in_the_rain(test: &str) -> Option<(Sandbox, PathBuf)> {
    models::real("yamnet-256", test)?;
    let shared = shared_data::folder(test)?;
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone yamnet-256").ok();
    let rain = clips(&shared, "rain", "1").remove(0);
    let used = sandbox.afield("soundscape use").args([rain]).run().ok();
    assert!(used.stderr.starts_with("soundscape: 5.0 s at -"), "{used}");
    Some((sandbox, shared))
}

fn examples(sandbox: &Sandbox, class: &str) -> u64 {
    let status = sandbox.status();
    let classes = status["classes"].as_array().unwrap();
    let of = classes.iter().find(|of| of["label"] == class);
    of.map_or(0, |of| of["examples"].as_u64().unwrap())
}

#[test]
fn clips_taught_in_a_place_are_known_in_it_and_other_sounds_are_new() {
    let Some((sandbox, shared)) = in_the_rain("novelty") else {
        return;
    };
    assert_eq!(examples(&sandbox, "background"), 16);
    for class in ["dog_bark", "rooster", "clock_tick"] {
        for fold in ["1", "2"] {
            let clips = clips(&shared, class, fold);
            sandbox.afield(["teach", class]).args(clips).run().ok();
        }
        assert_eq!(examples(&sandbox, class), 16);
    }
    let predicted = |class: &str| -> Vec<Value> {
        let clips = clips(&shared, class, "3");
        let run = sandbox.afield("predict").args(clips).run().ok();
        run.json_lines()
    };
    let novelty = |lines: &[Value]| -> f64 {
        let mut all: Vec<f64> = (lines.iter())
            .map(|line| line["novelty"].as_f64().unwrap())
            .collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    for class in ["dog_bark", "rooster", "clock_tick"] {
        let lines = predicted(class);
        let right = lines.iter().filter(|line| line["label"] == class).count();
        assert!(right >= 5, "{class}: {lines:#?}");
        assert!(novelty(&lines) < 0.95, "{class}: {lines:#?}");
    }
    for class in ["helicopter", "chainsaw"] {
        let lines = predicted(class);
        assert!(novelty(&lines) > 0.95, "{class}: {lines:#?}");
        let unknown = lines.iter().filter(|line| line["unknown"] == true).count();
        assert!(unknown >= 5, "{class}: {lines:#?}");
    }
}

#[test]
fn the_same_clips_in_any_order_give_the_same_state_and_forgetting_restores_it() {
    let Some((sandbox, shared)) = in_the_rain("exact soundscapes") else {
        return;
    };
    let state = || sandbox.open("box").learner().save();
    let empty = state();
    let clips = clips(&shared, "dog_bark", "2");
    sandbox.afield("teach dog").args(&clips).run().ok();
    let taught = state();
    assert_ne!(taught, empty);
    sandbox.run("forget --class dog").ok();
    assert_eq!(state(), empty);
    let reversed: Vec<_> = clips.iter().rev().collect();
    sandbox.afield("teach dog").args(reversed).run().ok();
    assert_eq!(state(), taught);
    sandbox.run("undo").ok();
    assert_eq!(state(), empty);
}

#[test]
fn a_soundscape_is_shown_replaced_and_dropped() {
    let Some((sandbox, shared)) = in_the_rain("soundscapes") else {
        return;
    };
    let shown = sandbox.run("soundscape show").ok();
    assert!(shown.stdout.starts_with("5.0 s at -"), "{shown}");
    let waves = clips(&shared, "sea_waves", "1").remove(0);
    sandbox.afield("soundscape use").args([waves]).run().ok();
    assert_eq!(examples(&sandbox, "background"), 16);
    assert_ne!(sandbox.run("soundscape show").ok().stdout, shown.stdout);
    sandbox.run("soundscape drop").ok();
    assert_eq!(examples(&sandbox, "background"), 0);
    assert_eq!(
        sandbox.run("soundscape show").ok().stdout,
        "no soundscape\n"
    );
    let dropped = sandbox.run("soundscape drop").ok();
    assert_eq!(dropped.stderr, "there is no soundscape\n");
}

#[test]
fn a_soundscape_that_cannot_be_one_is_refused_with_the_reason() {
    let Some((sandbox, _)) = in_the_rain("bad soundscapes") else {
        return;
    };
    sandbox.wav("silent.wav", 16_000, &[0; 80_000]);
    sandbox.wav("short.wav", 16_000, &recording::tone(16_000, 300.0, 3.9, 1));
    let before = sandbox.run("soundscape show").ok().stdout;
    for (file, reason) in [
        (
            "silent.wav",
            "silent.wav: the recording of the soundscape is digital silence",
        ),
        (
            "short.wav",
            "short.wav: a soundscape needs at least 4.5 s of sound",
        ),
        ("missing.wav", "missing.wav"),
    ] {
        let run = sandbox.run(["soundscape", "use", file]);
        assert_ne!(run.code, Some(0), "{run}");
        assert!(run.stderr.contains(reason), "{run}");
        assert!(run.stderr.contains("hint: "), "{run}");
        assert_eq!(sandbox.run("soundscape show").ok().stdout, before);
        assert_eq!(examples(&sandbox, "background"), 16);
    }
    // Learners that cannot have one.
    sandbox.wav("place.wav", 16_000, &recording::tone(16_000, 300.0, 5.0, 1));
    for (init, reason) in [
        ("--backbone tiny", "learns whole clips"),
        ("--backbone yamnet-256 --whole-clips", "learns whole clips"),
        ("--backbone imu", "imu takes a sensor"),
    ] {
        sandbox.run(format!("init other {init}")).ok();
        let run = sandbox.run("soundscape use place.wav --learner other");
        assert_ne!(run.code, Some(0), "{run}");
        assert!(run.stderr.contains(reason), "{run}");
        fs::remove_dir_all(sandbox.path("other")).unwrap();
    }
}
