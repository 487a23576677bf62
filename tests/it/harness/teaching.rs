//! Clips as a backbone may have heard them, for tests that teach without one.

use afield::engine::{ClipEmbeddings, Session, TaughtAs};
use afield::signal::{Label, Micros};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const LABELS: [&str; 5] = ["rain", "kettle", "dog", "door", "wind"];

pub fn label(class: usize) -> Label {
    Label::new(LABELS[class]).unwrap()
}

/// Clip number `seed`: three embeddings around its class's place.
pub fn heard(class: usize, seed: u64) -> ClipEmbeddings {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let windows = (0..3 * 16)
        .map(|i| {
            let noise = rng.random::<f32>() * 3.0;
            noise + if i % 16 % 5 == class { 2.0 } else { 0.0 }
        })
        .collect();
    let mut clip_sha256 = [0; 32];
    clip_sha256[..8].copy_from_slice(&seed.to_le_bytes());
    ClipEmbeddings {
        windows,
        clip_sha256,
        duration: Micros(500_000),
        ..ClipEmbeddings::default()
    }
}

/// Teaches clip number `seed` at time `seed`.
pub fn teach(session: &mut Session, class: usize, seed: u64) -> TaughtAs {
    let heard = heard(class, seed);
    let label = label(class);
    session.teach(&label, &heard, "test", seed as i64).unwrap()
}
