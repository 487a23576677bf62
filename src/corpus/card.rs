//! The card of a data set: where it comes from and how its files are clips.

use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;

use super::CorpusError;

/// The cards that ship, `data/*.toml`.
const CARDS: &[(&str, &str)] = &[("rock-kit", include_str!("../../data/rock-kit.toml"))];

/// One data set's card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CorpusCard {
    /// The name it is asked for by.
    pub name: String,
    /// One line: what is to be told apart.
    pub task: String,
    /// Licence of the recordings.
    pub licence: String,
    /// Debian package that carries them.
    pub package: String,
    /// Folder of the clips inside the package.
    pub folder: String,
    /// Pattern of the clips' file names; its capture `label` is the class.
    pub clips: String,
    /// Pattern whose first capture in a clip's file name is its group.
    pub groups: String,
    /// Number of clips.
    pub count: usize,
    /// sha256 over the clips: for each, in the order of names, the name, a zero
    /// byte, the sha256 of its content in lower-case hex, and a line feed.
    pub sha256: String,
    /// Groups that are for testing.
    #[serde(default)]
    pub test_groups: Vec<String>,
    /// Backbone that suits it.
    pub backbone: String,
}

impl CorpusCard {
    /// The label of a file, if it is one of the clips.
    pub(super) fn pattern(&self) -> Result<Regex, CorpusError> {
        Regex::new(&self.clips).map_err(|error| CorpusError::Card {
            name: self.name.clone(),
            reason: error.to_string(),
        })
    }
}

/// The data sets that ship.
///
/// # Errors
/// [`CorpusError::Card`] when a card is damaged, which a test excludes.
///
/// ```
/// let cards = afield::corpus::built_in()?;
/// assert_eq!(cards[0].name, "rock-kit");
/// # Ok::<(), afield::corpus::CorpusError>(())
/// ```
pub fn built_in() -> Result<&'static [CorpusCard], CorpusError> {
    static PARSED: OnceLock<Vec<CorpusCard>> = OnceLock::new();
    if let Some(cards) = PARSED.get() {
        return Ok(cards);
    }
    let cards: Result<Vec<CorpusCard>, CorpusError> = (CARDS.iter())
        .map(|(name, text)| {
            toml::from_str(text).map_err(|error| CorpusError::Card {
                name: (*name).to_owned(),
                reason: error.to_string(),
            })
        })
        .collect();
    Ok(PARSED.get_or_init({
        let cards = cards?;
        || cards
    }))
}

/// The card of this name.
///
/// # Errors
/// [`CorpusError::Unknown`], naming those there are.
pub fn find(name: &str) -> Result<&'static CorpusCard, CorpusError> {
    let cards = built_in()?;
    (cards.iter().find(|card| card.name == name)).ok_or_else(|| CorpusError::Unknown {
        name: name.to_owned(),
        known: (cards.iter().map(|c| c.name.as_str()))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_that_ships_is_sound_and_its_pattern_names_a_label() {
        for card in built_in().unwrap() {
            let pattern = card.pattern().unwrap();
            assert!(
                pattern
                    .capture_names()
                    .flatten()
                    .any(|name| name == "label")
            );
            assert_eq!(card.sha256.len(), 64);
        }
        assert!(matches!(find("absent"), Err(CorpusError::Unknown { .. })));
    }

    #[test]
    fn a_stroke_is_its_instruments_and_other_files_are_none() {
        let pattern = find("rock-kit").unwrap().pattern().unwrap();
        let caught = pattern.captures("Tom1-Softest.wav").unwrap();
        assert_eq!(&caught["label"], "Tom1");
        for other in ["24Ride-1.wav", "HandClap.wav", "drumkit.xml"] {
            assert!(!pattern.is_match(other), "{other}");
        }
    }
}
