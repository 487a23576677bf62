//! The cards that ship with Afield.

use std::sync::LazyLock;

use super::card::Corpus;
use super::error::CorpusError;

const SHIPPED: [(&str, &str); 2] = [
    (
        "data/rock-kit.toml",
        include_str!("../../../data/rock-kit.toml"),
    ),
    ("data/watch.toml", include_str!("../../../data/watch.toml")),
];

static BUILT_IN: LazyLock<Vec<Corpus>> = LazyLock::new(|| {
    let parse = |(path, text): (&str, &str)| {
        // The text is part of the program, and a test parses every card.
        Corpus::parse(text, path).unwrap_or_else(|e| panic!("shipped card: {e}"))
    };
    SHIPPED.into_iter().map(parse).collect()
});

/// The corpora that ship with Afield.
///
/// ```
/// assert_eq!(afield_lab::corpus::built_in()[0].name, "rock-kit");
/// ```
pub fn built_in() -> &'static [Corpus] {
    &BUILT_IN
}

/// The corpus with this name.
///
/// # Errors
/// [`CorpusError::Unknown`] if no corpus has this name.
pub fn find(name: &str) -> Result<&'static Corpus, CorpusError> {
    let known = built_in();
    known
        .iter()
        .find(|corpus| corpus.name == name)
        .ok_or_else(|| CorpusError::Unknown {
            name: name.to_owned(),
            known: known.iter().map(|corpus| corpus.name.clone()).collect(),
        })
}
