//! The classes that a backbone was published with: `[classes]` on its card, and the file of their
//! labels in the cache.
//!
//! This module reads labels. `backbone` reads the layer that scores them.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cache::{Source, not_fetched, wrong_checksum};
use super::checksum;
use super::{Cache, Card, Checked, ModelError};
use crate::signal::Label;

/// The largest file of labels, in bytes.
pub(super) const MAX_LABEL_BYTES: u64 = 16 << 20;

/// The classes that a backbone was published with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClassesSpec {
    /// Name of the tensor of the logits, one a class. A dense layer computes it from the tensor of
    /// the embedding.
    pub(crate) name: String,
    /// Number of classes, 2 to 100,000.
    pub count: usize,
    /// How a logit becomes a probability.
    pub activation: ClassActivation,
    /// The file of the labels, one a line in the order of the logits: a member of the wheel, or
    /// the usual name of a file.
    pub labels: String,
    /// sha256 of that file, lower-case hex.
    pub labels_sha256: String,
    /// The probability in `(0, 1]` from which on a class is named.
    pub min_confidence: f32,
}

/// How the logits of published classes become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassActivation {
    /// Each class for itself: several may be probable, or none.
    Sigmoid,
    /// The probabilities of all classes sum to 1.
    Softmax,
}

impl ClassActivation {
    /// The name, as on a card.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }
}

impl Cache {
    /// The path of the labels of the card's classes, whether or not the file exists; `None` if the
    /// card names no classes.
    pub fn place_of_labels(&self, card: &Card) -> Option<PathBuf> {
        let spec = card.classes.as_ref()?;
        let folder = self.root().join("models");
        Some(folder.join(format!("{}.txt", spec.labels_sha256)))
    }

    /// The labels of the card's classes, in the order of the logits, after their checksum was
    /// verified; none if the card names no classes.
    ///
    /// # Errors
    /// [`ModelError::NotFetched`] if the file is missing, [`ModelError::Checksum`] if it does not
    /// match the card, [`ModelError::Labels`] if it has other labels than the card states,
    /// [`ModelError::Io`] if it cannot be read.
    pub fn class_labels(&self, card: &Card) -> Result<Vec<Label>, ModelError> {
        let (Some(spec), Some(path)) = (&card.classes, self.place_of_labels(card)) else {
            return Ok(Vec::new());
        };
        let mut file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(not_fetched(card, ModelError::LACKS_LABELS));
            }
            opened => opened.map_err(|e| ModelError::io("open", &path, e))?,
        };
        let mut bytes = Vec::new();
        let sum = checksum::copy(&mut file, &mut bytes, MAX_LABEL_BYTES + 1, &mut |_| {})
            .map_err(|e| ModelError::io("read", &path, e.into_reason()))?;
        if sum.sha256 != spec.labels_sha256 {
            let what = format!("cached labels {}", path.display());
            let expected = &spec.labels_sha256;
            return Err(wrong_checksum(card, what, Checked::Cached, expected, sum));
        }
        parse(&bytes, spec.count).map_err(|reason| ModelError::Labels {
            path: path.clone(),
            reason,
        })
    }

    /// Whether the labels of the card's classes are in the cache, intact, or not needed.
    pub(super) fn has_labels(&self, card: &Card) -> Result<bool, ModelError> {
        match self.class_labels(card) {
            Ok(_) => Ok(true),
            Err(ModelError::NotFetched { .. } | ModelError::Checksum { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Reads labels from `from`, checks them against the card, and stores them.
    pub(super) fn install_labels(
        &self,
        card: &Card,
        source: &Source<'_>,
        from: &mut dyn io::Read,
    ) -> Result<(), ModelError> {
        let (Some(spec), Some(place)) = (&card.classes, self.place_of_labels(card)) else {
            return Ok(());
        };
        self.install_checked(
            card,
            (&place, &spec.labels_sha256, MAX_LABEL_BYTES),
            source,
            from,
            &mut |_| {},
        )
    }

    /// Copies `file` into the cache as the labels of the classes of `card`.
    ///
    /// # Errors
    /// [`ModelError::NoClasses`] if the card names no classes, [`ModelError::Checksum`] if the file
    /// does not match the card, [`ModelError::Labels`] if it has other labels than the card states,
    /// [`ModelError::Io`].
    pub fn add_labels(&self, file: &Path, card: &Card) -> Result<(), ModelError> {
        if card.classes.is_none() {
            return Err(ModelError::NoClasses {
                name: card.name.clone(),
            });
        }
        let mut opened = File::open(file).map_err(|e| ModelError::io("open", file, e))?;
        let source = Source {
            what: file.display().to_string(),
            read_error: &|e| ModelError::io("read", file, e),
            checked: Checked::File,
        };
        self.install_labels(card, &source, &mut opened)?;
        self.class_labels(card).map(|_| ())
    }
}

/// One label a line, `count` in all, no two alike.
fn parse(bytes: &[u8], count: usize) -> Result<Vec<Label>, String> {
    let text = str::from_utf8(bytes).map_err(|e| format!("it is not UTF-8: {e}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut labels, mut known) = (Vec::new(), HashSet::new());
    for (line, text) in (1..).zip(text.lines()) {
        let label = Label::new(text.trim()).map_err(|e| format!("line {line}: {e}"))?;
        if !known.insert(label.clone()) {
            return Err(format!("line {line}: {label} stands in it twice"));
        }
        labels.push(label);
    }
    match labels.len() == count {
        true => Ok(labels),
        false => Err(format!(
            "it has {} labels, the card says {count}",
            labels.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines_of_which_no_two_are_alike() {
        let labels = parse("a_A\r\ncafe\u{301}_b".as_bytes(), 2).unwrap();
        let texts: Vec<&str> = labels.iter().map(Label::as_str).collect();
        assert_eq!(texts, ["a_A", "caf\u{e9}_b"]);
        for (bytes, count, expected) in [
            (&b"a\nb\n"[..], 3, "it has 2 labels, the card says 3"),
            (b"a\nb\na", 3, "line 3: a stands in it twice"),
            (b"a\n\nb", 3, "line 2: "),
            (b"\xff", 1, "it is not UTF-8"),
        ] {
            let reason = parse(bytes, count).unwrap_err();
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}
