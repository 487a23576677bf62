//! Many recordings in one command, some of which cannot be read.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Sandbox, recording};

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

/// A learner, and the folder `set` of two classes with four recordings each, in which lie a silent
/// recording, and others that cannot be used.
fn with_set() -> Sandbox {
    let sandbox = Sandbox::taught();
    sandbox.folder("set");
    for class in ["high", "low"] {
        fs::rename(sandbox.path(class), sandbox.path(&format!("set/{class}"))).unwrap();
    }
    sandbox.wav("set/low/9-zeros.wav", 16_000, &[0; 16_000]);
    sandbox.write("set/low/8-empty.wav", "");
    sandbox.write("set/gone/7-damaged.wav", "no sound");
    sandbox.write("set/loose.wav", "");
    for name in ["a", "b"] {
        sandbox.write(&format!("set/ spaced/{name}.wav"), "");
    }
    sandbox.write("set/notes.txt", "not a recording");
    sandbox
}

/// The failures in a JSON object, by their paths.
fn failed(object: &Value) -> Vec<&str> {
    let failed = object["failed"].as_array().unwrap();
    (failed.iter().map(|line| line["path"].as_str().unwrap())).collect()
}

const FAILED: [&str; 4] = [
    "set/ spaced",
    "set/loose.wav",
    "set/gone/7-damaged.wav",
    "set/low/8-empty.wav",
];

#[test]
fn an_evaluation_is_made_on_the_recordings_that_can_be_used_and_names_the_others() {
    let sandbox = with_set();
    let evaluate = "evaluate --data set --backbone tiny --head ncm";
    let run = sandbox.run(format!("{evaluate} --json"));
    assert_eq!(run.code, Some(3), "{run}");
    let report = run.json();
    assert_eq!(report["recordings"], 9);
    assert_eq!(
        report["train"].as_u64().unwrap() + report["test"].as_u64().unwrap(),
        9
    );
    assert_eq!(failed(&report), FAILED);
    assert_eq!(report["failed"][0]["recordings"], 2);
    assert_eq!(report["lost_classes"], json!(["gone"]));
    let notes = json!([{"path": "set/low/9-zeros.wav", "notes": [{"kind": "silence"}]}]);
    assert_eq!(report["notes"], notes);
    let said = run.says([
        "note: set: 1 file passed over, not recordings by their names: notes.txt\n",
        "note: no recording of the class gone is left; it is not part of the result\n",
        "note: set/low/9-zeros.wav: every sample is zero\n",
        "error: 5 of 14 recordings failed\n",
        "\n  the folder set/ spaced cannot name a class",
        " (2 recordings)\n",
        "\n  set/loose.wav is not in the folder of a class\n",
        "\n  set/low/8-empty.wav has no samples\n",
    ]);
    // The embeddings are cached now. Nothing else is said.
    let again = sandbox.run(format!("{evaluate} --json"));
    assert_eq!((again.code, &again.stderr), (Some(3), &said.stderr));
    let repeated = again.json();
    for key in ["failed", "lost_classes", "notes", "recordings"] {
        assert_eq!(repeated[key], report[key]);
    }
    let run = sandbox.run(format!("{evaluate} --report page.html"));
    let line = "made on 9 of 14 recordings: 5 failed";
    run.prints([line]);
    let page = fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page.contains(line), "{page}");
    sandbox.run(format!("{evaluate} --strict")).refused();

    for path in FAILED {
        let path = sandbox.path(path);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    let run = sandbox.run(evaluate).ok();
    run.prints(["made on 9 recordings\n"]);
}

#[test]
fn a_labelled_archive_holds_what_can_be_used() {
    let sandbox = with_set();
    let embed = "embed set absent --labelled --backbone tiny -o set.npz";
    let pattern = ["--group-pattern", r"^(\d)"];
    let run = sandbox.afield(embed).args(pattern).run();
    assert_eq!(run.code, Some(3), "{run}");
    let line = run.json();
    assert_eq!(
        (&line["clips"], &line["recordings"]),
        (&9.into(), &9.into())
    );
    assert_eq!(line["lost_classes"], json!(["gone"]));
    assert_eq!(line["lost_groups"], json!(["7", "8"]));
    assert_eq!(line["notes"][0]["path"], "set/low/9-zeros.wav");
    let paths = failed(&line);
    assert!(paths.contains(&"absent") && paths.len() == 5, "{paths:?}");
    run.says(["error: 6 of 15 recordings failed\n", "cannot read absent"]);
    let clips = afield_lab::data::read_npz(&sandbox.path("set.npz")).unwrap();
    assert_eq!(clips.len(), 9);

    sandbox.wav("set/low/unnumbered.wav", 16_000, &[7; 16_000]);
    let run = sandbox.afield(embed).args(pattern).run();
    run.says(["does not match the file name 'unnumbered.wav'"]);
    let run = sandbox.afield(embed).args(pattern).args("--strict").run();
    run.refused();
}

#[test]
fn entries_of_a_manifest_that_cannot_be_used_are_left_out() {
    let sandbox = with_set();
    let mut manifest = "path,label,group\n".to_owned();
    for class in ["low", "high"] {
        for clip in 0..4 {
            manifest += &format!("set/{class}/{clip}.wav,{class},g{clip}\n");
        }
    }
    manifest += "set/missing.wav,low,g9\nset/low/0.wav,\u{7},g0\n";
    sandbox.write("list.csv", manifest);
    let run = sandbox.run("evaluate --manifest list.csv --backbone tiny --head ncm --json");
    assert_eq!(run.code, Some(3), "{run}");
    let report = run.json();
    assert_eq!(report["recordings"], 8);
    assert_eq!(failed(&report), ["set/low/0.wav", "set/missing.wav"]);
    assert_eq!(report["lost_groups"], json!(["g9"]));
    run.says([
        "2 of 10 recordings failed",
        "set/low/0.wav: the class \"\\u{7}\" is no label",
    ]);
}

#[test]
fn failures_are_named_before_the_error_of_an_evaluation_with_too_few_recordings() {
    let sandbox = with_set();
    fs::remove_dir_all(sandbox.path("set/high")).unwrap();
    let run = sandbox
        .run("evaluate --data set --backbone tiny --head ncm")
        .fails(1);
    run.says([
        "note: 5 of 10 recordings failed\n",
        "error: the data hold 1 class(es), at least 2 are needed",
    ]);
    fs::remove_dir_all(sandbox.path("set/low")).unwrap();
    let run = sandbox
        .run("evaluate --data set --backbone tiny --head ncm")
        .fails(1);
    run.says(["error: 4 of 4 recordings failed\n"]);
}

#[test]
fn notes_of_many_recordings_are_one_line_a_kind() {
    let sandbox = Sandbox::taught();
    for i in 0..7 {
        let zeros = vec![0; 16_000 + i];
        sandbox.wav(&format!("set/{}/{i}.wav", i % 2), 16_000, &zeros);
    }
    let run = sandbox
        .run("evaluate --data set --backbone tiny --head ncm --json")
        .ok();
    assert_eq!(run.json()["notes"].as_array().unwrap().len(), 7);
    run.says(["note: 7 recordings, the first set/0/0.wav: every sample is zero\n"]);
}

#[test]
fn cached_embeddings_of_one_channel_are_not_those_of_another() {
    let sandbox = Sandbox::taught();
    let right = (0..16_000).map(|i| 900 * (i % 7 - 3));
    let samples: Vec<i16> = right.flat_map(|right| [0, right]).collect();
    for class in ["a", "b"] {
        let path = sandbox.write(&format!("set/{class}/x.wav"), "");
        recording::write_wav_of(&path, 16_000, 2, &samples);
    }
    let embedded = |channel: &str| {
        let embed = "embed set --labelled --backbone tiny -o set.npz --channel";
        sandbox.afield(embed).args([channel]).run().ok();
        let clips = afield_lab::data::read_npz(&sandbox.path("set.npz")).unwrap();
        clips.windows(0).to_vec()
    };
    let (left, right) = (embedded("left"), embedded("right"));
    assert_ne!(left, right);
    assert_eq!((embedded("left"), embedded("right")), (left, right));
}
