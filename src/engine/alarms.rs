//! The p-value below which an event is unknown, while a source is heard.

use super::{Error, ListenOptions, Session};
use crate::decision::{FalseAlarms, Segment};
use crate::signal::Micros;

/// With fewer scores of taught clips p-values are coarse, and no caution is taken: the most unlike
/// of 19 taught clips has a p-value of .05.
const FEWEST_CLIPS: usize = 40;

/// What decides from which p-value on an event is unknown.
#[derive(Debug, Clone)]
pub(super) enum Alarms {
    /// The caller.
    Fixed(f32),
    /// A number of false alarms.
    Budget(Box<Budget>),
}

/// A number of false alarms, and what it was computed from.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    alarms: FalseAlarms,
    /// The classes when sounds were last taken as if they had not been taught.
    classes: Option<usize>,
    /// Whether they are taken no second time: a live source does not wait.
    once: bool,
    /// The end of the latest window.
    until: Micros,
}

impl Alarms {
    pub(super) fn new(options: &ListenOptions, live: bool) -> Self {
        match options.unknown_below {
            Some(p_value) => Self::Fixed(p_value),
            None => Self::Budget(Box::new(Budget {
                alarms: FalseAlarms::new(options.false_alarms_per_day, Vec::new()),
                classes: None,
                once: live,
                until: Micros(0),
            })),
        }
    }

    /// The p-value for the next windows, of which the last ends at `until`.
    ///
    /// # Errors
    /// [`Error`] when the log cannot be read.
    pub(super) fn unknown_below(
        &mut self,
        session: &mut Session,
        until: Micros,
    ) -> Result<f32, Error> {
        let budget = match self {
            Self::Fixed(p_value) => return Ok(*p_value),
            Self::Budget(budget) => budget,
        };
        if session.novelty()?.heard.novelty.clips() < FEWEST_CLIPS {
            return Ok(FalseAlarms::LEAST);
        }
        let classes = session.learner().classes().len();
        let may_wait = !budget.once || !budget.alarms.has_strangers();
        if budget
            .classes
            .is_none_or(|known| known != classes && may_wait)
        {
            budget.alarms.set_strangers(session.strangers()?);
            budget.classes = Some(classes);
        }
        let heard = until.0.saturating_sub(budget.until.0);
        budget.until = until;
        budget.alarms.listened(Micros(heard).as_secs_f64());
        Ok(budget.alarms.unknown_below())
    }

    /// Begins another source.
    pub(super) fn restart(&mut self) {
        if let Self::Budget(budget) = self {
            budget.until = Micros(0);
        }
    }

    /// Counts the events of a source.
    pub(super) fn count(&mut self, segments: &[Segment]) {
        if let Self::Budget(budget) = self {
            let p_values = segments.iter().filter_map(|segment| segment.p_value);
            p_values.for_each(|p| budget.alarms.heard(p));
        }
    }
}
