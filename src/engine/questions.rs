//! Open questions: sounds whose label would teach most, kept until somebody answers.
//!
//! Each is two files in the folder `questions` of a learner: the sound, or a sensor's samples as a
//! table, and the event. Sounds that are alike are one question.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::kept_files::{self, failed, write_durably};
use super::{Durability, Engine, Error, Event, EventId, Lesson, Recording};
use crate::decision::SegmentKind;
use crate::head::dot;
use crate::signal::Label;
use crate::source::Recorded;

/// The folder in that of a learner.
const FOLDER: &str = "questions";

/// The most sounds that are kept; the oldest are removed first.
const MOST: usize = 200;
/// Older sounds are removed.
const LONGEST_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// The novelty from which on a sound is asked about: what is more alike to the taught clips is
/// known well.
const ASKED_FROM: f32 = 0.7;
/// The confidence below which it is asked about if the head has no novelty.
const ASKED_BELOW: f32 = 0.7;

/// The cosine, in the metric of the head, from which on two sounds are one question: if the learner
/// took both for the same class, or for none, and if not.
const ALIKE: f32 = 0.5;
const ALIKE_BUT_TOLD_APART: f32 = 0.6;

/// A sound that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AskedSound {
    /// The event.
    pub event: EventId,
    /// Its beginning in seconds of the stream.
    pub start: f64,
    /// Its end.
    pub end: f64,
    /// When it began, as RFC 3339, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What the learner took it for; `None` if it was unknown.
    pub label: Option<String>,
    /// The confidence, in `[0, 1]`.
    pub confidence: f32,
    /// The novelty, in `[0, 1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f32>,
    /// The source.
    pub source: String,
    /// Its sound: a WAV file; of a sensor, a table (CSV).
    #[serde(skip_deserializing)]
    pub path: PathBuf,
}

/// Sounds that are alike: one answer is for all of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Question {
    /// The sound that is most like the others. Its event is the id of the question.
    pub sound: AskedSound,
    /// The others.
    pub alike: Vec<AskedSound>,
}

/// The questions that nobody has answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenQuestions {
    /// Those of most sounds first, then those of the highest novelty.
    pub questions: Vec<Question>,
    /// Why a sound was passed over: its files are damaged. [`Engine::drop_questions`] removes them.
    pub damaged: Vec<Error>,
}

impl Question {
    /// All its sounds.
    pub fn sounds(&self) -> impl Iterator<Item = &AskedSound> {
        std::iter::once(&self.sound).chain(&self.alike)
    }

    /// How many of them were taken for no taught class.
    pub fn unknown(&self) -> usize {
        self.sounds().filter(|sound| sound.label.is_none()).count()
    }
}

impl Engine {
    /// Keeps the sound of an event as a question, if its label would teach something: if the event
    /// is unknown, or unlike the taught clips. Returns whether it was kept. The oldest sounds are
    /// removed if there are more than 200, and after 30 days.
    ///
    /// # Errors
    /// [`Error`] if the sound is no longer kept by its source, or cannot be written.
    pub fn ask(&self, event: &Event) -> Result<bool, Error> {
        let is_odd = match event.novelty {
            Some(novelty) => novelty >= ASKED_FROM,
            None => event.confidence < ASKED_BELOW,
        };
        let is_event = event.kind != SegmentKind::Background && !event.quiet;
        if !is_event || !(is_odd || event.is_unknown()) {
            return Ok(false);
        }
        let folder = self.dir().join(FOLDER);
        let text = serde_json::to_vec(event).map_err(super::error::damaged)?;
        let mut recording = event.recording()?;
        let samples = match self.recorded() {
            Recorded::Sound => recording.to_wave()?,
            Recorded::Sensor => recording.to_table()?.into_bytes(),
        };
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        // A sound without its event is not seen.
        for (ending, bytes) in [(self.ending(), samples), ("json", text)] {
            let path = folder.join(format!("{}.{ending}", event.id));
            write_durably(&path, &bytes)?;
        }
        self.expire(&folder)?;
        Ok(true)
    }

    /// Removes the oldest sounds that are too many, and those that are too old.
    fn expire(&self, folder: &Path) -> Result<(), Error> {
        let mut kept = Vec::new();
        for path in files(folder, self.ending())? {
            let modified = fs::metadata(&path).and_then(|data| data.modified()).ok();
            let since_1970 = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            kept.push((since_1970.unwrap_or_default(), path));
        }
        kept.sort();
        let too_many = kept.len().saturating_sub(MOST);
        let now = Duration::from_millis(u64::try_from(self.now()).unwrap_or(0));
        for (number, (modified, path)) in kept.iter().enumerate() {
            let age = now.saturating_sub(*modified);
            if number < too_many || age > LONGEST_KEPT {
                remove(path)?;
            }
        }
        Ok(())
    }

    /// The open questions. `progress` receives the number of sounds that were compared, and their
    /// number.
    ///
    /// # Errors
    /// [`Error`] if the folder cannot be read, or the backbone fails.
    pub fn questions(&self, progress: &dyn Fn(usize, usize)) -> Result<OpenQuestions, Error> {
        let (mut sounds, mut damaged) = (Vec::new(), Vec::new());
        for path in files(&self.dir().join(FOLDER), self.ending())? {
            match AskedSound::read(&path, self.ending()) {
                Ok(sound) => sounds.push(sound),
                Err(error) => damaged.push(error),
            }
        }
        sounds.sort_by(|a, b| (&a.at, &a.source, a.event).cmp(&(&b.at, &b.source, b.event)));
        let mut groups: Vec<Group> = Vec::new();
        for (number, sound) in sounds.iter().enumerate() {
            progress(number + 1, sounds.len());
            let opened = Recording::open(&sound.path);
            let heard = match opened.and_then(|mut recording| self.embed(&mut recording)) {
                Ok(heard) => heard,
                Err(error @ (Error::Pipeline(_) | Error::Model(_))) => return Err(error),
                Err(error) => {
                    damaged.push(error);
                    continue;
                }
            };
            let session = self.session();
            let example = session.encode(&heard, false)?;
            let (point, direction) = session.learner().in_metric(&example)?;
            let least = |group: &Group| {
                let mut members = group.members.iter();
                let first = members.find_map(|(member, _)| sounds.get(*member));
                match first.is_some_and(|first| first.label == sound.label) {
                    true => ALIKE,
                    false => ALIKE_BUT_TOLD_APART,
                }
            };
            let best = (groups.iter_mut())
                .map(|group| (group.likeness(&point, &direction), group))
                .filter(|(likeness, group)| *likeness >= least(group))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            match best {
                Some((_, group)) => group.add(number, point, direction),
                None => groups.push(Group::new(number, point, direction)),
            }
        }
        let mut questions: Vec<Question> = groups.iter().map(|g| g.question(&sounds)).collect();
        questions.sort_by(|a, b| {
            let novelty = |question: &Question| question.sound.novelty.unwrap_or(0.0);
            let by_size = b.alike.len().cmp(&a.alike.len());
            by_size.then(novelty(b).total_cmp(&novelty(a)))
        });
        Ok(OpenQuestions { questions, damaged })
    }

    /// Teaches the sounds of a question as the class `label`, as one change, and closes it. Returns
    /// the number of examples. The change is judged as by [`Lesson::finish`](super::Lesson::finish).
    ///
    /// # Errors
    /// As [`Engine::teach`], and [`Error::Harmful`]; the question then stays open.
    pub fn answer(&self, question: &Question, label: &Label) -> Result<usize, Error> {
        self.answer_in(self.lesson(Durability::Immediate)?, question, label)
    }

    /// As [`Self::answer`], whatever it does to earlier recordings.
    ///
    /// # Errors
    /// As [`Engine::teach`]; the question then stays open.
    pub fn answer_despite_doubts(
        &self,
        question: &Question,
        label: &Label,
    ) -> Result<usize, Error> {
        let mut lesson = self.lesson(Durability::Immediate)?;
        lesson.despite_doubts();
        self.answer_in(lesson, question, label)
    }

    fn answer_in(
        &self,
        mut lesson: Lesson,
        question: &Question,
        label: &Label,
    ) -> Result<usize, Error> {
        let mut taught = 0;
        for sound in question.sounds() {
            let name = format!(
                "{} from {:.2} to {:.2} s",
                sound.source, sound.start, sound.end
            );
            lesson.teach(label, Recording::open(&sound.path)?.named(name))?;
            taught += 1;
        }
        lesson.finish()?;
        self.drop_question(question)?;
        Ok(taught)
    }

    /// Closes a question without an answer: removes its sounds.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn drop_question(&self, question: &Question) -> Result<(), Error> {
        for sound in question.sounds() {
            remove(&sound.path.with_extension("json"))?;
        }
        Ok(())
    }

    /// Closes all questions without reading them, damaged ones too. Returns the number of sounds
    /// that were removed.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn drop_questions(&self) -> Result<usize, Error> {
        let paths = files(&self.dir().join(FOLDER), self.ending())?;
        paths.iter().try_for_each(|path| remove(path))?;
        Ok(paths.len())
    }

    /// The ending of the files of sounds.
    fn ending(&self) -> &'static str {
        match self.recorded() {
            Recorded::Sound => "wav",
            Recorded::Sensor => "csv",
        }
    }
}

impl AskedSound {
    fn read(path: &Path, ending: &str) -> Result<Self, Error> {
        let text = fs::read(path).map_err(|error| failed(path, error))?;
        let sound: Result<Self, _> = serde_json::from_slice(&text);
        let sound = sound.map_err(|error| failed(path, io::Error::from(error)))?;
        let path = path.with_extension(ending);
        Ok(Self { path, ..sound })
    }
}

/// Sounds that are alike, and their sums in the metric of the head.
struct Group {
    /// Each sound with its point.
    members: Vec<(usize, Vec<f32>)>,
    point: Vec<f32>,
    direction: Vec<f32>,
}

impl Group {
    fn new(number: usize, point: Vec<f32>, direction: Vec<f32>) -> Self {
        Self {
            members: vec![(number, point.clone())],
            point,
            direction,
        }
    }

    fn add(&mut self, number: usize, point: Vec<f32>, direction: Vec<f32>) {
        let sums = [(&mut self.point, &point), (&mut self.direction, &direction)];
        for (sums, values) in sums {
            let pairs = sums.iter_mut().zip(values);
            pairs.for_each(|(sum, value)| *sum += value);
        }
        self.members.push((number, point));
    }

    /// The cosine between a sound and the sum of this group.
    fn likeness(&self, point: &[f32], direction: &[f32]) -> f32 {
        let lengths = dot(point, direction) * dot(&self.point, &self.direction);
        match lengths > 0.0 {
            true => dot(point, &self.direction) / lengths.sqrt(),
            false => 0.0,
        }
    }

    /// The sound that is most like the sum comes first.
    fn question(&self, sounds: &[AskedSound]) -> Question {
        let like = |point: &[f32]| dot(point, &self.direction);
        let mut order: Vec<(f32, usize)> = (self.members.iter())
            .map(|(number, point)| (like(point), *number))
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut members = order.iter().map(|&(_, number)| sounds[number].clone());
        let first = members.next();
        Question {
            sound: first.unwrap_or_else(|| sounds[self.members[0].0].clone()),
            alike: members.collect(),
        }
    }
}

/// The events that are kept: their files, sorted. The samples of each have the ending `ending`.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Error> {
    let mut paths = kept_files::with_ending(folder, "json")?;
    paths.retain(|path| path.with_extension(ending).is_file());
    Ok(paths)
}

/// Removes an event and its sound.
fn remove(path: &Path) -> Result<(), Error> {
    let samples = ["wav", "csv"].map(|ending| path.with_extension(ending));
    for path in std::iter::once(path.to_owned()).chain(samples) {
        kept_files::remove(&path)?;
    }
    Ok(())
}
