//! The guard on real sounds: doubtful clips, and changes that are refused.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::listener::ListeningProcess;
use crate::harness::{Sandbox, models, shared_data};

/// A learner on YAMNet-256, taught sixteen clips of each of three classes of ESC-10, and the folder of
/// the data.
fn taught(test: &str) -> Option<(Sandbox, PathBuf)> {
    models::real("yamnet-256", test)?;
    let shared = shared_data::folder(test)?;
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone yamnet-256").ok();
    for class in ["dog_bark", "rain", "rooster"] {
        for fold in ["1", "2"] {
            teach(&sandbox, class, &clips(&shared, class, fold), "box").ok();
        }
    }
    Some((sandbox, shared))
}

/// The eight clips of a class whose names begin with `fold`.
fn clips(shared: &std::path::Path, class: &str, fold: &str) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(shared.join("esc10").join(class)).unwrap();
    let mut clips: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    clips.retain(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(fold)
    });
    clips.sort();
    assert_eq!(clips.len(), 8, "{class}");
    clips
}

fn teach(sandbox: &Sandbox, label: &str, clips: &[PathBuf], learner: &str) -> crate::harness::Run {
    let program = sandbox.afield(["teach", label, "--learner", learner]);
    program.args(clips.to_vec()).run()
}

fn state(sandbox: &Sandbox) -> Vec<u8> {
    sandbox.open("box").learner().save()
}

fn doubts(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.run("doubts list --json").ok().json_lines()
}

/// The reason of the latest command.
fn reason(sandbox: &Sandbox) -> String {
    let lines = sandbox.run("history --json").ok().json_lines();
    lines.last().unwrap()["reason"].as_str().unwrap().to_owned()
}

#[test]
fn wrong_labels_are_listed_set_aside_and_brought_back() {
    let Some((sandbox, shared)) = taught("wrong labels") else {
        return;
    };
    assert!(doubts(&sandbox).is_empty(), "right labels are not doubted");
    let right = state(&sandbox);
    // Wrong corrections that come one by one are taken at once.
    let roosters = clips(&shared, "rooster", "3");
    for clip in &roosters[..2] {
        teach(&sandbox, "dog_bark", std::slice::from_ref(clip), "box").ok();
    }
    let wrong = state(&sandbox);
    assert_ne!(wrong, right);
    let found = doubts(&sandbox);
    assert_eq!(found.len(), 2, "{found:?}");
    for doubt in &found {
        assert!(doubt["source"].as_str().unwrap().contains("rooster/3-"));
        let pair = (&doubt["label"], &doubt["like"]);
        assert_eq!(pair, (&"dog_bark".into(), &"rooster".into()));
        assert!(doubt["margin"].as_f64().unwrap() > 0.5);
    }
    let report = sandbox.run("report --json").ok();
    assert!(report.stderr.contains("`afield doubts list`"), "{report}");
    assert_eq!(report.json()["doubtful"], 2);
    assert_eq!(state(&sandbox), wrong, "a list changes nothing");

    let dropped = sandbox.run("doubts drop --all").ok();
    assert!(dropped.stderr.contains("set aside 2 clips"), "{dropped}");
    assert_eq!(state(&sandbox), right, "as if they had never been taught");
    let expected = "doubts drop: 2 clips (dog_bark like rooster 2)";
    assert_eq!(reason(&sandbox), expected);
    sandbox.run("undo").ok();
    assert_eq!(state(&sandbox), wrong);

    let one = found[0]["clip"].as_str().unwrap();
    let dropped = sandbox.run(["doubts", "drop", &one[..8]]).ok();
    assert!(dropped.stderr.contains("set aside 1 clip "), "{dropped}");
    sandbox.run("undo").ok();

    let kept = sandbox.run("doubts keep --all").ok();
    assert!(kept.stderr.contains("kept 2 clips"), "{kept}");
    assert_eq!(state(&sandbox), wrong, "what is kept stays learned");
    assert!(doubts(&sandbox).is_empty());
    sandbox.run("undo").ok();
    assert_eq!(doubts(&sandbox).len(), 2);

    // The order of teaching does not matter.
    sandbox.run("init other --backbone yamnet-256").ok();
    for clip in roosters[..2].iter().rev() {
        teach(&sandbox, "dog_bark", std::slice::from_ref(clip), "other").ok();
    }
    for class in ["rooster", "rain", "dog_bark"] {
        for fold in ["2", "1"] {
            let clips = clips(&shared, class, fold);
            for clip in clips.into_iter().rev() {
                teach(&sandbox, class, &[clip], "other").ok();
            }
        }
    }
    assert_eq!(sandbox.open("other").learner().save(), wrong);
    let lines = sandbox.run("doubts list --json --learner other").ok();
    let brief = |lines: &[Value]| -> Vec<[String; 2]> {
        let brief = |of: &Value| ["clip", "margin"].map(|name| of[name].to_string());
        lines.iter().map(brief).collect()
    };
    assert_eq!(brief(&lines.json_lines()), brief(&found));
}

#[test]
fn a_first_correction_and_a_small_class_are_never_doubted() {
    let Some((sandbox, shared)) = taught("small classes") else {
        return;
    };
    // Roosters with a new name, fewer than six.
    for clip in clips(&shared, "rooster", "3").into_iter().take(5) {
        teach(&sandbox, "whistle", &[clip], "box").ok();
        assert!(doubts(&sandbox).is_empty());
    }
    // Sounds that are no event are like the class that they are not.
    for clip in clips(&shared, "dog_bark", "3") {
        teach(&sandbox, "not dog_bark", &[clip], "box").ok();
    }
    for doubt in doubts(&sandbox) {
        assert!(doubt["label"] != "not dog_bark" && doubt["like"] != "not dog_bark");
    }
}

#[test]
fn a_change_at_once_that_contradicts_the_others_is_refused() {
    let Some((sandbox, shared)) = taught("a change at once") else {
        return;
    };
    let before = state(&sandbox);
    let roosters = clips(&shared, "rooster", "3");
    let refused = teach(&sandbox, "rain", &roosters, "box").refused();
    let figures = "of 8 new recordings of rain are like rooster, even after they are learned";
    assert!(refused.contains(figures), "{refused}");
    let hint = "hint: look at the labels; `--despite-doubts`";
    assert!(refused.contains(hint), "{refused}");
    assert_eq!(state(&sandbox), before);
    let last = reason(&sandbox);
    assert!(last.starts_with("refused teach rain: "), "{last}");
    assert!(last.contains(figures), "{last}");
    // The refused change stays in the history.
    let refused = sandbox.status()["revision"].as_i64().unwrap();
    sandbox.run(format!("rollback {}", refused - 1)).ok();
    let with_it = state(&sandbox);
    assert_ne!(with_it, before);
    sandbox.run(format!("rollback {refused}")).ok();
    assert_eq!(state(&sandbox), before);
    // The flag takes it; one undo takes it back.
    let teach_anyway = sandbox.afield("teach rain --despite-doubts");
    teach_anyway.args(roosters.clone()).run().ok();
    assert_eq!(state(&sandbox), with_it);
    sandbox.run("undo").ok();
    assert_eq!(state(&sandbox), before);
    // Three are no change at once, and right labels are taken.
    teach(&sandbox, "rain", &roosters[..3], "box").ok();
    sandbox.run("undo").ok();
    teach(&sandbox, "rooster", &roosters, "box").ok();
}

#[test]
fn a_merge_that_harms_a_part_is_refused() {
    let Some((sandbox, shared)) = taught("a merge") else {
        return;
    };
    let (dogs, roosters) = (
        clips(&shared, "dog_bark", "3"),
        clips(&shared, "rooster", "3"),
    );
    for (learner, dog, rooster) in [
        ("good", "dog_bark", "rooster"),
        ("bad", "rooster", "dog_bark"),
    ] {
        let init = format!("init {learner} --backbone yamnet-256");
        sandbox.run(init.as_str()).ok();
        teach(&sandbox, dog, &dogs, learner).ok();
        teach(&sandbox, rooster, &roosters, learner).ok();
    }
    let refused = sandbox.run("merge box bad -o both").refused();
    assert!(refused.contains("refused: "), "{refused}");
    assert!(refused.contains("--despite-doubts"), "{refused}");
    assert!(!sandbox.path("both").join("learner.sqlite").exists());
    sandbox.run("merge box bad -o both --despite-doubts").ok();
    sandbox.run("merge box good -o better").ok();
    sandbox.run("merge box box -o same").ok();
}

#[test]
fn what_is_kept_stays_kept_after_a_compaction_and_a_merge() {
    let Some((sandbox, shared)) = taught("kept doubts") else {
        return;
    };
    let roosters = clips(&shared, "rooster", "3");
    for clip in &roosters[..2] {
        teach(&sandbox, "dog_bark", std::slice::from_ref(clip), "box").ok();
    }
    assert_eq!(doubts(&sandbox).len(), 2);
    sandbox.run("doubts keep --all").ok();
    let before = state(&sandbox);
    sandbox.run("compact --keep 50").ok();
    assert_eq!(state(&sandbox), before);
    assert!(doubts(&sandbox).is_empty());
    assert_eq!(reason(&sandbox), "doubts keep: 2 clips");
    sandbox.run("undo").ok();
    assert_eq!(doubts(&sandbox).len(), 2, "only the mark is undone");
    sandbox.run("doubts keep --all").ok();

    sandbox.run("init other --backbone yamnet-256").ok();
    teach(&sandbox, "rain", &clips(&shared, "rain", "3"), "other").ok();
    sandbox.run("merge box other -o both").ok();
    let merged = sandbox.run("doubts list --json --learner both").ok();
    assert!(merged.json_lines().is_empty(), "{merged}");
    // What the other learner calls otherwise later is not kept.
    for clip in &roosters[..2] {
        teach(&sandbox, "rain", std::slice::from_ref(clip), "other").ok();
    }
    sandbox.run("merge box other -o contested").ok();
    let contested = sandbox.run("doubts list --json --learner contested").ok();
    assert_eq!(contested.json_lines().len(), 2, "{contested}");
}

#[test]
fn four_wrong_labels_are_named_while_a_learner_listens() {
    let Some((sandbox, shared)) = taught("corrections while listening") else {
        return;
    };
    let program = sandbox.afield("listen --source stdin").pipe_stdin();
    let mut listening = ListeningProcess::start(program);
    listening.read();
    let mut stdin = listening.child.stdin.take().unwrap();
    // A tenth of a second at a time, for as long as somebody listens.
    std::thread::spawn(move || {
        let quiet = crate::harness::recording::tone(16_000, 300.0, 0.1, 3);
        let quiet = crate::harness::recording::pcm(&quiet);
        while stdin.write_all(&quiet).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    listening.wait_for("note: no class background");
    let right = &clips(&shared, "rooster", "3");
    for clip in &right[4..] {
        teach(&sandbox, "rooster", std::slice::from_ref(clip), "box").ok();
    }
    for clip in &right[..4] {
        teach(&sandbox, "dog_bark", std::slice::from_ref(clip), "box").ok();
    }
    let taught = state(&sandbox);
    let note = listening.wait_for("taught while listening may have a wrong label: ");
    assert!(note.contains("(dog_bark, like rooster)"), "{note}");
    assert!(!note.contains("(rooster, "), "{note}");
    assert_eq!(state(&sandbox), taught, "nothing is set aside");
}

#[test]
fn wrong_labels_of_a_folder_that_is_listened_to_are_named_at_the_end() {
    let Some((sandbox, shared)) = taught("labels of a folder") else {
        return;
    };
    for (class, fold) in [("dog_bark", "3"), ("rain", "3")] {
        let of = if class == "dog_bark" {
            "rooster"
        } else {
            class
        };
        let folder = sandbox.path("labelled").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for clip in &clips(&shared, of, fold)[..4] {
            std::fs::copy(clip, folder.join(clip.file_name().unwrap())).unwrap();
        }
    }
    let learned = sandbox.run("listen --source dir:labelled --learn").ok();
    let note = "note: 4 clips taught while listening may have a wrong label: ";
    assert!(learned.stderr.contains(note), "{learned}");
    assert_eq!(doubts(&sandbox).len(), 4);
}

#[test]
fn other_heads_have_no_doubts_and_judge_nothing() {
    let sandbox = Sandbox::taught();
    sandbox.run("init near --backbone tiny --head ncm").ok();
    sandbox.run("teach low low --learner near").ok();
    sandbox.run("teach high high --learner near").ok();
    let refused = sandbox.run("doubts list --learner near").refused();
    let said = "the head ncm finds no doubtful clips; lda does";
    assert!(refused.contains(said), "{refused}");
    assert!(doubts(&sandbox).is_empty(), "too few clips");
    let missing = sandbox.run("doubts drop 0123456789").refused();
    let said = "no doubtful clip 0123456789\nhint:";
    assert!(missing.contains(said), "{missing}");
    let short = sandbox.run("doubts keep 0123").refused();
    assert!(short.contains("8 or more digits"), "{short}");
}
