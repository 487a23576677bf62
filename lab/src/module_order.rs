//! A test: modules depend on each other in one direction.
//!
//! [`ORDER`] lists the rooms and the files of each: a room uses only rooms above it, and a
//! file uses only files of its room above it. Test modules may use everything.

use std::fs;
use std::path::{Path, PathBuf};

const ORDER: &[(&str, &[&str])] = &[
    (
        "corpus",
        &[
            "error",
            "sum",
            "converters",
            "card",
            "registry",
            "command",
            "apt",
            "pypi",
            "folder",
            "fetch",
        ],
    ),
    (
        "data",
        &[
            "error",
            "failed",
            "names",
            "clips",
            "group_pattern",
            "clip_list",
            "manifest",
            "npy",
            "npz",
            "npz_writer",
            "split",
            "dataset",
            "splits",
            "embedding_cache",
            "embedding",
        ],
    ),
    (
        "streams",
        &[
            "error",
            "protocol",
            "imbalance",
            "label_noise",
            "bursty",
            "task",
            "drift",
            "example_stream",
            "saved_stream",
        ],
    ),
    (
        "joint",
        &["error", "folds", "lbfgs", "logistic", "upper_bound"],
    ),
    (
        "evaluate",
        &[
            "error",
            "machine",
            "metrics",
            "estimate",
            "head_choice",
            "report",
            "series",
            "calibration",
            "contracts",
            "embedded_clips",
            "encoded",
            "judged",
            "fits",
            "cross_validation",
            "joint_fit",
            "progress",
            "evaluation",
            "rows",
            "course",
            "run",
            "series_plan",
        ],
    ),
    (
        "field",
        &[
            "error",
            "event",
            "sounding",
            "sound",
            "wave",
            "sound_library",
            "place",
            "day",
            "judgement",
            "counts",
            "collar",
            "intersection",
            "score",
            "discovery",
            "variant",
            "report",
            "run",
        ],
    ),
    (
        "exam",
        &["error", "draw", "recordings", "scores", "sitting", "plan"],
    ),
    (
        "unknown",
        &["separation", "score", "teaching", "report", "run"],
    ),
    ("guard", &["case", "score", "report", "run"]),
    ("adapt", &["hearing", "halves", "score", "report", "run"]),
    ("monitor", &["pump", "trend", "run"]),
    (
        "render",
        &[
            "error",
            "provenance",
            "table",
            "percent",
            "curves",
            "scoreboard",
            "chart",
            "style",
            "page",
            "html",
            "day_picture",
            "field_table",
            "field_page",
            "figures",
            "unknown_report",
            "guard_report",
            "adapt_report",
            "learner_table",
            "learner_page",
            "trend_chart",
            "trend_page",
        ],
    ),
    ("demo", &[]),
];

#[test]
fn modules_use_only_modules_above_them() {
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut faults = Vec::new();
    let rooms: Vec<&str> = ORDER.iter().map(|(room, _)| *room).collect();
    compare(&src.join("lib.rs"), &rooms, &mut faults);
    for (position, (room, files)) in ORDER.iter().enumerate() {
        let mut paths: Vec<(PathBuf, &[&str])> = Vec::new();
        if files.is_empty() {
            paths.push((src.join(format!("{room}.rs")), &[]));
        } else {
            compare(&src.join(room).join("mod.rs"), files, &mut faults);
        }
        for (position, file) in files.iter().enumerate() {
            let path = src.join(room).join(format!("{file}.rs"));
            paths.push((path, &files[position..]));
        }
        for (path, not_above) in paths {
            let code = code(&path);
            let name = path.strip_prefix(src).unwrap().display();
            for room in &rooms[position + 1..] {
                if mentions(&code, &format!("crate::{room}")) {
                    faults.push(format!("{name} uses the room `{room}`, which is below it"));
                }
            }
            for file in not_above {
                if mentions(&code, &format!("super::{file}")) {
                    faults.push(format!("{name} uses `{file}`, which is not above it"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Adds a fault for each module that a file declares but the table lacks, and for the reverse.
fn compare(path: &Path, listed: &[&str], faults: &mut Vec<String>) {
    let text = fs::read_to_string(path).unwrap();
    let declared = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
        (name != "module_order").then(|| name.to_owned())
    };
    let mut declared: Vec<String> = text.lines().filter_map(declared).collect();
    declared.sort_unstable();
    let mut listed: Vec<&str> = listed.to_vec();
    listed.sort_unstable();
    if declared != listed {
        let path = path.display();
        faults.push(format!(
            "{path} declares {declared:?}, the table has {listed:?}"
        ));
    }
}

/// A file without its comments and its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `path` occurs as a whole path.
fn mentions(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let rest = &code[at + path.len()..];
        !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}
