//! Learners go from machine to machine in signed bundles, whole or not at all.

use crate::folder;
use crate::models;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use afield::engine::{Heard, Session};
use afield::head::HeadKind;
use afield::signal::{Group, Label, Micros};
use afield::store::Selection;
use tempfile::TempDir;

const LABELS: [&str; 3] = ["rain", "kettle", "dog"];

/// Two machines with a folder and keys each.
struct World {
    root: TempDir,
}

impl World {
    fn new() -> Self {
        models::fixture("tiny");
        let root = tempfile::tempdir().unwrap();
        Self { root }
    }

    /// One where `here` has a key and a learner that was taught 12 clips.
    fn taught(head: HeadKind) -> Self {
        let world = Self::new();
        let mut session = folder::create(&world.path("here/box"), head);
        teach(&mut session, 0..12);
        drop(session);
        ok(world.run("here", &["key", "new"]));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn run(&self, machine: &str, arguments: &[&str]) -> Output {
        fs::create_dir_all(self.path(machine)).unwrap();
        Command::new(env!("CARGO_BIN_EXE_afield"))
            .args(arguments)
            .current_dir(self.path(machine))
            .env("AFIELD_CACHE", models::cache().root())
            .env("AFIELD_KEYS", self.path(&format!("{machine}/keys")))
            .env_remove("AFIELD_LEARNER")
            .output()
            .unwrap()
    }

    fn key(&self) -> String {
        let shown = ok(self.run("here", &["key", "show"]));
        String::from_utf8(shown.stdout).unwrap().trim().to_owned()
    }

    fn open(&self, name: &str) -> Session {
        Session::open(&self.path(name)).unwrap()
    }
}

fn heard(seed: u64) -> Heard {
    let class = seed as usize % LABELS.len();
    let value = |i: usize| {
        let mixed = (seed * 7919 + i as u64 * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f32 / (1 << 24) as f32 + if i % 16 % 3 == class { 2.0 } else { 0.0 }
    };
    let mut clip_sha256 = [0; 32];
    clip_sha256[..8].copy_from_slice(&seed.to_le_bytes());
    Heard {
        windows: (0..3 * 16).map(value).collect(),
        clip_sha256,
        duration: Micros(500_000),
    }
}

fn teach(session: &mut Session, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let label = Label::new(LABELS[seed as usize % LABELS.len()]).unwrap();
        let group = (seed % 2 == 0).then(|| Group::new("anna").unwrap());
        let source = format!("clips/{seed}.wav");
        session
            .teach_from(&label, &heard(seed), &source, group.as_ref(), seed as i64)
            .unwrap();
    }
}

/// The bits of each label's probability for 30 unseen clips: a state lists classes by
/// label, a log in the order of teaching.
fn predictions(session: &Session) -> BTreeMap<String, Vec<u32>> {
    let mut all: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for seed in 1000..1030 {
        let scores = session.predict(&heard(seed)).unwrap().0;
        for (label, p) in session.learner().classes().iter().zip(scores) {
            all.entry(label.to_string()).or_default().push(p.to_bits());
        }
    }
    all
}

fn ok(output: Output) -> Output {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}

/// What a command that must fail says.
fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(said.contains("\nhint: "), "{said}");
    assert!(output.stdout.is_empty());
    said
}

#[test]
fn a_learner_with_its_examples_is_the_same_on_another_machine() {
    for head in [
        HeadKind::LDA,
        HeadKind::RIDGE,
        HeadKind::LINEAR,
        HeadKind::KNN,
    ] {
        let world = World::taught(head);
        let export = ["export", "box", "-o", "../b.afield", "--with-examples"];
        let said = ok(world.run("here", &export)).stderr;
        assert!(String::from_utf8_lossy(&said).contains("12 examples"));
        let import = ["import", "../b.afield", "box", "--trust", &world.key()];
        ok(world.run("there", &import));
        let (here, mut there) = (world.open("here/box"), world.open("there/box"));
        assert_eq!(there.learner().save(), here.learner().save(), "{head}");
        assert_eq!(predictions(&there), predictions(&here), "{head}");
        assert_eq!(there.card(), here.card());
        let all = Selection::default();
        assert_eq!(there.taught(&all).unwrap(), here.taught(&all).unwrap());
        // It learns on, and takes back clip by clip.
        teach(&mut there, 12..14);
        let anna = Selection {
            group: Some("anna".to_owned()),
            ..Selection::default()
        };
        assert_eq!(there.forget(&anna, 99).unwrap().len(), 7, "{head}");
    }
}

#[test]
fn what_was_forgotten_does_not_travel() {
    let world = World::taught(HeadKind::LDA);
    let mut session = world.open("here/box");
    let dog = Selection {
        label: Some("dog".to_owned()),
        ..Selection::default()
    };
    session.forget(&dog, 50).unwrap();
    drop(session);
    ok(world.run(
        "here",
        &["export", "box", "-o", "../b.afield", "--with-examples"],
    ));
    let bundle = fs::read(world.path("b.afield")).unwrap();
    let holds = |word: &[u8]| bundle.windows(word.len()).any(|window| window == word);
    assert!(holds(b"rain") && holds(b"clips/0.wav"));
    assert!(!holds(b"dog") && !holds(b"clips/2.wav"));
    ok(world.run(
        "there",
        &["import", "../b.afield", "box", "--trust", &world.key()],
    ));
    let (here, there) = (world.open("here/box"), world.open("there/box"));
    assert_eq!(there.learner().save(), here.learner().save());
}

#[test]
fn a_bundle_that_was_changed_or_cut_makes_nothing() {
    let world = World::taught(HeadKind::LDA);
    ok(world.run(
        "here",
        &["export", "box", "-o", "../b.afield", "--with-examples"],
    ));
    let sound = fs::read(world.path("b.afield")).unwrap();
    let key = world.key();
    let attempt = |bytes: &[u8]| {
        fs::write(world.path("x.afield"), bytes).unwrap();
        let said = refused(&world.run("there", &["import", "../x.afield", "box", "--trust", &key]));
        assert!(!world.path("there/box").exists(), "{said}");
        said
    };
    for at in [9, 12, 20, 60, 114, sound.len() / 2, sound.len() - 1] {
        let mut changed = sound.clone();
        changed[at] ^= 0x10;
        attempt(&changed);
    }
    for length in [0, 7, 113, 114, sound.len() - 1] {
        assert!(attempt(&sound[..length]).contains("no bundle"));
    }
    assert!(attempt(&[&sound[..], &[0]].concat()).contains("after its end"));
    let mut middle = sound.clone();
    middle[sound.len() / 2] ^= 1;
    assert!(attempt(&middle).contains("changed or damaged"));
    fs::write(world.path("x.afield"), &sound).unwrap();
    ok(world.run("there", &["import", "../x.afield", "box", "--trust", &key]));
}

#[test]
fn only_keys_that_are_trusted_count() {
    let world = World::taught(HeadKind::LDA);
    ok(world.run(
        "here",
        &["export", "box", "-o", "../b.afield", "--with-examples"],
    ));
    let said = refused(&world.run("there", &["import", "../b.afield", "box"]));
    assert!(
        said.contains("not trusted") && said.contains(&world.key()),
        "{said}"
    );
    ok(world.run("there", &["key", "new"]));
    let said = refused(&world.run("there", &["import", "../b.afield", "box"]));
    assert!(said.contains("not trusted"), "{said}");
    assert!(!world.path("there/box").exists());
    let said = refused(&world.run("there", &["import", "../b.afield", "box", "--trust", "me"]));
    assert!(said.contains("no public key"), "{said}");
    // One's own needs no vouching for.
    ok(world.run("here", &["import", "../b.afield", "copy"]));
}

#[test]
fn an_older_bundle_is_refused_once_a_newer_one_came() {
    let world = World::taught(HeadKind::LDA);
    ok(world.run(
        "here",
        &["export", "box", "-o", "../old.afield", "--with-examples"],
    ));
    let mut session = world.open("here/box");
    teach(&mut session, 12..15);
    drop(session);
    ok(world.run(
        "here",
        &["export", "box", "-o", "../new.afield", "--with-examples"],
    ));
    let key = world.key();
    let import =
        |file: &str, dir: &str| world.run("there", &["import", file, dir, "--trust", &key]);
    ok(import("../old.afield", "first"));
    ok(import("../new.afield", "second"));
    let said = refused(&import("../old.afield", "third"));
    assert!(said.contains("has been imported here before"), "{said}");
    assert!(!world.path("there/third").exists());
    // The same again does no harm.
    ok(import("../new.afield", "fourth"));
    // A folder that is taken stays as it is.
    let before = world.open("there/second").learner().save();
    let said = refused(&import("../new.afield", "second"));
    assert!(said.contains("holds a learner already"), "{said}");
    assert_eq!(world.open("there/second").learner().save(), before);
}

#[test]
fn without_a_key_nothing_is_exported() {
    let world = World::new();
    drop(folder::create(&world.path("here/box"), HeadKind::LDA));
    let said = refused(&world.run("here", &["export", "box", "-o", "../b.afield"]));
    assert!(said.contains("afield key new"), "{said}");
    assert!(!world.path("b.afield").exists());
    refused(&world.run("here", &["key", "show"]));
    let made = ok(world.run("here", &["key", "new"])).stdout;
    assert_eq!(String::from_utf8(made).unwrap().trim(), world.key());
    refused(&world.run("here", &["key", "new"]));
    refused(&world.run("here", &["key", "new", "../escape"]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let secret = world.path("here/keys/default.secret");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&secret), 0o600);
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let said = refused(&world.run("here", &["export", "box", "-o", "../b.afield"]));
        assert!(said.contains("can be read by others"), "{said}");
    }
}

#[test]
fn a_learner_is_written_as_onnx_on_the_command_line() {
    let world = World::taught(HeadKind::RIDGE);
    let said = ok(world.run("here", &["export", "box", "--onnx", "box.onnx"])).stderr;
    assert!(String::from_utf8_lossy(&said).contains("3 classes, ridge behind tiny"));
    assert!(world.path("here/box.onnx").is_file());
    drop(folder::create(&world.path("here/empty"), HeadKind::LDA));
    let said = refused(&world.run("here", &["export", "empty", "--onnx", "empty.onnx"]));
    assert!(said.contains("knows no class"), "{said}");
    assert!(!world.path("here/empty.onnx").exists());
    let said = refused(&world.run("here", &["export", "box", "--onnx", "no/folder/x.onnx"]));
    assert!(said.contains("--onnx"), "{said}");
}

#[test]
fn a_learner_without_its_examples_predicts_the_same_and_learns_on() {
    for head in [
        HeadKind::LDA,
        HeadKind::RIDGE,
        HeadKind::LINEAR,
        HeadKind::KNN,
    ] {
        let world = World::taught(head);
        ok(world.run("here", &["export", "box", "-o", "../b.afield"]));
        let bundle = fs::read(world.path("b.afield")).unwrap();
        let holds = |word: &[u8]| bundle.windows(word.len()).any(|window| window == word);
        assert!(holds(b"rain") && !holds(b"clips/0.wav"));
        ok(world.run(
            "there",
            &["import", "../b.afield", "box", "--trust", &world.key()],
        ));
        let (mut here, mut there) = (world.open("here/box"), world.open("there/box"));
        assert_eq!(there.learner().save(), here.learner().save(), "{head}");
        assert!(there.taught(&Selection::default()).unwrap().is_empty());
        teach(&mut here, 12..15);
        teach(&mut there, 12..15);
        assert_eq!(there.learner().save(), here.learner().save(), "{head}");
        assert_eq!(predictions(&there), predictions(&here), "{head}");
        // What came without its examples travels on with those that came since.
        ok(world.run("there", &["key", "new"]));
        ok(world.run(
            "there",
            &["export", "box", "-o", "../c.afield", "--with-examples"],
        ));
        ok(world.run("there", &["import", "../c.afield", "copy"]));
        let copy = world.open("there/copy");
        assert_eq!(copy.learner().save(), there.learner().save(), "{head}");
    }
}
