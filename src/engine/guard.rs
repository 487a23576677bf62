//! The guard: what changes many predictions at once is judged before it stays.
//!
//! A single correction is the user's word, and is never judged. Several recordings at once are judged
//! by what they do to the others: the recordings that were there before, each left out, with and
//! without the change; and by whether the others contradict most of the new ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::doubt::FEWEST;
use super::own_recordings::{OwnRecording, OwnRecordings, Said};
use super::{Command, Error, Session};
use crate::learner::Learner;
use crate::signal::{ClipId, Label};
use crate::store::{ClipFilter, Entry, RevisionId, TaughtClip};

/// The fewest new recordings that are judged.
pub(super) const FEWEST_NEW: usize = 4;

/// A class is harmed if it loses at least this many recordings more than it gains, and this share of
/// those that were right.
const FEWEST_LOST: usize = 4;
const SHARE_LOST: f64 = 1.0 / 3.0;

/// New recordings are contradicted if at least [`FEWEST_NEW`] and this share of them are taken for one
/// other class.
const SHARE_CONTRADICTED: f64 = 0.4;

/// The most recordings of one class, and of all, that are judged.
const MOST_OF_CLASS: usize = 40;
const MOST: usize = 240;

/// Why a change is refused: the figures, by the learner's own recordings, each left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Harm {
    /// The class that suffers, or as which recordings are taught that are like another one.
    pub label: Label,
    /// What is wrong with it.
    pub kind: HarmKind,
    /// How many of the earlier recordings were recognised before the change.
    pub right_before: usize,
    /// How many are with it.
    pub right_after: usize,
    /// The earlier recordings that were judged, of all classes.
    pub of: usize,
}

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HarmKind {
    /// Many earlier recordings of the class are no longer recognised.
    Lost {
        /// How many were recognised before.
        before: usize,
        /// How many are with the change.
        after: usize,
        /// The recordings of the class that were judged.
        of: usize,
    },
    /// Many new recordings of the class are taken for another one, even after they were learned.
    Contradicted {
        /// The other class.
        like: Label,
        /// How many are taken for it.
        count: usize,
        /// The new recordings that were judged.
        of: usize,
    },
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = &self.label;
        match &self.kind {
            HarmKind::Lost { before, after, of } => write!(
                f,
                "{after} of {of} earlier recordings of {label} would be recognised, {before} are now"
            )?,
            HarmKind::Contradicted { like, count, of } => write!(
                f,
                "{count} of {of} new recordings of {label} are like {like}, even after they are learned"
            )?,
        }
        let (before, after, of) = (self.right_before, self.right_after, self.of);
        write!(f, " (all classes: {after} of {of}, now {before})")
    }
}

/// Judges the change from `before` to `after`. `None` if it does no harm, or too little is known to
/// say so.
///
/// # Errors
/// [`Error`] if an example does not fit its learner.
pub(super) fn judge(before: &OwnRecordings, after: &OwnRecordings) -> Result<Option<Harm>, Error> {
    let known: HashMap<ClipId, &Label> = labels(&before.clips).collect();
    let kept: HashMap<ClipId, &Label> = labels(&after.clips).collect();
    let is_new = |of: &&OwnRecording| {
        let mut clips = of.clips.iter().map(|&clip| &after.clips[clip]);
        clips.all(|clip| known.get(&clip.id) != Some(&&clip.label))
    };
    let new: Vec<&OwnRecording> = after.recordings.iter().filter(is_new).collect();
    if new.len() < FEWEST_NEW || before.recordings.is_empty() {
        return Ok(None);
    }
    // The recordings that both have, by their first clips.
    let first_clip = |of: &OwnRecording| after.clips[of.clips[0]].id;
    let there: HashMap<ClipId, &OwnRecording> = (after.recordings.iter())
        .map(|of| (first_clip(of), of))
        .collect();
    let old = before.recordings.iter().filter_map(|of| {
        let first = before.clips[of.clips[0]].id;
        let stays = kept.get(&first) == Some(&&of.label);
        stays.then(|| Some((of, *there.get(&first)?))).flatten()
    });
    let mut classes: BTreeMap<&Label, Class<'_>> = BTreeMap::new();
    for (was, is) in old {
        classes.entry(&was.label).or_default().old.push((was, is));
    }
    let each = (MOST / classes.len().max(1)).clamp(1, MOST_OF_CLASS);
    let is_right = |said: Said| said.margin > 0.0;
    for class in classes.values_mut() {
        let step = class.old.len().div_ceil(each).max(1);
        for (was, is) in class.old.iter().step_by(step) {
            let (Some(was), Some(is)) = (before.said(was)?, after.said(is)?) else {
                continue;
            };
            class.of += 1;
            class.before += usize::from(is_right(was));
            class.after += usize::from(is_right(is));
        }
    }
    let sum = |count: &dyn Fn(&Class<'_>) -> usize| classes.values().map(count).sum::<usize>();
    let harm = |label: &Label, kind| Harm {
        label: label.clone(),
        kind,
        right_before: sum(&|class| class.before),
        right_after: sum(&|class| class.after),
        of: sum(&|class| class.of),
    };
    let lost = |class: &Class<'_>| class.before.saturating_sub(class.after);
    let worst = classes.iter().max_by_key(|(_, class)| lost(class));
    if let Some((label, class)) = worst
        && lost(class) >= FEWEST_LOST
        && lost(class) as f64 >= SHARE_LOST * class.before as f64
    {
        let Class {
            before, after, of, ..
        } = *class;
        return Ok(Some(harm(label, HarmKind::Lost { before, after, of })));
    }
    let was_known = |label: &Label| classes.get(label).is_some_and(|c| c.old.len() >= FEWEST);
    // A new class may be hard to tell from another one: it is judged by what it does to that.
    let is_there = |of: &&OwnRecording| classes.contains_key(&of.label);
    let new: Vec<&OwnRecording> = new.into_iter().filter(is_there).collect();
    let contradicted = contradicted(after, &new, each, &was_known)?;
    Ok(contradicted.map(|(label, kind)| harm(label, kind)))
}

fn labels(clips: &[TaughtClip]) -> impl Iterator<Item = (ClipId, &Label)> {
    clips.iter().map(|clip| (clip.id, &clip.label))
}

/// The earlier recordings of a class: as they were, and as they are with the change.
#[derive(Default)]
struct Class<'a> {
    old: Vec<(&'a OwnRecording, &'a OwnRecording)>,
    of: usize,
    before: usize,
    after: usize,
}

/// The class of new recordings that are mostly like another class, which was known before.
fn contradicted<'a>(
    after: &OwnRecordings,
    new: &[&'a OwnRecording],
    each: usize,
    was_known: &dyn Fn(&Label) -> bool,
) -> Result<Option<(&'a Label, HarmKind)>, Error> {
    let mut by_label: BTreeMap<&Label, Vec<&OwnRecording>> = BTreeMap::new();
    for of in new.iter().filter(|of| !of.label.is_silent()) {
        by_label.entry(&of.label).or_default().push(of);
    }
    for (label, new) in by_label {
        let (mut taken_for, mut of) = (BTreeMap::<usize, usize>::new(), 0);
        for recording in new.iter().step_by(new.len().div_ceil(each).max(1)) {
            let Some(said) = after.said(recording)? else {
                continue;
            };
            of += 1;
            if said.margin <= 0.0 && was_known(&after.learner.classes()[said.other]) {
                *taken_for.entry(said.other).or_default() += 1;
            }
        }
        let most = taken_for.into_iter().max_by_key(|&(_, count)| count);
        if let Some((other, count)) = most
            && count >= FEWEST_NEW
            && count as f64 >= SHARE_CONTRADICTED * of as f64
        {
            let like = after.learner.classes()[other].clone();
            return Ok(Some((label, HarmKind::Contradicted { like, count, of })));
        }
    }
    Ok(None)
}

impl Session {
    /// Judges what `command` has taught since revision `start`, and takes it back if it harms.
    ///
    /// # Errors
    /// [`Error::Harmful`] with the figures, which are the reason in the history, too.
    pub(super) fn judge_since(
        &mut self,
        start: RevisionId,
        command: &Command,
        now_unix_ms: i64,
    ) -> Result<(), Error> {
        self.flush()?;
        let head = self.learner().settings().head;
        let Some(command) = command.first().filter(|_| head.judges_labels()) else {
            return Ok(());
        };
        let Some((first, taught)) = self.taught_by(command)? else {
            return Ok(());
        };
        if taught.len() < FEWEST_NEW {
            return Ok(());
        }
        let (learner, clips) = self.learner_at(start)?;
        let before = OwnRecordings::of(learner, clips, self.has_soundscape()?);
        if before.recordings.is_empty() {
            return Ok(());
        }
        let Some(harm) = judge(&before, &self.own_recordings()?)? else {
            return Ok(());
        };
        let why = format!("refused {first}: {harm}");
        let was: HashMap<ClipId, &TaughtClip> =
            before.clips.iter().map(|clip| (clip.id, clip)).collect();
        let back = taught.into_iter().flat_map(|clip| {
            let earlier = was.get(&clip.id).map(|&clip| Entry::Learn(clip.clone()));
            let unlearn = Entry::Unlearn(TaughtClip {
                taught_unix_ms: now_unix_ms,
                ..clip
            });
            [Some(unlearn), earlier].into_iter().flatten()
        });
        self.take_back(why, start, command, back.collect(), now_unix_ms)?;
        Err(Error::Harmful(Box::new(harm)))
    }

    /// The reason of a command, and the clips in effect that it taught. `None` if it is no longer in
    /// the history.
    fn taught_by(&self, command: RevisionId) -> Result<Option<(String, Vec<TaughtClip>)>, Error> {
        let history = self.store.history()?.into_iter();
        let revisions: Vec<_> = history.filter(|of| of.command == command).collect();
        let Some(first) = revisions.first() else {
            return Ok(None);
        };
        let reason = first.reason.clone();
        let of = |id: i64| revisions.iter().any(|r| (r.first..=r.last).contains(&id));
        let clips = (self.store).clips(&self.memory.lineage, &ClipFilter::default())?;
        let clips = clips.into_iter().filter(|clip| of(clip.id));
        Ok(Some((reason, clips.map(|clip| clip.value).collect())))
    }

    /// Judges a merge of `parts`, before it is made: what the clips of the others do to each part.
    ///
    /// # Errors
    /// [`Error::Harmful`] if the recordings of a part would be recognised clearly less often; as
    /// [`Self::merge`].
    pub fn judge_merge(parts: &[Self]) -> Result<(), Error> {
        let Some(first) = parts.first() else {
            return Ok(());
        };
        if !first.learner().settings().head.judges_labels() {
            return Ok(());
        }
        let (entries, _) = Self::merged_entries(parts)?;
        let (contract, settings) = (first.learner().contract(), *first.learner().settings());
        let mut learner = Learner::new(contract.clone(), settings)?;
        let mut clips = Vec::new();
        for new in &entries {
            super::replay::apply(&mut learner, &new.entry, |_| {
                Err(super::error::damaged(
                    "a merge begins with the removal of a checkpoint",
                ))
            })?;
            clips.extend(new.entry.clip().cloned());
        }
        let mut is_mixed = false;
        for part in parts {
            is_mixed |= part.has_soundscape()?;
        }
        let after = OwnRecordings::of(learner, clips, is_mixed);
        let mut judged = HashSet::new();
        for part in parts {
            // The same learner given twice is judged once.
            if judged.insert(part.learner().save())
                && let Some(harm) = judge(&part.own_recordings()?, &after)?
            {
                return Err(Error::Harmful(Box::new(harm)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::own_recordings::testing::{clip, own};

    /// Twelve recordings of each of three classes.
    fn before() -> Vec<(usize, u64, &'static str)> {
        let classes = ["bell", "kettle", "rain"].into_iter().enumerate();
        let clips =
            classes.flat_map(|(class, label)| (0..12).map(move |seed| (class, seed, label)));
        clips.collect()
    }

    /// What the guard says of more clips: of a class, by their seeds, as a label.
    fn judged(class: usize, seeds: std::ops::Range<u64>, label: &'static str) -> Option<Harm> {
        let mut clips = before();
        let was = own(&clips);
        clips.extend(seeds.map(|seed| (class, seed, label)));
        judge(&was, &own(&clips)).unwrap()
    }

    #[test]
    fn right_labels_and_few_recordings_are_taken() {
        assert_eq!(judged(0, 20..32, "bell"), None);
        // A new class.
        assert_eq!(judged(3, 20..32, "door"), None);
        assert_eq!(judged(0, 20..23, "rain"), None);
        // Nothing is known yet.
        let clips = [
            (0, 1, "bell"),
            (0, 2, "rain"),
            (0, 3, "rain"),
            (0, 4, "rain"),
            (0, 5, "rain"),
        ];
        assert_eq!(judge(&own(&[]), &own(&clips)).unwrap(), None);
    }

    #[test]
    fn recordings_of_one_class_taught_as_another_are_contradicted() {
        let harm = judged(0, 20..32, "rain").unwrap();
        assert_eq!(harm.label.as_str(), "rain");
        let like = Label::new("bell").unwrap();
        let count = 10;
        assert_eq!(
            harm.kind,
            HarmKind::Contradicted {
                like,
                count,
                of: 12
            }
        );
        assert_eq!(harm.of, 36);
        assert!(
            harm.to_string().starts_with(
                "10 of 12 new recordings of rain are like bell, even after they are learned (all classes: "
            ),
            "{harm}"
        );
    }

    #[test]
    fn a_class_that_takes_the_recordings_of_another_one_harms_it() {
        let harm = judged(0, 20..44, "chime").unwrap();
        assert!(
            matches!(harm.kind, HarmKind::Lost { before: 12, .. }),
            "{harm:?}"
        );
        assert_eq!(harm.label.as_str(), "bell");
        assert!(harm.right_after < harm.right_before);
    }

    #[test]
    fn pieces_of_one_recording_are_one() {
        let pieces = |label: &'static str| {
            (20..32).map(move |seed| TaughtClip {
                source: "long.wav".to_owned(),
                ..clip(0, seed, label)
            })
        };
        let mut clips: Vec<TaughtClip> = (before().iter())
            .map(|&(class, seed, label)| clip(class, seed, label))
            .collect();
        let was = crate::engine::own_recordings::testing::of_clips(clips.clone());
        clips.extend(pieces("rain"));
        let is = crate::engine::own_recordings::testing::of_clips(clips);
        assert_eq!(is.recordings.len(), 37);
        assert_eq!(judge(&was, &is).unwrap(), None);
    }
}
