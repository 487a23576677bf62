//! Disks that fail, fill up or become read-only: a clear error, no lie about what
//! is durable, and nothing written any more where nobody knows what the disk holds.

#![cfg(target_os = "linux")]

use crate::disk;
use crate::models;
use crate::recording;
use crate::teaching;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use afield::engine::{Session, diagnose};

use disk::strace;
use teaching::{heard, label};

fn afield(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
    command
        .env("AFIELD_CACHE", models::cache().root())
        .env("AFIELD_LEARNER", dir)
        .stdin(Stdio::null());
    command
}

fn init(dir: &Path) {
    models::fixture("tiny");
    let made = afield(dir)
        .args(["init", "--backbone", "tiny"])
        .arg(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn clips(folder: &Path, count: u64) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for i in 0..count {
        let samples = recording::tone(16_000, 300.0 + 40.0 * i as f64, 0.2, i);
        recording::write_wav(&folder.join(format!("{i:03}.wav")), 16_000, &samples);
    }
    folder.to_owned()
}

/// The examples in `dir`, which is sound.
fn examples(dir: &Path) -> u64 {
    let none: [String; 0] = [];
    assert_eq!(diagnose(dir).unwrap().findings, none);
    Session::open(dir).unwrap().status().examples
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_disk_that_fails_at_any_call_is_an_error_and_loses_nothing() {
    if !strace("a_disk_that_fails_at_any_call_is_an_error_and_loses_nothing") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let prepared = root.join("prepared");
    init(&prepared);
    let folder = clips(&root.join("clips"), 4);
    let one = folder.join("000.wav");
    assert!(
        afield(&prepared)
            .args(["teach", "beep"])
            .arg(&one)
            .status()
            .unwrap()
            .success()
    );
    let (mut faults, mut refused, mut harmless) = (0, 0, 0);
    for call in ["pwrite64", "fsync", "ftruncate", "openat", "pread64"] {
        for error in ["EIO", "ENOSPC"] {
            if error == "ENOSPC" && call != "pwrite64" {
                continue;
            }
            for when in 1..200 {
                let dir = root.join(format!("{call}-{error}-{when}"));
                copy(&prepared, &dir);
                let log = root.join("log");
                let mut faulty = Command::new("strace");
                faulty.args(["-f", "-o"]).arg(&log);
                // Every file in the folder, and the folder.
                for name in [
                    "",
                    "learner.sqlite",
                    "learner.sqlite-wal",
                    "learner.sqlite-shm",
                ] {
                    faulty.arg("-P").arg(dir.join(name));
                }
                faulty.args(["-e", &format!("trace={call}")]);
                faulty.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
                faulty
                    .arg(env!("CARGO_BIN_EXE_afield"))
                    .args(["teach", "beep"])
                    .arg(&folder);
                faulty
                    .env("AFIELD_CACHE", models::cache().root())
                    .env("AFIELD_LEARNER", &dir);
                let output = faulty.stdin(Stdio::null()).output().unwrap();
                let injected = fs::read_to_string(&log).unwrap().contains("INJECTED");
                if !injected {
                    assert!(output.status.success(), "{}", said(&output));
                    assert!(when > 1 || call == "ftruncate", "{call} is never called");
                    fs::remove_dir_all(&dir).unwrap();
                    break;
                }
                faults += 1;
                let context = format!("{call} {when} fails with {error}: {}", said(&output));
                let held = examples(&dir);
                match output.status.success() {
                    // While closing, or where SQLite had another way.
                    true => {
                        harmless += 1;
                        assert_eq!(held, 4, "{context}");
                    }
                    false => {
                        refused += 1;
                        assert!(said(&output).contains("hint: "), "{context}");
                        assert!((1..=4).contains(&held), "{context}: {held}");
                    }
                }
                // And it goes on from there.
                let again = afield(&dir)
                    .args(["teach", "beep"])
                    .arg(&folder)
                    .output()
                    .unwrap();
                assert!(again.status.success(), "{context}: {}", said(&again));
                assert_eq!(examples(&dir), 4, "{context}");
                fs::remove_dir_all(&dir).unwrap();
            }
        }
    }
    println!(
        "{faults} calls failed: {refused} refused with a hint, {harmless} without harm; 0 lies, 0 lost"
    );
    assert!(refused > 10);
}

/// Not a test: what the next one runs under strace.
#[test]
fn teach_on_and_on() {
    let Some(dir) = std::env::var_os("AFIELD_TEST_POISONED") else {
        return;
    };
    let mut session = Session::open(Path::new(&dir)).unwrap();
    for seed in 0..8 {
        let taught = session.teach(&label(0), &heard(0, seed), "test", 0);
        match taught {
            Ok(_) => println!("\nclip {seed}: stored"),
            Err(error) => println!("\nclip {seed}: {}", error.to_string().replace('\n', " ")),
        }
        // Reading goes on.
        session.predict(&heard(0, 100)).unwrap();
        println!("knows {}", session.status().examples);
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_written_any_more() {
    if !strace("after_a_sync_that_failed_nothing_is_written_any_more") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let dir = root.join("box");
    init(&dir);
    let output = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-P"])
        .arg(dir.join("learner.sqlite-wal"))
        // The first is the log's header, then one a clip: the fourth clip fails.
        .args([
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "inject=fsync,fdatasync:error=EIO:when=5",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "teach_on_and_on", "--nocapture"])
        .env("AFIELD_TEST_POISONED", &dir)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    let clips: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("clip "))
        .collect();
    let stored = clips
        .iter()
        .filter(|line| line.ends_with(": stored"))
        .count();
    assert_eq!(clips.len(), 8);
    assert_eq!(
        stored, 3,
        "and none after the failure, though the disk is well again"
    );
    assert!(clips[3].contains("hint: the disk failed and this was not acknowledged"));
    for clip in &clips[4..] {
        assert!(
            clip.contains("nothing is written to") && clip.contains("hint: "),
            "{clip}"
        );
    }
    let known = told.lines().filter_map(|line| line.strip_prefix("knows "));
    let known: Vec<u64> = known.map(|n| n.parse().unwrap()).collect();
    assert_eq!(
        known[..4],
        [1, 2, 3, 3],
        "what the disk refused is not known"
    );
    let held = examples(&dir);
    assert!(
        held == 3 || held == 4,
        "the one in flight may be there: {held}"
    );
}

/// A file system of its own of `size`, unmounted at the end.
struct Mount(PathBuf);

impl Mount {
    fn of(dir: &Path, size: &str, test: &str) -> Option<Self> {
        fs::create_dir(dir).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "afield"])
            .arg(dir)
            .output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            let message = format!("{test} needs to be allowed to mount");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("skipped: {message}");
            return None;
        }
        Some(Self(dir.to_owned()))
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(&self.0)
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_refuses_and_goes_on_when_there_is_room() {
    let root = tempfile::tempdir().unwrap();
    let test = "a_disk_that_is_full_refuses_and_goes_on_when_there_is_room";
    let Some(mount) = Mount::of(&root.path().join("small"), "400k", test) else {
        return;
    };
    let dir = mount.0.join("box");
    init(&dir);
    let folder = clips(&root.path().join("clips"), 80);
    let output = afield(&dir)
        .args(["teach", "beep"])
        .arg(&folder)
        .output()
        .unwrap();
    let told = said(&output);
    println!("{told}");
    assert!(!output.status.success(), "80 clips fit");
    assert!(
        told.contains("learner.sqlite") && told.contains("hint: "),
        "{told}"
    );
    let held = Session::open(&dir).unwrap().status().examples;
    println!("{held} of 80 clips fit");
    assert!(held > 5);
    mount.remount("size=8m");
    let again = afield(&dir)
        .args(["teach", "beep"])
        .arg(&folder)
        .output()
        .unwrap();
    assert!(
        said(&again).contains(&format!("{} new", 80 - held)),
        "{}",
        said(&again)
    );
    assert_eq!(examples(&dir), 80);
}

#[test]
fn a_disk_that_has_become_read_only_can_be_read() {
    let root = tempfile::tempdir().unwrap();
    let test = "a_disk_that_has_become_read_only_can_be_read";
    let Some(mount) = Mount::of(&root.path().join("card"), "8m", test) else {
        return;
    };
    let dir = mount.0.join("box");
    init(&dir);
    let folder = clips(&root.path().join("clips"), 6);
    assert!(
        afield(&dir)
            .args(["teach", "beep"])
            .arg(&folder)
            .status()
            .unwrap()
            .success()
    );
    mount.remount("ro");
    let refused = afield(&dir)
        .args(["teach", "boop"])
        .arg(&folder)
        .output()
        .unwrap();
    println!("{}", said(&refused));
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("hint: ") && said(&refused).contains("learner."),
        "{}",
        said(&refused)
    );
    for arguments in [
        vec!["status"],
        vec!["history"],
        vec!["predict", folder.to_str().unwrap()],
    ] {
        let read = afield(&dir).args(&arguments).output().unwrap();
        assert!(read.status.success(), "{arguments:?}: {}", said(&read));
        assert!(!read.stdout.is_empty());
    }
    assert_eq!(examples(&dir), 6);
    mount.remount("rw");
    assert!(
        afield(&dir)
            .args(["teach", "boop"])
            .arg(&folder)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(examples(&dir), 6);
}
