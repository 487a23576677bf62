//! The available models: the cards that ship with Afield and those that the user added to the
//! cache.
//!
//! A user card cannot take the name of a shipped card. An unreadable user card does not
//! hide other cards; it is reported separately.

use std::path::Path;
use std::sync::LazyLock;

use super::{Cache, Card, ModelError, Origin};

const SHIPPED: [(&str, &str); 6] = [
    ("models/ears.toml", include_str!("../../models/ears.toml")),
    (
        "models/speech-embedding.toml",
        include_str!("../../models/speech-embedding.toml"),
    ),
    (
        "models/yamnet.toml",
        include_str!("../../models/yamnet.toml"),
    ),
    (
        "models/yamnet-256.toml",
        include_str!("../../models/yamnet-256.toml"),
    ),
    (
        "models/birdnet.toml",
        include_str!("../../models/birdnet.toml"),
    ),
    ("models/imu.toml", include_str!("../../models/imu.toml")),
];

static BUILT_IN: LazyLock<Vec<Card>> = LazyLock::new(|| {
    let parse = |(path, text): (&str, &str)| {
        // The shipped cards are part of the program, and a test parses them all.
        Card::parse(text, path).unwrap_or_else(|e| panic!("shipped card: {e}"))
    };
    SHIPPED.into_iter().map(parse).collect()
});

impl Card {
    /// The cards that ship with Afield.
    ///
    /// ```
    /// let names: Vec<&str> = afield::model::Card::built_in().iter().map(|c| c.name.as_str()).collect();
    /// assert_eq!(names, ["ears", "speech-embedding", "yamnet", "yamnet-256", "birdnet", "imu"]);
    /// ```
    pub fn built_in() -> &'static [Self] {
        &BUILT_IN
    }
}

/// All available cards, and the errors of those that could not be read.
#[derive(Debug)]
pub struct Listing {
    /// The shipped cards, then the user's cards, sorted by name.
    pub cards: Vec<Card>,
    /// One error for each invalid card file in the cache.
    pub broken: Vec<ModelError>,
}

impl Cache {
    /// Lists the shipped cards and those in the cache.
    ///
    /// # Errors
    /// [`ModelError::Io`] when the cache's folder of cards cannot be read.
    pub fn list(&self) -> Result<Listing, ModelError> {
        let mut listing = Listing {
            cards: Card::built_in().to_vec(),
            broken: Vec::new(),
        };
        for path in self.card_files()? {
            match user_card(&path) {
                Ok(card) => listing.cards.push(card),
                Err(error) => listing.broken.push(error),
            }
        }
        Ok(listing)
    }

    /// The card of the model `name`, shipped or added by the user.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] when no card has the name; as [`Card::read`] when the user's card
    /// with that name is not valid.
    pub fn find(&self, name: &str) -> Result<Card, ModelError> {
        if let Some(card) = Card::built_in().iter().find(|card| card.name == name) {
            return Ok(card.clone());
        }
        // The name is compared with existing files, so that a name from outside never becomes part
        // of a path.
        for path in self.card_files()? {
            if path.file_stem().is_some_and(|stem| stem == name) {
                return user_card(&path);
            }
        }
        let known: Vec<String> = self.list()?.cards.into_iter().map(|c| c.name).collect();
        Err(ModelError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, &known),
            known,
        })
    }
}

fn user_card(path: &Path) -> Result<Card, ModelError> {
    let card = Card::read(path)?;
    let stem = path.file_stem().unwrap_or_default();
    if stem != card.name.as_str() {
        let expected = format!("{:?}, the name of the file", stem.to_string_lossy());
        let actual = format!("{:?}", card.name);
        return Err(ModelError::card_field(path, "name", expected, actual));
    }
    if let Origin::BuiltIn { .. } = card.origin {
        let expected = "pypi or file: only shipped cards describe built-in models";
        let key = "origin.kind";
        return Err(ModelError::card_field(path, key, expected, "built-in"));
    }
    if Card::built_in()
        .iter()
        .any(|shipped| shipped.name == card.name)
    {
        return Err(ModelError::NameTaken {
            name: card.name,
            path: path.into(),
        });
    }
    Ok(card)
}

/// The known name with the fewest edits, if that number is small for its length.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let name: String = name.to_lowercase().chars().take(64).collect();
    let near = known.iter().map(|k| (edits(&name, k), k)).min()?;
    (near.0 <= near.1.len() / 2).then(|| near.1.clone())
}

/// Levenshtein's distance, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (cell, &to) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_card_parses_and_is_named_as_its_file() {
        for ((path, _), card) in SHIPPED.iter().zip(Card::built_in()) {
            assert_eq!(*path, format!("models/{}.toml", card.name));
        }
    }

    #[test]
    fn edits_count_changes_of_one_letter() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", ""), 3);
        assert_eq!(edits("yamnet", "yamnet"), 0);
    }

    #[test]
    fn a_typo_suggests_the_nearest_model() {
        let known = Card::built_in()
            .iter()
            .map(|c| c.name.clone())
            .collect::<Vec<_>>();
        assert_eq!(nearest("yamnt", &known).as_deref(), Some("yamnet"));
        assert_eq!(
            nearest("speech-embeding", &known).as_deref(),
            Some("speech-embedding")
        );
        assert_eq!(nearest("YAMNet256", &known).as_deref(), Some("yamnet-256"));
        assert_eq!(nearest("qqqqqqqqqqqq", &known), None);
    }

    #[test]
    fn a_broken_user_card_does_not_hide_others() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        cache.install_card("broken", "name = ").unwrap();
        let good = SHIPPED[1].1.replace("\"speech-embedding\"", "\"mine\"");
        cache.install_card("mine", &good).unwrap();
        cache.install_card("misnamed", &good).unwrap();
        cache.install_card("yamnet", SHIPPED[2].1).unwrap();
        let listing = cache.list().unwrap();
        assert_eq!(listing.cards.len(), SHIPPED.len() + 1);
        assert_eq!(listing.broken.len(), 3, "{:?}", listing.broken);
        assert_eq!(cache.find("mine").unwrap().name, "mine");
        assert!(matches!(
            cache.find("broken"),
            Err(ModelError::Card { key: None, .. })
        ));
        assert!(matches!(
            cache.find("misnamed"),
            Err(ModelError::Card {
                key: Some("name"),
                ..
            })
        ));
        assert_eq!(&cache.find("yamnet").unwrap(), &Card::built_in()[2]);
        assert!(matches!(
            cache.find("../cards/mine"),
            Err(ModelError::Unknown { .. })
        ));
    }
}
