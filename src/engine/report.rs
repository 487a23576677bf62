//! Whether enough has been taught: a report from the learner's own log.

use std::collections::HashSet;

use serde::Serialize;

use super::adapt::is_assumed;
use super::doubt::doubts;
use super::held_out::{Answer, Taught, accuracy, units};
use super::lack::WANTED_SOURCES;
use super::{CompactedStatus, Engine, Error, Lack, Session, Share};
use crate::decision::Reliability;
use crate::learner::Learner;
use crate::signal::Label;
use crate::store::ClipFilter;

/// The p-value below which a clip is told as unknown, and the fewest clips of which one can be.
const UNKNOWN_BELOW: f32 = 0.05;
const FEWEST_FOR_UNKNOWN: usize = 20;

/// A confusion is named from this share of a class, and from this many clips.
const OFTEN: f64 = 0.2;
const SEVERAL: usize = 2;

/// A trend needs this many clips a class, and this many that are asked about.
const FEWEST_A_CLASS: usize = 4;
const FEWEST_ASKED: usize = 20;

/// Accuracy that rises less when the clips are doubled has settled.
const CLEARLY: f64 = 0.02;

/// What a learner knows and what it lacks, by its own clips: each is held out with its group, or with
/// its recording if it has no group, and asked about as [`Engine::predict`] does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearnerReport {
    /// Name of the backbone.
    pub backbone: String,
    /// The head.
    pub head: String,
    /// Clips in effect.
    pub clips: usize,
    /// What is held out together: a group or, without groups, a recording.
    pub held_out: HeldOut,
    /// The number of groups or recordings.
    pub sources: usize,
    /// The classes, in the order in which they were first taught.
    pub classes: Vec<ClassReport>,
    /// The share of clips whose most probable class is right, among those of classes with other
    /// clips. `None` if there are none.
    pub accuracy: Option<Share>,
    /// Clips by class (row) and most probable class (column), in the order of the classes.
    pub confusion: Vec<Vec<usize>>,
    /// Accuracy by confidence.
    pub reliability: Reliability,
    /// The expected calibration error, in `[0, 1]`.
    pub ece: Option<f64>,
    /// Accuracy with 1, 2, 4... clips a class.
    pub curve: Vec<LearningPoint>,
    /// Clips that the others contradict, see [`Engine::doubts`]. `None` if the head cannot say so.
    pub doubtful: Option<usize>,
    /// What is lacking.
    pub lacking: Vec<Lack>,
}

/// What is held out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldOut {
    /// All clips of one group.
    Groups,
    /// All clips of one recording.
    Recordings,
    /// Clips with a group by group, and the others by recording.
    GroupsAndRecordings,
}

/// A class of a learner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// The label.
    pub label: Label,
    /// Its clips.
    pub clips: usize,
    /// The groups or recordings that they are from.
    pub sources: usize,
    /// The share of its clips whose most probable class is right. `None` if all are from one group
    /// or recording.
    pub recall: Option<Share>,
    /// The share that is right among the clips for which it is the most probable class.
    pub precision: Option<Share>,
    /// The share of its clips that is told as unknown. `None` if nothing is.
    pub told_unknown: Option<Share>,
}

/// A point of a learning curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LearningPoint {
    /// The first clips of each class that were taught; of a class that has fewer, all.
    pub clips_a_class: usize,
    /// The accuracy on clips of other groups or recordings.
    pub accuracy: Share,
}

impl Engine {
    /// Reports what the learner knows and what it lacks, from its log alone. `progress` receives the
    /// steps that are done, and all. The learner can be used meanwhile.
    ///
    /// # Errors
    /// [`Error::TooManyToTeachAnew`] for a head that is not exact, with many clips; [`Error`] if the
    /// log cannot be read.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let wave = |x: f32| (0..300).flat_map(|i| [x * i as f32 % 2.0, 0.0, 1.0, x, x, 0.0]).collect();
    /// # let channels = || afield::model::Cache::at("/nowhere").find("imu").map(|card| card.sensor().map(|s| s.stated()).unwrap_or_default());
    /// use afield::{Engine, Recording};
    /// let engine = Engine::create(folder.path().join("box"), "imu")?;
    /// for (label, x) in [("slow", 0.1), ("slow", 0.11), ("fast", 0.7), ("fast", 0.71)] {
    ///     engine.teach(label, Recording::from_channels(50, channels()?, wave(x))?)?;
    /// }
    /// let report = engine.report(&|_, _| {})?;
    /// assert_eq!(report.accuracy.map(|accuracy| accuracy.of), Some(4));
    /// for lack in &report.lacking {
    ///     println!("{lack}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report(&self, progress: &dyn Fn(usize, usize)) -> Result<LearnerReport, Error> {
        let (mut taught, compacted, own) = {
            let mut session = self.session();
            session.catch_up()?;
            let compacted = session.compacted()?;
            let own = match session.learner().settings().head.judges_labels() {
                true => Some((session.own_recordings()?, session.kept()?)),
                false => None,
            };
            (session.taught()?, compacted, own)
        };
        let units = units(&taught.clips);
        // Two passes: answers, then the curve.
        let first = |done: usize, all: usize| progress(done, all * 2);
        let second = |done: usize, all: usize| progress(all + done, all * 2);
        let answers = taught.answers(&units, &first)?;
        let curve = taught.curve(&units, &second)?;
        let points = curve.iter().filter_map(|point| {
            Some(LearningPoint {
                clips_a_class: point.clips_a_class,
                accuracy: Share::of(point.right, point.asked)?,
            })
        });
        let mut report = LearnerReport::of(&taught, &units, &answers);
        report.curve = points.collect();
        if let Some((own, kept)) = own {
            report.doubtful = Some(doubts(own, &kept, &|_, _| {})?.len());
        }
        report.lacking = lacking(&report, &taught, &compacted);
        Ok(report)
    }
}

impl Session {
    /// A copy of the learner, and the clips that it was taught. Those with assumed labels are not
    /// among them.
    pub(super) fn taught(&mut self) -> Result<Taught, Error> {
        let learner = self.learner();
        let (contract, settings) = (learner.contract().clone(), *learner.settings());
        let copy = Learner::load(contract, settings, &learner.save())?;
        let mut clips = self.clips(&ClipFilter::default())?;
        clips.retain(|clip| !is_assumed(clip));
        Ok(Taught {
            classes: learner.classes().to_vec(),
            learner: copy,
            clips,
            calibration: self.novelty()?.clips,
            is_mixed: self.has_soundscape()?,
        })
    }
}

impl LearnerReport {
    fn of(taught: &Taught, units: &[usize], answers: &[Answer]) -> Self {
        let clips = &taught.clips;
        let labels = &taught.classes;
        let position = |label: &Label| labels.iter().position(|known| known == label);
        let mut confusion = vec![vec![0; labels.len()]; labels.len()];
        for (clip, answer) in clips.iter().zip(answers) {
            if !answer.is_class_taught {
                continue;
            }
            let told = answer.told.as_ref().and_then(position);
            if let (Some(class), Some(told)) = (position(&clip.label), told) {
                confusion[class][told] += 1;
            }
        }
        let classes = labels.iter().enumerate().map(|(class, label)| {
            let of_class = || {
                (clips.iter().zip(units).zip(answers)).filter(|((clip, _), _)| clip.label == *label)
            };
            let sources: HashSet<usize> = of_class().map(|((_, unit), _)| *unit).collect();
            let p_values = of_class().filter(|(_, answer)| answer.is_class_taught);
            let p_values: Vec<f32> = p_values.filter_map(|(_, answer)| answer.p_value).collect();
            let unknown = p_values.iter().filter(|&&p| p < UNKNOWN_BELOW).count();
            let told = confusion.iter().map(|row| row[class]).sum();
            ClassReport {
                label: label.clone(),
                clips: of_class().count(),
                sources: sources.len(),
                recall: Share::of(confusion[class][class], confusion[class].iter().sum()),
                precision: Share::of(confusion[class][class], told),
                told_unknown: Share::of(unknown, p_values.len()),
            }
        });
        let asked_about = clips
            .iter()
            .zip(answers)
            .filter(|(_, answer)| answer.is_class_taught);
        let confidences = asked_about
            .map(|(clip, answer)| (answer.confidence, answer.told.as_ref() == Some(&clip.label)));
        let reliability = Reliability::of(confidences);
        let grouped = clips.iter().filter(|clip| clip.group.is_some()).count();
        Self {
            backbone: taught.learner.contract().backbone.clone(),
            head: taught.learner.settings().head.to_string(),
            clips: clips.len(),
            held_out: match grouped {
                0 => HeldOut::Recordings,
                all if all == clips.len() => HeldOut::Groups,
                _ => HeldOut::GroupsAndRecordings,
            },
            sources: units.iter().collect::<HashSet<_>>().len(),
            classes: classes.collect(),
            accuracy: accuracy(clips, answers),
            ece: reliability.ece(),
            confusion,
            reliability,
            curve: Vec::new(),
            doubtful: None,
            lacking: Vec::new(),
        }
    }
}

/// What is lacking, the most pressing first.
fn lacking(report: &LearnerReport, taught: &Taught, compacted: &[CompactedStatus]) -> Vec<Lack> {
    let mut lacking = Vec::new();
    let classes = taught.classes.len();
    if classes < 2 {
        lacking.push(Lack::Classes { classes });
    }
    // The recordings of compacted examples are no longer known.
    let is_compacted = |label: &Label| {
        let mut parts = compacted.iter();
        parts.any(|part| (part.label.as_deref()).is_none_or(|of| of == label.as_str()))
    };
    for class in &report.classes {
        let few = class.sources < WANTED_SOURCES;
        if !few || class.label.is_background() || is_compacted(&class.label) {
            continue;
        }
        lacking.push(Lack::Sources {
            label: class.label.clone(),
            clips: class.clips,
            sources: class.sources,
            are_groups: report.held_out == HeldOut::Groups,
        });
    }
    if let Some(clips @ 1..) = report.doubtful {
        lacking.push(Lack::Doubtful { clips });
    }
    for (class, row) in report.classes.iter().zip(&report.confusion) {
        let of: usize = row.iter().sum();
        for (other, &count) in report.classes.iter().zip(row) {
            let often = count as f64 >= OFTEN * of as f64;
            if other.label != class.label && count >= SEVERAL && often {
                lacking.push(Lack::Confusion {
                    label: class.label.clone(),
                    told: other.label.clone(),
                    count,
                    of,
                });
            }
        }
    }
    if !taught.classes.iter().any(Label::is_background) && classes > 0 {
        lacking.push(Lack::Background);
    }
    let clips = taught.calibration.novelty.clips();
    if !taught.learner.settings().judges_novelty() {
        let head = report.head.clone();
        lacking.push(Lack::HeadForUnknown { head });
    } else if clips < FEWEST_FOR_UNKNOWN {
        let needed = FEWEST_FOR_UNKNOWN;
        lacking.push(Lack::ClipsForUnknown { clips, needed });
    }
    if let [.., before, after] = report.curve.as_slice()
        && after.clips_a_class >= FEWEST_A_CLASS
        && after.accuracy.of >= FEWEST_ASKED
    {
        let (before, after) = [before, after]
            .map(|point| (point.clips_a_class, point.accuracy.share))
            .into();
        lacking.push(match after.1 - before.1 > CLEARLY {
            true => Lack::StillRising { before, after },
            false => Lack::Settled { before, after },
        });
    }
    let examples = compacted.iter().map(|part| part.examples).sum();
    if examples > 0 {
        lacking.push(Lack::Compacted { examples });
    }
    lacking
}
