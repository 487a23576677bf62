//! `afield evaluate --protocol guard`: wrong labels, and what the guard does about them.

use std::sync::Arc;

use afield_lab::data::splits;
use afield_lab::guard::{GuardPlan, GuardProgress};
use afield_lab::render::{guard_html, guard_table};
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::batch::Batch;
use super::evaluate::{
    EvaluateArgs, MadeOn, labelled, naming_test_groups, note_draw, write_page, write_stdout,
};
use super::model::Places;

/// Runs the draws that the arguments describe, and prints the report.
///
/// # Errors
/// For arguments that do not apply, recordings that cannot be split or taught, and output that cannot
/// be written.
pub fn evaluate(args: &EvaluateArgs, places: &Places, batch: &mut Batch) -> Result<()> {
    args.check_own_learners()?;
    let (labelled, card) = labelled(args, places, batch)?;
    let plan = GuardPlan {
        learner: args.own_learners()?,
        engine: places.engine(),
    };
    let seeds = args.seeds()?;
    let cut = args.cut.map(|cut| cut.window(&card));
    let (recordings, read) = labelled.recordings(&card, &args.sensor.format(), cut, places)?;
    let clips = Arc::new(recordings.clips()?);
    let splits = splits(&clips, &args.test_groups, seeds).map_err(naming_test_groups(args))?;
    for (_, dataset) in &splits {
        note_draw(dataset);
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} [{elapsed}]");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let report = plan.run(&recordings, &splits, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let report = report?;
    let made_on = MadeOn {
        text: read.text(batch),
        json: read.json(batch),
    };
    if let Some(path) = &args.report {
        write_page(path, Some(made_on.text.clone()), |provenance| {
            Ok(guard_html(&report, provenance))
        })?;
    }
    let text = match args.json {
        true => MadeOn::json(Some(&made_on), &report)?,
        false => format!("{}{}\n", guard_table(&report), made_on.text),
    };
    write_stdout(&text)
}

fn show(bar: &ProgressBar, progress: GuardProgress) {
    bar.set_length(progress.total as u64);
    bar.set_position(progress.done as u64);
    let (seed, case) = (progress.seed, progress.case.name());
    bar.set_message(format!("seed {seed}, {case}"));
}
