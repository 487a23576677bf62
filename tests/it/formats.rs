//! Learners of older formats: opened whole, and equal to a learner of today that was
//! taught the same.

use std::fs;
use std::path::{Path, PathBuf};

use afield::bundle::SecretKey;
use afield::engine::{ClipEmbeddings, Command, Session, diagnose, repair};
use afield::head::HeadKind;
use afield::learner::Settings;
use afield::model::Card;
use afield::signal::{Group, Label, Micros};
use afield::store::ClipFilter;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::harness::models;

const LABELS: [&str; 3] = ["rain", "kettle", "dog"];

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
        duration: Micros(500_000 + seed),
        ..ClipEmbeddings::default()
    }
}

fn of_class(class: usize) -> ClipFilter {
    ClipFilter {
        label: Some(Label::new(LABELS[class]).unwrap()),
        ..ClipFilter::default()
    }
}

/// A learner with every kind of revision and of entry that there is.
///
/// `tests/fixtures/format-3.sqlite` was made by this very course of teaching, with the
/// program of the last commit that wrote format 3.
fn taught(dir: &Path) -> Session {
    let fixtures = crate::root().join("tests/fixtures");
    let card = Card::read(fixtures.join("tiny.toml")).unwrap();
    let contract = afield::engine::backbone_contract(&card, None, None).unwrap();
    let settings = Settings {
        head: HeadKind::LDA,
        ..Settings::default()
    };
    let mut session = Session::create(dir, card, contract, settings, 5).unwrap();
    let teach = |session: &mut Session, seed: u64, class: usize, group: Option<&str>, at| {
        let label = Label::new(LABELS[class]).unwrap();
        let group = group.map(|name| Group::new(name).unwrap());
        let source = format!("clips/{seed}.wav");
        session
            .teach_from(&label, &heard(seed), &source, group.as_ref(), at)
            .unwrap();
    };
    for seed in 0..12 {
        let group = (seed % 2 == 0).then_some("anna");
        teach(
            &mut session,
            seed,
            seed as usize % 3,
            group,
            10 + seed as i64,
        );
    }
    session.compact(4, 100).unwrap();
    session.set_max_disk(Some(64 << 20), 101).unwrap();
    for seed in 12..18 {
        teach(
            &mut session,
            seed,
            seed as usize % 3,
            None,
            110 + seed as i64,
        );
    }
    // A wrong label, corrected; a group, named later.
    teach(&mut session, 13, 2, None, 130);
    teach(&mut session, 14, 2, Some("ben"), 131);
    // A class forgotten with its compacted examples.
    session.forget(&of_class(2), 140).unwrap();
    session.undo(141).unwrap();
    teach(&mut session, 18, 0, None, 150);
    let before = session.status().revision;
    teach(&mut session, 19, 1, None, 151);
    session.roll_back(before, 152).unwrap();
    session.forget(&of_class(1), 153).unwrap();
    let command = Command::new();
    for (seed, class, at) in [(20, 1, 160), (21, 0, 161)] {
        let (label, ben) = (
            Label::new(LABELS[class]).unwrap(),
            Group::new("ben").unwrap(),
        );
        let source = format!("clips/{seed}.wav");
        session
            .teach_in(&command, &label, &heard(seed), &source, Some(&ben), at)
            .unwrap();
    }
    session
}

fn fixture(name: &str) -> PathBuf {
    crate::root().join("tests/fixtures").join(name)
}

fn of_format_3(dir: &Path) -> Connection {
    let file = dir.join("learner.sqlite");
    fs::copy(fixture("format-3.sqlite"), &file).unwrap();
    Connection::open(file).unwrap()
}

/// The label and the state of every checkpoint in the log, in its encoding.
fn absorbed(dir: &Path) -> Vec<(Option<String>, Vec<u8>)> {
    let db = Connection::open(dir.join("learner.sqlite")).unwrap();
    let mut entries = db
        .prepare("SELECT label, payload FROM entries WHERE kind = 'absorb' ORDER BY id")
        .unwrap();
    let rows = entries.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn learner_of_format_3_is_the_learner_taught_the_same_today() {
    models::fixture("tiny");
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let format = |dir: &Path| -> i64 {
        let db = Connection::open(dir.join("learner.sqlite")).unwrap();
        db.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    drop(of_format_3(old.path()));
    assert_eq!(format(old.path()), 3);
    let today = taught(new.path());
    let mut session = Session::open(old.path()).unwrap();
    assert_eq!(format(old.path()), 4);
    assert_eq!(format(new.path()), 4);

    assert_eq!(session.learner().save(), today.learner().save());
    // What the program that made the fixture saved then.
    assert_eq!(
        sha256(&session.learner().save()),
        "8ab47ca9ee438693eb74d1867d7174d1c660d2a90b0e35ce4338cc1807ed7daa"
    );
    let all = ClipFilter::default();
    assert_eq!(session.clips(&all).unwrap(), today.clips(&all).unwrap());
    assert_eq!(absorbed(old.path()), absorbed(new.path()));
    assert_eq!(session.history().unwrap(), today.history().unwrap());
    assert_eq!(session.groups().unwrap(), today.groups().unwrap());
    assert_eq!(session.max_disk().unwrap(), Some(64 << 20));
    assert_eq!(diagnose(old.path()).unwrap().findings, []);

    // Everything can still be undone, to the compaction.
    drop(today);
    let mut today = Session::open(new.path()).unwrap();
    loop {
        let undone = [session.undo(200), today.undo(200)];
        assert_eq!(session.learner().save(), today.learner().save());
        if let [Err(one), Err(two)] = undone {
            assert_eq!(one.to_string(), two.to_string());
            break;
        }
    }
    assert_eq!(session.status().revision, today.status().revision);
}

#[test]
fn migrated_entries_and_new_ones_name_their_replica_and_sequence() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(of_format_3(old.path()));
    let stamps = |dir: &Path| {
        drop(Session::open(dir).unwrap());
        assert_eq!(diagnose(dir).unwrap().findings, []);
        let db = Connection::open(dir.join("learner.sqlite")).unwrap();
        let mut entries = db
            .prepare("SELECT id, hex(replica), sequence FROM entries ORDER BY id")
            .unwrap();
        let rows = entries.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let stamps: Vec<(i64, String, i64)> = rows.unwrap().map(Result::unwrap).collect();
        (replica(&db), stamps)
    };
    let (replica, migrated) = stamps(old.path());
    assert!(migrated.len() > 10);
    assert!(
        migrated
            .iter()
            .all(|(id, of, sequence)| *of == replica && sequence == id)
    );
    drop(taught(new.path()));
    let (same, today) = stamps(new.path());
    assert_eq!(
        replica, same,
        "contract, settings and time of making are the same"
    );
    // A clip that was kept by a compaction keeps the number that it had before.
    let kept: Vec<i64> = today
        .iter()
        .filter(|(id, _, sequence)| sequence != id)
        .map(|(_, _, sequence)| *sequence)
        .collect();
    assert_eq!(kept, [9, 10, 11, 12]);
    assert!(today.iter().all(|(_, of, _)| *of == replica));
}

/// The replica of the learner itself, in hex, from its identity.
fn replica(db: &Connection) -> String {
    let sql = "SELECT contract_digest, settings, created_unix_ms FROM identity";
    let mut text = "afield learner\n".to_owned().into_bytes();
    db.query_row(sql, [], |row| {
        text.extend(row.get::<_, String>(0)?.into_bytes());
        text.extend(row.get::<_, String>(1)?.into_bytes());
        text.extend(row.get::<_, i64>(2)?.to_le_bytes());
        Ok(())
    })
    .unwrap();
    sha256(&text)[..32].to_uppercase()
}

#[test]
fn damage_in_format_3_is_repaired_before_and_found_after_the_migration() {
    let damage = "UPDATE operations SET label = 'wind' WHERE id = 36";
    // Before it is opened: doctor reads the old tables.
    let dir = tempfile::tempdir().unwrap();
    of_format_3(dir.path()).execute_batch(damage).unwrap();
    let found = diagnose(dir.path()).unwrap();
    let named = |found: &[afield::engine::Finding]| {
        found
            .iter()
            .any(|finding| finding.to_string() == "entry 36 of the log does not have its checksum")
    };
    assert!(named(&found.findings), "{:?}", found.findings);
    assert_eq!(found.entries, 29);
    let repaired = repair(dir.path(), 300).unwrap().unwrap();
    assert!(!repaired.lost.is_empty());
    assert_eq!(diagnose(dir.path()).unwrap().findings, []);
    assert_eq!(Session::open(dir.path()).unwrap().status().examples, 15);
    // Opened first: the row is carried over as damaged, and never learned.
    let dir = tempfile::tempdir().unwrap();
    of_format_3(dir.path()).execute_batch(damage).unwrap();
    let error = Session::open(dir.path()).err().unwrap().to_string();
    assert!(
        error.contains("entry 36 of the log does not have its checksum"),
        "{error}"
    );
    assert!(named(&diagnose(dir.path()).unwrap().findings));
    repair(dir.path(), 300).unwrap().unwrap();
    assert_eq!(Session::open(dir.path()).unwrap().status().examples, 15);
}

#[test]
fn migration_that_is_cut_off_leaves_format_3() {
    let dir = tempfile::tempdir().unwrap();
    let db = of_format_3(dir.path());
    // The name of the new index is taken, so the migration fails in the middle.
    db.execute_batch("CREATE INDEX entries_by_clip ON operations (clip_sha256)")
        .unwrap();
    assert!(Session::open(dir.path()).is_err());
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("operations"), count("bases")), (25, 5));
    db.execute_batch("DROP INDEX entries_by_clip").unwrap();
    assert_eq!(Session::open(dir.path()).unwrap().status().examples, 16);
}

#[test]
fn bundles_of_a_learner_are_pinned() {
    // The bytes that the program which made the fixture exported.
    let dir = tempfile::tempdir().unwrap();
    drop(of_format_3(dir.path()));
    let session = Session::open(dir.path()).unwrap();
    let key = SecretKey::from_seed([3; 32]);
    let digest = |with_examples| {
        let mut contents = session.bundled(with_examples, 7).unwrap();
        contents.program = "golden".to_owned();
        sha256(&contents.seal(&key).unwrap())
    };
    assert_eq!(
        digest(true),
        "c52830b8fdacaff607a79e2095eafba118921b4beed00d9edb4da9f593a0280e"
    );
    assert_eq!(
        digest(false),
        "67b59f97f407c6bc6393af1987e96e990c38124544c16caf5fcf8a33a0d0dd79"
    );
}

/// Writes a fixture of the current format, for the day on which there is a later one:
/// `cargo test --release --test it write_the_fixture -- --ignored`.
#[test]
#[ignore = "writes to tests/fixtures"]
fn write_the_fixture_of_the_current_format() {
    let dir = tempfile::tempdir().unwrap();
    taught(dir.path()).close().unwrap();
    let file = dir.path().join("learner.sqlite");
    let db = Connection::open(&file).unwrap();
    let format: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    drop(db);
    fs::copy(&file, fixture(&format!("format-{format}.sqlite"))).unwrap();
}
