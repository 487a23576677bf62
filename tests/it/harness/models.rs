//! Backbones for tests that need one: a tiny one that is always there, and the
//! real ones where they can be had.
//!
//! All lie in one cache under the build folder, filled once and shared by every
//! test program; a model appears there whole or not at all, so several may fill
//! it at the same time. The speech embedding and BirdNET come through the user's own pip,
//! the YAMNets from the shared data. A test that cannot have its backbone says
//! that it skips; where `CI` is set it fails instead.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use afield::model::{Cache, Card, Pip};

use super::shared_data;

/// The cache of models that all tests share.
pub fn cache() -> Cache {
    Cache::at(Path::new(env!("CARGO_TARGET_TMPDIR")).join("models"))
}

/// A backbone's card and its file, in [`cache`]; `None` (said on standard error)
/// when it cannot be had and `test` may be skipped.
pub fn real(name: &str, test: &str) -> Option<(Card, PathBuf)> {
    // One pip at a time; a panic of one test is no reason for others to fail.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let cache = cache();
    let why = |what: &dyn std::fmt::Display| {
        super::skip(test, format_args!("the backbone {name}: {what}"));
    };
    let card = cache.find(name).expect("a shipped card");
    if let (Ok(path), Ok(_)) = (cache.model_path(&card), cache.class_labels(&card)) {
        return Some((card, path));
    }
    let file = match name {
        "speech-embedding" | "birdnet" => {
            return match cache.fetch(&card, &Pip::new(None), |_| {}) {
                Ok(fetched) => Some((card, fetched.path)),
                Err(error) => {
                    why(&error);
                    None
                }
            };
        }
        "yamnet" => "yamnet_core_w8.onnx",
        "yamnet-256" => "st_yamnet_256_backbone.onnx",
        other => panic!("no test knows a backbone {other}"),
    };
    let file = shared_data::folder(test)?.join("models").join(file);
    match cache.add(&file, name, |_| {}) {
        Ok(added) => Some((added.card, added.path)),
        Err(error) => {
            why(&error);
            None
        }
    }
}

/// A backbone of random weights from `tests/fixtures`, which is always there:
/// `tiny` and `squashed` can be streamed, `padded` and `squashed-padded` cannot;
/// tract runs the squashed ones.
pub fn fixture(name: &str) -> (Card, PathBuf) {
    let folder = crate::root().join("tests/fixtures");
    let card = Card::read(folder.join(format!("{name}.toml"))).expect("a sound card");
    let added = cache().add(
        &folder.join(format!("{name}.onnx")),
        folder.join(format!("{name}.toml")).to_str().expect("UTF-8"),
        |_| {},
    );
    let added = added.expect("the fixture is what its card says");
    assert_eq!(added.card, card);
    (card, added.path)
}
