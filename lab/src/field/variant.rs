//! How a learner is taught and how it listens: today's way and what it is made of.

use afield::model::Card;
use serde::{Serialize, Serializer};

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
    /// As [`Self::NextDay`], after the questions of a day before it were answered.
    Answered,
}

impl Variant {
    /// All of them, the simplest first.
    pub const ALL: [Self; 6] = [
        Self::Windows,
        Self::ClipEvents,
        Self::NoSoundscape,
        Self::Full,
        Self::NextDay,
        Self::Answered,
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
            Self::Answered => "next day, answered",
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
            Self::Answered => {
                "as next day, after up to 20 questions about the day before were answered with \
                 the true class"
            }
        }
    }

    /// Whether the day is the second of two.
    pub(crate) fn is_next_day(self) -> bool {
        matches!(self, Self::NextDay | Self::Answered)
    }

    /// What the learner is taught.
    pub(crate) fn taught(self) -> Taught {
        match self {
            Self::Windows | Self::ClipEvents => Taught::Clips,
            Self::NoSoundscape => Taught::Windows,
            Self::Full | Self::NextDay | Self::Answered => Taught::MixedWindows,
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
}
