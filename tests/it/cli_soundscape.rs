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
    let replaced = sandbox.run("soundscape show").ok();
    assert_ne!(replaced.stdout, shown.stdout);
    // What follows the history is the recording, too.
    sandbox.run("undo").ok();
    assert_eq!(sandbox.run("soundscape show").ok().stdout, shown.stdout);
    sandbox.run("undo").ok();
    let none = sandbox.run("soundscape show").ok();
    assert_eq!(none.stdout, "no soundscape\n");
    let waves = clips(&shared, "sea_waves", "1").remove(0);
    sandbox.afield("soundscape use").args([waves]).run().ok();
    assert_eq!(sandbox.run("soundscape show").ok().stdout, replaced.stdout);
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

#[test]
fn sounds_that_are_alike_are_one_question_and_one_answer_teaches_them() {
    let Some((sandbox, shared)) = in_the_rain("questions") else {
        return;
    };
    for class in ["dog_bark", "rooster", "clock_tick"] {
        let clips = clips(&shared, class, "1");
        sandbox.afield(["teach", class]).args(clips).run().ok();
    }
    let listen = |clip: &PathBuf| {
        let source = format!("wav:{}", clip.display());
        let run = sandbox.afield(["listen", "--source", &source, "--ask"]);
        run.run().ok().json_lines()
    };
    let mut heard = clips(&shared, "helicopter", "2");
    heard.extend(clips(&shared, "baby_cry", "2"));
    let events: usize = heard.iter().map(|clip| listen(clip).len()).sum();
    assert!(events >= 4, "{events}");
    let questions = || sandbox.run("queue list --json").ok().json_lines();
    let open = questions();
    let sounds = |question: &Value| question["sounds"].as_u64().unwrap();
    let all: u64 = open.iter().map(sounds).sum();
    assert!(all >= 4 && sounds(&open[0]) >= 2, "{open:#?}");
    assert!(
        open.windows(2)
            .all(|pair| sounds(&pair[0]) >= sounds(&pair[1]))
    );
    let wav = open[0]["sound"]["path"].as_str().unwrap();
    assert!(
        sandbox
            .afield("predict")
            .args([wav])
            .run()
            .ok()
            .json_lines()[0]["label"]
            .is_string()
    );

    // The same files again are the same questions.
    listen(&heard[0]);
    assert_eq!(questions(), open);

    let id = open[0]["question"].as_str().unwrap();
    let said = sandbox
        .run(["queue", "label", id, "helicopter"])
        .ok()
        .stderr;
    let taught = sounds(&open[0]);
    assert_eq!(said, format!("learned {taught} sounds as helicopter\n"));
    assert_eq!(examples(&sandbox, "helicopter"), taught);
    let rest: u64 = questions().iter().map(sounds).sum();
    assert_eq!(rest, all - taught);
    sandbox.run("undo").ok();
    assert!(
        sandbox.status()["classes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|of| of["label"] != "helicopter")
    );

    let gone = sandbox.run(["queue", "label", id, "helicopter"]).refused();
    assert!(
        gone.contains(&format!("no open question {id}")) && gone.contains("hint: "),
        "{gone}"
    );
    // What a full card leaves behind stops nothing, and can be removed.
    let folder = sandbox.path("box/questions");
    for (name, json, wav) in [
        ("1-1", "", &b"RIFF"[..]),
        ("1-2", "{}", b""),
        ("1-3", "[", b""),
    ] {
        fs::write(folder.join(name).with_extension("json"), json).unwrap();
        fs::write(folder.join(name).with_extension("wav"), wav).unwrap();
    }
    let kept = fs::read_dir(&folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let is_whole = path.extension().unwrap() == "wav" && path.metadata().unwrap().len() > 99;
        is_whole.then_some(path)
    });
    fs::write(kept.unwrap(), "RIFF").unwrap();
    let list = sandbox.run("queue list --json").ok();
    assert_eq!(
        list.stderr.matches("note: a sound is passed over").count(),
        4
    );
    assert_eq!(list.json_lines().iter().map(sounds).sum::<u64>(), rest - 1);

    let dropped = sandbox.run("queue drop --all").ok().stderr;
    assert_eq!(dropped, format!("removed {} sounds\n", rest + 3));
    let list = sandbox.run("queue list").ok();
    assert!(
        list.stdout.is_empty() && list.stderr.contains("no open questions"),
        "{list}"
    );
    assert_eq!(
        fs::read_dir(sandbox.path("box/questions")).unwrap().count(),
        0
    );
}

/// Clips one after another as raw PCM, for so many minutes.
fn stream(clips: &[PathBuf], rate: usize, minutes: usize) -> Vec<u8> {
    let heard = clips
        .iter()
        .map(|clip| recording::Clip::read(clip).unwrap());
    let samples: Vec<f32> = heard.flat_map(|heard| heard.samples).collect();
    let samples = samples.iter().cycle().take(minutes * 60 * rate);
    let whole = samples.map(|sample| (sample * 32_767.0) as i16);
    recording::pcm(&whole.collect::<Vec<i16>>())
}

#[test]
fn a_changed_place_is_told_and_its_quiet_moments_become_the_soundscape() {
    let Some((sandbox, shared)) = in_the_rain("places") else {
        return;
    };
    let dogs = clips(&shared, "dog_bark", "1");
    sandbox.afield("teach dog").args(&dogs).run().ok();
    let rate = recording::Clip::read(&dogs[0]).unwrap().rate.hz();
    let of = |class| stream(&clips(&shared, class, "2"), rate as usize, 7);
    let format = format!("s16le:{rate}:1");
    let listen = |pcm: Vec<u8>| {
        let run = sandbox.afield(["listen", "--source", "stdin", "--soundscape", "keep"]);
        run.args(["--format", &format]).stdin(pcm).run()
    };
    let said = "stdin: the place has sounded different since about ";
    // The same place, seven minutes.
    let heard = listen(of("rain"));
    assert!(!heard.stderr.contains(said), "{heard}");
    let is_changed = || sandbox.status().get("changed_place").is_some();
    assert!(!is_changed());

    let heard = listen([of("rain"), of("chainsaw")].concat());
    assert_eq!(heard.stderr.matches(said).count(), 1, "{heard}");
    assert!(is_changed());
    assert!(
        sandbox
            .run("status")
            .ok()
            .stdout
            .contains("has sounded different since about ")
    );
    let lines = heard.json_lines();
    let drifted = |line: &&Value| line.get("drift").is_some();
    let first = lines.iter().find(drifted);
    let start = first
        .and_then(|line| line["start"].as_f64())
        .unwrap_or(840.0);
    assert!(start > 420.0, "{start}");

    let shown = sandbox.run("soundscape show").ok().stdout;
    let (_, moments) = shown.split_once('\n').unwrap();
    let moments: usize = moments.split(' ').next().unwrap().parse().unwrap();
    assert!((15..=30).contains(&moments), "{shown}");
    let recorded = sandbox.run("soundscape record").ok().stderr;
    let length: f64 = recorded.split(' ').nth(1).unwrap().parse().unwrap();
    let expected = (4 * moments) as f64 - 0.05 * (moments - 1) as f64;
    assert!((length - expected.min(120.0)).abs() < 1.0, "{recorded}");
    assert!(!is_changed());
    let refused = sandbox.run("soundscape record").refused();
    assert!(refused.contains("no quiet moments") && refused.contains("hint: "));
}

#[test]
fn recordings_without_labels_are_learned_where_the_learner_is_sure_and_can_be_forgotten() {
    let Some((sandbox, shared)) = in_the_rain("adaptation") else {
        return;
    };
    for class in ["dog_bark", "rooster", "clock_tick"] {
        let clips = clips(&shared, class, "1");
        sandbox.afield(["teach", class]).args(clips).run().ok();
    }
    let state = || sandbox.open("box").learner().save();
    let taught = state();
    let others = ["dog_bark", "rooster", "clock_tick", "helicopter"];
    let others = others.map(|class| clips(&shared, class, "2")).concat();
    let run = sandbox.afield("adapt --json").args(&others).run().ok();
    let adapted = run.json();
    assert_eq!(adapted["recordings"], 32);
    assert_eq!(adapted["learned"], true);
    let classes = adapted["assumed"].as_object().unwrap();
    let assumed: u64 = classes.values().map(|clips| clips.as_u64().unwrap()).sum();
    assert!((6..=26).contains(&assumed), "{adapted}");
    let status = sandbox.status();
    assert_eq!(status["examples"], 16 + 24 + assumed);

    // What is known is not assumed again, and an assumed clip is corrected by a label.
    let again = sandbox
        .afield("adapt --json")
        .args(&others)
        .run()
        .ok()
        .json();
    let more: u64 = again["assumed"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert!(more < assumed, "{again}");
    sandbox
        .afield("teach dog_bark")
        .args(&others[..8])
        .run()
        .ok();
    let forgotten = sandbox.run("adapt --forget").ok().stderr;
    assert!(forgotten.starts_with("unlearned "), "{forgotten}");
    assert_eq!(sandbox.status()["examples"], 16 + 24 + 8);
    let dogs = others[..8].iter().map(|clip| clip.display().to_string());
    for dog in dogs {
        sandbox.run(["forget", "--source", &dog]).ok();
    }
    assert_eq!(state(), taught);
    let nothing = sandbox.run("adapt --forget").ok().stderr;
    assert_eq!(nothing, "unlearned 0 recordings without labels\n");
}

#[test]
fn unknown_sounds_of_recordings_are_proposed_in_groups() {
    let Some((sandbox, shared)) = in_the_rain("discovery") else {
        return;
    };
    for class in ["dog_bark", "rooster", "clock_tick"] {
        let clips = clips(&shared, class, "1");
        sandbox.afield(["teach", class]).args(clips).run().ok();
    }
    let heard = clips(&shared, "helicopter", "2");
    let found = sandbox
        .afield("discover --json --at-least 2")
        .args(&heard)
        .run()
        .ok();
    let groups = found.json_lines();
    assert!(!groups.is_empty(), "{found}");
    for group in &groups {
        assert!(group["sounds"].as_u64().unwrap() >= 2);
    }
    // They are kept: without recordings, the same groups.
    let again = sandbox.run("discover --json --at-least 2").ok();
    assert_eq!(again.json_lines(), groups);
    let none = sandbox.run("discover --at-least 100").ok();
    assert_eq!(none.stderr, "no 100 unknown sounds are alike\n");
    let id = groups[0]["question"].as_str().unwrap();
    sandbox.run(["queue", "label", id, "helicopter"]).ok();
    assert!(examples(&sandbox, "helicopter") >= 2);
}

#[test]
fn clips_that_are_still_there_are_learned_again_in_a_new_place_as_one_change() {
    let Some((sandbox, shared)) = in_the_rain("relearning") else {
        return;
    };
    let mut dogs = clips(&shared, "dog_bark", "1");
    let gone = sandbox.path("gone.ogg");
    fs::copy(dogs.pop().unwrap(), &gone).unwrap();
    let roosters = clips(&shared, "rooster", "1");
    sandbox.afield("teach dog gone.ogg").args(&dogs).run().ok();
    sandbox.afield("teach rooster").args(&roosters).run().ok();
    fs::remove_file(&gone).unwrap();
    let state = || sandbox.open("box").learner().save();
    let in_the_rain = state();
    let waves = clips(&shared, "sea_waves", "1").remove(0);
    sandbox.afield("soundscape use").args([waves]).run().ok();
    let moved = state();
    let said = sandbox.run("soundscape relearn").ok().stderr;
    assert!(
        said.contains("1 clips stay as they are") && said.contains("gone.ogg"),
        "{said}"
    );
    assert!(
        said.contains("learned 15 clips again; accuracy on held-out clips 1.000"),
        "{said}"
    );
    assert_ne!(state(), moved);
    let again = state();
    sandbox.run("soundscape relearn").ok();
    assert_eq!(state(), again);
    sandbox.run("undo").ok();
    assert_eq!(state(), moved);
    // A new soundscape is one change, too.
    sandbox.run("undo").ok();
    assert_eq!(state(), in_the_rain);
}

#[test]
fn a_learner_of_whole_clips_becomes_one_of_decision_windows() {
    let Some((sandbox, shared)) = in_the_rain("upgrades") else {
        return;
    };
    let refused = sandbox.run("upgrade box").refused();
    assert!(
        refused.contains("learns decision windows already"),
        "{refused}"
    );
    sandbox
        .run("init old --backbone yamnet-256 --whole-clips")
        .ok();
    let gone = sandbox.path("gone.ogg");
    let mut dogs = clips(&shared, "dog_bark", "1");
    let last = dogs.pop().unwrap();
    fs::copy(&last, &gone).unwrap();
    let old = |command: &str| sandbox.afield(command).args(["--learner", "old"]);
    old("teach dog gone.ogg").args(&dogs).run().ok();
    let rain = clips(&shared, "rain", "1");
    old("teach rain").args(&rain).run().ok();
    fs::remove_file(&gone).unwrap();
    let before = sandbox.open("old").learner().save();

    let refused = sandbox.run("upgrade old").refused();
    assert!(
        refused.contains("gone.ogg") && refused.contains("--without-missing"),
        "{refused}"
    );
    let refused = sandbox.run("upgrade old --recordings nowhere").refused();
    assert!(refused.contains("nowhere"), "{refused}");
    let hidden = fs::read_dir(sandbox.path(".")).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".afield-upgrade")
    });
    assert_eq!(hidden.count(), 0);
    assert_eq!(sandbox.open("old").learner().save(), before);

    // Recordings are recognised under another name and in another folder.
    fs::create_dir(sandbox.path("moved")).unwrap();
    fs::copy(&last, sandbox.path("moved/renamed.ogg")).unwrap();
    let kept = sandbox.path("copy");
    let copied = std::process::Command::new("cp")
        .args(["-r", "old"])
        .arg(&kept)
        .current_dir(sandbox.path("."))
        .status();
    assert!(copied.unwrap().success());
    let said = sandbox.run("upgrade copy --recordings moved").ok().stderr;
    assert!(said.contains("taught 16 clips again"), "{said}");

    let said = sandbox.run("upgrade old --without-missing").ok().stderr;
    assert!(
        said.contains("taught 15 clips again as decision windows"),
        "{said}"
    );
    assert_eq!(sandbox.open("old.before-upgrade").learner().save(), before);
    assert!(
        sandbox
            .open("old")
            .learner()
            .contract()
            .window_rows
            .is_some()
    );
    let dog = old("predict")
        .args(&clips(&shared, "dog_bark", "2")[..1])
        .run()
        .ok();
    assert_eq!(dog.json_lines()[0]["label"], "dog");
    // It is the learner that would have been taught so from the beginning.
    sandbox.run("init new --backbone yamnet-256").ok();
    let new = |command: &str| sandbox.afield(command).args(["--learner", "new"]);
    new("teach dog").args(&dogs).run().ok();
    new("teach rain").args(&rain).run().ok();
    assert_eq!(
        sandbox.open("old").learner().save(),
        sandbox.open("new").learner().save()
    );
    let refused = sandbox.run("upgrade old").refused();
    assert!(
        refused.contains("an earlier upgrade has kept a learner"),
        "{refused}"
    );
}
