//! Signed bundles carry a learner from machine to machine, whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use afield::engine::{ClipEmbeddings, Session};
use afield::head::HeadKind;
use afield::signal::{Group, Label, Micros};
use afield::store::ClipFilter;

use crate::harness::{Run, Sandbox, folder};

const LABELS: [&str; 3] = ["rain", "kettle", "dog"];

/// Two machines, `here` and `there`, with a folder and keys each.
struct World(Sandbox);

impl World {
    fn new() -> Self {
        Self(Sandbox::new())
    }

    /// One where `here` has a key and a learner that was taught 12 clips.
    fn taught(head: HeadKind) -> Self {
        let world = Self::new();
        let mut session = folder::create(&world.path("here/box"), head);
        teach(&mut session, 0..12);
        drop(session);
        world.here("key new").ok();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn run(&self, machine: &str, arguments: &str) -> Run {
        let program = self.0.afield(arguments).folder(&self.0.folder(machine));
        program
            .env("AFIELD_KEYS", self.path(machine).join("keys"))
            .run()
    }

    fn here(&self, arguments: &str) -> Run {
        self.run("here", arguments)
    }

    fn there(&self, arguments: &str) -> Run {
        self.run("there", arguments)
    }

    fn key(&self) -> String {
        self.here("key show").ok().stdout.trim().to_owned()
    }

    /// Imports `file` on the other machine, which trusts this one's key.
    fn import(&self, file: &str, dir: &str) -> Run {
        self.there(&format!("import ../{file} {dir} --trust {}", self.key()))
    }

    fn open(&self, name: &str) -> Session {
        self.0.open(name)
    }
}

fn heard(seed: u64) -> ClipEmbeddings {
    let class = seed as usize % LABELS.len();
    let value = |i: usize| {
        let mixed = (seed * 7919 + i as u64 * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f32 / (1 << 24) as f32 + if i % 16 % 3 == class { 2.0 } else { 0.0 }
    };
    let mut clip_sha256 = [0; 32];
    clip_sha256[..8].copy_from_slice(&seed.to_le_bytes());
    ClipEmbeddings {
        windows: (0..3 * 16).map(value).collect(),
        clip_sha256,
        duration: Micros(500_000),
        ..ClipEmbeddings::default()
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

/// The heads that a bundle is tried with: two exact ones and two that remember examples.
const HEADS: [HeadKind; 4] = [
    HeadKind::LDA,
    HeadKind::RIDGE,
    HeadKind::LINEAR,
    HeadKind::KNN,
];

/// Whether `word` stands in the file.
fn holds(file: &Path, word: &[u8]) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(word.len()).any(|window| window == word)
}

const EXPORT: &str = "export box -o ../b.afield --with-examples";

#[test]
fn a_learner_with_its_examples_is_the_same_on_another_machine() {
    for head in HEADS {
        let world = World::taught(head);
        world.here(EXPORT).ok().says(["12 examples"]);
        world.import("b.afield", "box").ok();
        let (here, mut there) = (world.open("here/box"), world.open("there/box"));
        assert_eq!(there.learner().save(), here.learner().save(), "{head}");
        assert_eq!(predictions(&there), predictions(&here), "{head}");
        assert_eq!(there.card(), here.card());
        let all = ClipFilter::default();
        assert_eq!(there.clips(&all).unwrap(), here.clips(&all).unwrap());
        // It learns on, and forgets clip by clip.
        teach(&mut there, 12..14);
        let anna = ClipFilter {
            group: Some(Group::new("anna").unwrap()),
            ..ClipFilter::default()
        };
        assert_eq!(there.forget(&anna, 99).unwrap().len(), 7, "{head}");
    }
}

#[test]
fn a_learner_without_its_examples_predicts_the_same_and_learns_on() {
    for head in HEADS {
        let world = World::taught(head);
        world.here("export box -o ../b.afield").ok();
        let bundle = world.path("b.afield");
        assert!(holds(&bundle, b"rain") && !holds(&bundle, b"clips/0.wav"));
        world.import("b.afield", "box").ok();
        let (mut here, mut there) = (world.open("here/box"), world.open("there/box"));
        assert_eq!(there.learner().save(), here.learner().save(), "{head}");
        assert!(there.clips(&ClipFilter::default()).unwrap().is_empty());
        teach(&mut here, 12..15);
        teach(&mut there, 12..15);
        assert_eq!(there.learner().save(), here.learner().save(), "{head}");
        assert_eq!(predictions(&there), predictions(&here), "{head}");
        // What came without its examples travels on with those that came since.
        world.there("key new").ok();
        let again = "export box -o ../c.afield --with-examples";
        world.there(again).ok();
        world.there("import ../c.afield copy").ok();
        let copy = world.open("there/copy");
        assert_eq!(copy.learner().save(), there.learner().save(), "{head}");
    }
}

#[test]
fn forgotten_examples_are_not_in_the_bundle() {
    let world = World::taught(HeadKind::LDA);
    let mut session = world.open("here/box");
    let dog = ClipFilter {
        label: Some(Label::new("dog").unwrap()),
        ..ClipFilter::default()
    };
    session.forget(&dog, 50).unwrap();
    drop(session);
    world.here(EXPORT).ok();
    let bundle = world.path("b.afield");
    assert!(holds(&bundle, b"rain") && holds(&bundle, b"clips/0.wav"));
    assert!(!holds(&bundle, b"dog") && !holds(&bundle, b"clips/2.wav"));
    world.import("b.afield", "box").ok();
    let (here, there) = (world.open("here/box"), world.open("there/box"));
    assert_eq!(there.learner().save(), here.learner().save());
}

#[test]
fn a_changed_or_cut_bundle_makes_no_learner() {
    let world = World::taught(HeadKind::LDA);
    world.here(EXPORT).ok();
    let sound = fs::read(world.path("b.afield")).unwrap();
    let attempt = |bytes: &[u8]| {
        fs::write(world.path("x.afield"), bytes).unwrap();
        let said = world.import("x.afield", "box").refused();
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
    world.import("x.afield", "box").ok();
}

#[test]
fn only_bundles_of_trusted_keys_are_imported() {
    let world = World::taught(HeadKind::LDA);
    world.here(EXPORT).ok();
    let said = world.there("import ../b.afield box").refused();
    assert!(
        said.contains("not trusted") && said.contains(&world.key()),
        "{said}"
    );
    world.there("key new").ok();
    let said = world.there("import ../b.afield box").refused();
    assert!(said.contains("not trusted"), "{said}");
    assert!(!world.path("there/box").exists());
    let said = world
        .there("import ../b.afield box --trust me")
        .fails(2)
        .stderr;
    assert!(
        said.contains("no public key") && said.contains("\nhint: "),
        "{said}"
    );
    // One's own key is trusted.
    world.here("import ../b.afield copy").ok();
}

#[test]
fn a_bundle_older_than_an_imported_one_is_refused() {
    let world = World::taught(HeadKind::LDA);
    world
        .here("export box -o ../old.afield --with-examples")
        .ok();
    let mut session = world.open("here/box");
    teach(&mut session, 12..15);
    drop(session);
    world
        .here("export box -o ../new.afield --with-examples")
        .ok();
    world.import("old.afield", "first").ok();
    world.import("new.afield", "second").ok();
    let said = world.import("old.afield", "third").refused();
    assert!(said.contains("has been imported here before"), "{said}");
    assert!(!world.path("there/third").exists());
    // The same one again is accepted.
    world.import("new.afield", "fourth").ok();
    // A folder with a learner stays as it is.
    let before = world.open("there/second").learner().save();
    let said = world.import("new.afield", "second").refused();
    assert!(said.contains("holds a learner already"), "{said}");
    assert_eq!(world.open("there/second").learner().save(), before);
}

#[test]
fn exporting_needs_a_key_that_only_its_owner_can_read() {
    let world = World::new();
    drop(folder::create(&world.path("here/box"), HeadKind::LDA));
    let export = "export box -o ../b.afield";
    let said = world.here(export).refused();
    assert!(said.contains("afield key new"), "{said}");
    assert!(!world.path("b.afield").exists());
    world.here("key show").refused();
    let made = world.here("key new").ok().stdout;
    assert_eq!(made.trim(), world.key());
    world.here("key new").refused();
    world.here("key new ../escape").refused();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let secret = world.path("here/keys/default.secret");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&secret), 0o600);
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let said = world.here(export).refused();
        assert!(said.contains("can be read by others"), "{said}");
    }
}

#[test]
fn export_writes_a_learner_as_onnx() {
    let world = World::taught(HeadKind::RIDGE);
    let written = world.here("export box --onnx box.onnx").ok();
    written.says(["3 classes, ridge behind tiny"]);
    assert!(world.path("here/box.onnx").is_file());
    drop(folder::create(&world.path("here/empty"), HeadKind::LDA));
    let said = world.here("export empty --onnx empty.onnx").refused();
    assert!(said.contains("knows no class"), "{said}");
    assert!(!world.path("here/empty.onnx").exists());
    let said = world.here("export box --onnx no/folder/x.onnx").refused();
    assert!(said.contains("--onnx"), "{said}");
}
