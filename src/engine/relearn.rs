//! Learning recordings again that are still there: mixed with another soundscape, or as decision
//! windows.
//!
//! The log has the features of a clip and the name of its recording, not its samples.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::clip_embeddings::clip_sha256;
use super::contract::window_contract;
use super::kept_files::failed;
use super::{
    ClipEmbeddings, Command, Durability, Engine, EngineOptions, Error, OptionError, Recording,
    Session, Share, soundscape,
};
use crate::learner::Settings;
use crate::model::Cache;
use crate::signal::ClipId;
use crate::source::find_recordings;
use crate::store::{ClipFilter, Entry, TaughtClip};

/// The loss of accuracy with which recordings are still learned anew: clips that are mixed with a
/// place are somewhat less clear when they are heard without it.
const MOST_LOST: f64 = 0.02;

/// What came of learning recordings again.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Relearned {
    /// The clips that were learned again.
    pub clips: usize,
    /// The names of those whose recordings are no longer there, or are others.
    pub missing: Vec<String>,
    /// Accuracy on all clips, each held out with its group or recording, before; `None` if nothing
    /// can be measured.
    pub before: Option<Share>,
    /// The same after it.
    pub after: Option<Share>,
    /// Whether accuracy fell by more than .02, so that everything was taken back.
    pub taken_back: bool,
}

impl Engine {
    /// Learns the clips whose recordings are still there again, mixed with the present soundscape,
    /// as one change. The others stay as they are. It is taken back if accuracy on the clips falls.
    /// A recording is the file that it was taught from, or one with the same samples in
    /// `recordings`, which are files and folders.
    /// `progress` receives the steps that are done, and all: the groups or recordings that are held
    /// out before, the clips, and those that are held out after.
    ///
    /// # Errors
    /// As [`Self::use_soundscape`]; [`Error`] if the log cannot be read or written.
    pub fn relearn(
        &self,
        recordings: &[PathBuf],
        progress: &dyn Fn(usize, usize),
    ) -> Result<Relearned, Error> {
        self.check_place()?;
        let (mut taught, start) = {
            let mut session = self.session();
            session.catch_up()?;
            session.set_durability(Durability::Immediate)?;
            (session.taught()?, session.memory.at.id)
        };
        let clips = self.clips(&ClipFilter::default())?;
        let is_place =
            |clip: &TaughtClip| clip.label.is_background() && clip.source == soundscape::NAME;
        let clips: Vec<TaughtClip> = clips.into_iter().filter(|clip| !is_place(clip)).collect();
        let held_out = Cell::new(0);
        let step = |done: usize| progress(done, clips.len() + 2 * held_out.get());
        let before = taught.accuracy(&|done, all| {
            held_out.set(all);
            step(done);
        })?;
        let mut relearned = Relearned {
            before,
            ..Relearned::default()
        };
        let command = Command::new();
        let moved = self.by_samples(recordings)?;
        for (done, clip) in clips.iter().enumerate() {
            step(held_out.get() + done);
            let Some(heard) = self.heard_again(clip, &moved) else {
                relearned.missing.push(clip.source.clone());
                continue;
            };
            let now = self.now();
            let mut session = self.session();
            let example = session.encode(&heard, !clip.label.is_background())?;
            session.replace_features(&command, clip, example.features(), now)?;
            relearned.clips += 1;
        }
        let mut session = self.session();
        let learned = held_out.get() + clips.len();
        relearned.after = session
            .taught()?
            .accuracy(&|done, _| step(learned + done))?;
        if let (Some(before), Some(after)) = (relearned.before, relearned.after)
            && after.share < before.share - MOST_LOST
        {
            let why = format!(
                "relearn taken back: accuracy {:.3} before, {:.3} after",
                before.share, after.share
            );
            session.go_back(why, start, self.now())?;
            relearned.taken_back = true;
        }
        Ok(relearned)
    }

    /// The embeddings of the recording of a clip, if it is still there and has the same samples.
    fn heard_again(&self, clip: &TaughtClip, moved: &Moved) -> Option<ClipEmbeddings> {
        let mut recording = recording_of(clip, moved)?;
        let heard = self.embed_to_teach(&mut recording).ok()?;
        (heard.clip_sha256 == *clip.id.as_bytes()).then_some(heard)
    }

    /// The recordings among files and in folders. What cannot be read is left out.
    fn by_samples(&self, recordings: &[PathBuf]) -> Result<Moved, Error> {
        let mut moved = Moved::new();
        for root in recordings {
            for path in find_recordings(root, self.recorded())?.paths {
                let sha256 = Recording::open(&path).and_then(|mut r| clip_sha256(r.source()));
                moved.extend(sha256.map(|sha256| (ClipId::from_bytes(sha256), path)));
            }
        }
        Ok(moved)
    }

    /// Makes a learner of decision windows of the learner of whole clips in the folder `dir`: its
    /// recordings are taught again, with the same head, seed and limits. The old learner stays
    /// beside it, in the folder that is returned. `recordings` as in [`Self::relearn`]. With
    /// `without_missing`, clips whose recordings are no longer there are left out; without it, nothing
    /// is changed then. `progress` receives the clips that are done, and all.
    ///
    /// # Errors
    /// [`OptionError`] if the learner has decision windows already, its backbone names none, clips
    /// are missing, or another process listens with it; [`Error`] if it cannot be read, or the new
    /// one cannot be written.
    pub fn upgrade(
        dir: &Path,
        options: &EngineOptions,
        recordings: &[PathBuf],
        without_missing: bool,
        progress: &dyn Fn(usize, usize),
    ) -> Result<(Relearned, PathBuf), Error> {
        let mut name = dir.file_name().unwrap_or_default().to_owned();
        name.push(".before-upgrade");
        let kept = dir.with_file_name(name);
        if kept.exists() {
            return Err(OptionError::UpgradedBefore { kept }.into());
        }
        let old = Self::open_with(dir, options.clone())?;
        let parent = match dir.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            parent => parent.unwrap_or(Path::new(".")),
        };
        // It is removed if anything fails.
        let beside = tempfile::Builder::new()
            .prefix(".afield-upgrade-")
            .tempdir_in(parent)
            .map_err(|error| failed(parent, error))?;
        let fresh = beside.path().join("learner");
        let relearned = old.upgrade_to(&fresh, options, recordings, without_missing, progress)?;
        old.close()?;
        drop(old);
        fs::rename(dir, &kept).map_err(|error| failed(dir, error))?;
        if let Err(error) = fs::rename(&fresh, dir) {
            fs::rename(&kept, dir).map_err(|error| failed(&kept, error))?;
            return Err(failed(&fresh, error));
        }
        Ok((relearned, kept))
    }

    fn upgrade_to(
        &self,
        fresh: &Path,
        options: &EngineOptions,
        recordings: &[PathBuf],
        without_missing: bool,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Relearned, Error> {
        let backbone = self.card().name.clone();
        if let Some(listening) = self.listened_to()? {
            let heard = listening.source;
            return Err(OptionError::UpgradeWhileListening { heard }.into());
        }
        let (settings, is_windowed): (Settings, bool) = {
            let session = self.session();
            let learner = session.learner();
            let is_windowed = learner.contract().window_rows.is_some();
            (*learner.settings(), is_windowed)
        };
        if is_windowed {
            return Err(OptionError::UpgradeOfWindows.into());
        }
        let mut card = self.card().clone();
        // The card of an old learner knows no decision windows.
        let shipped = Cache::locate(options.cache_dir.as_deref())?.find(&backbone)?;
        card.decision = shipped.decision;
        let Some(contract) = window_contract(&card, None, None)? else {
            return Err(OptionError::UpgradeWithoutWindows { backbone }.into());
        };
        let clips = self.clips(&ClipFilter::default())?;
        let folded: u64 = self.compacted()?.iter().map(|class| class.examples).sum();
        let mut missing = vec!["a compacted example".to_owned(); folded as usize];
        let moved = self.by_samples(recordings)?;
        let here = (clips.iter()).filter(|clip| recording_of(clip, &moved).is_none());
        missing.extend(here.map(|clip| clip.source.clone()));
        if !missing.is_empty() && !without_missing {
            return Err(OptionError::UpgradeLoses { missing }.into());
        }
        let now = self.now();
        let mut session = Session::create(fresh, card, contract, settings, now)?;
        if let Some(bytes) = self.max_disk()? {
            session.set_max_disk(Some(bytes), now)?;
        }
        drop(session);
        let new = Self::open_with(fresh, options.clone())?;
        let mut relearned = Relearned::default();
        let mut lesson = new.lesson(Durability::Batched(std::time::Duration::from_secs(60)))?;
        lesson.despite_doubts();
        for (done, clip) in clips.iter().enumerate() {
            progress(done, clips.len());
            // A recording may have gone since it was looked for.
            let heard = recording_of(clip, &moved).map(|mut recording| {
                let heard = new.embed_to_teach(&mut recording);
                (recording, heard)
            });
            match heard {
                Some((recording, Ok(heard))) if heard.clip_sha256 == *clip.id.as_bytes() => {
                    let recording = recording.named(clip.source.clone());
                    let recording = match &clip.group {
                        Some(group) => recording.of_group(group.clone()),
                        None => recording,
                    };
                    lesson.teach_embeddings(&clip.label, &heard, &recording)?;
                    relearned.clips += 1;
                }
                _ => missing.push(clip.source.clone()),
            }
        }
        progress(clips.len(), clips.len());
        lesson.finish()?;
        new.close()?;
        missing.sort();
        missing.dedup();
        if !missing.is_empty() && !without_missing {
            return Err(OptionError::UpgradeLoses { missing }.into());
        }
        relearned.missing = missing;
        Ok(relearned)
    }
}

/// Recordings by their samples.
type Moved = HashMap<ClipId, PathBuf>;

/// The recording that a clip was taught from: one with its samples, or a file of its name.
fn recording_of(clip: &TaughtClip, moved: &Moved) -> Option<Recording> {
    let path = moved
        .get(&clip.id)
        .map_or(Path::new(&clip.source), PathBuf::as_path);
    path.is_file().then(|| Recording::open(path).ok())?
}

impl Session {
    /// Replaces the features of a clip, unless another process has changed it.
    fn replace_features(
        &mut self,
        command: &Command,
        clip: &TaughtClip,
        features: &[i16],
        now_unix_ms: i64,
    ) -> Result<(), Error> {
        if features == clip.features.as_slice() {
            return Ok(());
        }
        self.retry(|session| {
            let known = session.memory.taught(&session.store, &clip.id)?;
            if known.as_ref() != Some(clip) {
                return Ok(());
            }
            let anew = TaughtClip {
                features: features.to_vec(),
                ..clip.clone()
            };
            let entries = vec![Entry::Unlearn(clip.clone()), Entry::Learn(anew)];
            let why = format!("relearn {}", clip.label);
            session.commit(why, now_unix_ms, entries, command)
        })
    }
}
