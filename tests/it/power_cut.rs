//! A power cut at every sync of the store: every acknowledged example is kept, and nothing else.
//!
//! The real program runs under strace, which sees every write and every sync. From these the test
//! makes the disks that a power cut can leave at each sync: all unsynced writes kept, all dropped, a
//! prefix of them, or each 512-byte sector by chance. The high-water mark, which the store writes
//! when a revision is durable, says what had been acknowledged by then. docs/DURABILITY.md lists
//! what this leaves out.

use std::collections::HashMap;
use std::path::Path;

use afield::engine::{ClipEmbeddings, Error, Session, diagnose};
use afield::signal::{Label, Micros};
use afield::store::{ClipFilter, StoreError, TaughtClip};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::harness::Sandbox;
use crate::harness::disk::{Disk, Event, Fate, read_events, strace, traced};

/// Disks of each sync point.
const FATES: [Fate; 6] = [
    Fate::Kept,
    Fate::Dropped,
    Fate::Prefix,
    Fate::Torn,
    Fate::Torn,
    Fate::Torn,
];

/// What a revision is: the learner's bytes and the clips it was taught.
type State = (Vec<u8>, Vec<TaughtClip>);

fn acknowledged(event: &Event) -> Option<i64> {
    let Event::Write(name, _, bytes) = event else {
        return None;
    };
    let revision = bytes.get(8..16)?.try_into().unwrap();
    (name == "learner.witness").then(|| i64::from_le_bytes(revision))
}

/// What a run of commands did to the learner's files, and what each revision was.
#[derive(Default)]
struct Recorded {
    events: Vec<Event>,
    states: HashMap<i64, State>,
}

/// Runs commands that write in every way that there is, under strace.
fn record(sandbox: &Sandbox) -> Recorded {
    let root = sandbox.root().canonicalize().unwrap();
    let learner = root.join("box");
    for (name, count, hz) in [
        ("low", 90, 300.0),
        ("high", 90, 3_000.0),
        ("more", 60, 1_200.0),
    ] {
        sandbox.tones(name, count, hz, 15.0, 0.2);
    }
    let mut recorded = Recorded::default();
    let mut known = Vec::new();
    let log = root.join("trace");
    let init = format!("init {} --backbone tiny", learner.display());
    for arguments in [
        &init,
        "teach low low",
        "teach high high",
        // From here on the log is copied into the database every 32 pages.
        "compact --max-disk 1MiB",
        "teach else more",
        "forget --source low/0[0-3]*",
        "undo",
        "teach other more",
        "rollback 150",
        "compact --keep 60",
        "teach again more --durability batched:0.1",
        "forget --class low",
    ] {
        let program = sandbox.afield(arguments).folder(&root);
        let program = program.env("AFIELD_LEARNER", &learner);
        traced(program, &log).run().ok();
        read_events(&log, &learner, &mut known, &mut recorded.events);
        let session = Session::open(&learner).unwrap();
        for revision in session.history().unwrap() {
            recorded.states.entry(revision.id).or_insert_with(|| {
                let (learner, taught) = session.learner_at(revision.id).unwrap();
                (learner.save(), taught)
            });
        }
    }
    recorded
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    if !strace("a_power_cut_at_any_sync_loses_nothing_acknowledged") {
        return;
    }
    let sandbox = Sandbox::new();
    let Recorded { events, states } = record(&sandbox);
    let bytes: usize = (events.iter())
        .map(|event| match event {
            Event::Write(_, _, bytes) => bytes.len(),
            _ => 0,
        })
        .sum();

    let mut rng = ChaCha8Rng::seed_from_u64(512);
    let (mut disk, mut acked) = (Disk::default(), 0);
    let (mut syncs, mut images, mut ahead, mut reopened) = (0, 0, 0, 0);
    for (i, event) in events.iter().enumerate() {
        // What is acknowledged next was being written; a batch is several at once.
        let mut later = events[i..].iter().filter_map(acknowledged);
        let in_flight = later.find(|next| *next > acked).unwrap_or(acked);
        if matches!(event, Event::Sync(_) | Event::SyncFolder) {
            syncs += 1;
            for fate in FATES {
                let image = tempfile::tempdir().unwrap();
                disk.cut(fate, &mut rng, image.path());
                let context = format!("sync {syncs}, {fate:?}, {acked} acknowledged");
                images += 1;
                let Some(session) = opened(image.path(), acked, &context) else {
                    continue;
                };
                let revision = session.status().revision;
                assert!(
                    revision == acked || revision == in_flight,
                    "{context}: revision {revision}"
                );
                ahead += usize::from(revision > acked);
                is_revision(&session, &states[&revision], &context);
                if images % 64 == 0 {
                    goes_on(session, image.path(), images as u64);
                    reopened += 1;
                }
            }
        }
        disk.take(event);
        acked = acknowledged(event).map_or(acked, |revision| revision.max(acked));
    }
    let operations: i64 = states.len() as i64;
    println!(
        "{operations} revisions, {syncs} sync points, {images} disks ({} kept, {} dropped, {} prefix, {} torn): \
         0 acknowledged examples lost, 0 corrupt opens; {ahead} disks held the revision in flight; \
         {reopened} were taught on; {bytes} bytes written",
        syncs,
        syncs,
        syncs,
        3 * syncs
    );
    assert!(operations >= 200 && syncs > 200 && ahead > 0);
    assert_eq!(
        acked,
        *states.keys().max().unwrap(),
        "the last one was acknowledged"
    );
}

/// The learner on an image of the disk; none only before `init` has acknowledged that there is
/// one.
fn opened(image: &Path, acknowledged: i64, context: &str) -> Option<Session> {
    match Session::open(image) {
        Ok(session) => Some(session),
        Err(Error::Store(StoreError::NoLearner { .. } | StoreError::Foreign { .. }))
            if acknowledged == 0 =>
        {
            None
        }
        Err(error) => panic!("{context}: {error}"),
    }
}

/// The learner is, to the bit, what it was at that revision.
fn is_revision(session: &Session, (bytes, taught): &State, context: &str) {
    assert!(session.learner().save() == *bytes, "{context}");
    assert!(
        session.clips(&ClipFilter::default()).unwrap() == *taught,
        "{context}"
    );
}

/// The learner of an image is one like any other.
fn goes_on(mut session: Session, dir: &Path, seed: u64) {
    let label = Label::new("afterwards").unwrap();
    let mut clip_sha256 = [7; 32];
    clip_sha256[..8].copy_from_slice(&seed.to_le_bytes());
    let heard = ClipEmbeddings {
        windows: vec![0.5; session.learner().contract().embedding_size],
        clip_sha256,
        duration: Micros(1),
        ..ClipEmbeddings::default()
    };
    session.teach(&label, &heard, "test", 0).unwrap();
    let state = session.learner().save();
    session.close().unwrap();
    assert!(Session::open(dir).unwrap().learner().save() == state);
    let found = diagnose(dir).unwrap().findings;
    // A witness may be cut off; nothing else may be wrong.
    assert!(found.is_empty(), "{found:?}");
}
