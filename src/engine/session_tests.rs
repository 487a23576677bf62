//! Sessions beside another writer of the same folder.

use std::path::Path;

use super::{ClipEmbeddings, Error, Session, TaughtAs, backbone_contract};
use crate::head::HeadKind;
use crate::learner::Settings;
use crate::model::Card;
use crate::signal::{Label, Micros};
use crate::store::{Store, StoreError};

fn create(dir: &Path) -> Session {
    let card = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.toml");
    let card = Card::read(card).unwrap();
    let contract = backbone_contract(&card, None, None).unwrap();
    let settings = Settings {
        head: HeadKind::NCM,
        ..Settings::default()
    };
    Session::create(dir, card, contract, settings, 0).unwrap()
}

/// Clip number `seed`: three embeddings.
fn heard(seed: u8) -> ClipEmbeddings {
    ClipEmbeddings {
        windows: (0..3 * 16).map(|i| f32::from(seed) + i as f32).collect(),
        clip_sha256: [seed; 32],
        duration: Micros(500_000),
        ..ClipEmbeddings::default()
    }
}

fn teach(session: &mut Session, seed: u8) -> Result<TaughtAs, Error> {
    let label = Label::new(["rain", "kettle"][usize::from(seed) % 2]).unwrap();
    session.teach(&label, &heard(seed), "test", i64::from(seed))
}

#[test]
fn a_writer_excludes_other_writers_but_not_readers() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path());
    teach(&mut session, 0).unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let hold = store.hold("merge kitchen hall").unwrap();
    let error = teach(&mut session, 1).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::Store(StoreError::Locked { .. })),
        "{text}"
    );
    assert!(
        text.contains("`merge kitchen hall`") && text.contains(" since "),
        "{text}"
    );
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    let reader = Session::open(dir.path()).unwrap();
    assert_eq!(reader.status().examples, 1);
    reader.predict(&heard(3)).unwrap();
    session.catch_up().unwrap();
    assert_eq!(
        session.status().examples,
        1,
        "what was refused is not known"
    );
    drop(hold);
    assert_eq!(teach(&mut session, 1).unwrap(), TaughtAs::New);
}
