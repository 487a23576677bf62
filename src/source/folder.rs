//! Folders of clips, laid out as `<label>/<clip>`.
//!
//! The label of a clip is the name of the folder directly under the root. Clips in the root itself
//! have no label. The clips are sorted by path, independently of the file system's order.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Recorded, SourceError};
use crate::signal::Label;

/// The most levels of folders under the root.
const MAX_DEPTH: usize = 16;
/// The most audio files.
const MAX_CLIPS: usize = 1_000_000;

/// A clip's path, and its label from the folder's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledClip {
    /// The audio file.
    pub path: PathBuf,
    /// The name of the folder under the root; `None` for clips in the root.
    pub label: Option<Label>,
}

impl LabelledClip {
    /// The recording at `path`, which is under `root`, with its label.
    ///
    /// # Errors
    /// [`SourceError::FolderLabel`] if the name of its folder cannot be a label.
    pub fn under(root: &Path, path: PathBuf) -> Result<Self, SourceError> {
        let label = label_of(root, &path)?;
        Ok(Self { path, label })
    }
}

/// All recordings of the given kind under `root`, sorted by path. If `root` is a file, the list
/// contains only this file.
///
/// Hidden files and folders (`.name`) are skipped, as are files without the file name extension of
/// such a recording. Symbolic links are followed, except for loops.
///
/// ```
/// # let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens");
/// use afield::source::{Recorded, labelled_recordings};
/// let clips = labelled_recordings(root, Recorded::Sound)?;
/// let label = clips.first().and_then(|clip| clip.label.as_ref());
/// assert_eq!(label.map(|label| label.as_str()), Some("audio"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SourceError::Io`] if a folder cannot be read, [`SourceError::FolderLabel`] if the name of
/// a folder with clips cannot be a label, [`SourceError::Empty`] if there are no clips,
/// [`SourceError::Limit`] beyond a million clips or 16 levels.
pub fn labelled_recordings(
    root: impl AsRef<Path>,
    kind: Recorded,
) -> Result<Vec<LabelledClip>, SourceError> {
    let root = root.as_ref();
    let found = find_recordings(root, kind)?;
    if let Some(error) = found.unreadable.into_iter().next() {
        return Err(error);
    }
    let paths = found.paths.into_iter();
    paths.map(|path| LabelledClip::under(root, path)).collect()
}

/// The recordings under a folder, and what else lies there.
#[derive(Debug, Default)]
pub struct FoundRecordings {
    /// The recordings, sorted by path.
    pub paths: Vec<PathBuf>,
    /// Files that are not recordings by their names, in order.
    pub passed_over: Vec<PathBuf>,
    /// Why folders could not be read, in order.
    pub unreadable: Vec<SourceError>,
}

/// As [`labelled_recordings`], without labels: a folder under `root` that cannot be read is an
/// entry of the result, and the rest is listed.
///
/// # Errors
/// [`SourceError::Io`] if `root` cannot be read, [`SourceError::Empty`] if there is no recording
/// and nothing else is wrong, [`SourceError::Limit`] beyond a million clips or 16 levels.
pub fn find_recordings(
    root: impl AsRef<Path>,
    kind: Recorded,
) -> Result<FoundRecordings, SourceError> {
    let root = root.as_ref();
    let metadata = fs::metadata(root).map_err(|error| SourceError::io(root, error))?;
    let mut walk = Walk {
        root,
        kind,
        ancestors: Vec::new(),
        found: FoundRecordings::default(),
    };
    if !metadata.is_dir() {
        walk.found.paths.push(root.to_owned());
        return Ok(walk.found);
    }
    walk.folder(root)?;
    let mut found = walk.found;
    if found.paths.is_empty() && found.unreadable.is_empty() {
        return Err(SourceError::Empty {
            path: root.to_owned(),
            endings: kind.endings(),
        });
    }
    found.paths.sort();
    found.passed_over.sort();
    found.unreadable.sort_by_key(ToString::to_string);
    Ok(found)
}

struct Walk<'a> {
    root: &'a Path,
    kind: Recorded,
    /// Real paths of the folders above, to detect loops.
    ancestors: Vec<PathBuf>,
    found: FoundRecordings,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), SourceError> {
        let io = |error| SourceError::io(folder, error);
        let real = fs::canonicalize(folder).map_err(io)?;
        if self.ancestors.contains(&real) {
            return Ok(());
        }
        if self.ancestors.len() > MAX_DEPTH {
            return Err(self.too_large(MAX_DEPTH, "levels of folders"));
        }
        self.ancestors.push(real);
        let listed = self.entries(folder);
        self.ancestors.pop();
        match listed {
            // Only the root itself must be readable.
            Err(error @ SourceError::Io { .. }) if folder != self.root => {
                self.found.unreadable.push(error);
                Ok(())
            }
            listed => listed,
        }
    }

    fn entries(&mut self, folder: &Path) -> Result<(), SourceError> {
        let io = |error| SourceError::io(folder, error);
        for entry in fs::read_dir(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // `metadata` follows links. A dead link is skipped.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                self.folder(&path)?;
            } else if metadata.is_file() {
                let list = match self.kind.is_by_name(&path) {
                    true => &mut self.found.paths,
                    false => &mut self.found.passed_over,
                };
                if list.len() == MAX_CLIPS {
                    return Err(self.too_large(MAX_CLIPS, "files"));
                }
                list.push(path);
            }
        }
        Ok(())
    }

    fn too_large(&self, limit: usize, unit: &'static str) -> SourceError {
        SourceError::Limit {
            path: self.root.to_owned(),
            limit: limit as f64,
            unit,
        }
    }
}

fn label_of(root: &Path, clip: &Path) -> Result<Option<Label>, SourceError> {
    let below = clip.strip_prefix(root).unwrap_or(clip);
    let mut parts = below.components();
    let (Some(first), Some(_)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let refuse = |reason: String| SourceError::FolderLabel {
        path: root.join(first),
        reason,
    };
    let name = first
        .as_os_str()
        .to_str()
        .ok_or_else(|| refuse("its name is not UTF-8".to_owned()))?;
    match Label::new(name) {
        Ok(label) => Ok(Some(label)),
        Err(error) => Err(refuse(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        root
    }

    fn labelled_clips(root: impl AsRef<Path>) -> Result<Vec<LabelledClip>, SourceError> {
        labelled_recordings(root, Recorded::Sound)
    }

    fn listing(root: &Path) -> Vec<(String, Option<String>)> {
        let clips = labelled_clips(root).unwrap().into_iter();
        clips
            .map(|clip| {
                let path = clip.path.strip_prefix(root).unwrap();
                let label = clip.label.map(|label| label.as_str().to_owned());
                (path.to_str().unwrap().to_owned(), label)
            })
            .collect()
    }

    #[test]
    fn clips_are_sorted_and_labelled_by_their_top_folder() {
        let root = tree(&[
            "dog/b.wav",
            "dog/a.OGG",
            "cat/deep/er/c.flac",
            "loose.mp3",
            "dog/notes.txt",
            "dog/.hidden.wav",
            ".git/x.wav",
            "empty/readme",
        ]);
        let some = |label: &str| Some(label.to_owned());
        let expected = [
            ("cat/deep/er/c.flac".to_owned(), some("cat")),
            ("dog/a.OGG".to_owned(), some("dog")),
            ("dog/b.wav".to_owned(), some("dog")),
            ("loose.mp3".to_owned(), None),
        ];
        assert_eq!(listing(root.path()), expected);
    }

    #[cfg(unix)]
    #[test]
    fn link_loops_end_and_dead_links_are_skipped() {
        use std::os::unix::fs::symlink;
        let root = tree(&["dog/a.wav"]);
        symlink(root.path(), root.path().join("dog/up")).unwrap();
        symlink("nowhere", root.path().join("dog/dead.wav")).unwrap();
        symlink(root.path().join("dog"), root.path().join("puppy")).unwrap();
        let labels: Vec<_> = listing(root.path()).into_iter().map(|(_, l)| l).collect();
        assert_eq!(labels, [Some("dog".to_owned()), Some("puppy".to_owned())]);
    }

    #[test]
    fn a_single_file_is_one_clip_without_a_label() {
        let root = tree(&["dog/a.wav"]);
        let path = root.path().join("dog/a.wav");
        let clips = labelled_clips(&path).unwrap();
        assert_eq!(clips, [LabelledClip { path, label: None }]);
    }

    #[test]
    fn folders_without_clips_or_with_unusable_names_are_rejected() {
        let none = tree(&["dog/readme.md"]);
        let spaced = tree(&[" dog/a.wav"]);
        assert!(matches!(
            labelled_clips(none.path()),
            Err(SourceError::Empty {
                endings: [_, ..],
                ..
            })
        ));
        assert!(matches!(
            labelled_clips(spaced.path()),
            Err(SourceError::FolderLabel { .. })
        ));
        assert!(matches!(
            labelled_clips(none.path().join("missing")),
            Err(SourceError::Io { .. })
        ));
    }

    #[test]
    fn folders_beyond_the_depth_limit_are_rejected() {
        let deep = format!("{}a.wav", "d/".repeat(MAX_DEPTH + 2));
        let root = tree(&[&deep]);
        assert!(matches!(
            labelled_clips(root.path()),
            Err(SourceError::Limit { .. })
        ));
    }
}
