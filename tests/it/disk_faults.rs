//! Disks that fail, fill up or become read-only: the error is clear, nothing acknowledged is
//! lost, and after a failed sync nothing is written any more.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use afield::engine::{Session, diagnose};

use crate::harness::disk::strace;
use crate::harness::teaching::{heard, label};
use crate::harness::{Program, Run, Sandbox, models, skip};

/// The program with the learner in `dir`.
fn afield(dir: &Path, arguments: &[&str]) -> Program {
    Program::new(arguments)
        .env("AFIELD_CACHE", models::cache().root())
        .env("AFIELD_LEARNER", dir)
}

fn init(dir: &Path) {
    models::fixture("tiny");
    afield(dir, &["init", "--backbone", "tiny"])
        .args([dir])
        .run()
        .ok();
}

/// Teaches the folder or file `clips` as `label`.
fn teach(dir: &Path, label: &str, clips: &Path) -> Program {
    afield(dir, &["teach", label]).args([clips])
}

/// A sandbox, its folder without symbolic links, and the folder of `count` clips in it.
fn with_clips(count: u32) -> (Sandbox, PathBuf, PathBuf) {
    let sandbox = Sandbox::new();
    let root = sandbox.root().canonicalize().unwrap();
    let clips = sandbox.tones("clips", count, 300.0, 40.0, 0.2);
    (sandbox, root, clips)
}

/// The examples in `dir`, which is sound.
fn examples(dir: &Path) -> u64 {
    assert_eq!(diagnose(dir).unwrap().findings, []);
    Session::open(dir).unwrap().status().examples
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// How often calls failed, and what came of it.
#[derive(Default)]
struct Faults {
    refused: u32,
    harmless: u32,
}

#[test]
fn a_failing_disk_call_is_an_error_and_loses_nothing() {
    if !strace("a_failing_disk_call_is_an_error_and_loses_nothing") {
        return;
    }
    let (_sandbox, root, clips) = with_clips(4);
    let prepared = root.join("prepared");
    init(&prepared);
    teach(&prepared, "beep", &clips.join("000.wav")).run().ok();
    let mut faults = Faults::default();
    for (call, error) in [
        ("pwrite64", "EIO"),
        ("pwrite64", "ENOSPC"),
        ("fsync", "EIO"),
        ("ftruncate", "EIO"),
        ("openat", "EIO"),
        ("pread64", "EIO"),
    ] {
        for when in 1..200 {
            let dir = root.join(format!("{call}-{error}-{when}"));
            copy(&prepared, &dir);
            let Some(run) = teach_with_a_fault(&dir, &clips, call, error, when) else {
                assert!(when > 1 || call == "ftruncate", "{call} is never called");
                fs::remove_dir_all(&dir).unwrap();
                break;
            };
            let context = format!("{call} {when} fails with {error}: {run}");
            check_after_a_fault(&dir, &clips, &run, &context, &mut faults);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
    let Faults { refused, harmless } = faults;
    println!(
        "{} calls failed: {refused} refused with a hint, {harmless} without harm; 0 lies, 0 lost",
        refused + harmless
    );
    assert!(refused > 10);
}

/// Teaches while the `when`th `call` on the learner's files fails with `error`; `None` if
/// there are not so many calls, and then teaching succeeds.
fn teach_with_a_fault(dir: &Path, clips: &Path, call: &str, error: &str, when: u32) -> Option<Run> {
    let log = dir.with_extension("log");
    let mut strace = vec!["-f".into(), "-o".into(), log.clone().into_os_string()];
    // Every file in the folder, and the folder.
    for name in [
        "",
        "learner.sqlite",
        "learner.sqlite-wal",
        "learner.sqlite-shm",
    ] {
        strace.extend(["-P".into(), dir.join(name).into_os_string()]);
    }
    let inject = format!("inject={call}:error={error}:when={when}");
    strace.extend(["-e".into(), format!("trace={call}").into()]);
    strace.extend(["-e".into(), inject.into()]);
    let run = teach(dir, "beep", clips).under("strace", &strace).run();
    if fs::read_to_string(&log).unwrap().contains("INJECTED") {
        return Some(run);
    }
    run.ok();
    None
}

/// An error has a hint, no acknowledged example is lost, and teaching again completes it.
fn check_after_a_fault(dir: &Path, clips: &Path, run: &Run, context: &str, faults: &mut Faults) {
    let held = examples(dir);
    if run.code == Some(0) {
        // While closing, or where SQLite had another way.
        faults.harmless += 1;
        assert_eq!(held, 4, "{context}");
    } else {
        faults.refused += 1;
        assert!(run.stderr.contains("hint: "), "{context}");
        assert!((1..=4).contains(&held), "{context}: {held}");
    }
    let again = teach(dir, "beep", clips).run();
    assert_eq!(again.code, Some(0), "{context}: {again}");
    assert_eq!(examples(dir), 4, "{context}");
}

/// Not a test: the next test runs it under strace.
#[test]
fn teach_eight_clips() {
    let Some(dir) = std::env::var_os("AFIELD_TEST_POISONED") else {
        return;
    };
    let mut session = Session::open(Path::new(&dir)).unwrap();
    for seed in 0..8 {
        let taught = session.teach(&label(0), &heard(0, seed), "test", 0);
        match taught {
            Ok(_) => println!("\nclip {seed}: stored"),
            Err(error) => println!("\nclip {seed}: {error} ({error:?})"),
        }
        // Reading goes on.
        session.predict(&heard(0, 100)).unwrap();
        println!("knows {}", session.status().examples);
    }
}

#[test]
fn nothing_is_written_after_a_failed_sync() {
    if !strace("nothing_is_written_after_a_failed_sync") {
        return;
    }
    let sandbox = Sandbox::new();
    let dir = sandbox.root().canonicalize().unwrap().join("box");
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
        .args(["--exact", "disk_faults::teach_eight_clips", "--nocapture"])
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
    assert!(clips[3].contains("failure: Disk"), "{}", clips[3]);
    for clip in &clips[4..] {
        assert!(clip.contains("nothing is written to"), "{clip}");
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
            skip(test, "to be allowed to mount");
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
fn a_full_disk_refuses_clips_until_there_is_room() {
    let (sandbox, root, clips) = with_clips(80);
    let test = "a_full_disk_refuses_clips_until_there_is_room";
    let Some(mount) = Mount::of(&root.join("small"), "400k", test) else {
        return;
    };
    let dir = mount.0.join("box");
    init(&dir);
    let full = teach(&dir, "beep", &clips).run();
    println!("{full}");
    assert_ne!(full.code, Some(0), "80 clips fit");
    full.says(["learner.sqlite", "hint: "]);
    let held = Session::open(&dir).unwrap().status().examples;
    println!("{held} of 80 clips fit");
    assert!(held > 5);
    mount.remount("size=8m");
    let new = format!("{} new", 80 - held);
    teach(&dir, "beep", &clips).run().ok().says([&new]);
    assert_eq!(examples(&dir), 80);
    drop((mount, sandbox));
}

#[test]
fn a_learner_on_a_read_only_disk_can_be_read() {
    let (sandbox, root, clips) = with_clips(6);
    let test = "a_learner_on_a_read_only_disk_can_be_read";
    let Some(mount) = Mount::of(&root.join("card"), "8m", test) else {
        return;
    };
    let dir = mount.0.join("box");
    init(&dir);
    teach(&dir, "beep", &clips).run().ok();
    mount.remount("ro");
    let refused = teach(&dir, "boop", &clips).run();
    println!("{refused}");
    assert_ne!(refused.code, Some(0));
    refused.says(["hint: ", "learner."]);
    for arguments in [
        vec!["status"],
        vec!["history"],
        vec!["predict", clips.to_str().unwrap()],
    ] {
        let read = afield(&dir, &arguments).run().ok();
        assert!(!read.stdout.is_empty(), "{read}");
    }
    assert_eq!(examples(&dir), 6);
    mount.remount("rw");
    teach(&dir, "boop", &clips).run().ok();
    assert_eq!(examples(&dir), 6);
    drop((mount, sandbox));
}
