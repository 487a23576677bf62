//! Many recordings in one command, some of which cannot be read.

use std::fs;

use serde_json::{Value, json};

use crate::harness::Sandbox;

/// A learner that knows `low`, and a folder of two recordings, an empty one and a text.
fn with_folder() -> Sandbox {
    let sandbox = Sandbox::taught();
    for (name, level) in [("a", 900), ("b", 700)] {
        let samples: Vec<i16> = (0..16_000).map(|i| level * (i % 7 - 3)).collect();
        sandbox.wav(&format!("mixed/{name}.wav"), 16_000, &samples);
    }
    sandbox.write("mixed/empty.wav", "");
    sandbox.write("mixed/notes.txt", "not a recording");
    sandbox
}

fn paths(lines: &[Value], key: &str) -> Vec<String> {
    let with_key = lines.iter().filter(|line| line.get(key).is_some());
    let path = |line: &Value| line["path"].as_str().unwrap().to_owned();
    with_key.map(path).collect()
}

#[test]
fn recordings_that_fail_are_listed_at_the_end_and_the_rest_is_predicted() {
    let sandbox = with_folder();
    let run = sandbox.run("predict mixed missing.wav");
    assert_eq!(run.code, Some(3), "{run}");
    let lines = run.json_lines();
    assert_eq!(paths(&lines, "label"), ["mixed/a.wav", "mixed/b.wav"]);
    assert_eq!(paths(&lines, "error"), ["mixed/empty.wav"]);
    run.says([
        "note: mixed: 1 file passed over, not recordings by their names: notes.txt\n",
        "error: 2 of 4 recordings failed\n",
        "\n  cannot read missing.wav",
        "\n  mixed/empty.wav has no samples\n",
        "\nhint: ",
    ]);
}

#[test]
fn strict_commands_stop_at_the_first_recording_that_fails() {
    let sandbox = with_folder();
    let run = sandbox.run("predict missing.wav mixed --strict");
    run.clone().refused();
    let run = sandbox.run("teach new mixed/empty.wav mixed/a.wav --strict");
    run.refused();
    assert!(!sandbox.run("status").ok().stdout.contains("new"));
}

#[test]
fn recordings_are_taught_and_embedded_around_one_that_fails() {
    let sandbox = with_folder();
    let run = sandbox.run("teach new mixed");
    assert_eq!(run.code, Some(3), "{run}");
    run.says([
        "new: 2 new, 0 corrected, 0 known already",
        "1 of 3 recordings failed",
    ]);
    // What failed is repaired; the rest is known without being embedded again.
    fs::copy(sandbox.path("mixed/a.wav"), sandbox.path("mixed/empty.wav")).unwrap();
    let run = sandbox.run("teach new mixed").ok();
    run.says(["new: 0 new, 0 corrected, 3 known already"]);

    sandbox.write("mixed/text.wav", "no sound");
    let run = sandbox.run("embed mixed --backbone tiny -o rows.npy");
    assert_eq!(run.code, Some(3), "{run}");
    let rows: u64 = (run.json_lines().iter())
        .filter_map(|line| line["rows"].as_u64())
        .sum();
    let bytes = fs::read(sandbox.path("rows.npy")).unwrap();
    let head = String::from_utf8_lossy(&bytes[..128]).into_owned();
    assert!(head.contains(&format!("'shape': ({rows}, ")), "{head}");
}

#[test]
fn a_command_of_which_all_recordings_fail_fails() {
    let sandbox = with_folder();
    let run = sandbox.run("embed mixed/empty.wav missing.wav --backbone tiny -o rows.npy");
    assert_eq!(run.code, Some(1), "{run}");
    run.says(["error: 2 of 2 recordings failed"]);
    assert!(!sandbox.path("rows.npy").exists());
}

#[test]
fn odd_recordings_are_told_on_stderr_and_in_the_line_of_output() {
    let sandbox = Sandbox::taught();
    sandbox.wav("zeros.wav", 16_000, &[0; 16_000]);
    let run = sandbox.run("predict zeros.wav").ok();
    assert_eq!(run.json_lines()[0]["notes"], json!([{"kind": "silence"}]));
    run.says(["note: zeros.wav: every sample is zero\n"]);
    let run = sandbox.run("teach nothing zeros.wav").ok();
    run.says(["note: zeros.wav: every sample is zero\n"]);
    let run = sandbox.run("embed zeros.wav --backbone tiny -o z.npy").ok();
    assert_eq!(run.json_lines()[0]["notes"], json!([{"kind": "silence"}]));
}

#[test]
fn a_class_that_differs_in_case_or_accents_only_is_told() {
    let sandbox = with_folder();
    let run = sandbox.run("teach Lów mixed/a.wav").ok();
    run.says(["note: Lów is a new class; it differs from the class low only in case or accents"]);
    let again = sandbox.run("teach Lów mixed/b.wav").ok();
    assert!(!again.stderr.contains("note:"), "{again}");
    // The same label in decomposed characters is the same class.
    let run = sandbox.run("teach Lo\u{301}w mixed/b.wav").ok();
    run.says(["0 new, 0 corrected, 1 known already"]);
}
