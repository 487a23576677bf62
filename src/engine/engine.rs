//! One value that joins a learner, its store and its backbone.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::calibration::{calibrated_contract, normalised_card};
use super::published::ClipFindings;
use super::{
    ClassStatus, ClipEmbeddings, Compacted, CompactedStatus, Differences, Durability,
    EngineOptions, Error, Event, EventId, GroupStatus, LearnerOptions, Lesson, ListenOptions,
    Listening, OptionError, PooledClip, Prediction, Recording, Session, Status, TaughtAs, Undone,
    clip_embeddings::embed_mixed, embed,
};
use crate::backbone::{Backbone, Mode, PublishedClasses};
use crate::learner::{Example, Settings};
use crate::model::{Cache, Card, Origin};
use crate::signal::Label;
use crate::source::{Note, Recorded, SourceSpec};
use crate::store::{ClipFilter, Revision, RevisionId, TaughtClip, WriteVolume};

/// The number of latest events that can be taught by their id.
const MOST_EVENTS: usize = 4_096;

/// A learner in use: opens, teaches, predicts, listens, corrects and rolls back.
///
/// Copies are handles to the same learner and may be used from any thread. So one thread can teach
/// while another one reads events. Every change is on the disk when its call returns. Other
/// processes may use the same folder at the same time; the engine applies their changes.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let dir = folder.path().join("box");
/// # let wave = |x: f32| (0..300).flat_map(|i| [x * i as f32 % 2.0, 0.0, 1.0, x, x, 0.0]).collect();
/// use afield::{Engine, Recording};
/// # let channels = || afield::model::Cache::at("/nowhere").find("imu").map(|card| card.sensor().map(|s| s.stated()).unwrap_or_default());
/// let engine = Engine::open_or_create(&dir, "imu")?;
/// engine.teach("slow", Recording::from_channels(50, channels()?, wave(0.1))?)?;
/// engine.teach("fast", Recording::from_channels(50, channels()?, wave(0.7))?)?;
/// let prediction = engine.predict(Recording::from_channels(50, channels()?, wave(0.69))?)?;
/// assert_eq!(prediction.best().unwrap().0.as_str(), "fast");
/// engine.undo()?;
/// assert_eq!(engine.classes().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    card: Card,
    options: EngineOptions,
    session: Mutex<Session>,
    backbone: OnceLock<Backbone>,
    published: OnceLock<PublishedClasses>,
    /// Held while the backbone or its classes are loaded, so that they are loaded only once.
    loading: Mutex<()>,
    events: Mutex<VecDeque<Event>>,
}

impl Engine {
    /// Opens the learner in the folder `dir`.
    ///
    /// # Errors
    /// [`Error::Store`] if there is no learner, or a damaged one.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(dir, EngineOptions::default())
    }

    /// As [`Self::open`], with options.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: EngineOptions) -> Result<Self, Error> {
        let session = Session::open(dir.as_ref())?;
        Ok(Self::over(dir.as_ref(), session, options))
    }

    /// Creates a learner in the folder `dir` that uses the backbone with this name.
    ///
    /// # Errors
    /// [`Error::Store`] if there is a learner already or the folder cannot be written;
    /// [`Error::Model`] if no such backbone is known or its file has not been fetched.
    pub fn create(dir: impl AsRef<Path>, backbone: &str) -> Result<Self, Error> {
        let learner = LearnerOptions {
            backbone: Some(backbone.to_owned()),
            ..LearnerOptions::default()
        };
        Self::create_with(dir, &learner, EngineOptions::default(), &|_, _| {})
    }

    /// As [`Self::create`], with options. `progress` receives the number of recordings embedded
    /// for calibration, and their total.
    ///
    /// # Errors
    /// As [`Self::create`]; [`Error::CannotCompact`] for a limit of disk use with a head that needs
    /// its examples; [`OptionError`] for options that contradict each other.
    pub fn create_with(
        dir: impl AsRef<Path>,
        learner: &LearnerOptions,
        options: EngineOptions,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let cache = Cache::locate(options.cache_dir.as_deref())?;
        let mut card = cache.find(learner.backbone())?;
        if !learner.with_classes {
            card.classes = None;
        } else if card.classes.is_none() {
            return Err(OptionError::NoPublishedClasses {
                backbone: card.name,
            }
            .into());
        }
        learner.source.check(recorded(&card))?;
        // A learner is useless without its backbone.
        cache.model_bytes(&card)?;
        cache.class_labels(&card)?;
        if learner.max_disk.is_some() && !learner.head.is_exact() {
            let head = learner.head.to_string();
            return Err(Error::CannotCompact { head });
        }
        let card = normalised_card(card, &learner.normalise, &learner.source)?;
        let contract = calibrated_contract(&card, learner, &cache, progress)?;
        let settings = Settings {
            head: learner.head,
            rehearsal: learner.rehearsal,
            seed: learner.seed,
        };
        let now = options.clock.unix_ms();
        let mut session = Session::create(dir, card, contract, settings, now)?;
        if let Some(bytes) = learner.max_disk {
            session.set_max_disk(Some(bytes), now)?;
        }
        Ok(Self::over(dir, session, options))
    }

    /// Opens the learner in `dir`; if there is none, creates one on this backbone.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::create`]; [`OptionError::OtherBackbone`] if the learner uses
    /// another backbone.
    pub fn open_or_create(dir: impl AsRef<Path>, backbone: &str) -> Result<Self, Error> {
        let dir = dir.as_ref();
        if !Session::exists(dir) {
            return Self::create(dir, backbone);
        }
        let engine = Self::open(dir)?;
        if engine.card().name != backbone {
            return Err(OptionError::OtherBackbone {
                dir: dir.to_owned(),
                found: engine.card().name.clone(),
                expected: backbone.to_owned(),
            }
            .into());
        }
        Ok(engine)
    }

    fn over(dir: &Path, session: Session, options: EngineOptions) -> Self {
        let shared = Shared {
            dir: dir.to_owned(),
            card: session.card().clone(),
            options,
            session: Mutex::new(session),
            backbone: OnceLock::new(),
            published: OnceLock::new(),
            loading: Mutex::new(()),
            events: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The learner's folder.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The card of the backbone.
    pub fn card(&self) -> &Card {
        &self.shared.card
    }

    /// Whether the backbone takes sound or the channels of a sensor.
    pub fn recorded(&self) -> Recorded {
        recorded(self.card())
    }

    /// The classes, each with the number of its examples.
    pub fn classes(&self) -> Vec<ClassStatus> {
        self.status().classes
    }

    /// A class that differs from `label` only in case, accents or invisible characters; `None` if
    /// there is none, or if `label` is a class itself.
    pub fn look_alike(&self, label: &Label) -> Option<Label> {
        let session = self.session();
        let classes = session.learner().classes();
        if classes.contains(label) {
            return None;
        }
        let mut others = classes.iter().filter(|class| class.looks_like(label));
        others.next().cloned()
    }

    /// The status of the learner in numbers.
    pub fn status(&self) -> Status {
        self.session().status()
    }

    /// Teaches a recording as an example of the class `label`. An unknown label creates a class.
    /// If the recording was taught as another class, it is corrected: the old example is unlearned
    /// exactly.
    ///
    /// # Errors
    /// [`Error`] if the label is invalid, the recording cannot be read or the write fails;
    /// nothing is then learned or stored.
    pub fn teach<L>(&self, label: L, recording: Recording) -> Result<TaughtAs, Error>
    where
        L: TryInto<Label>,
        Error: From<L::Error>,
    {
        let label = label.try_into()?;
        let mut recording = recording;
        let heard = self.embed_to_teach(&mut recording)?;
        let (name, group) = (recording.name(), recording.group());
        let now = self.now();
        self.session().teach_from(&label, &heard, name, group, now)
    }

    /// Teaches several recordings as one change, which [`Self::undo`] removes as a whole.
    ///
    /// # Errors
    /// [`Error`] if earlier pending changes cannot be written.
    pub fn lesson(&self, durability: Durability) -> Result<Lesson, Error> {
        Lesson::begin(self.clone(), durability)
    }

    /// Teaches the samples of event `id` as an example of the class `label`.
    ///
    /// # Errors
    /// As [`Self::teach`]; [`Error::NoEvent`] if this engine did not return the event, or returned
    /// it too long ago; [`Error::TooLittleAudio`] if its samples are no longer kept.
    pub fn correct<L>(&self, id: EventId, label: L) -> Result<TaughtAs, Error>
    where
        L: TryInto<Label>,
        Error: From<L::Error>,
    {
        self.teach(label, self.recording_of(id)?)
    }

    /// The samples of event `id`.
    ///
    /// # Errors
    /// As [`Self::correct`].
    pub fn recording_of(&self, id: EventId) -> Result<Recording, Error> {
        let events = lock(&self.shared.events);
        let known = events.iter().rev().find(|known| known.id == id);
        let Some(known) = known else {
            return Err(Error::NoEvent {
                id: id.to_string(),
                reason: "this engine did not hand it out, or too long ago",
            });
        };
        known.recording()
    }

    pub(super) fn remember(&self, event: Event) {
        let mut events = lock(&self.shared.events);
        if events.len() == MOST_EVENTS {
            events.pop_front();
        }
        events.push_back(event);
    }

    /// The probabilities of the taught classes for a recording.
    ///
    /// # Errors
    /// [`Error`] if the recording cannot be read.
    pub fn predict(&self, recording: Recording) -> Result<Prediction, Error> {
        let mut recording = recording;
        let clip = self.pool(&mut recording)?;
        self.predict_pooled(&clip)
    }

    /// As [`Self::predict`], for a recording that is already pooled.
    ///
    /// # Errors
    /// [`Error`] if the vector does not fit the learner.
    pub fn predict_pooled(&self, clip: &PooledClip) -> Result<Prediction, Error> {
        let mut session = self.session();
        session.catch_up()?;
        let example = session.learner().encode_pooled(&clip.pooled)?;
        let (size, width) = (
            self.card().embedding.size,
            session.learner().contract().width(),
        );
        // Every pool begins with the mean.
        let windows = clip.pooled.chunks_exact(width);
        let embeddings = windows.filter_map(|pooled| pooled.get(..size)).collect();
        self.predict_example(&mut session, &example, embeddings, &clip.notes)
    }

    /// As [`Self::predict`], for a recording that is already embedded.
    ///
    /// # Errors
    /// [`Error`] if the embeddings do not fit the learner.
    pub fn predict_embeddings(&self, heard: &ClipEmbeddings) -> Result<Prediction, Error> {
        let mut session = self.session();
        session.catch_up()?;
        let example = session.encode(heard, false)?;
        let means = match self.card().classes {
            Some(_) => session.mean_embeddings(heard)?,
            None => Vec::new(),
        };
        let embeddings = means.chunks_exact(self.card().embedding.size).collect();
        self.predict_example(&mut session, &example, embeddings, &heard.notes)
    }

    fn predict_example(
        &self,
        session: &mut Session,
        example: &Example,
        embeddings: Vec<&[f32]>,
        notes: &[Note],
    ) -> Result<Prediction, Error> {
        let judgement = session.judge(example)?;
        let mut prediction = Prediction::new(session.learner().classes(), &judgement);
        if self.recorded() == Recorded::Sound {
            prediction = prediction.noting(notes);
        }
        let clip = ClipFindings {
            embeddings,
            example,
            probabilities: &judgement.probabilities,
            p_value: judgement.p_value,
        };
        self.with_published(prediction, session, &clip)
    }

    /// A recording as the one vector that predictions need. Its memory does not grow with the length of
    /// the recording.
    ///
    /// # Errors
    /// [`Error`] if the recording cannot be read or has no sample.
    pub fn pool(&self, recording: &mut Recording) -> Result<PooledClip, Error> {
        let backbone = self.backbone()?;
        let (pool, rows) = {
            let session = self.session();
            let contract = session.learner().contract();
            (contract.pool, contract.window_rows)
        };
        PooledClip::read(recording, self.card(), backbone, pool, rows)
    }

    /// The embeddings of a recording.
    ///
    /// # Errors
    /// [`Error`] if the recording cannot be read or has no sample.
    pub fn embed(&self, recording: &mut Recording) -> Result<ClipEmbeddings, Error> {
        let backbone = self.backbone()?;
        embed(recording.source(), self.card(), backbone)
    }

    /// The embeddings of a recording that is to be taught: also those of the recording mixed with
    /// the soundscape, if there is one.
    ///
    /// # Errors
    /// As [`Self::embed`]; [`Error::Source`] also if the soundscape cannot be read.
    pub fn embed_to_teach(&self, recording: &mut Recording) -> Result<ClipEmbeddings, Error> {
        let windowed = self.session().learner().contract().window_rows.is_some();
        let soundscape = match windowed {
            true => self.soundscape()?,
            false => None,
        };
        let backbone = self.backbone()?;
        embed_mixed(
            recording.source(),
            self.card(),
            backbone,
            soundscape.as_ref(),
        )
    }

    /// The events of a source: an iterator that ends when the source does.
    ///
    /// # Errors
    /// [`Error`] if the source cannot be opened, or gives what the backbone does not take.
    pub fn listen(&self, source: SourceSpec) -> Result<Listening, Error> {
        self.listen_with(source, ListenOptions::default())
    }

    /// As [`Self::listen`], with options.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub fn listen_with(
        &self,
        source: SourceSpec,
        options: ListenOptions,
    ) -> Result<Listening, Error> {
        Listening::begin(self.clone(), source, options)
    }

    /// As [`Self::listen_with`], for samples that the caller has opened, such as a
    /// [`Source`](crate::source::Source) of its own. They are heard as a file is, as fast as they
    /// come.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub fn listen_to(
        &self,
        recording: Recording,
        options: ListenOptions,
    ) -> Result<Listening, Error> {
        Listening::to_recording(self.clone(), recording, options)
    }

    /// The last `span` of audio of another process that listens with this learner, the name of its
    /// source, and the age of the last sample.
    ///
    /// # Errors
    /// [`Error::NobodyListens`]; [`Error::TooLittleAudio`] if it has less audio without a gap.
    pub fn latest_audio(&self, span: Duration) -> Result<(Recording, String, Duration), Error> {
        let received = super::latest_audio(self.dir(), span)?;
        let name = super::audio_exchange::clip_name(span, &received.source);
        let recording = Recording::from_source(Box::new(received.excerpt), name);
        Ok((recording, received.source, received.age))
    }

    /// The samples of event `id` of another process that listens with this learner.
    ///
    /// # Errors
    /// [`Error::NobodyListens`]; [`Error::TooLittleAudio`] or [`Error::AudioExchange`] if the
    /// samples of the event are no longer kept.
    pub fn event_audio(&self, id: EventId) -> Result<Recording, Error> {
        let received = super::audio_exchange::event_audio(self.dir(), id)?;
        let name = format!("event {id} of {}", received.source);
        Ok(Recording::from_source(Box::new(received.excerpt), name))
    }

    /// The listening state of another process that listens with this learner; `None` if there is
    /// none.
    ///
    /// # Errors
    /// [`Error::AudioExchange`] if it does not answer.
    pub fn listened_to(&self) -> Result<Option<super::ListeningState>, Error> {
        super::listening(self.dir())
    }

    /// Removes every selected clip, and returns them.
    ///
    /// # Errors
    /// [`Error`] if the head cannot unlearn or the write fails; nothing has then changed.
    pub fn forget(&self, which: &ClipFilter) -> Result<Vec<TaughtClip>, Error> {
        let now = self.now();
        self.session().forget(which, now)
    }

    /// The selected clips in effect.
    ///
    /// # Errors
    /// [`Error::Store`] if the log cannot be read.
    pub fn clips(&self, which: &ClipFilter) -> Result<Vec<TaughtClip>, Error> {
        self.session().clips(which)
    }

    /// Examples that were compacted into the statistic, by class.
    ///
    /// # Errors
    /// [`Error::Store`] if the log cannot be read.
    pub fn compacted(&self) -> Result<Vec<CompactedStatus>, Error> {
        self.session().compacted()
    }

    /// The number of clips of each group.
    ///
    /// # Errors
    /// [`Error::Store`] if the log cannot be read.
    pub fn groups(&self) -> Result<Vec<GroupStatus>, Error> {
        self.session().groups()
    }

    /// Bytes written on each day.
    ///
    /// # Errors
    /// [`Error::Store`] if they cannot be read.
    pub fn write_volume(&self) -> Result<Vec<WriteVolume>, Error> {
        self.session().write_volume()
    }

    /// The limit of disk use in bytes, if there is one.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be read.
    pub fn max_disk(&self) -> Result<Option<u64>, Error> {
        self.session().max_disk()
    }

    /// Sets or removes the limit of disk use.
    ///
    /// # Errors
    /// [`Error::CannotCompact`] for a head that needs its examples.
    pub fn set_max_disk(&self, bytes: Option<u64>) -> Result<(), Error> {
        let now = self.now();
        self.session().set_max_disk(bytes, now)
    }

    /// Compacts all but the latest `keep` examples into the statistic. No prediction changes.
    /// Compacted examples can be forgotten only with their whole class. No rollback can return to
    /// an earlier revision.
    ///
    /// # Errors
    /// [`Error::CannotCompact`] for a head that needs its examples.
    pub fn compact(&self, keep: usize) -> Result<Compacted, Error> {
        let now = self.now();
        self.session().compact(keep, now)
    }

    /// All revisions that a rollback can return to, in order.
    ///
    /// # Errors
    /// [`Error::Store`] if they cannot be read.
    pub fn history(&self) -> Result<Vec<Revision>, Error> {
        self.session().history()
    }

    /// Undoes the latest change that is not undone yet.
    ///
    /// # Errors
    /// [`Error::NothingToUndo`], or [`Error::Store`] if the write fails.
    pub fn undo(&self) -> Result<Undone, Error> {
        let now = self.now();
        self.session().undo(now)
    }

    /// Returns to an earlier revision. This adds a new revision.
    ///
    /// # Errors
    /// [`Error::Store`] if there is no such revision or the write fails.
    pub fn roll_back(&self, target: RevisionId) -> Result<Revision, Error> {
        let now = self.now();
        self.session().roll_back(target, now)
    }

    /// Compares the predictions of the learners at two revisions, for every clip that one of them
    /// was taught.
    ///
    /// # Errors
    /// [`Error::Store`] if there is no such revision or the log cannot be read.
    pub fn diff(&self, before: RevisionId, after: RevisionId) -> Result<Differences, Error> {
        self.session().diff(before, after)
    }

    /// Writes pending changes. Also writes a snapshot if the next opening would take long without
    /// it.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written; stored data is not lost.
    pub fn close(&self) -> Result<(), Error> {
        self.session().keep()
    }

    /// The backbone. The first call loads it, and its classes if the learner uses them.
    ///
    /// # Errors
    /// [`Error::Model`] if its file is not in the cache, [`Error::Pipeline`] if it cannot be run.
    pub fn backbone(&self) -> Result<&Backbone, Error> {
        if let Some(backbone) = self.shared.backbone.get() {
            return Ok(backbone);
        }
        // The classes come first: they need more memory while they are loaded than afterwards.
        self.published_classes()?;
        let _loading = lock(&self.shared.loading);
        if let Some(backbone) = self.shared.backbone.get() {
            return Ok(backbone);
        }
        let backbone = load_backbone(self.card(), &self.cache()?, Mode::Auto)?;
        Ok(self.shared.backbone.get_or_init(|| backbone))
    }

    /// The classes that the backbone was published with; `None` if the learner does not use them.
    /// The first call loads them.
    ///
    /// # Errors
    /// [`Error::Model`] if the file or its labels are not in the cache, [`Error::Pipeline`] if the
    /// layer of the classes cannot be run.
    pub fn published_classes(&self) -> Result<Option<&PublishedClasses>, Error> {
        if let Some(classes) = self.shared.published.get() {
            return Ok(Some(classes));
        }
        if self.card().classes.is_none() {
            return Ok(None);
        }
        let _loading = lock(&self.shared.loading);
        if let Some(classes) = self.shared.published.get() {
            return Ok(Some(classes));
        }
        let (card, cache) = (self.card(), self.cache()?);
        let labels = cache.class_labels(card)?;
        let classes = PublishedClasses::from_bytes(&cache.model_bytes(card)?, card, labels)?;
        Ok(classes.map(|classes| self.shared.published.get_or_init(|| classes)))
    }

    /// The probability from which on a published class of `classes` is named.
    pub(super) fn published_min_confidence(&self, classes: &PublishedClasses) -> f32 {
        let asked = self.shared.options.published_min_confidence;
        asked.unwrap_or(classes.min_confidence())
    }

    /// The cache of backbones.
    ///
    /// # Errors
    /// [`Error::Model`] if its folder cannot be determined.
    pub fn cache(&self) -> Result<Cache, Error> {
        Ok(Cache::locate(self.shared.options.cache_dir.as_deref())?)
    }

    /// The session of the learner. Its methods receive the time from the caller. Other threads
    /// wait while the caller holds the guard.
    pub fn session(&self) -> MutexGuard<'_, Session> {
        lock(&self.shared.session)
    }

    pub(super) fn now(&self) -> i64 {
        self.shared.options.clock.unix_ms()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("dir", &self.shared.dir)
            .field("backbone", &self.shared.card.name)
            .finish_non_exhaustive()
    }
}

/// Loads the backbone of `card`, from the library or from the cache.
///
/// # Errors
/// [`Error::Model`] if its file is not in the cache, [`Error::Pipeline`] if it cannot be run.
pub fn load_backbone(card: &Card, cache: &Cache, mode: Mode) -> Result<Backbone, Error> {
    if let Origin::BuiltIn { .. } = card.origin {
        return Ok(Backbone::from_bytes(&cache.model_bytes(card)?, card, mode)?);
    }
    Ok(Backbone::load(&cache.model_path(card)?, card, mode)?)
}

/// The input of the backbone of `card`.
pub fn recorded(card: &Card) -> Recorded {
    match card.sensor() {
        Some(_) => Recorded::Sensor,
        None => Recorded::Sound,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
