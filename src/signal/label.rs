//! The name of a class.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{SignalError, is_name};

/// The name of a class: 1 to 128 bytes of UTF-8 without control characters and without
/// surrounding white space. Clones share the text.
///
/// A new label is in Unicode's composed form (NFC), so that a label that is typed equals the same
/// label in the name of a folder. Labels in stored learners keep the form in which they were
/// stored.
///
/// ```
/// use afield::signal::Label;
/// assert_eq!(Label::new("cafe\u{301}")?, Label::new("caf\u{e9}")?);
/// assert!(Label::new("Cafe")?.looks_like(&Label::new("café")?));
/// # Ok::<(), afield::signal::SignalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "StoredLabel", into = "String")]
pub struct Label(Arc<str>);

/// A label as it was stored.
#[derive(Deserialize)]
#[serde(transparent)]
struct StoredLabel(String);

impl Label {
    /// The longest label, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The label of the class of what is not an event: the sound of a place in which nothing
    /// happens. A class of any other name is an event.
    pub const BACKGROUND: &str = "background";

    /// Validates `text` as a label, and composes its characters.
    ///
    /// # Errors
    /// [`SignalError::Label`] when the text is empty, longer than
    /// [`Self::MAX_BYTES`], padded with white space, or holds a control
    /// character.
    pub fn new(text: impl Into<String>) -> Result<Self, SignalError> {
        let text = text.into();
        // Most labels are ASCII. The limit also bounds the work.
        if text.is_ascii() || text.len() > 4 * Self::MAX_BYTES {
            return Self::stored(text);
        }
        Self::stored(text.nfc().collect())
    }

    /// Validates `text`, which a learner stored, as a label. Its characters stay as they are:
    /// digests are computed from them.
    pub(crate) fn stored(text: String) -> Result<Self, SignalError> {
        match is_name(&text, Self::MAX_BYTES) {
            true => Ok(Self(text.into())),
            false => Err(SignalError::Label { text }),
        }
    }

    const NOT: &str = "not ";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the class [`Self::BACKGROUND`].
    pub fn is_background(&self) -> bool {
        self.as_str() == Self::BACKGROUND
    }

    /// The class of sounds that are taken for `self` and are not it: `not `, then the label.
    ///
    /// # Errors
    /// [`SignalError`] if it is longer than a label may be.
    pub fn not(&self) -> Result<Self, SignalError> {
        Self::new(format!("{}{self}", Self::NOT))
    }

    /// Whether sounds of this class are no events: [`Self::BACKGROUND`], and the classes of
    /// [`Self::not`].
    pub fn is_silent(&self) -> bool {
        self.is_background() || self.as_str().starts_with(Self::NOT)
    }

    /// Whether the other label is another one and differs only in case, in accents, or in
    /// characters that are not visible.
    pub fn looks_like(&self, other: &Self) -> bool {
        let folded = |label: &Self| -> String {
            let visible = label.0.nfkd().filter(|c| !is_combining_mark(*c));
            let visible =
                visible.filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}'));
            visible.flat_map(char::to_lowercase).collect()
        };
        self != other && folded(self) == folded(other)
    }
}

impl TryFrom<StoredLabel> for Label {
    type Error = SignalError;
    fn try_from(StoredLabel(text): StoredLabel) -> Result<Self, SignalError> {
        Self::stored(text)
    }
}

impl TryFrom<String> for Label {
    type Error = SignalError;
    fn try_from(text: String) -> Result<Self, SignalError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Label {
    type Error = SignalError;
    fn try_from(text: &str) -> Result<Self, SignalError> {
        Self::new(text)
    }
}

impl std::str::FromStr for Label {
    type Err = SignalError;
    fn from_str(text: &str) -> Result<Self, SignalError> {
        Self::new(text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.as_str().to_owned()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_labels_are_composed_and_stored_ones_are_not() {
        let (composed, decomposed) = ("Wiesenpieper \u{fc}", "Wiesenpieper u\u{308}");
        assert_eq!(Label::new(decomposed).unwrap().as_str(), composed);
        let json = serde_json::to_string(decomposed).unwrap();
        let stored: Label = serde_json::from_str(&json).unwrap();
        assert_eq!(stored.as_str(), decomposed);
        assert!(stored.looks_like(&Label::new(composed).unwrap()));
    }

    #[test]
    fn labels_that_differ_in_case_or_accents_look_alike() {
        let label = |text: &str| Label::new(text).unwrap();
        for (one, other) in [
            ("kettle", "Kettle"),
            ("Röhrl", "ROHRL"),
            ("a\u{200b}b", "ab"),
            ("\u{fb01}nch", "finch"),
        ] {
            assert!(label(one).looks_like(&label(other)), "{one} {other}");
        }
        for (one, other) in [("kettle", "kettle"), ("kettle", "kettles"), ("猫", "狗")] {
            assert!(!label(one).looks_like(&label(other)), "{one} {other}");
        }
    }
}
