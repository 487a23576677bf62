//! What a learner's folder promises: the same knowledge in any order, through
//! any reopening, whoever else writes, and whatever stops the process.

mod models;
mod shared_data;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use afield::backbone::{Backbone, Mode};
use afield::control::{Heard, Session, TaughtAs, backbone_contract, hear};
use afield::head::HeadKind;
use afield::learner::Settings;
use afield::model::Card;
use afield::rehearsal::Capacity;
use afield::signal::{Label, SampleRate};
use afield::source::{Segment, Sound, Synthetic};

/// Three classes of tones, blurred by noise; each clip is its own.
fn clips(card: &Card, backbone: &Backbone, n: usize) -> Vec<(Label, Heard)> {
    let rate = SampleRate::new(16_000).unwrap();
    (0..n)
        .map(|i| {
            let hz = [300.0, 1_100.0, 3_000.0][i % 3];
            let segments = vec![
                Segment {
                    sound: Sound::Tone { hz, amplitude: 0.4 },
                    samples: 4_000,
                },
                Segment {
                    sound: Sound::Noise { amplitude: 0.1 },
                    samples: 1_000 + i as u64,
                },
            ];
            let mut source = Synthetic::new(rate, segments, 512, i as u64);
            let label = Label::new(["low", "middle", "high"][i % 3]).unwrap();
            (label, hear(&mut source, card, backbone).unwrap())
        })
        .collect()
}

fn tiny() -> (Card, Backbone) {
    let (card, path) = models::fixture("tiny");
    let backbone = Backbone::load(&path, &card, Mode::Auto).unwrap();
    (card, backbone)
}

fn create(dir: &Path, card: &Card, head: HeadKind) -> Session {
    let settings = Settings {
        head,
        rehearsal: Capacity::Examples(30),
        seed: 7,
    };
    let contract = backbone_contract(card, None, None).unwrap();
    Session::create(dir, card.clone(), contract, settings, 0).unwrap()
}

/// Bits of each label's probability, by label.
fn answers(session: &Session, clips: &[(Label, Heard)]) -> Vec<Vec<(String, u32)>> {
    (clips.iter())
        .map(|(_, heard)| {
            let scores = session.predict(heard).unwrap();
            let classes = session.learner().classes();
            let mut answer: Vec<(String, u32)> = (classes.iter().zip(&scores.0))
                .map(|(label, p)| (label.to_string(), p.to_bits()))
                .collect();
            answer.sort();
            answer
        })
        .collect()
}

#[test]
fn two_orders_of_teaching_give_the_same_bytes_through_reopening_too() {
    let (card, backbone) = tiny();
    // More than a snapshot's worth, so that one order reopens from one.
    let all = clips(&card, &backbone, 270);
    for head in [HeadKind::Ncm, HeadKind::Lda] {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut forward = create(one.path(), &card, head);
        for (label, heard) in &all {
            forward.teach(label, heard, "test", 0).unwrap();
        }
        forward.close().unwrap();
        let mut backward = create(two.path(), &card, head);
        for (i, (label, heard)) in all.iter().rev().enumerate() {
            backward.teach(label, heard, "test", 0).unwrap();
            if i == 100 {
                backward.close().unwrap();
                backward = Session::open(two.path()).unwrap();
            }
        }
        let forward = Session::open(one.path()).unwrap();
        let tested = &all[..12];
        assert_eq!(
            answers(&forward, tested),
            answers(&backward, tested),
            "{head}"
        );
        let right = (tested.iter()).filter(|(label, heard)| {
            let best = forward.predict(heard).unwrap().best().unwrap().0;
            forward.learner().classes()[best] == *label
        });
        assert!(right.count() >= 11, "{head} tells tones apart");
    }
}

#[test]
fn a_correction_leaves_no_trace_of_the_wrong_label() {
    let (card, backbone) = tiny();
    let all = clips(&card, &backbone, 9);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut corrected = create(one.path(), &card, HeadKind::Lda);
    let mut never_wrong = create(two.path(), &card, HeadKind::Lda);
    let wrong = Label::new("wrong").unwrap();
    corrected.teach(&wrong, &all[0].1, "test", 0).unwrap();
    for (label, heard) in &all {
        never_wrong.teach(label, heard, "test", 0).unwrap();
        let outcome = corrected.teach(label, heard, "test", 0).unwrap();
        let first = heard == &all[0].1;
        let from = "wrong".to_owned();
        let expected = if first {
            TaughtAs::Corrected { from }
        } else {
            TaughtAs::New
        };
        assert_eq!(outcome, expected);
        let again = corrected.teach(label, heard, "test", 0).unwrap();
        assert_eq!(again, TaughtAs::Already);
    }
    assert_eq!(corrected.learner().examples(), 9);
    assert_eq!(answers(&corrected, &all), answers(&never_wrong, &all));
}

#[test]
fn two_sessions_at_once_lose_nothing_and_end_equal() {
    let (card, backbone) = tiny();
    let all = clips(&card, &backbone, 20);
    for head in HeadKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let mut a = create(dir.path(), &card, head);
        let mut b = Session::open(dir.path()).unwrap();
        for (i, (label, heard)) in all.iter().enumerate() {
            let session = if i % 3 == 0 { &mut a } else { &mut b };
            session.teach(label, heard, "test", 0).unwrap();
        }
        a.catch_up().unwrap();
        b.catch_up().unwrap();
        assert_eq!(a.learner().examples(), 20);
        assert_eq!(a.learner().save(), b.learner().save(), "{head}");
        let reopened = Session::open(dir.path()).unwrap();
        assert_eq!(a.learner().save(), reopened.learner().save(), "{head}");
    }
}

#[test]
fn a_damaged_snapshot_costs_no_knowledge() {
    let (card, backbone) = tiny();
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), &card, HeadKind::Lda);
    for (label, heard) in clips(&card, &backbone, 260) {
        session.teach(&label, &heard, "test", 0).unwrap();
    }
    let before = session.learner().save();
    session.close().unwrap();
    let db = rusqlite::Connection::open(dir.path().join("learner.sqlite")).unwrap();
    let damaged = db
        .execute("UPDATE snapshots SET state = zeroblob(length(state))", [])
        .unwrap();
    assert_eq!(damaged, 1, "a snapshot had been kept");
    drop(db);
    assert_eq!(Session::open(dir.path()).unwrap().learner().save(), before);
}

#[test]
fn what_is_no_learner_of_ours_is_refused_with_a_hint() {
    let (card, _) = tiny();
    let dir = tempfile::tempdir().unwrap();
    let says = |dir: &Path, words: &str| {
        let Err(error) = Session::open(dir) else {
            panic!("opened");
        };
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("hint:"), "{text}");
    };
    says(dir.path(), "no learner in");
    let file = dir.path().join("learner.sqlite");
    std::fs::write(&file, "this is not a database, whatever it is called").unwrap();
    says(dir.path(), "learner.sqlite");
    std::fs::remove_file(&file).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("CREATE TABLE diary (day TEXT)").unwrap();
    drop(db);
    says(dir.path(), "no learner's tables");
    std::fs::remove_file(&file).unwrap();

    create(dir.path(), &card, HeadKind::Ncm);
    let contract = backbone_contract(&card, None, None).unwrap();
    let again = Session::create(dir.path(), card, contract, Settings::default(), 0);
    assert!(
        again
            .err()
            .unwrap()
            .to_string()
            .contains("holds a learner already")
    );
    let db = rusqlite::Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 999).unwrap();
    drop(db);
    says(dir.path(), "format 999");
}

#[test]
fn a_store_that_refuses_leaves_memory_as_the_disk_is() {
    let (card, backbone) = tiny();
    let all = clips(&card, &backbone, 6);
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), &card, HeadKind::Linear);
    for (label, heard) in &all[..3] {
        session.teach(label, heard, "test", 0).unwrap();
    }
    let before = session.learner().save();
    let db = rusqlite::Connection::open(dir.path().join("learner.sqlite")).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON operations
         BEGIN SELECT RAISE(ABORT, 'disk full, as it were'); END",
    )
    .unwrap();
    let error = session.teach(&all[4].0, &all[4].1, "test", 0).unwrap_err();
    assert!(error.to_string().contains("as it were"), "{error}");
    assert_eq!(session.learner().save(), before);
    db.execute_batch("DROP TRIGGER full").unwrap();
    session.teach(&all[4].0, &all[4].1, "test", 0).unwrap();
    assert_eq!(session.learner().examples(), 4);
}

#[test]
fn a_killed_process_loses_no_clip_that_it_said_was_stored() {
    let (card, _) = tiny();
    let dir = tempfile::tempdir().unwrap();
    create(&dir.path().join("learner"), &card, HeadKind::Lda);
    let sounds = dir.path().join("sounds");
    for (i, label) in (0..60).map(|i| (i, ["low", "high"][i % 2])) {
        let folder = sounds.join(label);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{i:02}.wav")), wav(300 + 40 * i as u32)).unwrap();
    }
    let listen = || -> Child {
        Command::new(env!("CARGO_BIN_EXE_afield"))
            .args(["listen", "--learn", "--source"])
            .arg(format!("dir:{}", sounds.display()))
            .arg("--learner")
            .arg(dir.path().join("learner"))
            .env("AFIELD_CACHE", models::cache().root())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut acknowledged = 0;
    for round in 0..8_u64 {
        let mut child = listen();
        std::thread::sleep(Duration::from_millis(40 + round * 37 % 90));
        child.kill().unwrap();
        // A line is printed after its clip is stored.
        let output = child.wait_with_output().unwrap();
        let lines = output.stdout.iter().filter(|b| **b == b'\n').count() as u64;
        let session = Session::open(&dir.path().join("learner")).unwrap();
        let stored = session.learner().examples();
        // Each run goes over the same clips from the first on.
        assert!(
            stored >= lines.max(acknowledged),
            "{stored} stored, {lines} acknowledged"
        );
        acknowledged = stored;
    }
    assert!(listen().wait().unwrap().success());
    let session = Session::open(&dir.path().join("learner")).unwrap();
    assert_eq!(session.learner().examples(), 60);
}

/// Half a second of a tone, 16-bit mono at 16 kHz.
fn wav(hz: u32) -> Vec<u8> {
    let samples = (0..8_000).map(|n| {
        let phase = f64::from(n) * f64::from(hz) / 16_000.0 * std::f64::consts::TAU;
        (phase.sin() * 9_000.0) as i16
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(32_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}
