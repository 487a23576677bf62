//! The field: days of sound composed from labelled clips, a learner that listens to them, and the
//! scores of its events.
//!
//! Accuracy on clips does not say how a learner does where it stands. A [`Day`] has events at
//! several levels over the sound of a place, of classes that were taught and of classes that were
//! not. [`FieldPlan`] teaches learners as a user does, lets them listen, and reports what they find.
//! This room formats nothing.

mod collar;
mod counts;
mod day;
mod discovery;
mod error;
mod event;
mod intersection;
mod judgement;
mod place;
mod report;
mod run;
mod score;
mod sound;
mod sound_library;
mod sounding;
mod variant;
mod wave;

pub use collar::{Collar, collar_counts};
pub use counts::Counts;
pub use day::{Day, DayPlan};
pub use discovery::Discovery;
pub use error::FieldError;
pub use event::{FoundEvent, TrueEvent};
pub use intersection::intersection_counts;
pub use judgement::{Judgement, Verdict};
pub use report::{DayReport, DriftReport, FieldReport, VariantReport};
pub use run::{FieldPlan, FieldProgress};
pub use score::{FalseAlarms, Score, Spread};
pub use sound_library::{LibrarySound, SoundLibrary};
pub use variant::Variant;
