//! A learner's folder keeps what was taught: in any order, after reopening, beside other
//! processes, and when the disk or the process fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use afield::engine::{Error, Session, TaughtAs, backbone_contract, diagnose};
use afield::head::HeadKind;
use afield::learner::Settings;
use afield::signal::{ErrorKind, Label};
use afield::store::StoreError;
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::harness::folder::create;
use crate::harness::teaching::{LABELS, heard, teach};
use crate::harness::{Sandbox, models};

const EXACT: [HeadKind; 2] = [HeadKind::LDA, HeadKind::NCM];

/// The class and number of `count` clips.
fn clips(count: u64) -> Vec<(usize, u64)> {
    (0..count).map(|i| ((i % 5) as usize, i)).collect()
}

/// The bits of each label's probability for 40 unseen clips.
fn predictions(session: &Session) -> BTreeMap<String, Vec<u32>> {
    let mut all: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for seed in 0..40 {
        let scores = session
            .predict(&heard(seed as usize % 5, 1_000_000 + seed))
            .unwrap();
        for (label, p) in session.learner().classes().iter().zip(scores.0) {
            all.entry(label.to_string()).or_default().push(p.to_bits());
        }
    }
    all
}

fn accuracy(session: &Session) -> f64 {
    let right = (0..100usize).filter(|&i| {
        let scores = session
            .predict(&heard(i % 5, 2_000_000 + i as u64))
            .unwrap();
        let (class, _) = scores.best().unwrap();
        session.learner().classes()[class].as_str() == LABELS[i % 5]
    });
    right.count() as f64 / 100.0
}

fn database(dir: &Path) -> PathBuf {
    dir.join("learner.sqlite")
}

fn count(dir: &Path, what: &str) -> i64 {
    let db = Connection::open(database(dir)).unwrap();
    let sql = format!("SELECT count(*) FROM {what}");
    db.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn execute(dir: &Path, sql: &str) {
    let db = Connection::open(database(dir)).unwrap();
    db.execute_batch(sql).unwrap();
}

/// The digest of the row of a snapshot after entry `at`.
fn snapshot_digest(at: i64, state: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in [b"snapshots".as_slice(), &at.to_le_bytes(), state] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize()[..16].to_vec()
}

/// Overwrites the snapshot after entry `at` with `state` and its digest.
fn overwrite_snapshot(dir: &Path, at: i64, state: &[u8]) {
    let db = Connection::open(database(dir)).unwrap();
    let sql = "UPDATE snapshots SET state = ?1, digest = ?2 WHERE operation = ?3";
    let changed = db.execute(sql, (state, snapshot_digest(at, state), at));
    assert_eq!(changed.unwrap(), 1);
}

fn open_error(dir: &Path) -> Error {
    match Session::open(dir) {
        Ok(_) => panic!("{} opens", dir.display()),
        Err(error) => error,
    }
}

#[test]
fn the_order_of_teaching_changes_no_bit_of_a_prediction() {
    for head in EXACT {
        let root = tempfile::tempdir().unwrap();
        let (straight, mixed) = (root.path().join("straight"), root.path().join("mixed"));
        let mut clips = clips(300);
        let mut session = create(&straight, head);
        for &(class, seed) in &clips {
            assert_eq!(teach(&mut session, class, seed), TaughtAs::New);
        }
        let expected = predictions(&session);
        let sure = accuracy(&session);
        println!("{head}: accuracy {sure}");
        assert!(sure > 0.8, "{head} learns: {sure}");

        // Another order, other class numbers, and closed over and over.
        clips.shuffle(&mut ChaCha8Rng::seed_from_u64(3));
        let mut other = create(&mixed, head);
        for (i, &(class, seed)) in clips.iter().enumerate() {
            teach(&mut other, class, seed);
            if [1, 17, 270, 299].contains(&i) {
                other.close().unwrap();
                other = Session::open(&mixed).unwrap();
            }
        }
        assert_eq!(count(&mixed, "snapshots"), 1);
        assert_eq!(count(&straight, "snapshots"), 0);
        assert_ne!(session.learner().classes(), other.learner().classes());
        assert!(predictions(&other) == expected, "{head}");
        drop((session, other));
        for dir in [&straight, &mixed] {
            let again = Session::open(dir).unwrap();
            assert!(predictions(&again) == expected, "{head} in {dir:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_corrections_change_no_prediction(
        order in Just(clips(40)).prop_shuffle(),
        wrong in prop::collection::vec((0usize..40, 0usize..5), 0..8),
        lda in any::<bool>(),
    ) {
        let head = if lda { HeadKind::LDA } else { HeadKind::NCM };
        let root = tempfile::tempdir().unwrap();
        let mut straight = create(&root.path().join("a"), head);
        for (class, seed) in clips(40) {
            teach(&mut straight, class, seed);
        }
        let mut other = create(&root.path().join("b"), head);
        for (clip, label) in wrong {
            let (class, seed) = order[clip];
            let label = Label::new(LABELS[label]).unwrap();
            other.teach(&label, &heard(class, seed), "wrong", 0).unwrap();
        }
        for &(class, seed) in &order {
            teach(&mut other, class, seed);
        }
        prop_assert_eq!(straight.status().examples, other.status().examples);
        prop_assert!(predictions(&straight) == predictions(&other));
    }
}

#[test]
fn a_correction_removes_every_trace_of_the_wrong_label() {
    for head in EXACT {
        let root = tempfile::tempdir().unwrap();
        let mut right = create(&root.path().join("right"), head);
        let mut wrong = create(&root.path().join("wrong"), head);
        for (class, seed) in clips(50) {
            teach(&mut right, class, seed);
            teach(&mut wrong, class, seed);
        }
        teach(&mut right, 2, 99);
        let before = predictions(&wrong);
        let nonsense = Label::new("nonsense").unwrap();
        wrong.teach(&nonsense, &heard(2, 99), "test", 0).unwrap();
        assert_eq!(wrong.learner().classes().len(), 6);
        assert!(predictions(&wrong) != before, "the wrong label was felt");
        let from = nonsense;
        assert_eq!(teach(&mut wrong, 2, 99), TaughtAs::Corrected { from });
        assert_eq!(teach(&mut wrong, 2, 99), TaughtAs::Already);
        assert_eq!(wrong.learner().classes(), right.learner().classes());
        assert!(predictions(&wrong) == predictions(&right));
        assert_eq!(wrong.status().examples, 51);
        assert_eq!(wrong.status().operations, 53);
        drop(wrong);
        let again = Session::open(&root.path().join("wrong")).unwrap();
        assert!(predictions(&again) == predictions(&right));
    }
}

#[test]
fn a_damaged_snapshot_loses_no_examples() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let mut session = create(dir, HeadKind::LDA);
    for (class, seed) in clips(300) {
        teach(&mut session, class, seed);
    }
    session.close().unwrap();
    let mut session = Session::open(dir).unwrap();
    for (class, seed) in clips(600).into_iter().skip(300) {
        teach(&mut session, class, seed);
    }
    let (expected, state) = (predictions(&session), session.learner().save());
    session.close().unwrap();
    assert_eq!(count(dir, "snapshots"), 2);
    let same = || {
        let session = Session::open(dir).unwrap();
        assert!(predictions(&session) == expected);
        assert_eq!(session.learner().save(), state);
    };
    same();
    let digest: Vec<u8> = Connection::open(database(dir))
        .and_then(|db| {
            let sql = "SELECT digest FROM snapshots WHERE operation = 600";
            db.query_row(sql, [], |row| row.get(0))
        })
        .unwrap();
    assert_eq!(digest, snapshot_digest(600, &state));
    let last = "operation = (SELECT max(operation) FROM snapshots)";
    execute(
        dir,
        &format!("UPDATE snapshots SET state = zeroblob(length(state)) WHERE {last}"),
    );
    same();
    execute(dir, "UPDATE snapshots SET state = x'00'");
    same();
    // A checksum that holds over bytes that are no learner.
    for at in [300, 600] {
        overwrite_snapshot(dir, at, b"no learner");
    }
    same();
    execute(dir, "DELETE FROM snapshots");
    same();
}

#[test]
fn two_sessions_on_one_folder_lose_nothing_and_become_equal() {
    let (root, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut one = create(root.path(), HeadKind::LDA);
    let mut two = Session::open(root.path()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (class, seed) in clips(200) {
        let turn = if rng.random() { &mut one } else { &mut two };
        assert_eq!(teach(turn, class, seed), TaughtAs::New);
        if seed % 10 == 0 {
            // Both say the same of a clip that one of them was taught.
            assert_eq!(teach(&mut one, class, seed), TaughtAs::Already);
            assert_eq!(teach(&mut two, class, seed), TaughtAs::Already);
        }
    }
    one.catch_up().unwrap();
    two.catch_up().unwrap();
    assert_eq!(one.status(), two.status());
    assert_eq!(one.status().examples, 200);
    assert_eq!(one.learner().save(), two.learner().save());
    let mut single = create(alone.path(), HeadKind::LDA);
    for (class, seed) in clips(200) {
        teach(&mut single, class, seed);
    }
    assert_eq!(one.learner().save(), single.learner().save());
}

#[test]
fn sessions_that_teach_at_the_same_time_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    create(root.path(), HeadKind::NCM);
    let start = Barrier::new(4);
    // All teach the same clips in the same order, each as fast as it can.
    let taught: Vec<(Session, usize)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut session = Session::open(root.path()).unwrap();
                    start.wait();
                    let new = clips(120)
                        .into_iter()
                        .filter(|&(class, seed)| {
                            // SQLite's lock is not fair: let the others have a turn.
                            std::thread::sleep(Duration::from_micros(200));
                            teach(&mut session, class, seed) == TaughtAs::New
                        })
                        .count();
                    (session, new)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let news: Vec<usize> = taught.iter().map(|(_, new)| *new).collect();
    println!("new to each of four sessions: {news:?}");
    assert_eq!(news.iter().sum::<usize>(), 120, "each clip once: {news:?}");
    let other = tempfile::tempdir().unwrap();
    let mut single = create(other.path(), HeadKind::NCM);
    for (class, seed) in clips(120) {
        teach(&mut single, class, seed);
    }
    let expected = predictions(&single);
    for (mut session, _) in taught {
        // What each of them holds in memory, not only what the disk does.
        session.catch_up().unwrap();
        assert_eq!(session.status().examples, 120);
        assert!(predictions(&session) == expected);
    }
}

#[test]
fn a_folder_with_a_learner_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let mut session = create(root.path(), HeadKind::LDA);
    teach(&mut session, 0, 0);
    let (card, _) = models::fixture("tiny");
    let contract = backbone_contract(&card, None, None).unwrap();
    let again = Session::create(root.path(), card, contract, Settings::default(), 0);
    let Err(Error::Store(error @ StoreError::Exists { .. })) = again else {
        panic!("made twice");
    };
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(
        Session::open(root.path()).unwrap().learner().save(),
        session.learner().save()
    );
}

#[test]
fn a_learner_of_a_later_format_is_refused() {
    let root = tempfile::tempdir().unwrap();
    create(root.path(), HeadKind::LDA);
    execute(root.path(), "PRAGMA user_version = 999");
    let error = open_error(root.path());
    assert!(
        matches!(error, Error::Store(StoreError::Version { found: 999, .. })),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Mismatch);
}

#[test]
fn a_database_of_another_program_is_not_changed() {
    let root = tempfile::tempdir().unwrap();
    execute(
        root.path(),
        "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('a')",
    );
    let before = fs::read(database(root.path())).unwrap();
    let (card, _) = models::fixture("tiny");
    let contract = backbone_contract(&card, None, None).unwrap();
    let made = Session::create(root.path(), card, contract, Settings::default(), 0).err();
    for error in [open_error(root.path()), made.unwrap()] {
        assert!(
            matches!(error, Error::Store(StoreError::Foreign { .. })),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
        assert!(
            fs::read(database(root.path())).unwrap() == before,
            "it was written to"
        );
    }
}

#[test]
fn file_that_is_not_a_database_is_an_error_that_names_it() {
    let root = tempfile::tempdir().unwrap();
    let (mut rng, path) = (ChaCha8Rng::seed_from_u64(1), database(root.path()));
    for len in [0, 1, 100, 5_000] {
        let bytes: Vec<u8> = (0..len).map(|_| rng.random()).collect();
        fs::write(&path, &bytes).unwrap();
        let error = open_error(root.path()).to_string();
        assert!(error.contains("learner.sqlite"), "{error}");
        assert!(fs::read(&path).unwrap() == bytes);
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        open_error(root.path()),
        Error::Store(StoreError::NoLearner { .. })
    ));
}

#[test]
fn damaged_pages_never_panic() {
    let root = tempfile::tempdir().unwrap();
    let mut session = create(root.path(), HeadKind::NCM);
    for (class, seed) in clips(40) {
        teach(&mut session, class, seed);
    }
    drop(session);
    let whole = fs::read(database(root.path())).unwrap();
    let (mut rng, mut refused) = (ChaCha8Rng::seed_from_u64(5), 0);
    for _ in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..60) {
            let place = rng.random_range(0..bytes.len());
            bytes[place] = rng.random();
        }
        let copy = tempfile::tempdir().unwrap();
        fs::write(database(copy.path()), &bytes).unwrap();
        match Session::open(copy.path()) {
            Ok(session) => drop(session.status()),
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    println!("{refused} of 150 damaged learners refused");
    assert!(refused > 10);
}

/// After a refused write, memory is what the disk says, and stays so.
fn equals_its_log(session: &mut Session, dir: &Path) {
    session.catch_up().unwrap();
    let reopened = Session::open(dir).unwrap();
    assert_eq!(session.learner().save(), reopened.learner().save());
}

#[test]
fn a_refused_write_is_not_kept_in_memory() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let mut session = create(dir, HeadKind::LDA);
    for (class, seed) in clips(20) {
        teach(&mut session, class, seed);
    }
    let before = predictions(&session);
    execute(
        dir,
        "CREATE TRIGGER full BEFORE INSERT ON entries WHEN NEW.kind = 'learn'
         BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    let label = Label::new("new").unwrap();
    // A new clip, and a correction whose first half alone would fit.
    for clip in [heard(1, 500), heard(1, 1)] {
        let error = session.teach(&label, &clip, "test", 0).unwrap_err();
        assert!(error.to_string().contains("no room"), "{error}");
        assert!(predictions(&session) == before);
        equals_its_log(&mut session, dir);
    }
    execute(dir, "DROP TRIGGER full");
    assert_eq!(
        session.teach(&label, &heard(1, 500), "test", 0).unwrap(),
        TaughtAs::New
    );
    equals_its_log(&mut session, dir);
}

#[test]
fn a_write_that_failed_without_a_reload_leaves_no_example() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let mut session = create(dir, HeadKind::LDA);
    for (class, seed) in clips(20) {
        teach(&mut session, class, seed);
    }
    execute(
        dir,
        "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'no room'); END;
         ALTER TABLE snapshots RENAME TO hidden",
    );
    let label = Label::new("phantom").unwrap();
    session
        .teach(&label, &heard(1, 500), "test", 0)
        .unwrap_err();
    execute(
        dir,
        "DROP TRIGGER full; ALTER TABLE hidden RENAME TO snapshots",
    );
    assert_eq!(teach(&mut session, 3, 600), TaughtAs::New);
    equals_its_log(&mut session, dir);
    assert!(!session.learner().classes().contains(&label));
}

#[cfg(unix)]
#[test]
fn folder_that_cannot_be_written_is_an_io_error() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let locked = root.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let (card, _) = models::fixture("tiny");
    let contract = backbone_contract(&card, None, None).unwrap();
    let made = if fs::write(locked.join("probe"), b"").is_ok() {
        eprintln!("root may write anywhere: a file stands in for the locked folder");
        let file = root.path().join("file");
        fs::write(&file, b"").unwrap();
        Session::create(&file, card, contract, Settings::default(), 0)
    } else {
        Session::create(&locked, card, contract, Settings::default(), 0)
    };
    let error = made.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

/// The learner `learner` of the real program, which knows nothing yet.
fn fresh() -> Sandbox {
    let sandbox = Sandbox::new().with_learner("learner");
    sandbox.run("init learner --backbone tiny").ok();
    sandbox
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_teaching_again_completes_it() {
    let sandbox = fresh();
    sandbox.tones("clips", 60, 300.0, 40.0, 0.3);
    // No file may grow beyond 96 KiB: SQLite meets that as a failing write.
    let script = "trap '' XFSZ; ulimit -f 192; exec \"$0\" teach beep clips";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_afield")])
        .current_dir(sandbox.root())
        .env("AFIELD_CACHE", models::cache().root())
        .env("AFIELD_LEARNER", sandbox.learner())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(!output.status.success(), "the limit was never met");
    assert!(output.stdout.is_empty());
    assert!(
        said.contains("learner.sqlite") && said.contains("\nhint: "),
        "{said}"
    );
    let held = sandbox.open("learner").status().examples;
    println!("{held} of 60 clips fit");
    assert!(held > 0 && held < 60);
    let (new, known) = (
        format!("{} new", 60 - held),
        format!("{held} known already"),
    );
    sandbox.run("teach beep clips").ok().says([&new, &known]);
    assert_eq!(sandbox.open("learner").status().examples, 60);
}

#[test]
fn a_program_killed_at_any_moment_loses_no_acknowledged_example() {
    let rounds = std::env::var("AFIELD_KILL_ROUNDS").map_or(200, |n| n.parse().unwrap());
    let sandbox = fresh();
    let clips = 40;
    sandbox.tones("clips", clips as u32, 300.0, 40.0, 0.3);
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    let (mut kills, mut acknowledged, mut ahead) = (0, 1, 0);
    // Rounds beyond the number of clips correct what is known by then.
    for round in 0..rounds {
        let clip = format!("clips/{:03}.wav", round % clips);
        let label = format!("beep {}", round / clips);
        let mut child = sandbox.afield(["teach", &label, &clip]).spawn();
        if rng.random_range(0..4) > 0 {
            // Most of a run lies within these milliseconds.
            std::thread::sleep(Duration::from_micros(rng.random_range(0..40_000)));
            let _ = child.kill();
        }
        let status = child.wait().unwrap();
        let revision = sandbox.open("learner").status().revision;
        if status.success() {
            acknowledged += 1;
            assert_eq!(revision, acknowledged, "said to be stored");
        } else {
            kills += 1;
            let stored = revision - acknowledged;
            assert!(stored == 0 || stored == 1, "round {round}: {stored} more");
            ahead += stored;
            acknowledged = revision;
        }
        if round % 20 == 0 {
            assert!(diagnose(sandbox.learner()).unwrap().findings.is_empty());
        }
    }
    println!(
        "{rounds} rounds, {kills} killed, {} acknowledged and there, {ahead} stored and not yet said",
        acknowledged - 1 - ahead
    );
    assert!(kills >= rounds / 8 && acknowledged > rounds as i64 / 8);
}

#[test]
fn a_program_killed_between_clips_continues_from_there() {
    let sandbox = Sandbox::new();
    sandbox.tones("clips", 150, 300.0, 40.0, 0.3);
    let mut expected = None;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut cut = 0;
    for round in 0..10 {
        let name = format!("learner-{round}");
        sandbox.run(["init", &name, "--backbone", "tiny"]).ok();
        let teach = || sandbox.afield(["teach", "beep", "clips", "--learner", &name]);
        let examples = || sandbox.open(&name).status().examples;
        if round > 0 {
            let mut child = teach().spawn();
            // A number of clips, not a time: machines differ.
            let until = rng.random_range(1..130);
            while examples() < until && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_micros(300));
            }
            std::thread::sleep(Duration::from_micros(rng.random_range(0..3_000)));
            let _ = child.kill();
            child.wait().unwrap();
            let held = examples();
            cut += usize::from(held > 0 && held < 150);
        }
        teach().run().ok();
        assert_eq!(examples(), 150);
        let state = sandbox.open(&name).learner().save();
        assert!(*expected.get_or_insert_with(|| state.clone()) == state);
    }
    println!("{cut} of 9 rounds were cut in the middle");
    assert!(cut >= 2);
}
