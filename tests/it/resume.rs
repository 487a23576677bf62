//! Runs over many recordings that are interrupted and continued.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Program, Sandbox, recording};

/// A learner, and the folder `season` of `count` recordings, among them a silent one and two that
/// cannot be read.
fn with_season(count: u32) -> Sandbox {
    let sandbox = Sandbox::taught();
    for i in 0..count {
        let samples = recording::tone(16_000, 200.0 + 20.0 * f64::from(i), 3.0, i.into());
        sandbox.wav(&format!("season/{i:03}.wav"), 16_000, &samples);
    }
    sandbox.wav("season/001-zeros.wav", 16_000, &[0; 8_000]);
    sandbox.write("season/002-empty.wav", "");
    sandbox.write("season/003-text.wav", "no sound");
    sandbox
}

/// Starts the program and kills it (SIGKILL) as soon as the file at `path` has `bytes` bytes. Whether
/// it was killed.
fn kill_at(program: Program, path: &Path, bytes: u64) -> bool {
    let mut child = program.spawn();
    let began = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if fs::metadata(path).is_ok_and(|data| data.len() >= bytes) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "nothing is written"
        );
        thread::sleep(Duration::from_micros(200));
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

#[test]
fn killed_predictions_are_continued_to_the_bytes_of_one_run() {
    let sandbox = with_season(60);
    let run = sandbox.run("predict season --out whole.jsonl");
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.stdout.is_empty(), "{run}");
    let whole = fs::read(sandbox.path("whole.jsonl")).unwrap();
    assert_eq!(whole.iter().filter(|&&byte| byte == b'\n').count(), 63);
    let part = sandbox.path("part.jsonl");
    let step = whole.len() as u64 / 7;
    let mut kills = 0;
    loop {
        let program = sandbox.afield("predict season --out part.jsonl --resume");
        if !kill_at(program, &part, length(&part) + step) {
            break;
        }
        kills += 1;
        let written = fs::read(&part).unwrap();
        assert!(whole.starts_with(&written), "after {kills} kills");
    }
    assert!(kills >= 3, "{kills} kills");
    println!("{kills} kills");
    assert_eq!(fs::read(&part).unwrap(), whole);

    // Cut anywhere in the last two lines, by a file system that lost the end.
    let last = whole[..whole.len() - 400]
        .iter()
        .rposition(|&byte| byte == b'\n');
    for cut in (last.unwrap()..whole.len()).step_by(41) {
        fs::write(&part, &whole[..cut]).unwrap();
        let run = sandbox.run("predict season --out part.jsonl --resume");
        assert_eq!(run.code, Some(3), "{run}");
        run.says(["error: 2 of 63 recordings failed"]);
        assert_eq!(fs::read(&part).unwrap(), whole, "cut at {cut}");
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn resuming_predicts_what_is_new_changed_or_failed_before() {
    let sandbox = with_season(4);
    let out = sandbox.path("out.jsonl");
    let predict = "predict season --out out.jsonl --resume";
    sandbox.run(predict);
    let before = lines(&out);
    assert_eq!(before.len(), 7);
    // One is repaired, one changes, one is new; one is gone, and its result stays.
    fs::copy(
        sandbox.path("season/000.wav"),
        sandbox.path("season/002-empty.wav"),
    )
    .unwrap();
    fs::copy(
        sandbox.path("season/001-zeros.wav"),
        sandbox.path("season/003.wav"),
    )
    .unwrap();
    fs::copy(
        sandbox.path("season/000.wav"),
        sandbox.path("season/000-new.wav"),
    )
    .unwrap();
    fs::remove_file(sandbox.path("season/001.wav")).unwrap();
    let run = sandbox.run(predict);
    assert_eq!(run.code, Some(3), "{run}");
    run.says([
        "note: out.jsonl has the results of 5 recordings\n",
        "error: 1 of 7 recordings failed\n  season/003-text.wav",
    ]);
    let after = lines(&out);
    let path = |line: &Value| line["path"].as_str().unwrap().to_owned();
    let paths: Vec<String> = after.iter().map(path).collect();
    let kept = ["000", "001-zeros", "001", "002", "003-text"];
    let added = ["000-new", "002-empty", "003"];
    let expected = kept
        .iter()
        .chain(&added)
        .map(|name| format!("season/{name}.wav"));
    assert_eq!(paths, expected.collect::<Vec<_>>());
    assert!(after[6].get("error").is_none());
    assert_eq!(after[7]["notes"][0]["kind"], "silence");
    assert_eq!(after[0], before[0]);
}

#[test]
fn predictions_are_continued_by_the_same_learner_with_the_same_options_only() {
    let sandbox = with_season(2);
    let out = sandbox.path("out.jsonl");
    let predict = |options: &str| sandbox.run(format!("predict season --out out.jsonl {options}"));
    assert_eq!(predict("").code, Some(3));
    let written = fs::read(&out).unwrap();
    let said = predict("").refused();
    assert!(
        said.contains("--out: out.jsonl has results already"),
        "{said}"
    );
    let said = predict("--resume --channel best").refused();
    assert!(
        said.contains("made with no options, and this run has --channel best"),
        "{said}"
    );
    sandbox.run("teach other season/000.wav").ok();
    let said = predict("--resume").refused();
    assert!(said.contains("another state of it"), "{said}");
    // An exact head is the same again.
    sandbox.run("undo").ok();
    assert_eq!(predict("--resume").code, Some(3));
    assert_eq!(fs::read(&out).unwrap(), written);

    let open = fs::File::open(&out).unwrap();
    open.lock().unwrap();
    let said = predict("--resume").refused();
    assert!(said.contains("another run writes to out.jsonl"), "{said}");
    drop(open);
    sandbox.write("out.jsonl", "{\"path\":\"a.wav\"}\n");
    let said = predict("--resume").refused();
    assert!(
        said.contains("line 1 of out.jsonl was not written"),
        "{said}"
    );
    assert_eq!(fs::read(&out).unwrap(), b"{\"path\":\"a.wav\"}\n");
    let absent = "predict absent.wav --out absent.jsonl";
    sandbox.run(absent).refused();
    assert!(!sandbox.path("absent.jsonl").exists());
}

/// The lines without CPU times.
fn untimed(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("cpu_seconds");
        line
    });
    lines.collect()
}

#[test]
fn killed_embeddings_are_continued_to_the_bytes_of_one_run() {
    let sandbox = with_season(60);
    let whole_run = sandbox.run("embed season season/000.wav --backbone tiny -o whole.npy");
    assert_eq!(whole_run.code, Some(3), "{whole_run}");
    let whole = fs::read(sandbox.path("whole.npy")).unwrap();
    let partial = sandbox.path("part.npy.partial");
    let journal = sandbox.path("part.npy.partial.jsonl");
    let step = whole.len() as u64 / 7;
    let embed =
        || sandbox.afield("embed season season/000.wav --backbone tiny -o part.npy --resume");
    let mut kills = 0;
    while kill_at(embed(), &partial, length(&partial) + step) {
        kills += 1;
        assert!(!sandbox.path("part.npy").exists());
        match kills {
            // What a file system may lose at a power cut: the end of either file, or its contents.
            2 => {
                let rows = fs::read(&partial).unwrap();
                fs::write(&partial, &rows[..rows.len() - 1_000]).unwrap();
            }
            3 => {
                let lines = fs::read(&journal).unwrap();
                fs::write(&journal, &lines[..lines.len() - 90]).unwrap();
            }
            4 => {
                let mut rows = fs::read(&partial).unwrap();
                let from = rows.len() - 5_000;
                rows[from..].fill(0);
                fs::write(&partial, &rows).unwrap();
            }
            _ => {}
        }
    }
    assert!(kills >= 4, "{kills} kills");
    println!("{kills} kills");
    assert_eq!(fs::read(sandbox.path("part.npy")).unwrap(), whole);
    assert!(!partial.exists() && !journal.exists());
    // A run that is not interrupted begins again.
    let again = embed().run();
    again
        .clone()
        .says(["note: 0 recordings are embedded already\n"]);
    assert_eq!(untimed(&again.stdout), untimed(&whole_run.stdout));
}

#[test]
fn a_continued_array_has_the_rows_of_the_recordings_as_they_are_now() {
    let sandbox = with_season(8);
    sandbox.write("season/006-broken.wav", "");
    let embed = "embed season --backbone tiny -o rows.npy";
    // Stopped by a recording that fails.
    fs::remove_file(sandbox.path("season/002-empty.wav")).unwrap();
    fs::remove_file(sandbox.path("season/003-text.wav")).unwrap();
    let run = sandbox.run(format!("{embed} --strict"));
    assert_eq!(run.code, Some(1), "{run}");
    run.says(["note: rows.npy.partial keeps 7 recordings; --resume continues\n"]);
    let said = sandbox.run(embed).refused();
    assert!(
        said.contains("rows.npy.partial.jsonl has results already"),
        "{said}"
    );
    let said = sandbox
        .run(format!("{embed} --resume --mode windowed"))
        .refused();
    assert!(said.contains("and this run has --mode windowed"), "{said}");

    fs::copy(
        sandbox.path("season/000.wav"),
        sandbox.path("season/006-broken.wav"),
    )
    .unwrap();
    fs::copy(
        sandbox.path("season/001-zeros.wav"),
        sandbox.path("season/003.wav"),
    )
    .unwrap();
    fs::copy(
        sandbox.path("season/005.wav"),
        sandbox.path("season/000-new.wav"),
    )
    .unwrap();
    fs::remove_file(sandbox.path("season/001.wav")).unwrap();
    let resumed = sandbox.run(format!("{embed} --resume")).ok();
    let rows = fs::read(sandbox.path("rows.npy")).unwrap();
    let anew = sandbox.run(embed).ok();
    assert_eq!(rows, fs::read(sandbox.path("rows.npy")).unwrap());
    assert_eq!(untimed(&resumed.stdout), untimed(&anew.stdout));
    let left: Vec<_> = fs::read_dir(sandbox.root()).unwrap().collect();
    assert_eq!(
        left.len(),
        ["box", "low", "high", "season", "rows.npy"].len(),
        "{left:?}"
    );
}
