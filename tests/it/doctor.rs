//! `afield doctor` finds every flipped bit that changes what a learner's files mean, and repairs what
//! can be repaired.

use crate::harness::folder;
use crate::harness::teaching;

use std::fs;
use std::path::Path;

use afield::engine::{Finding, Kept, Lost, Session, diagnose, repair};
use afield::head::HeadKind;
use afield::signal::ErrorKind;
use afield::store::{ClipFilter, Damage, Revision, TaughtClip, WriteVolume};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;

use folder::create;
use teaching::teach;

const FILES: [&str; 3] = ["learner.sqlite", "learner.sqlite-wal", "learner.witness"];

/// Everything that a learner's files say.
#[derive(PartialEq)]
struct Meaning {
    state: Vec<u8>,
    taught: Vec<TaughtClip>,
    folded: Vec<(Option<String>, u64)>,
    history: Vec<Revision>,
    write_volume: Vec<WriteVolume>,
    card: String,
    max_disk: Option<u64>,
}

fn meaning(dir: &Path) -> Result<Meaning, String> {
    let session = Session::open(dir).map_err(|error| error.to_string())?;
    let all = || -> Result<Meaning, afield::engine::Error> {
        let folded = session.compacted()?.into_iter();
        Ok(Meaning {
            state: session.learner().save(),
            taught: session.clips(&ClipFilter::default())?,
            folded: folded.map(|class| (class.label, class.examples)).collect(),
            history: session.history()?,
            write_volume: session.write_volume()?,
            card: toml::to_string(session.card()).unwrap(),
            max_disk: session.max_disk()?,
        })
    };
    all().map_err(|error| error.to_string())
}

/// A learner with everything in it that there is, as a killed process leaves it:
/// with a log that has not been copied into the database.
fn killed(root: &Path) -> Vec<Vec<u8>> {
    let dir = root.join("alive");
    let mut session = create(&dir, HeadKind::LDA);
    (0..40).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
    session.compact(20, 40).unwrap();
    session.set_max_disk(Some(32 << 20), 41).unwrap();
    session.close().unwrap();
    let mut session = Session::open(&dir).unwrap();
    (40..60).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
    let label = teaching::label(3);
    let which = ClipFilter {
        label: Some(label),
        ..ClipFilter::default()
    };
    session.forget(&which, 61).unwrap();
    session.undo(62).unwrap();
    // A correction.
    let label = teaching::label(4);
    session
        .teach(&label, &teaching::heard(0, 45), "test", 63)
        .unwrap();
    let files = FILES.map(|name| fs::read(dir.join(name)).unwrap());
    assert!(files[1].len() > 20_000, "there is a log");
    files.to_vec()
}

fn write(dir: &Path, files: &[Vec<u8>]) {
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

#[test]
fn doctor_finds_every_flipped_bit_that_changes_the_learner() {
    let root = tempfile::tempdir().unwrap();
    let mut files = killed(root.path());
    let sound = tempfile::tempdir().unwrap();
    write(sound.path(), &files);
    let expected = meaning(sound.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(diagnose(sound.path()).unwrap().findings, []);

    let rounds = std::env::var("AFIELD_FLIPS").map_or(1000, |n| n.parse().unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let bits = files.iter().map(|file| 8 * file.len()).sum::<usize>();
    let (mut refused, mut silent, mut beside, mut repaired, mut lossless) = (0, 0, 0, 0, 0);
    for round in 0..rounds {
        let mut bit = rng.random_range(0..bits);
        let mut at = 0;
        while bit >= 8 * files[at].len() {
            bit -= 8 * files[at].len();
            at += 1;
        }
        let context = format!("round {round}: bit {bit} of {}", FILES[at]);
        files[at][bit / 8] ^= 1 << (bit % 8);
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files);
        files[at][bit / 8] ^= 1 << (bit % 8);

        // First, since whoever opens it may write.
        let found = diagnose(dir.path()).map(|found| found.findings);
        let is_found = found.as_ref().map_or(true, |found| !found.is_empty());
        match meaning(dir.path()) {
            Err(error) => {
                refused += 1;
                assert!(is_found, "{context}: refused with {error}, not found");
                assert!(error.contains("learner"), "{context}: {error}");
            }
            Ok(meant) => {
                assert!(
                    meant.state == expected.state,
                    "{context}: it says something else"
                );
                match meant == expected {
                    true if is_found => beside += 1,
                    true => silent += 1,
                    false => {
                        beside += 1;
                        assert!(is_found, "{context}: not found");
                    }
                }
            }
        }
        if is_found && round % 4 == 0 {
            match repair(dir.path(), 99) {
                Ok(Some(done)) => {
                    let again = diagnose(dir.path()).unwrap().findings;
                    assert_eq!(again, [], "{context}");
                    let now =
                        meaning(dir.path()).unwrap_or_else(|error| panic!("{context}: {error}"));
                    assert!(done.copy.join("learner.sqlite").is_file());
                    if now.state == expected.state {
                        lossless += 1;
                    } else {
                        assert!(
                            !done.lost.is_empty(),
                            "{context}: a loss that nobody was told of"
                        );
                    }
                    repaired += 1;
                }
                Ok(None) => panic!("{context}: found, and nothing to repair"),
                // The header or the identity is gone; that is said.
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NotFound),
                    "{context}: {error}"
                ),
            }
        }
    }
    println!(
        "{rounds} flipped bits: {} found ({refused} refused at opening, {beside} beside what is said), \
         {silent} in bytes that mean nothing, 0 changed an answer unnoticed; \
         {repaired} repaired, {lossless} of them without loss",
        refused + beside
    );
    assert!(refused > rounds / 4 && repaired > 50);
}

#[test]
fn repair_keeps_lost_examples_that_a_snapshot_contains() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LDA);
    (0..300).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
    let (state, counts) = (session.learner().save(), session.status().classes);
    session.close().unwrap();
    let db = Connection::open(dir.path().join("learner.sqlite")).unwrap();
    db.execute(
        "UPDATE entries SET payload = zeroblob(length(payload)) WHERE id = 17",
        [],
    )
    .unwrap();
    db.execute("DELETE FROM entries WHERE id IN (20, 21)", [])
        .unwrap();
    drop(db);
    let found = diagnose(dir.path()).unwrap().findings;
    assert!(
        found
            .iter()
            .any(|what| what.to_string().contains("entry 17 ")),
        "{found:?}"
    );
    let missing = Finding::Stored(Damage::Entries {
        first: 20,
        last: 21,
    });
    assert!(found.contains(&missing), "{found:?}");
    let done = repair(dir.path(), 7).unwrap().unwrap();
    println!("{done:?}");
    let remainder = Kept::Remainder {
        examples: 3,
        after: 300,
    };
    assert_eq!(done.kept, [remainder, Kept::Clips(297)]);
    assert_eq!(done.lost, [Lost::History]);
    let session = Session::open(dir.path()).unwrap();
    // To the bit what was known, but three of them are no clips any more.
    assert!(session.learner().save() == state);
    let mut now = session.status().classes;
    now.sort_by_key(|class| class.label.clone());
    let mut before = counts;
    before.sort_by_key(|class| class.label.clone());
    assert_eq!(now, before);
    assert_eq!(session.clips(&ClipFilter::default()).unwrap().len(), 297);
    assert!(repair(dir.path(), 8).unwrap().is_none(), "it is sound now");
}

#[test]
fn a_damaged_row_is_an_error_when_it_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LDA);
    (0..10).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
    let mut other = Session::open(dir.path()).unwrap();
    teach(&mut session, 1, 100);
    drop(session);
    let db = Connection::open(dir.path().join("learner.sqlite")).unwrap();
    db.execute("UPDATE entries SET label = 'wind' WHERE id = 11", [])
        .unwrap();
    // One that listens all the while, and one that opens it anew.
    let error = other.catch_up().unwrap_err().to_string();
    assert!(
        error.contains("entry 11 of the log does not have its checksum"),
        "{error}"
    );
    let error = Session::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("entry 11 "), "{error}");
    // A trained head has no statistic, and loses just the example.
    assert!(!repair(dir.path(), 3).unwrap().unwrap().lost.is_empty());
    assert_eq!(Session::open(dir.path()).unwrap().status().examples, 10);
}

#[test]
fn doctor_checks_older_formats_as_they_will_be_opened() {
    for (name, entries) in [("format-1", 9), ("format-2", 18), ("format-3", 30)] {
        let root = tempfile::tempdir().unwrap();
        let fixture = crate::root()
            .join("tests/fixtures")
            .join(name)
            .with_extension("sqlite");
        let old = fs::read(fixture).unwrap();
        let file = root.path().join(FILES[0]);
        fs::write(&file, &old).unwrap();
        let found = diagnose(root.path()).unwrap();
        assert_eq!(found.findings, [], "{name}");
        assert_eq!(found.entries, entries, "{name}");
        assert!(repair(root.path(), 1).unwrap().is_none());
        assert_eq!(fs::read(&file).unwrap(), old, "{name}: looking changed it");
        let examples = Session::open(root.path()).unwrap().learner().examples();
        assert_eq!(found.examples, Some(examples), "{name}");

        // A row that no longer is what its table takes.
        for log in ["learner.sqlite-wal", "learner.sqlite-shm"] {
            let _ = fs::remove_file(root.path().join(log));
        }
        fs::write(&file, &old).unwrap();
        let db = Connection::open(&file).unwrap();
        db.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE operations SET features = x'00' WHERE id = (SELECT min(id) FROM operations)")
            .unwrap();
        drop(db);
        let found = diagnose(root.path()).unwrap();
        assert!(!found.findings.is_empty(), "{name}");
    }
}
