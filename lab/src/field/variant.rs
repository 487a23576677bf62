//! How a learner is taught and how it listens: today's way and what it is made of.

use afield::model::Card;
use serde::{Serialize, Serializer};

/// The most labels that are given about a day.
const ANSWERS: usize = 20;

/// One way to teach and to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Whole clips; each window is decided for itself.
    Windows,
    /// Whole clips; windows become events.
    ClipEvents,
    /// Decision windows, not mixed with the place; windows become events.
    NoSoundscape,
    /// Decision windows, mixed with the place; windows become events. This is what a user gets.
    Full,
    /// As [`Self::Full`], on another day.
    NextDay,
    /// As [`Self::NextDay`], after random sounds of a day before it were labelled.
    Labelled,
    /// As [`Self::NextDay`], after half as many questions about a day before it were answered.
    HalfAnswered,
    /// As [`Self::NextDay`], after the questions of a day before it were answered.
    Answered,
    /// As [`Self::Full`], in another place than the one in which it was taught.
    Moved,
    /// As [`Self::Full`], taught anew in that other place.
    Relearned,
}

impl Variant {
    /// All of them, the simplest first.
    pub const ALL: [Self; 10] = [
        Self::Windows,
        Self::ClipEvents,
        Self::NoSoundscape,
        Self::Full,
        Self::NextDay,
        Self::Labelled,
        Self::HalfAnswered,
        Self::Answered,
        Self::Moved,
        Self::Relearned,
    ];

    /// Those that suit a backbone: without decision windows, it learns whole clips alone.
    pub fn suiting(card: &Card) -> Vec<Self> {
        let suits = |variant: &Self| variant.taught() == Taught::Clips || card.decision.is_some();
        Self::ALL.into_iter().filter(suits).collect()
    }

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows => "clips, single decisions",
            Self::ClipEvents => "clips, events",
            Self::NoSoundscape => "windows, events",
            Self::Full => "full",
            Self::NextDay => "next day",
            Self::Labelled => "next day, 20 at random",
            Self::HalfAnswered => "next day, 10 answered",
            Self::Answered => "next day, 20 answered",
            Self::Moved => "moved",
            Self::Relearned => "moved, taught anew",
        }
    }

    /// How it is taught and how it listens, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Windows => {
                "taught whole clips; a run of decisions for one class is an event, as in \
                 `listen --windows`"
            }
            Self::ClipEvents => "taught whole clips; `listen` makes events",
            Self::NoSoundscape => {
                "taught decision windows without a soundscape; `listen` makes events"
            }
            Self::Full => {
                "taught decision windows, also mixed with the soundscape; `listen` makes events"
            }
            Self::NextDay => {
                "as full, on a second day: events of one half of the clips, where the day before \
                 has the other half"
            }
            Self::Labelled => {
                "as next day, after 20 random events of the day before were labelled with the true \
                 class"
            }
            Self::HalfAnswered => {
                "as next day, after up to 10 questions about the day before were answered with \
                 the true class"
            }
            Self::Answered => "the same after up to 20 questions",
            Self::Moved => {
                "as full, in another place: after the day, the stream goes on there; only the \
                 second part is scored"
            }
            Self::Relearned => "as full, taught anew with the sound of the other place",
        }
    }

    /// Whether it hears the first day itself.
    pub(crate) fn is_same_day(self) -> bool {
        !self.is_next_day() && !self.is_moved()
    }

    /// Whether it hears another place.
    pub(crate) fn is_moved(self) -> bool {
        matches!(self, Self::Moved | Self::Relearned)
    }

    /// Whether the day is the second of two.
    pub(crate) fn is_next_day(self) -> bool {
        self == Self::NextDay || self.asked() != Asked::Nothing
    }

    /// What is asked on the day before.
    pub(crate) fn asked(self) -> Asked {
        match self {
            Self::Labelled => Asked::AtRandom(ANSWERS),
            Self::HalfAnswered => Asked::Questions(ANSWERS / 2),
            Self::Answered => Asked::Questions(ANSWERS),
            _ => Asked::Nothing,
        }
    }

    /// What the learner is taught.
    pub(crate) fn taught(self) -> Taught {
        match self {
            Self::Windows | Self::ClipEvents => Taught::Clips,
            Self::NoSoundscape => Taught::Windows,
            Self::Relearned => Taught::Elsewhere,
            _ => Taught::MixedWindows,
        }
    }
}

impl Serialize for Variant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a learner is taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taught {
    /// Whole clips, and the place as a class.
    Clips,
    /// Decision windows, and the place as a class.
    Windows,
    /// Decision windows, also mixed with the place.
    MixedWindows,
    /// Decision windows, also mixed with the other place.
    Elsewhere,
}

/// What somebody is asked about a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    /// The class of so many events, drawn at random.
    AtRandom(usize),
    /// So many questions of the learner.
    Questions(usize),
}
