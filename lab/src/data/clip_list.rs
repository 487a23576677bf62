//! Lists of clips on disk, from a folder of classes or a manifest.
//!
//! A list has the class of each clip. It has the group and the side of the split if they are known.
//! This module reads no audio.

use std::path::PathBuf;

use afield::signal::Label;

use super::clips::Clips;
use super::error::DataError;
use super::failed::{EmbedError, FailedRecording};
use super::group_pattern::GroupPattern;
use super::names::Names;

/// One clip on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedClip {
    /// Where it is.
    pub path: PathBuf,
    /// Its class.
    pub label: String,
    /// Its speaker, subject, site or recording.
    pub group: Option<String>,
    /// Whether it is marked as a test clip.
    pub test: Option<bool>,
}

impl ListedClip {
    /// The same clip, left out because of `error`.
    pub(crate) fn failed(self, error: impl Into<EmbedError>) -> FailedRecording {
        FailedRecording {
            label: Some(self.label),
            group: self.group,
            ..FailedRecording::new(self.path, error)
        }
    }
}

/// Clips in the order in which they were listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipList {
    /// The clips.
    pub clips: Vec<ListedClip>,
}

impl ClipList {
    /// A list of `(path, class)` pairs, without groups and without a split.
    pub fn from_pairs<L: Into<String>>(pairs: impl IntoIterator<Item = (PathBuf, L)>) -> Self {
        let clip = |(path, label): (PathBuf, L)| ListedClip {
            path,
            label: label.into(),
            group: None,
            test: None,
        };
        Self {
            clips: pairs.into_iter().map(clip).collect(),
        }
    }

    /// Sets every clip's group to the first capture of `pattern` in its file name. Removes and
    /// returns the clips whose name does not match.
    ///
    /// # Errors
    /// [`DataError::GroupPattern`] for an invalid pattern, one without a capture, or one that no
    /// clip's name matches.
    ///
    /// ```
    /// use afield_lab::data::ClipList;
    /// let paths = ["rain/3-17.ogg", "rain/odd.ogg"].map(|path| (path.into(), "rain"));
    /// let mut list = ClipList::from_pairs(paths);
    /// let failed = list.set_groups(r"^(\d+)-")?;
    /// assert_eq!(list.clips[0].group.as_deref(), Some("3"));
    /// assert_eq!(failed[0].path, std::path::Path::new("rain/odd.ogg"));
    /// # Ok::<(), afield_lab::data::DataError>(())
    /// ```
    pub fn set_groups(&mut self, pattern: &str) -> Result<Vec<FailedRecording>, DataError> {
        let pattern: GroupPattern = pattern.parse()?;
        let mut failed = Vec::new();
        let mut kept = Vec::with_capacity(self.clips.len());
        for clip in std::mem::take(&mut self.clips) {
            match pattern.group_of(&clip.path) {
                Ok(group) => kept.push(ListedClip {
                    group: Some(group),
                    ..clip
                }),
                // A pattern that matches nothing is wrong itself.
                Err(error) => failed.push((clip, error)),
            }
        }
        if kept.is_empty() && !failed.is_empty() {
            return Err(failed.swap_remove(0).1);
        }
        self.clips = kept;
        let failed = failed.into_iter();
        Ok(failed.map(|(clip, error)| clip.failed(error)).collect())
    }

    /// Removes and returns the clips whose class is not valid as a label.
    pub fn take_unlabelled(&mut self) -> Vec<FailedRecording> {
        let mut failed = Vec::new();
        self.clips.retain(|clip| {
            let Err(fault) = Label::new(clip.label.as_str()) else {
                return true;
            };
            let (path, label) = (clip.path.clone(), clip.label.clone());
            failed.push(
                clip.clone()
                    .failed(EmbedError::Label { path, label, fault }),
            );
            false
        });
        failed
    }

    /// Joins the list with the clips' embeddings; see [`Clips::new`] for
    /// `windows` and `offsets`.
    ///
    /// If other clips have groups, a clip without one gets the group `""`. If other clips are
    /// marked, a clip without a mark is a training clip.
    ///
    /// # Errors
    /// As [`Clips::new`].
    pub fn with_embeddings(
        &self,
        size: usize,
        windows: Vec<f32>,
        offsets: Vec<usize>,
    ) -> Result<Clips, DataError> {
        let labels: Vec<&str> = self.clips.iter().map(|clip| clip.label.as_str()).collect();
        let groups: Vec<&str> = self
            .clips
            .iter()
            .map(|clip| clip.group.as_deref().unwrap_or(""))
            .collect();
        let grouped = self.clips.iter().any(|clip| clip.group.is_some());
        let marked = self.clips.iter().any(|clip| clip.test.is_some());
        Clips::new(
            size,
            windows,
            offsets,
            Names::from_text(&labels),
            grouped.then(|| Names::from_text(&groups)),
            marked.then(|| {
                self.clips
                    .iter()
                    .map(|clip| clip.test == Some(true))
                    .collect()
            }),
        )
    }
}
