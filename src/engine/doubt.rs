//! Doubtful clips: taught as one class, while the other recordings say that they are of another.
//!
//! A wrong label is found only when enough of both classes is known. Until then the user's word
//! stands, and it always counts at once: doubts are listed, and set aside only when asked.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::own_recordings::{OwnRecording, OwnRecordings};
use super::{Command, Engine, Error, Session};
use crate::head::HeadKind;
use crate::signal::{ClipId, Group, Label};
use crate::store::{Entry, RevisionId, TaughtClip};

/// The fewest recordings of the class of a doubtful clip, itself included, and of the class that it
/// is like.
pub(super) const FEWEST: usize = 6;

/// A recording is doubtful if another class is nearer by more than this share of the median margin
/// by which the others are nearer to their own class.
const SHARE_OF_MARGIN: f32 = 0.5;

/// Doubts hide other ones: they move the means. So they are looked for again without those that
/// were found, at most this often.
const MOST_ROUNDS: usize = 5;

/// How the reason of a revision begins that keeps doubtful clips.
const KEEP: &str = "doubts keep";
/// How the reason of a revision begins that sets them aside.
const DROP: &str = "doubts drop";

/// A clip that the other recordings contradict.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Doubt {
    /// The hash of its samples; in JSON, 64 hex digits.
    #[serde(serialize_with = "as_digits")]
    pub clip: ClipId,
    /// The class that it was taught as.
    pub label: Label,
    /// The class that it is like, by all other recordings.
    pub like: Label,
    /// By how much that class is nearer: in medians of the margin by which other recordings are
    /// nearer to their own class. Clips of one recording have the same one.
    pub margin: f32,
    /// The file, folder or device it came from.
    pub source: String,
    /// Its group, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// When it was taught, in milliseconds of Unix time.
    pub taught_unix_ms: i64,
}

impl Engine {
    /// The clips that the other recordings contradict, the clearest first. Without the clip's own
    /// recording, another class is nearer to it than its own, by more than half of the margin by
    /// which recordings are usually nearer to their own class. Both classes need six recordings.
    /// Clips that were kept by [`Self::keep_doubtful`] and clips of `background` and of `not` classes
    /// are not doubted. `progress` receives the recordings that are judged, and all of this round.
    ///
    /// # Errors
    /// [`Error::NoDoubts`] if the head is not `lda`; [`Error`] if the log cannot be read.
    pub fn doubts(&self, progress: &dyn Fn(usize, usize)) -> Result<Vec<Doubt>, Error> {
        let (own, kept) = {
            let mut session = self.session();
            session.catch_up()?;
            check_head(session.learner().settings().head)?;
            (session.own_recordings()?, session.kept()?)
        };
        doubts(own, &kept, progress)
    }

    /// Unlearns doubtful clips as one revision, whose reason names the classes. Returns their number.
    /// Clips that are no longer taught, or as another class, are left out.
    ///
    /// # Errors
    /// [`Error`] if the write fails; nothing has then changed.
    pub fn set_aside(&self, doubts: &[Doubt]) -> Result<usize, Error> {
        let now = self.now();
        self.session().change_doubtful(doubts, DROP, now)
    }

    /// Records that doubtful clips are right: they are no longer listed. One revision, which changes
    /// no prediction. Returns their number.
    ///
    /// # Errors
    /// [`Error`] if the write fails.
    pub fn keep_doubtful(&self, doubts: &[Doubt]) -> Result<usize, Error> {
        let now = self.now();
        self.session().change_doubtful(doubts, KEEP, now)
    }
}

fn as_digits<S: Serializer>(clip: &ClipId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(clip)
}

/// Only `lda` compares a clip with the others without another solve.
pub(super) fn check_head(head: HeadKind) -> Result<(), Error> {
    match head.judges_labels() {
        true => Ok(()),
        false => Err(Error::NoDoubts {
            head: head.to_string(),
        }),
    }
}

/// The doubtful clips of a learner. `kept` are not doubted.
pub(super) fn doubts(
    mut own: OwnRecordings,
    kept: &[ClipId],
    progress: &dyn Fn(usize, usize),
) -> Result<Vec<Doubt>, Error> {
    let all = std::mem::take(&mut own.recordings);
    let is_kept = |recording: &OwnRecording| {
        let mut clips = recording.clips.iter().map(|&clip| own.clips[clip].id);
        recording.label.is_silent() || clips.any(|id| kept.contains(&id))
    };
    let fixed: Vec<bool> = all.iter().map(is_kept).collect();
    let mut doubted = vec![false; all.len()];
    let mut threshold = f32::INFINITY;
    for _ in 0..MOST_ROUNDS {
        let mut counts: BTreeMap<&Label, usize> = BTreeMap::new();
        let left = || (0..all.len()).filter(|&at| !doubted[at]);
        for at in left() {
            *counts.entry(&all[at].label).or_default() += 1;
        }
        let classes = own.learner.classes();
        let is_known = |label: &Label| counts.get(label).is_some_and(|&n| n >= FEWEST);
        let (mut said, mut agreeing) = (Vec::new(), Vec::new());
        let count = left().count();
        for (done, at) in left().enumerate() {
            progress(done, count);
            let recording = &all[at];
            let Some(of) = own.said(recording)? else {
                continue;
            };
            if of.margin > 0.0 {
                agreeing.push(of.margin);
            } else if !fixed[at] && is_known(&recording.label) && is_known(&classes[of.other]) {
                said.push((at, of.margin));
            }
        }
        agreeing.sort_by(f32::total_cmp);
        let Some(median) = agreeing.get(agreeing.len() / 2) else {
            return Ok(Vec::new());
        };
        threshold = SHARE_OF_MARGIN * median;
        said.retain(|(_, margin)| -margin > threshold);
        for &(at, _) in &said {
            doubted[at] = true;
            own.unlearn(&all[at])?;
        }
        if said.is_empty() {
            break;
        }
    }
    // Wrong labels make others doubtful. What the rest does not contradict is not doubtful.
    let mut found = Vec::new();
    let usual = threshold / SHARE_OF_MARGIN;
    for recording in (all.iter().zip(&doubted)).filter_map(|(of, &is)| is.then_some(of)) {
        let Some(said) = own.said_unlearned(recording)? else {
            continue;
        };
        if -said.margin > threshold {
            let like = &own.learner.classes()[said.other];
            let clips = recording.clips.iter().map(|&clip| &own.clips[clip]);
            found.extend(clips.map(|clip| Doubt {
                clip: clip.id,
                label: clip.label.clone(),
                like: like.clone(),
                margin: -said.margin / usual,
                source: clip.source.clone(),
                group: clip.group.clone(),
                taught_unix_ms: clip.taught_unix_ms,
            }));
        }
    }
    found.sort_by(|a, b| {
        let by_margin = b.margin.total_cmp(&a.margin);
        by_margin.then_with(|| (&a.source, a.clip).cmp(&(&b.source, b.clip)))
    });
    Ok(found)
}

impl Session {
    /// The clips whose latest example was kept although it was doubtful.
    ///
    /// # Errors
    /// [`Error`] if the log cannot be read.
    pub(super) fn kept(&self) -> Result<Vec<ClipId>, Error> {
        Ok(self.kept_clips()?.iter().map(|clip| clip.id).collect())
    }

    /// As [`Self::kept`], with their labels and features.
    ///
    /// # Errors
    /// As [`Self::kept`].
    pub(super) fn kept_clips(&self) -> Result<Vec<TaughtClip>, Error> {
        let history = self.store.history()?.into_iter();
        let keeping = history.filter(|revision| revision.reason.starts_with(KEEP));
        let ranges: Vec<_> = keeping.map(|of| of.first..=of.last).collect();
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let clips = (self.store).clips(&self.memory.lineage, &Default::default())?;
        let is_kept = |id: &i64| ranges.iter().any(|range| range.contains(id));
        let kept = clips.into_iter().filter(|clip| is_kept(&clip.id));
        Ok(kept.map(|clip| clip.value).collect())
    }

    /// Marks clips as kept again, as one revision, in a log that was begun anew. Clips that are no
    /// longer in it, or of another class, are left out.
    ///
    /// # Errors
    /// [`Error`] if the write fails.
    pub(super) fn keep_again(
        &mut self,
        kept: &[TaughtClip],
        now_unix_ms: i64,
    ) -> Result<(), Error> {
        let (mut entries, mut count) = (Vec::new(), 0);
        for clip in kept {
            let taught = self.memory.taught(&self.store, &clip.id)?;
            let Some(taught) = taught.filter(|taught| taught.label == clip.label) else {
                continue;
            };
            count += 1;
            entries.extend(marked(taught, now_unix_ms));
        }
        if entries.is_empty() {
            return Ok(());
        }
        let reason = reason(KEEP, count, &BTreeMap::new());
        self.learn_and_store(reason, now_unix_ms, entries, &Command::new())?;
        self.flush()
    }

    /// Unlearns the clips of `doubts`, and learns them again if the reason `why` is to keep them.
    fn change_doubtful(
        &mut self,
        doubts: &[Doubt],
        why: &str,
        now_unix_ms: i64,
    ) -> Result<usize, Error> {
        self.flush()?;
        self.retry(|session| {
            let mut pairs: BTreeMap<(&Label, &Label), usize> = BTreeMap::new();
            let (mut entries, mut count) = (Vec::new(), 0);
            for doubt in doubts {
                let taught = session.memory.taught(&session.store, &doubt.clip)?;
                let Some(taught) = taught.filter(|taught| taught.label == doubt.label) else {
                    continue;
                };
                *pairs.entry((&doubt.label, &doubt.like)).or_default() += 1;
                count += 1;
                let [unlearn, learn] = marked(taught, now_unix_ms);
                entries.push(unlearn);
                if why == KEEP {
                    entries.push(learn);
                }
            }
            if !entries.is_empty() {
                let reason = reason(why, count, &pairs);
                session.commit(reason, now_unix_ms, entries, &Command::new())?;
                session.flush()?;
            }
            Ok(count)
        })
    }

    /// Takes back what was taught after revision `start`, with a reason. `entries` are the changes
    /// that do so, for when other processes have taught since.
    ///
    /// # Errors
    /// [`Error`] if the write fails.
    pub(super) fn take_back(
        &mut self,
        why: String,
        start: RevisionId,
        command: RevisionId,
        entries: Vec<Entry>,
        now_unix_ms: i64,
    ) -> Result<(), Error> {
        let history = self.store.history()?;
        let mut since = history.iter().filter(|revision| revision.id > start);
        if since.all(|revision| revision.command == command) {
            self.go_back(why, start, now_unix_ms)?;
            return Ok(());
        }
        self.retry(|session| {
            session.commit(why.clone(), now_unix_ms, entries.clone(), &Command::new())?;
            session.flush()
        })
    }
}

/// The entries that unlearn a clip and learn it again.
fn marked(taught: TaughtClip, now_unix_ms: i64) -> [Entry; 2] {
    let unlearned = TaughtClip {
        taught_unix_ms: now_unix_ms,
        ..taught.clone()
    };
    [Entry::Unlearn(unlearned), Entry::Learn(taught)]
}

/// `doubts drop: 3 clips (rain like sea waves 2, dog like rooster 1)`, the most first.
fn reason(why: &str, count: usize, pairs: &BTreeMap<(&Label, &Label), usize>) -> String {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort_by_key(|&(_, count)| std::cmp::Reverse(*count));
    let named = pairs.iter().take(4);
    let named = named.map(|((label, like), count)| format!("{label} like {like} {count}"));
    let mut named: Vec<String> = named.collect();
    if pairs.len() > named.len() {
        named.push("...".to_owned());
    }
    let clips = if count == 1 { "clip" } else { "clips" };
    match named.as_slice() {
        [] => format!("{why}: {count} {clips}"),
        named => format!("{why}: {count} {clips} ({})", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::own_recordings::testing::own;

    /// Ten recordings of each of three classes, and others: of a class, by a seed, as a label.
    fn found(others: &[(usize, u64, &str)], kept: &[ClipId]) -> Vec<Doubt> {
        let mut clips = Vec::new();
        for (class, label) in ["bell", "kettle", "rain"].into_iter().enumerate() {
            clips.extend((0..10).map(|seed| (class, seed, label)));
        }
        clips.extend_from_slice(others);
        doubts(own(&clips), kept, &|_, _| {}).unwrap()
    }

    #[test]
    fn wrong_labels_are_found_and_right_ones_are_not() {
        assert_eq!(found(&[], &[]), []);
        let wrong = [(0, 20, "rain"), (1, 21, "rain"), (2, 22, "kettle")];
        let doubts = found(&wrong, &[]);
        let mut pairs: Vec<_> = (doubts.iter())
            .map(|of| (of.source.as_str(), of.label.as_str(), of.like.as_str()))
            .collect();
        pairs.sort_unstable();
        let expected = [
            ("0 20.wav", "rain", "bell"),
            ("1 21.wav", "rain", "kettle"),
            ("2 22.wav", "kettle", "rain"),
        ];
        assert_eq!(pairs, expected);
        assert!(doubts.is_sorted_by(|a, b| a.margin >= b.margin));
        let kept: Vec<ClipId> = doubts.iter().map(|of| of.clip).collect();
        assert_eq!(found(&wrong, &kept), []);
    }

    #[test]
    fn classes_of_few_recordings_and_without_events_are_not_doubted() {
        let few: Vec<_> = (20..25).map(|seed| (0, seed, "chime")).collect();
        assert!(
            found(&few, &[])
                .iter()
                .all(|of| of.label.as_str() != "chime")
        );
        for label in ["background", "not bell"] {
            let none: Vec<_> = (20..28).map(|seed| (0, seed, label)).collect();
            let doubts = found(&none, &[]);
            let names = |label: &Label| label.is_silent();
            assert!(
                !doubts.iter().any(|of| names(&of.label) || names(&of.like)),
                "{doubts:?}"
            );
        }
    }

    #[test]
    fn a_reason_names_the_classes() {
        let labels = ["a", "b", "c", "d", "e", "f"].map(|name| Label::new(name).unwrap());
        let pairs = labels
            .windows(2)
            .zip(1..)
            .map(|(pair, n)| ((&pair[0], &pair[1]), n));
        let pairs: BTreeMap<_, _> = pairs.collect();
        let expected =
            "doubts drop: 15 clips (e like f 5, d like e 4, c like d 3, b like c 2, ...)";
        assert_eq!(reason(DROP, 15, &pairs), expected);
    }
}
