//! The dependency direction of the rooms under `src/`, checked as a test.
//!
//! A room is a top-level module. `ROOMS` is the whole architecture: each line
//! names a room and the rooms it may mention. Change the house here first.

use std::fs;
use std::path::Path;

const ROOMS: &[(&str, &[&str])] = &[
    ("signal", &[]),
    ("model", &["signal"]),
    ("resample", &["signal"]),
    ("source", &["signal", "resample"]),
    ("frontend", &["signal", "model", "resample"]),
    ("backbone", &["signal", "model", "frontend"]),
    ("head", &["signal"]),
    ("rehearsal", &["signal"]),
    ("decision", &["signal", "head"]),
    ("learner", &["signal", "head", "rehearsal", "decision"]),
    (
        "pipeline",
        &[
            "signal", "model", "frontend", "backbone", "head", "learner", "decision",
        ],
    ),
    ("store", &["signal"]),
    ("bundle", &["signal", "store"]),
    (
        "export",
        &["signal", "model", "backbone", "head", "learner"],
    ),
    (
        "engine",
        &[
            "signal",
            "model",
            "source",
            "frontend",
            "backbone",
            "head",
            "rehearsal",
            "learner",
            "decision",
            "pipeline",
            "store",
            "bundle",
        ],
    ),
];

/// Words that may appear only in the named files: one door per heavy dependency.
const DOORS: &[(&str, &[&str])] = &[
    // To `export` for the message types alone.
    ("tract_onnx", &["src/backbone/", "src/export/"]),
    ("prost", &["src/backbone/", "src/export/"]),
    ("tract_core", &["src/backbone/"]),
    ("tract_pulse", &["src/backbone/"]),
    ("ed25519_dalek", &["src/bundle/"]),
    ("postcard", &["src/bundle/"]),
    ("getrandom", &["src/bundle/"]),
    ("rusqlite", &["src/store/"]),
    ("sd_notify", &["src/engine/watchdog.rs"]),
    (
        "symphonia",
        &["src/source/file.rs", "src/source/spliced.rs"],
    ),
    ("serialport", &["src/source/serial_port.rs"]),
    ("cpal", &["src/source/microphone.rs"]),
    ("alsa::", &["src/source/microphone.rs"]),
    ("firmware_bridge", &["src/source/"]),
    ("microhead", &["src/head/"]),
    ("rubato", &["src/resample/"]),
    ("realfft", &["src/frontend/"]),
    ("rustfft", &["src/frontend/"]),
    ("faer", &["src/head/", "lab/src/joint/"]),
    ("zip::", &["src/model/", "lab/src/"]),
    ("csv::", &["src/source/", "lab/src/data/"]),
    ("humantime", &["cli/src/"]),
    ("plotters", &["lab/src/render/"]),
    // The user's pip and apt, and his player of sounds.
    (
        "std::process::Command",
        &["src/model/", "lab/src/corpus/", "cli/src/queue.rs"],
    ),
    ("indicatif", &["cli/src/"]),
    ("clap::", &["cli/src/"]),
    ("anyhow", &["cli/src/"]),
    // The clock, and the age of a lock for those who wait for it.
    ("SystemTime", &["src/engine/clock.rs", "src/store/lock.rs"]),
    (
        "thread::s",
        &[
            "cli/src/",
            "src/engine/embedding.rs",
            "src/engine/audio_exchange.rs",
            "src/engine/corrections.rs",
            "src/engine/solver.rs",
            "src/source/ffmpeg_child.rs",
            "src/source/network_stream.rs",
            "src/source/piped.rs",
            "src/source/microphone.rs",
            "src/source/serial.rs",
            "src/source/serial_lines.rs",
            "src/store/lock.rs",
            "src/model/program.rs",
            "lab/src/joint/upper_bound.rs",
        ],
    ),
];

#[test]
fn rooms_depend_only_on_what_the_table_allows() {
    let mut faults = Vec::new();
    for package in ["src", "cli/src", "lab/src"] {
        visit(&crate::root().join(package), &mut |path, text| {
            faults.extend(faults_of(path, text));
        });
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What breaks the tables in one file.
fn faults_of(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let code = strip_comments(text);
    for (word, files) in DOORS {
        if code.contains(word) && !files.iter().any(|f| path.starts_with(f)) {
            faults.push(format!("{path}: `{word}` belongs in {files:?}"));
        }
    }
    let Some(room) = room_of(path) else {
        return faults;
    };
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        faults.push(format!("{path}: room `{room}` is not in ROOMS"));
        return faults;
    };
    // `super` from a room's front file is the crate root: the back door.
    let top = path.matches('/').count() == 1 || path.ends_with("/mod.rs");
    if code.contains("super::super") || (top && code.replace("super::*", "").contains("super::")) {
        faults.push(format!(
            "{path}: reach other rooms by `crate::`, not `super`"
        ));
    }
    for used in rooms_mentioned(&code) {
        // A capital letter is a root re-export, which would hide its room.
        if used != room && !allowed.contains(&used.as_str()) {
            faults.push(format!("{path}: `{room}` may not use `{used}`"));
        }
    }
    faults
}

/// `src/head/linear.rs` and `src/head.rs` are both in room `head`.
fn room_of(path: &str) -> Option<&str> {
    let room = path.strip_prefix("src/")?.split('/').next()?;
    let room = room.strip_suffix(".rs").unwrap_or(room);
    (room != "lib").then_some(room)
}

/// First path segment after every `crate::`, looking inside `crate::{a, b::c}`.
fn rooms_mentioned(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').map_or(rest, |inner| {
            let mut depth = 1;
            let end = inner.find(|c| {
                depth += match c {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth == 0
            });
            &inner[..end.unwrap_or(inner.len())]
        });
        let is_group = rest.starts_with('{');
        let mut depth = 0;
        let mut word = String::new();
        let mut open = true;
        for c in group.chars().chain([',']) {
            match c {
                '{' => {
                    depth += 1;
                    open = false
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push(std::mem::take(&mut word));
                    open = true;
                    if !is_group {
                        break;
                    }
                }
                c if open && (c.is_alphanumeric() || c == '_') => word.push(c),
                c if open && c.is_whitespace() && word.is_empty() => {}
                _ => {
                    open = false;
                    if !is_group {
                        found.push(std::mem::take(&mut word));
                        break;
                    }
                }
            }
        }
    }
    found
}

fn strip_comments(text: &str) -> String {
    text.lines()
        .map(|l| l.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

fn visit(dir: &Path, f: &mut impl FnMut(&str, &str)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, f);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            f(
                path.strip_prefix(crate::root()).unwrap().to_str().unwrap(),
                &text,
            );
        }
    }
}
