//! A test: modules depend on each other in one direction.
//!
//! `lib.rs` lists the rooms and each room's `mod.rs` its files, both in order: a file uses
//! only what stands above it. Test modules may use everything.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn modules_use_only_modules_above_them() {
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let rooms = modules(&src.join("lib.rs"));
    assert!(rooms.len() >= 7, "{rooms:?}");
    let mut faults = Vec::new();
    for (position, room) in rooms.iter().enumerate() {
        let below: Vec<&String> = rooms.iter().skip(position + 1).collect();
        let front = src.join(room).join("mod.rs");
        let files = match front.is_file() {
            true => modules(&front),
            false => Vec::new(),
        };
        let mut paths: Vec<(PathBuf, &[String])> = Vec::new();
        for (position, file) in files.iter().enumerate() {
            let path = src.join(room).join(format!("{file}.rs"));
            paths.push((path, &files[position..]));
        }
        if paths.is_empty() {
            paths.push((src.join(format!("{room}.rs")), &[]));
        }
        for (path, not_above) in paths {
            let code = code(&path);
            let name = path.strip_prefix(src).unwrap().display();
            for room in &below {
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

/// The modules that a file declares, in order.
fn modules(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let declared = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
        (name != "module_order").then(|| name.to_owned())
    };
    text.lines().filter_map(declared).collect()
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
