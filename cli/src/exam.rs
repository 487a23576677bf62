//! `afield evaluate --protocol unknown`, `guard` and `adapt`: learners that are taught and asked.

use std::sync::Arc;

use afield_lab::adapt::examine_adapt;
use afield_lab::data::splits;
use afield_lab::exam::{ExamError, ExamPlan, ExamProgress};
use afield_lab::guard::examine_guard;
use afield_lab::render::{
    Provenance, adapt_html, adapt_table, guard_html, guard_table, unknown_html, unknown_table,
};
use afield_lab::unknown::examine_unknown;
use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;

use super::batch::Batch;
use super::embedding::{advance, steps};
use super::evaluate::{
    EvaluateArgs, MadeOn, labelled, naming_test_groups, note_draw, write_page, write_stdout,
};
use super::model::Places;

/// Holds an exam, with a callback for its progress.
type Examine<R> = fn(&ExamPlan, &mut dyn FnMut(ExamProgress)) -> Result<R, ExamError>;

/// An exam of learners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exam {
    /// Classes are left out, and the learner is asked about all.
    Unknown,
    /// Labels are wrong, and the guard looks for them.
    Guard,
    /// Recordings are heard without labels.
    Adapt,
}

impl Exam {
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Guard, Self::Adapt];

    /// The name of the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Guard => "guard",
            Self::Adapt => "adapt",
        }
    }
}

/// Runs the draws that the arguments describe, and prints the report.
///
/// # Errors
/// For arguments that do not apply, recordings that cannot be split or taught, and output that cannot
/// be written.
pub fn evaluate(exam: Exam, args: &EvaluateArgs, places: &Places, batch: &mut Batch) -> Result<()> {
    match exam {
        Exam::Unknown => run(
            args,
            places,
            batch,
            examine_unknown,
            unknown_table,
            unknown_html,
        ),
        Exam::Guard => run(args, places, batch, examine_guard, guard_table, guard_html),
        Exam::Adapt => run(args, places, batch, examine_adapt, adapt_table, adapt_html),
    }
}

fn run<R: Serialize>(
    args: &EvaluateArgs,
    places: &Places,
    batch: &mut Batch,
    examine: Examine<R>,
    table: fn(&R) -> String,
    html: fn(&R, &Provenance) -> String,
) -> Result<()> {
    args.check_own_learners()?;
    let (labelled, card) = labelled(args, places, batch)?;
    let learner = args.own_learners()?;
    let seeds = args.seeds()?;
    let cut = args.cut.map(|cut| cut.window(&card));
    let (recordings, read) = labelled.recordings(&card, &args.sensor.format(), cut, places)?;
    let clips = Arc::new(recordings.clips()?);
    let splits = splits(&clips, &args.test_groups, seeds).map_err(naming_test_groups(args))?;
    for (_, dataset) in &splits {
        note_draw(dataset);
    }
    let plan = ExamPlan {
        learner,
        engine: places.engine(),
        recordings,
        splits,
    };
    let bar = steps();
    let report = examine(&plan, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let report = report?;
    let made_on = MadeOn {
        text: read.text(batch),
        json: read.json(batch),
    };
    if let Some(path) = &args.report {
        write_page(path, Some(made_on.text.clone()), |provenance| {
            Ok(html(&report, provenance))
        })?;
    }
    let text = match args.json {
        true => MadeOn::json(Some(&made_on), &report)?,
        false => format!("{}{}\n", table(&report), made_on.text),
    };
    write_stdout(&text)
}

fn show(bar: &ProgressBar, progress: ExamProgress) {
    advance(bar, progress.done, progress.total);
    let ExamProgress { seed, case, .. } = progress;
    bar.set_message(format!("seed {seed}, {case}"));
}
