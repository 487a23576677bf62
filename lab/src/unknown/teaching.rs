//! How a learner is taught: by decision windows, or by whole clips.

use afield::engine::LearnerOptions;
use afield::model::Card;

use crate::exam::ExamCase;

/// How a learner is taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teaching {
    /// A clip is learned as decision windows: what a user gets.
    Windows,
    /// A clip is one example, as after `init --whole-clips`.
    WholeClips,
}

impl Teaching {
    /// Those that suit a backbone, what a user gets first: without decision windows, it learns whole
    /// clips alone.
    pub fn suiting(card: &Card) -> Vec<Self> {
        match card.decision {
            Some(_) => vec![Self::Windows, Self::WholeClips],
            None => vec![Self::WholeClips],
        }
    }
}

impl ExamCase for Teaching {
    fn name(self) -> &'static str {
        match self {
            Self::Windows => "decision windows",
            Self::WholeClips => "whole clips",
        }
    }

    fn learner(self, options: LearnerOptions) -> LearnerOptions {
        LearnerOptions {
            whole_clips: self == Self::WholeClips,
            ..options
        }
    }
}
