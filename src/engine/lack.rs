//! What a learner lacks, in plain sentences.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::signal::Label;

/// Something that a learner lacks, or that more examples would not bring. Its text is a sentence.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Lack {
    /// There are fewer than two classes.
    Classes {
        /// How many there are.
        classes: usize,
    },
    /// A class is known from too few recordings or groups.
    Sources {
        /// The class.
        label: Label,
        /// Its clips.
        clips: usize,
        /// The recordings or groups that they are from.
        sources: usize,
        /// Whether they are groups.
        are_groups: bool,
    },
    /// Clips of one class are often taken for another.
    Confusion {
        /// The class.
        label: Label,
        /// What its clips are taken for.
        told: Label,
        /// How many of them.
        count: usize,
        /// Clips of the class.
        of: usize,
    },
    /// Clips are like another class than theirs.
    Doubtful {
        /// How many.
        clips: usize,
    },
    /// There is no class of what is no event.
    Background,
    /// There are too few clips to call anything unknown.
    ClipsForUnknown {
        /// The clips there are.
        clips: usize,
        /// The clips that are needed.
        needed: usize,
    },
    /// The head cannot call anything unknown.
    HeadForUnknown {
        /// The head.
        head: String,
    },
    /// Accuracy still rises with the number of clips.
    StillRising {
        /// Clips a class, and the accuracy with them, before.
        before: (usize, f64),
        /// Clips a class, and the accuracy with them, in the end.
        after: (usize, f64),
    },
    /// The last clips changed little.
    Settled {
        /// As in [`Self::StillRising`].
        before: (usize, f64),
        /// As in [`Self::StillRising`].
        after: (usize, f64),
    },
    /// Compacted examples take no part.
    Compacted {
        /// How many there are.
        examples: u64,
    },
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes { classes: 0 } => f.write_str("no class is taught"),
            Self::Classes { .. } => {
                f.write_str("one class is taught: nothing can be told apart before there are two")
            }
            Self::Sources {
                label,
                clips,
                sources,
                are_groups,
            } => {
                let noun = match are_groups {
                    true => "group",
                    false => "recording",
                };
                let (clips_are, sources_are) = (counted(*clips, "clip"), counted(*sources, noun));
                let more = match WANTED_SOURCES.saturating_sub(*sources) {
                    1 => format!("one more {noun}"),
                    more => format!("{} more {noun}s", in_words(more)),
                };
                write!(
                    f,
                    "{label} has {clips_are} from {sources_are}: teach it from {more}"
                )
            }
            Self::Confusion {
                label,
                told,
                count,
                of,
            } => write!(
                f,
                "{count} of {of} clips of {label} are taken for {told}: teach more clips of both"
            ),
            Self::Doubtful { clips: 1 } => {
                f.write_str("1 clip is like another class than its own: its label may be wrong")
            }
            Self::Doubtful { clips } => write!(
                f,
                "{clips} clips are like another class than their own: their labels may be wrong"
            ),
            Self::Background => write!(
                f,
                "no class `{}`: without it, listening cannot tell events from the sound of the place",
                Label::BACKGROUND
            ),
            Self::ClipsForUnknown { clips, needed } => write!(
                f,
                "{}, fewer than {needed}: nothing is called unknown yet",
                counted(*clips, "clip")
            ),
            Self::HeadForUnknown { head } => {
                write!(f, "the head {head} calls nothing unknown; lda does")
            }
            Self::StillRising { before, after } => write!(
                f,
                "accuracy rose from {} with {} a class to {} with {}: more clips will help",
                two(before.1),
                counted(before.0, "clip"),
                two(after.1),
                after.0
            ),
            Self::Settled { before, after } => write!(
                f,
                "accuracy is {} with {} a class and {} with {}: more clips of the same kind will change little",
                two(before.1),
                counted(before.0, "clip"),
                two(after.1),
                after.0
            ),
            Self::Compacted { examples } => write!(
                f,
                "{} compacted: they stay learned, and are not asked about",
                match examples {
                    1 => "1 example is".to_owned(),
                    more => format!("{more} examples are"),
                }
            ),
        }
    }
}

impl Serialize for Lack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The recordings or groups from which a class should be known.
pub(super) const WANTED_SOURCES: usize = 3;

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        more => format!("{more} {noun}s"),
    }
}

fn in_words(count: usize) -> String {
    match count {
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        more => more.to_string(),
    }
}

/// `.93`; 1 is `1.00`.
fn two(share: f64) -> String {
    let text = format!("{share:.2}");
    text.strip_prefix('0').map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_what_to_teach() {
        let label = Label::new("bell").unwrap();
        let sources = |clips, sources, are_groups| {
            let label = label.clone();
            Lack::Sources {
                label,
                clips,
                sources,
                are_groups,
            }
            .to_string()
        };
        assert_eq!(
            sources(3, 1, false),
            "bell has 3 clips from 1 recording: teach it from two more recordings"
        );
        assert_eq!(
            sources(1, 2, true),
            "bell has 1 clip from 2 groups: teach it from one more group"
        );
        let rising = Lack::StillRising {
            before: (4, 0.81),
            after: (8, 0.99),
        };
        assert_eq!(
            rising.to_string(),
            "accuracy rose from .81 with 4 clips a class to .99 with 8: more clips will help"
        );
    }
}
