//! Loads any bytes as the part of a snapshot after its contract and settings: classes, head,
//! rehearsal.
//!
//! The first byte selects the head. The header (magic, version, contract, settings) and the
//! checksum at the end are added to the rest. Otherwise no mutation would get past them. `tests/`
//! covers the checks of header and checksum.

use afield::head::HeadKind;
use afield::learner::{Contract, EmbeddingSpace, Example, Learner, Pool, Settings, Transform};
use afield::rehearsal::Capacity;
use sha2::{Digest, Sha256};

/// Features of an example.
pub const WIDTH: usize = 4;

/// The heads by number: each of them, with every option at least once.
pub fn heads() -> Vec<HeadKind> {
    let texts = include_str!("../../tests/fixtures/heads.txt").lines();
    texts.map(|text| text.parse().expect("a head")).collect()
}

/// A learner with head number `which`, before any teaching.
pub fn learner(which: u8) -> Learner {
    let (contract, settings) = made_with(which);
    Learner::new(contract, settings).expect("a sound contract")
}

/// What follows the settings in a saved state, without the checksum.
pub fn body(saved: &[u8]) -> &[u8] {
    &saved[way_in(saved)..saved.len() - 32]
}

/// A state of head number `which` with this body.
pub fn around(which: u8, body: &[u8]) -> Vec<u8> {
    let empty = learner(which).save();
    let mut state = empty[..way_in(&empty)].to_vec();
    state.extend_from_slice(body);
    let checksum = Sha256::digest(&state);
    state.extend_from_slice(&checksum);
    state
}

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let Some((&which, rest)) = bytes.split_first() else {
        return;
    };
    let (contract, settings) = made_with(which);
    let state = around(which, rest);
    let Ok(mut learner) = Learner::load(contract.clone(), settings, &state) else {
        return;
    };
    let saved = learner.save();
    let again = Learner::load(contract, settings, &saved).expect("what is saved loads");
    assert_eq!(again.save(), saved);
    let probe = Example::from_fixed(vec![700, -1, 0, i16::MAX]);
    let scores = learner.predict_one(&probe).expect("the width is right").0;
    let total: f32 = scores.iter().sum();
    assert!(
        scores.is_empty() || (total - 1.0).abs() < 1e-3,
        "{scores:?}"
    );
    if let Some(label) = learner.classes().first().cloned()
        && learner.learn_one(&probe, &label).is_ok()
    {
        learner.predict_one(&probe).expect("the width is right");
        let _ = learner.unlearn_one(&probe, &label);
    }
}

fn made_with(which: u8) -> (Contract, Settings) {
    let contract = Contract::new(
        EmbeddingSpace::new("toy", WIDTH, 8.0)
            .file_sha256("00")
            .frontend("mel"),
        Pool::Mean,
        Transform::None,
    )
    .expect("a sound contract");
    let kinds = heads();
    let settings = Settings {
        head: kinds[usize::from(which) % kinds.len()],
        rehearsal: Capacity::Examples(8).into(),
        seed: 7,
    };
    (contract, settings)
}

/// Bytes of magic, version, contract and settings.
fn way_in(saved: &[u8]) -> usize {
    let mut at = 14 + 2;
    for _ in 0..2 {
        let length = saved[at..at + 8].try_into().expect("eight bytes");
        at += 8 + u64::from_le_bytes(length) as usize;
    }
    at
}
