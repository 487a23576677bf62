//! Every input of the fuzz corpora as an ordinary test: seeds, and inputs that once failed.

#[path = "../../fuzz/src/audio.rs"]
mod audio;
#[cfg(unix)]
#[path = "../../fuzz/src/audio_exchange.rs"]
mod audio_exchange;
#[path = "../../fuzz/src/bundle.rs"]
mod bundle;
#[path = "../../fuzz/src/card.rs"]
mod card;
#[path = "../../fuzz/src/header.rs"]
mod header;
#[path = "../../fuzz/src/manifest.rs"]
mod manifest;
#[path = "../../fuzz/src/npz.rs"]
mod npz;
#[path = "../../fuzz/src/onnx.rs"]
mod onnx;
#[path = "../../fuzz/src/sensor.rs"]
mod sensor;
#[path = "../../fuzz/src/state.rs"]
mod state;
#[path = "../../fuzz/src/store.rs"]
mod store;
#[path = "../../fuzz/src/tflite.rs"]
mod tflite;

use std::fs;
use std::path::{Path, PathBuf};

use afield::bundle::{Sealed, SecretKey};
use afield::engine::Session;
use afield::learner::{Example, Learner};
use afield::signal::Label;

/// The inputs that are kept for a target, by name.
fn kept(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let fuzz = crate::root().join("fuzz");
    let mut inputs = Vec::new();
    for folder in ["corpus", "regressions"] {
        for entry in fs::read_dir(fuzz.join(folder).join(target))
            .into_iter()
            .flatten()
        {
            let path = entry.unwrap().path();
            inputs.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    inputs.sort();
    assert!(!inputs.is_empty(), "no input for {target}");
    inputs
}

/// Runs a target on its inputs, and on each of them cut short and with a byte changed.
fn run(target: &str, one: fn(&[u8])) {
    for (path, bytes) in kept(target) {
        eprintln!("{}", path.display());
        one(&bytes);
        for part in 1..8 {
            let at = bytes.len() * part / 8;
            one(&bytes[..at]);
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 0x21;
            }
            one(&changed);
        }
    }
}

#[test]
fn audio_is_decoded_or_refused() {
    run("audio", audio::run);
}

#[test]
fn bundles_are_opened_or_refused() {
    run("bundle", bundle::run);
}

#[test]
fn cards_are_read_or_refused() {
    run("card", card::run);
}

#[test]
fn headers_are_repaired_or_refused() {
    run("header", header::run);
}

#[test]
fn tflite_graphs_are_run_or_refused() {
    run("tflite", tflite::run);
}

#[test]
fn manifests_are_read_or_refused() {
    run("manifest", manifest::run);
}

#[test]
fn archives_are_read_or_refused() {
    run("npz", npz::run);
}

#[test]
fn graphs_are_run_or_refused() {
    run("onnx", onnx::run);
}

#[cfg(unix)]
#[test]
fn requests_and_answers_between_listeners_and_teachers_are_read_or_refused() {
    run("audio_exchange", audio_exchange::run);
}

#[test]
fn tables_and_json_lines_are_read_or_refused() {
    run("sensor", sensor::run);
}

#[test]
fn states_are_loaded_or_refused() {
    run("state", state::run);
}

#[test]
fn databases_are_opened_or_refused() {
    run("store", store::run);
}

/// A learner of head number `which`, taught 12 examples of 3 classes.
fn taught(which: u8) -> Learner {
    let mut learner = state::learner(which);
    for i in 0..12_i16 {
        let x = (0..state::WIDTH as i16).map(|j| (i * 37 + j * 11) % 97 + (i % 3) * 200);
        let label = Label::new(["dog", "kettle", "rain"][i as usize % 3]).unwrap();
        let example = Example::from_fixed(x.collect());
        learner.learn_one(&example, &label).unwrap();
    }
    learner
}

/// The seed of a head's states: its number, and what follows contract and settings.
fn state_seed(which: u8) -> Vec<u8> {
    [&[which], state::body(&taught(which).save())].concat()
}

#[test]
fn valid_states_of_every_head_are_loaded() {
    for which in 0..state::heads().len() as u8 {
        let learner = taught(which);
        let rebuilt = state::around(which, &state_seed(which)[1..]);
        assert_eq!(rebuilt, learner.save(), "head {which}");
    }
}

#[test]
fn a_valid_bundle_is_opened() {
    let mut sound = 0;
    for (path, bytes) in kept("bundle") {
        let bundle = match bytes.starts_with(b"AFBUNDLE") {
            true => bytes,
            false => bundle::around(&bytes),
        };
        let trusted = [SecretKey::from_seed([7; 32]).public()];
        let contents = Sealed::read(&bundle)
            .and_then(|sealed| sealed.open(&trusted))
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let session = Session::unbundle(contents.clone(), folder.path(), 1).unwrap();
        assert!(session.learner().examples() > 0, "{}", path.display());
        let again = session.bundled(!contents.clips.is_empty(), 1).unwrap();
        assert_eq!(again.clips, contents.clips);
        let copy = tempfile::tempdir().unwrap();
        Session::unbundle(again, copy.path(), 1).unwrap();
        assert_eq!(log(copy.path()), log(folder.path()), "{}", path.display());
        sound += 1;
    }
    assert!(sound >= 2);
}

/// Every entry of a learner's log: its kind, label and payload.
fn log(dir: &Path) -> Vec<(String, Option<String>, Option<Vec<u8>>)> {
    let db = rusqlite::Connection::open(dir.join("learner.sqlite")).unwrap();
    let mut entries = db
        .prepare("SELECT kind, label, payload FROM entries ORDER BY id")
        .unwrap();
    let rows = entries.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Writes the seeds that are made and not taken from elsewhere: `cargo test --release --test
/// fuzzed -- --ignored`.
#[test]
#[ignore = "writes to fuzz/corpus"]
fn write_the_seeds() {
    use afield::engine::{ClipEmbeddings, Session, backbone_contract};
    use afield::learner::Settings;
    use afield::model::Card;
    use afield::signal::Micros;
    let corpus = crate::root().join("fuzz/corpus");
    for (which, head) in state::heads().iter().enumerate() {
        let name = head.to_string().replace([':', '+'], "-");
        let seed = state_seed(which as u8);
        // Wide statistics are the narrow ones again, a thousand times as slow to mutate.
        if seed.len() < 64 << 10 {
            fs::write(corpus.join("state").join(name), seed).unwrap();
        }
    }
    let card = Card::parse(include_str!("../fixtures/tiny.toml"), "tiny.toml").unwrap();
    let contract = backbone_contract(&card, None, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::default();
    let mut session = Session::create(folder.path(), card, contract, settings, 1).unwrap();
    for i in 0..4_u8 {
        let heard = ClipEmbeddings {
            windows: (0..16_u8).map(|j| f32::from(i * 7 + j * i) / 9.0).collect(),
            clip_sha256: [i; 32],
            duration: Micros(9),
            ..ClipEmbeddings::default()
        };
        let label = Label::new(["dog", "rain"][usize::from(i % 2)]).unwrap();
        session.teach(&label, &heard, "a.wav", i.into()).unwrap();
    }
    let key = SecretKey::from_seed([7; 32]);
    for (name, with_examples) in [("examples", true), ("state", false)] {
        let contents = session.bundled(with_examples, 1).unwrap();
        let sealed = contents.seal(&key).unwrap();
        fs::write(corpus.join("bundle").join(name), &sealed[114..]).unwrap();
        if with_examples {
            fs::write(corpus.join("bundle").join("sealed"), &sealed).unwrap();
        }
    }
    session.close().unwrap();
}
