//! Loads any bytes as the graph of a card. The graph is rejected or run. No panic escapes, and the
//! number of embeddings is the promised one.

use std::path::PathBuf;
use std::sync::LazyLock;

use afield::backbone::{Backbone, Mode};
use afield::model::Card;

static CARD: LazyLock<Card> = LazyLock::new(|| {
    let text = include_str!("../../tests/fixtures/tiny.toml");
    Card::parse(text, "tiny.toml").expect("a sound card")
});
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("afield-fuzz-{}.onnx", std::process::id())));

/// Runs one input.
pub fn run(bytes: &[u8]) {
    std::fs::write(&*FILE, bytes).expect("a writable folder for temporary files");
    let Ok(backbone) = Backbone::load(&FILE, &CARD, Mode::Auto) else {
        return;
    };
    let Ok(mut stream) = backbone.stream() else {
        return;
    };
    let frames = CARD.window_frames() + 3 * CARD.embedding.hop_frames;
    let mut embeddings = Vec::new();
    let pushed = stream.push(&vec![0.25; frames * CARD.bands()], &mut embeddings);
    if pushed.is_ok() && stream.finish(&mut embeddings).is_ok() {
        assert_eq!(embeddings.len(), 4 * CARD.embedding.size);
    }
}
