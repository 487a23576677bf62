//! Loads any bytes as the TFLite graph of a card. The graph is rejected or run. No panic escapes, and
//! the number of embeddings is the promised one.

use std::sync::LazyLock;

use afield::backbone::{Backbone, Mode};
use afield::model::Card;

static CARD: LazyLock<Card> = LazyLock::new(|| {
    let text = include_str!("../../tests/fixtures/branches.toml");
    Card::parse(text, "branches.toml").expect("a sound card")
});

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let mut file = bytes.to_vec();
    if let Some(mark) = file.get_mut(4..8) {
        mark.copy_from_slice(b"TFL3");
    }
    let Ok(backbone) = Backbone::from_bytes(&file, &CARD, Mode::Windowed) else {
        return;
    };
    let Ok(mut stream) = backbone.stream() else {
        return;
    };
    let mut embeddings = Vec::new();
    let frames = vec![0.25; 2 * CARD.window_frames() * CARD.bands()];
    if stream.push(&frames, &mut embeddings).is_ok() {
        assert_eq!(embeddings.len(), 2 * CARD.embedding.size);
    }
}
