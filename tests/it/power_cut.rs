//! A power cut at every moment at which the store waits for its disk: what was
//! acknowledged is there, and nothing else.
//!
//! The real program runs under strace, which sees every write and every sync.
//! From these the disks are made that a power cut can leave at each sync: all
//! unsynced writes kept, all dropped, a prefix of them, or each 512-byte sector by
//! chance. The witness, which the store writes when a revision is durable, says
//! what had been acknowledged by then. docs/DURABILITY.md says what this leaves
//! out.

use crate::disk;
use crate::models;
use crate::recording;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use afield::engine::{Heard, Session, SessionError, diagnose};
use afield::signal::{Label, Micros};
use afield::store::{Operation, Selection, StoreError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use disk::{Disk, Event, Fate, read_events, strace, traced};

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
type State = (Vec<u8>, Vec<Operation>);

fn clips(folder: &Path, count: usize, hz: f64) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for i in 0..count {
        let samples = recording::tone(16_000, hz + 15.0 * i as f64, 0.2, i as u64);
        recording::write_wav(&folder.join(format!("{i:03}.wav")), 16_000, &samples);
    }
    folder.to_owned()
}

fn acknowledged(event: &Event) -> Option<i64> {
    let Event::Write(name, _, bytes) = event else {
        return None;
    };
    let revision = bytes.get(8..16)?.try_into().unwrap();
    (name == "learner.witness").then(|| i64::from_le_bytes(revision))
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    if !strace("a_power_cut_at_any_sync_loses_nothing_acknowledged") {
        return;
    }
    models::fixture("tiny");
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let learner = root.join("box");
    let low = clips(&root.join("low"), 90, 300.0);
    let high = clips(&root.join("high"), 90, 3_000.0);
    let more = clips(&root.join("more"), 60, 1_200.0);
    let (low, high, more) = (
        low.to_str().unwrap(),
        high.to_str().unwrap(),
        more.to_str().unwrap(),
    );
    let half = format!("{low}/0[0-3]*");
    let commands: Vec<Vec<&str>> = vec![
        vec!["init", learner.to_str().unwrap(), "--backbone", "tiny"],
        vec!["teach", "low", low],
        vec!["teach", "high", high],
        // From here on the log is copied into the database every 32 pages.
        vec!["fold", "--max-disk", "1MiB"],
        vec!["teach", "else", more],
        vec!["forget", "--source", &half],
        vec!["undo"],
        vec!["teach", "other", more],
        vec!["rollback", "150"],
        vec!["fold", "--keep", "60"],
        vec!["teach", "again", more, "--durability", "batched:0.1"],
        vec!["forget", "--class", "low"],
    ];
    let (mut known, mut events) = (Vec::new(), Vec::new());
    let mut states: HashMap<i64, State> = HashMap::new();
    let log = root.join("trace");
    for arguments in &commands {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command
            .args(arguments)
            .env("AFIELD_CACHE", models::cache().root())
            .env("AFIELD_LEARNER", &learner);
        let output = traced(&command, &log)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        read_events(&log, &learner, &mut known, &mut events);
        let session = Session::open(&learner).unwrap();
        for revision in session.history().unwrap() {
            states.entry(revision.id).or_insert_with(|| {
                let (learner, taught) = session.learner_at(revision.id).unwrap();
                (learner.save(), taught)
            });
        }
    }
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
                match Session::open(image.path()) {
                    Ok(session) => {
                        let revision = session.status().revision;
                        assert!(
                            revision == acked || revision == in_flight,
                            "{context}: revision {revision}"
                        );
                        ahead += usize::from(revision > acked);
                        let (bytes, taught) = &states[&revision];
                        assert!(session.learner().save() == *bytes, "{context}");
                        assert!(
                            session.taught(&Selection::default()).unwrap() == *taught,
                            "{context}"
                        );
                        if images % 64 == 0 {
                            goes_on(session, image.path(), images as u64);
                            reopened += 1;
                        }
                    }
                    // Before `init` has said that there is a learner.
                    Err(SessionError::Store(
                        StoreError::NoLearner { .. } | StoreError::Foreign { .. },
                    )) if acked == 0 => {}
                    Err(error) => panic!("{context}: {error}"),
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

/// The learner of an image is one like any other.
fn goes_on(mut session: Session, dir: &Path, seed: u64) {
    let label = Label::new("afterwards").unwrap();
    let mut clip_sha256 = [7; 32];
    clip_sha256[..8].copy_from_slice(&seed.to_le_bytes());
    let heard = Heard {
        windows: vec![0.5; session.learner().contract().embedding_size],
        clip_sha256,
        duration: Micros(1),
    };
    session.teach(&label, &heard, "test", 0).unwrap();
    let state = session.learner().save();
    session.close().unwrap();
    assert!(Session::open(dir).unwrap().learner().save() == state);
    let found = diagnose(dir).unwrap().findings;
    // A witness may be cut off; nothing else may be wrong.
    assert!(found.is_empty(), "{found:?}");
}
