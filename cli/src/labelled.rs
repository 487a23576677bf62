//! Labelled recordings of a data set: listed, embedded, and what went wrong or is odd.
//!
//! One bad file, name or folder stops nothing. What is left out is listed at the end and in the
//! output, with the classes and groups that are lost by it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use afield::model::Card;
use afield::pipeline::Window;
use afield::source::{Note, SensorFormat};
use afield_lab::data::{
    self, ClipList, Clips, FailedRecording, ListedClip, list_folder, read_manifest,
};
use afield_lab::exam::EmbeddedRecordings;
use afield_lab::field::{FieldError, SoundLibrary};
use anyhow::Result;
use serde::Serialize;

use super::batch::{Batch, FailureLine, note_passed_over};
use super::embedding::{advance, progress};
use super::model::Places;
use super::recording::note_all;

/// Labelled recordings of one command, before they are embedded.
pub struct Labelled<'a> {
    batch: &'a mut Batch,
    list: ClipList,
    lost: Names,
}

/// Names of classes and groups.
#[derive(Default)]
struct Names {
    classes: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// The recordings of which a result was made, and those that are left out.
#[derive(Debug, Default, Serialize)]
pub struct Read {
    /// The number of recordings that were embedded.
    recordings: usize,
    /// Classes and groups of which no recording is left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost_classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Noted>,
}

/// What is odd about a recording.
#[derive(Debug, Serialize)]
struct Noted {
    path: String,
    notes: Vec<Note>,
}

/// [`Read`] and the failures, as a part of a JSON object.
#[derive(Serialize)]
pub struct ReadJson<'a> {
    #[serde(flatten)]
    read: &'a Read,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<FailureLine<'a>>,
}

impl<'a> Labelled<'a> {
    /// No recordings yet. Failures go into `batch`.
    pub fn new(batch: &'a mut Batch) -> Self {
        Self {
            batch,
            list: ClipList::default(),
            lost: Names::default(),
        }
    }

    /// Adds recordings.
    pub fn add(&mut self, list: ClipList) {
        self.batch.add(list.clips.len());
        self.list.clips.extend(list.clips);
    }

    /// Adds the recordings `folder/<class>/<clip>`. `flag` named the folder, if a flag did.
    ///
    /// # Errors
    /// With `--strict`, for the first of them that cannot be used.
    pub fn add_folder(
        &mut self,
        folder: &Path,
        card: &Card,
        flag: Option<&'static str>,
    ) -> Result<()> {
        let found = match list_folder(folder, card) {
            Ok(found) => found,
            Err(error) => {
                self.batch.add(1);
                let error = anyhow::Error::from(error);
                let error = match flag {
                    Some(flag) => error.context(flag),
                    None => error,
                };
                return self.batch.fail(folder, error);
            }
        };
        note_passed_over(folder, &found.passed_over);
        self.add(found.list);
        for failed in &found.failed {
            self.batch.add(failed.recordings);
        }
        self.leave_out(found.failed)
    }

    /// Adds the recordings of a manifest.
    ///
    /// # Errors
    /// If the manifest cannot be read; with `--strict`, for the first class that is no label.
    pub fn add_manifest(&mut self, path: &Path, folder: Option<&Path>) -> Result<()> {
        let mut list = read_manifest(path, folder)?;
        let failed = list.take_unlabelled();
        self.batch.add(failed.len());
        self.add(list);
        self.leave_out(failed)
    }

    /// Sets the groups by a pattern of file names.
    ///
    /// # Errors
    /// If the pattern is invalid or fits no name; with `--strict`, for the first name that it does
    /// not fit.
    pub fn set_groups(&mut self, pattern: &str) -> Result<()> {
        let failed = self.list.set_groups(pattern)?;
        self.leave_out(failed)
    }

    fn leave_out(&mut self, failed: Vec<FailedRecording>) -> Result<()> {
        for failed in failed {
            self.lost.classes.extend(failed.label);
            self.lost.groups.extend(failed.group);
            let (path, recordings) = (&failed.path, failed.recordings);
            self.batch.fail_all(path, recordings, failed.error.into())?;
        }
        Ok(())
    }

    /// Embeds the recordings, cut into pieces if `cut` is given, and prints what is odd about them
    /// and which classes and groups are lost.
    ///
    /// # Errors
    /// If the backbone is not available, or if too little is left to work on; with `--strict`, for
    /// the first recording that fails.
    pub fn embed(
        mut self,
        card: &Card,
        format: &SensorFormat,
        cut: Option<Window>,
        places: &Places,
    ) -> Result<(Clips, Read)> {
        let (list, strict) = (std::mem::take(&mut self.list), self.batch.is_strict());
        let bar = progress(0, "embedded");
        let show = |done: usize, of: usize| advance(&bar, done, of);
        let embedded = data::embed_clips(list, card, format, &places.cache()?, strict, &show);
        bar.finish_and_clear();
        let mut embedded = embedded?;
        self.leave_out(std::mem::take(&mut embedded.failed))?;
        let notes = embedded.notes();
        let notes = notes.map(|(clip, notes)| (clip.path.clone(), notes.to_vec()));
        let read = self.read_with(&embedded.list().clips, &notes.collect::<Vec<_>>());
        let clips = embedded.clips(cut)?;
        Ok((clips, read))
    }

    /// Embeds the recordings as a learner takes them, cut into pieces if `cut` is given, and prints
    /// what is odd about them and which classes and groups are lost.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn recordings(
        mut self,
        card: &Card,
        format: &SensorFormat,
        cut: Option<Window>,
        places: &Places,
    ) -> Result<(EmbeddedRecordings, Read)> {
        let (list, strict) = (std::mem::take(&mut self.list), self.batch.is_strict());
        let bar = progress(0, "embedded");
        let show = |done: usize, of: usize| advance(&bar, done, of);
        let cache = places.cache()?;
        let embedded = EmbeddedRecordings::embed(list, card, format, cut, &cache, strict, &show);
        bar.finish_and_clear();
        let (recordings, failed) = embedded?;
        self.leave_out(failed)?;
        let mut whole = recordings.list().clips.clone();
        // The pieces of a recording follow each other.
        whole.dedup_by(|a, b| a.path == b.path);
        let read = self.read_with(&whole, recordings.notes());
        Ok((recordings, read))
    }

    /// Reads the recordings for days in the field; those of `test_groups` make the days. Prints
    /// which classes and groups are lost.
    ///
    /// # Errors
    /// If no such groups exist; with `--strict`, for the first recording that fails.
    pub fn sounds(
        mut self,
        card: &Card,
        format: &SensorFormat,
        test_groups: &[String],
    ) -> Result<(SoundLibrary, Read)> {
        let (list, strict) = (std::mem::take(&mut self.list), self.batch.is_strict());
        let mut clips = list.clips.clone();
        let bar = progress(0, "read");
        let show = |done: usize, of: usize| advance(&bar, done, of);
        let library = SoundLibrary::read(list, card, format, test_groups, strict, &show);
        bar.finish_and_clear();
        let (library, failed) = library.map_err(|error| match &error {
            FieldError::Split(_) => anyhow::Error::from(error).context("--test-groups"),
            _ => error.into(),
        })?;
        clips.retain(|clip| failed.iter().all(|failed| failed.path != clip.path));
        self.leave_out(failed)?;
        let read = self.read(&clips);
        Ok((library, read))
    }

    /// As [`Self::read`], with what is odd about recordings, which is printed.
    fn read_with(&mut self, clips: &[ListedClip], notes: &[(PathBuf, Vec<Note>)]) -> Read {
        let noted = |(path, notes): &(PathBuf, Vec<Note>)| Noted {
            path: path.display().to_string(),
            notes: notes.clone(),
        };
        let read = Read {
            notes: notes.iter().map(noted).collect(),
            ..self.read(clips)
        };
        note_all((read.notes.iter()).map(|noted| (noted.path.as_str(), noted.notes.as_slice())));
        read
    }

    /// Which classes and groups are lost if these clips are left.
    fn read(&mut self, clips: &[ListedClip]) -> Read {
        for clip in clips {
            self.lost.classes.remove(&clip.label);
            if let Some(group) = &clip.group {
                self.lost.groups.remove(group);
            }
        }
        let Names { classes, groups } = match clips.is_empty() {
            // The failures say it all.
            true => Names::default(),
            false => std::mem::take(&mut self.lost),
        };
        for (what, lost) in [("class", &classes), ("group", &groups)] {
            for name in lost {
                eprintln!(
                    "note: no recording of the {what} {name} is left; it is not part of the result"
                );
            }
        }
        Read {
            recordings: clips.len(),
            lost_classes: classes.into_iter().collect(),
            lost_groups: groups.into_iter().collect(),
            notes: Vec::new(),
        }
    }
}

impl Read {
    /// The same with the failures of `batch`, for JSON.
    pub fn json<'a>(&'a self, batch: &'a Batch) -> ReadJson<'a> {
        ReadJson {
            read: self,
            failed: batch.failures(),
        }
    }

    /// One line of text: how many recordings the result was made on.
    pub fn text(&self, batch: &Batch) -> String {
        let noun = |count: usize| {
            if count == 1 {
                "recording"
            } else {
                "recordings"
            }
        };
        match batch.counts() {
            (all, 0) => format!("made on {all} {}", noun(all)),
            (all, failed) => format!(
                "made on {} of {all} {}: {failed} failed",
                self.recordings,
                noun(all)
            ),
        }
    }
}
