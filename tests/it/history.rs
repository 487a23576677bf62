//! The history of a learner: undo, rollback, compaction and batches.

use crate::harness::folder;
use crate::harness::models;
use crate::harness::teaching;

use std::path::Path;
use std::time::Duration;

use afield::engine::{Command, Durability, Error, Session, TaughtAs, diagnose};
use afield::head::HeadKind;
use afield::signal::ClipId;
use afield::store::{ClipFilter, StoreError};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use folder::create;
use teaching::{heard, label, teach};

const HEADS: [HeadKind; 4] = [
    HeadKind::LDA,
    HeadKind::NCM,
    HeadKind::LINEAR,
    HeadKind::KNN,
];

fn of_class(class: usize) -> ClipFilter {
    ClipFilter {
        label: Some(label(class)),
        ..ClipFilter::default()
    }
}

#[test]
fn every_earlier_revision_is_restored_to_the_bit() {
    for head in HEADS {
        let dir = tempfile::tempdir().unwrap();
        let mut session = create(dir.path(), head);
        let mut states = vec![(1, session.learner().save())];
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for seed in 0..60 {
            match rng.random_range(0..10) {
                0 if head.is_exact() => {
                    session.forget(&of_class(seed as usize % 5), 1000).unwrap();
                }
                1 if session.status().revision > 3 => {
                    let to = rng.random_range(1..session.status().revision);
                    session.roll_back(to, 1000).unwrap();
                }
                2 if head.is_exact() && session.status().revision > 3 => {
                    // A wrong label, taken back at once.
                    session
                        .teach(&label(0), &heard(1, seed), "wrong", 0)
                        .unwrap();
                    session.undo(1).unwrap();
                }
                _ => {
                    teach(&mut session, seed as usize % 5, seed);
                }
            }
            let now = (session.status().revision, session.learner().save());
            states.push(now);
        }
        // By another session, in any order, and each once more from its log alone.
        let mut other = Session::open(dir.path()).unwrap();
        let mut order: Vec<usize> = (0..states.len()).collect();
        order.shuffle(&mut rng);
        for &i in &order {
            let (revision, state) = &states[i];
            other.roll_back(*revision, 2000).unwrap();
            assert!(
                other.learner().save() == *state,
                "{head}: revision {revision}"
            );
            session.catch_up().unwrap();
            assert!(
                session.learner().save() == *state,
                "{head}: heard of revision {revision}"
            );
            if i % 8 == 0 {
                let reopened = Session::open(dir.path()).unwrap();
                assert!(
                    reopened.learner().save() == *state,
                    "{head}: read revision {revision}"
                );
            }
        }
        println!(
            "{head}: {} revisions gone to, all bit-identical",
            order.len()
        );
        assert_eq!(diagnose(dir.path()).unwrap().findings, []);
    }
}

#[test]
fn undo_reverts_one_command_at_a_time_and_rollback_restores_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LDA);
    let mut states = vec![session.learner().save()];
    for command in 0..3_u64 {
        let whole = Command::new();
        for i in 0..5 {
            let (clip, at) = (
                heard(i as usize, 10 * command + i),
                (10 * command + i) as i64,
            );
            session
                .teach_in(&whole, &label(i as usize), &clip, "test", None, at)
                .unwrap();
        }
        states.push(session.learner().save());
    }
    let latest = session.status().revision;
    for state in states.iter().rev().skip(1) {
        let undone = session.undo(1).unwrap();
        assert_eq!(undone.last.id - undone.first.id, 4);
        assert!(session.learner().save() == *state);
    }
    assert!(matches!(session.undo(1), Err(Error::NothingToUndo { .. })));
    session.roll_back(latest, 2).unwrap();
    assert!(session.learner().save() == states[3]);
    // A clip that was undone is new again, one that came back is known.
    assert_eq!(teach(&mut session, 4, 24), TaughtAs::Already);
    session.undo(3).unwrap();
    assert_eq!(teach(&mut session, 4, 24), TaughtAs::New);
    let error = session.roll_back(999, 1).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Store(StoreError::NoRevision { asked: 999, .. })
        ),
        "{error}"
    );
}

#[test]
fn diff_lists_the_clips_whose_prediction_a_wrong_label_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::NCM);
    (0..10).for_each(|seed| drop(teach(&mut session, seed as usize % 2, seed)));
    let before = session.status().revision;
    let same = session.diff(before, before).unwrap();
    assert_eq!((same.asked, same.moved, same.changed.len()), (10, 0, 0));
    session.teach(&label(4), &heard(0, 0), "test", 0).unwrap();
    let found = session.diff(before, session.status().revision).unwrap();
    assert_eq!(
        (found.asked, found.moved),
        (10, 10),
        "a new class moves every probability"
    );
    let corrected = ClipId::from(heard(0, 0).clip_sha256);
    let changed = found
        .changed
        .iter()
        .find(|clip| clip.clip == corrected)
        .unwrap();
    assert_eq!(changed.taught, [Some(label(0)), Some(label(4))]);
    assert_eq!(changed.said[1].as_ref().unwrap().0.as_str(), "wind");
}

#[test]
fn folding_changes_no_bit_and_classes_can_still_be_forgotten() {
    for head in [HeadKind::LDA, HeadKind::NCM, HeadKind::RIDGE] {
        let (dir, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut session = create(dir.path(), head);
        (0..50).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
        let mut listening = Session::open(dir.path()).unwrap();
        let state = session.learner().save();
        let compacted = session.compact(20, 100).unwrap();
        assert_eq!((compacted.examples, compacted.kept), (30, 20));
        assert!(session.learner().save() == state);
        listening.catch_up().unwrap();
        assert!(listening.learner().save() == state);
        assert_eq!(session.clips(&ClipFilter::default()).unwrap().len(), 20);
        (50..60).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
        // Once more, into the bases that are there.
        session.compact(3, 100).unwrap();
        assert_eq!(session.compacted().unwrap().len(), 5);
        session.forget(&of_class(2), 101).unwrap();
        let mut single = create(alone.path(), head);
        for seed in (0..60).filter(|seed| seed % 5 != 2) {
            teach(&mut single, seed as usize % 5, seed);
        }
        assert!(
            session.learner().save() == single.learner().save(),
            "{head}"
        );
        let reopened = Session::open(dir.path()).unwrap();
        assert!(reopened.learner().save() == single.learner().save());
        session.undo(102).unwrap();
        assert_eq!(session.status().examples, 60, "forgetting can be undone");
        assert_eq!(diagnose(dir.path()).unwrap().findings, []);
        let error = session.roll_back(3, 103).unwrap_err().to_string();
        assert!(error.contains("no revision 3 to go to"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut linear = create(dir.path(), HeadKind::LINEAR);
    let error = linear.compact(0, 0).unwrap_err().to_string();
    assert!(error.contains("linear"), "{error}");
}

#[test]
fn a_learner_with_a_disk_limit_stays_below_it_and_forgets_nothing() {
    const MAX: u64 = 256 << 10;
    const EXAMPLES: u64 = 1500;
    let (dir, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut session = create(dir.path(), HeadKind::LDA);
    session.set_max_disk(Some(MAX), 0).unwrap();
    let mut single = create(alone.path(), HeadKind::LDA);
    let batched = Durability::Batched(Duration::from_secs(60));
    single.set_durability(batched).unwrap();
    // Shared memory is no disk use.
    let on_disk = |dir: &Path| -> u64 {
        let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap());
        let kept = files.filter(|file| !file.file_name().to_string_lossy().ends_with("-shm"));
        kept.map(|file| file.metadata().unwrap().len()).sum()
    };
    let mut peak = 0;
    for seed in 0..EXAMPLES {
        teach(&mut session, seed as usize % 5, seed);
        teach(&mut single, seed as usize % 5, seed);
        peak = peak.max(on_disk(dir.path()));
    }
    assert!(session.learner().save() == single.learner().save());
    single.close().unwrap();
    let bare = on_disk(alone.path());
    let kept = session.clips(&ClipFilter::default()).unwrap().len();
    println!(
        "bound {MAX}, peak {peak} over {EXAMPLES} examples ({kept} still clips); without a bound {bare}"
    );
    assert!(peak <= MAX, "{peak}");
    assert!(bare > MAX && kept < 1000);
    assert_eq!(session.status().examples, EXAMPLES);
    session.close().unwrap();
    assert_eq!(
        Session::open(dir.path()).unwrap().status().examples,
        EXAMPLES
    );
}

#[test]
fn a_learner_can_start_from_a_state_without_examples() {
    for head in [HeadKind::LDA, HeadKind::LINEAR] {
        let (dir, made) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut first = create(dir.path(), head);
        (0..20).for_each(|seed| drop(teach(&mut first, seed as usize % 5, seed)));
        let state = first.learner().save();
        let place = made.path().join("a");
        let without_examples = first.bundled(false, 5).unwrap();
        let mut begun = Session::unbundle(without_examples, &place, 5).unwrap();
        assert_eq!(begun.clips(&ClipFilter::default()).unwrap(), []);
        assert!(begun.learner().save() == first.learner().save());
        teach(&mut begun, 1, 90);
        teach(&mut first, 1, 90);
        assert!(begun.learner().save() == first.learner().save(), "{head}");
        drop(begun);
        let mut again = Session::open(&place).unwrap();
        assert!(again.learner().save() == first.learner().save());
        let error = again.forget(&of_class(1), 9).unwrap_err();
        assert!(matches!(error, Error::InCheckpoint { .. }), "{error}");
        again.undo(10).unwrap();
        assert!(again.learner().save() == state);
        if head.is_exact() {
            let both = made.path().join("both");
            let parts = [again, Session::open(dir.path()).unwrap()];
            Session::merge(&parts, &both, 11).unwrap();
            assert_eq!(Session::open(&both).unwrap().status().examples, 41);
        }
    }
}

#[test]
fn a_batch_is_durable_when_due_and_invisible_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LINEAR);
    let seconds = Durability::Batched(Duration::from_secs(2));
    session.set_durability(seconds).unwrap();
    let at = |session: &mut Session, seed: u64, now: i64| {
        let label = label(seed as usize % 5);
        session
            .teach(&label, &heard(seed as usize % 5, seed), "test", now)
            .unwrap()
    };
    assert_eq!(at(&mut session, 0, 0), TaughtAs::New);
    assert_eq!(at(&mut session, 1, 1_999), TaughtAs::New);
    assert_eq!(
        at(&mut session, 1, 1_999),
        TaughtAs::Already,
        "pending is known"
    );
    assert_eq!(session.status().examples, 2);
    // Another one teaches meanwhile, one of these clips among them.
    let mut other = Session::open(dir.path()).unwrap();
    assert_eq!(other.status().examples, 0);
    teach(&mut other, 1, 1);
    teach(&mut other, 3, 13);
    at(&mut session, 2, 2_000);
    other.catch_up().unwrap();
    assert_eq!(other.status().examples, 4);
    assert!(other.learner().save() == session.learner().save());
    at(&mut session, 7, 3_000);
    // A crash loses what is pending, and that alone.
    drop(session);
    let mut again = Session::open(dir.path()).unwrap();
    assert_eq!(again.status().examples, 4);
    again.set_durability(seconds).unwrap();
    at(&mut again, 8, 5_000);
    again.close().unwrap();
    assert_eq!(Session::open(dir.path()).unwrap().status().examples, 5);
}

#[test]
fn batching_reduces_the_write_volume() {
    let bytes = |durability| {
        let dir = tempfile::tempdir().unwrap();
        let mut session = create(dir.path(), HeadKind::LDA);
        session.set_durability(durability).unwrap();
        (0..100).for_each(|seed| drop(teach(&mut session, seed as usize % 5, seed)));
        session.close().unwrap();
        let wear = Session::open(dir.path()).unwrap().write_volume().unwrap();
        assert!(wear.len() == 1 && wear[0].day == 0, "{wear:?}");
        wear[0].bytes
    };
    let each = bytes(Durability::Immediate);
    let batched = bytes(Durability::Batched(Duration::from_secs(60)));
    println!("100 examples: {each} bytes one by one, {batched} in one batch");
    assert!(each > 100 * 4096 && batched < each / 5);
}

#[test]
fn a_learner_of_the_format_without_revisions_is_upgraded_with_a_history() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = crate::root().join("tests/fixtures/format-2.sqlite");
    std::fs::copy(fixture, dir.path().join("learner.sqlite")).unwrap();
    models::fixture("tiny");
    let mut session = Session::open(dir.path()).unwrap();
    let status = session.status();
    assert_eq!((status.operations, status.examples), (18, 10));
    let history = session.history().unwrap();
    let reasons: Vec<&str> = history
        .iter()
        .map(|revision| revision.reason.as_str())
        .collect();
    let (low, high, mid) = ("teach low", "teach high", "teach mid");
    let expected = [
        "init",
        low,
        low,
        low,
        high,
        high,
        high,
        "correct to high",
        "forget 1 clips",
        mid,
        mid,
        mid,
        mid,
        mid,
        mid,
        "correct to low",
        "forget 1 clips",
    ];
    assert_eq!(reasons, expected);
    let groups = session.groups().unwrap();
    let groups: Vec<(&str, u64)> = (groups.iter())
        .map(|group| (group.group.as_str(), group.examples))
        .collect();
    assert_eq!(groups, [("anna", 4), ("bert", 1)]);
    assert_eq!(diagnose(dir.path()).unwrap().findings, []);
    // What was forgotten under the old format can be brought back.
    session.undo(1).unwrap();
    assert_eq!(session.status().examples, 11);
}
