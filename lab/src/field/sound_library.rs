//! The clips that days are composed from, and the clips that are taught.

use std::collections::BTreeSet;
use std::path::PathBuf;

use afield::Recording;
use afield::model::Card;
use afield::signal::{Group, Label, SampleRate};
use afield::source::SensorFormat;

use super::error::FieldError;
use super::sound::read_sound;
use crate::data::{ClipList, FailedRecording, ListedClip, SplitFault};

/// A clip of the test side: its class and its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct LibrarySound {
    /// Its class.
    pub label: Label,
    /// Mono samples at the rate of the library.
    pub samples: Vec<f32>,
}

/// A clip of the training side, by its file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaughtFile {
    pub label: Label,
    pub path: PathBuf,
    pub group: Option<Group>,
}

/// Labelled clips of a data set. Those of the test side make days; the others are taught.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundLibrary {
    rate: SampleRate,
    format: SensorFormat,
    sounds: Vec<LibrarySound>,
    taught: Vec<TaughtFile>,
    test_groups: Vec<String>,
}

impl SoundLibrary {
    /// Reads the clips of `list`, in its order, at the rate of `card`. Clips of `test_groups` are on
    /// the test side; without groups, the clips that the list marks. Clips that cannot be read are
    /// returned beside the library; with `strict`, no clip is read after one has failed.
    ///
    /// `progress` receives the number of clips read, and their number.
    ///
    /// # Errors
    /// [`FieldError::Sensor`]; [`FieldError::Split`] if the list has no such group or marks no clip.
    pub fn read(
        list: ClipList,
        card: &Card,
        format: &SensorFormat,
        test_groups: &[String],
        strict: bool,
        progress: &dyn Fn(usize, usize),
    ) -> Result<(Self, Vec<FailedRecording>), FieldError> {
        if card.sensor().is_some() {
            let backbone = card.name.clone();
            return Err(FieldError::Sensor { backbone });
        }
        let sides = test_side(&list, test_groups)?;
        let mut library = Self::empty(card.sample_rate);
        library.test_groups = test_groups.to_vec();
        library.format = format.clone();
        let (mut failed, all) = (Vec::new(), list.clips.len());
        for (number, (clip, on_test_side)) in list.clips.into_iter().zip(sides).enumerate() {
            if strict && !failed.is_empty() {
                break;
            }
            match library.add(&clip, on_test_side) {
                Ok(()) => {}
                Err(FieldError::Engine(error)) => failed.push(clip.failed(error)),
                Err(error) => return Err(error),
            }
            progress(number + 1, all);
        }
        Ok((library, failed))
    }

    fn empty(rate: SampleRate) -> Self {
        Self {
            rate,
            format: SensorFormat::default(),
            sounds: Vec::new(),
            taught: Vec::new(),
            test_groups: Vec::new(),
        }
    }

    /// A library of samples in memory. Nothing is taught.
    #[cfg(test)]
    pub(crate) fn of_sounds(rate: SampleRate, sounds: Vec<LibrarySound>) -> Self {
        let taught = (sounds.iter())
            .map(|sound| TaughtFile {
                label: sound.label.clone(),
                path: PathBuf::new(),
                group: None,
            })
            .collect();
        Self {
            sounds,
            taught,
            ..Self::empty(rate)
        }
    }

    fn add(&mut self, clip: &ListedClip, on_test_side: bool) -> Result<(), FieldError> {
        let label = Label::new(clip.label.as_str())?;
        let mut recording = Recording::open_with(&clip.path, &self.format)?;
        let samples = read_sound(&mut recording, self.rate)?;
        if samples.is_empty() {
            return Err(afield::Error::Silent.into());
        }
        if on_test_side {
            self.sounds.push(LibrarySound { label, samples });
            return Ok(());
        }
        let group = clip.group.as_deref().filter(|group| !group.is_empty());
        self.taught.push(TaughtFile {
            label,
            path: clip.path.clone(),
            group: group.map(Group::new).transpose()?,
        });
        Ok(())
    }

    /// The rate of all samples.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How recordings are read.
    pub(crate) fn format(&self) -> &SensorFormat {
        &self.format
    }

    /// The groups of the test side, as they were requested.
    pub fn test_groups(&self) -> &[String] {
        &self.test_groups
    }

    /// The clips of the test side.
    pub fn sounds(&self) -> &[LibrarySound] {
        &self.sounds
    }

    /// The clips of the test side of one class.
    pub(crate) fn of_class<'a>(&'a self, label: &'a Label) -> impl Iterator<Item = &'a [f32]> {
        let of = self
            .sounds
            .iter()
            .filter(move |sound| sound.label == *label);
        of.map(|sound| sound.samples.as_slice())
    }

    /// The clips to teach of one class.
    pub(crate) fn taught<'a>(&'a self, label: &'a Label) -> impl Iterator<Item = &'a TaughtFile> {
        self.taught.iter().filter(move |clip| clip.label == *label)
    }

    /// The classes of the test side, sorted.
    pub(crate) fn classes(&self) -> Vec<Label> {
        let classes: BTreeSet<&Label> = self.sounds.iter().map(|sound| &sound.label).collect();
        classes.into_iter().cloned().collect()
    }
}

/// For each clip, whether it is on the test side.
fn test_side(list: &ClipList, groups: &[String]) -> Result<Vec<bool>, SplitFault> {
    if groups.is_empty() {
        let marked: Vec<bool> = (list.clips.iter())
            .map(|clip| clip.test == Some(true))
            .collect();
        return match marked.contains(&true) {
            true => Ok(marked),
            false => Err(SplitFault::EmptySide { side: "test" }),
        };
    }
    let known: BTreeSet<&str> = (list.clips.iter())
        .filter_map(|clip| clip.group.as_deref())
        .collect();
    if known.is_empty() {
        return Err(SplitFault::NoGroups);
    }
    if let Some(unknown) = groups.iter().find(|group| !known.contains(group.as_str())) {
        return Err(SplitFault::UnknownGroup {
            unknown: unknown.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
        });
    }
    let is_test =
        |clip: &ListedClip| (clip.group.as_ref()).is_some_and(|group| groups.contains(group));
    Ok(list.clips.iter().map(is_test).collect())
}
