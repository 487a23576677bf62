//! Exams of learners: each is created anew, taught some recordings, and asked about others.
//!
//! An [`ExamPlan`] goes through the splits of a data set, seed after seed, and gives a new learner to
//! each case of an exam. The rooms `unknown`, `guard` and `adapt` say what is taught and asked. This
//! room scores nothing and formats nothing.

mod draw;
mod error;
mod plan;
mod recordings;
mod scores;
mod sitting;

pub(crate) use draw::{names_of, never_taught};
pub use error::ExamError;
pub(crate) use plan::by_name;
pub use plan::{ExamCase, ExamPlan, ExamProgress, Examined};
pub use recordings::EmbeddedRecordings;
pub(crate) use scores::scores;
pub(crate) use sitting::Sitting;
