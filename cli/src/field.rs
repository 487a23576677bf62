//! `afield evaluate --protocol field`: days of sound, and what a learner finds in them.

use std::fs;
use std::path::PathBuf;

use afield::model::Card;
use afield::signal::Label;
use afield_lab::field::{DayPlan, FieldError, FieldPlan, FieldProgress, FieldReport, Variant};
use afield_lab::render::{day_picture, field_html, field_table};
use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::alarm_rate::AlarmRate;
use super::batch::Batch;
use super::embedding::{advance, steps};
use super::evaluate::{EvaluateArgs, MadeOn, labelled, write_page, write_stdout};
use super::hints;
use super::model::Places;

/// Options of days of sound.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of --protocol field")]
pub struct FieldArgs {
    /// Length of a day in minutes [default: 15]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: Option<u32>,

    /// Number of classes to teach, drawn by the seed; the other classes are never taught, at
    /// least one [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    known: Option<u32>,

    /// Class whose clips are the sound of the place [default: drawn from those that sound
    /// throughout]
    #[arg(long, value_name = "CLASS", value_parser = hints::parse::<Label>)]
    soundscape_class: Option<Label>,

    /// False alarms to allow, such as 2/day or 10/hour [default: as `afield listen`]
    #[arg(long, value_name = "RATE", value_parser = str::parse::<AlarmRate>)]
    false_alarms: Option<AlarmRate>,

    /// Variant to run, by its name in the table, such as full or 'next day'; can be repeated
    /// [default: all]
    #[arg(long, value_name = "NAME", value_parser = variant)]
    variant: Vec<Variant>,

    /// Write the picture of the first day to this file
    #[arg(long, value_name = "OUT.svg")]
    picture: Option<PathBuf>,
}

impl FieldArgs {
    /// Rejects these options for another protocol.
    ///
    /// # Errors
    /// For the first flag that was given.
    pub fn check_not_given(&self) -> Result<()> {
        let flags = [
            (self.minutes.is_some(), "--minutes"),
            (self.known.is_some(), "--known"),
            (self.soundscape_class.is_some(), "--soundscape-class"),
            (self.false_alarms.is_some(), "--false-alarms"),
            (!self.variant.is_empty(), "--variant"),
            (self.picture.is_some(), "--picture"),
        ];
        match flags.into_iter().find(|(given, _)| *given) {
            Some((_, flag)) => bail!("{flag} is for days of sound\nhint: add --protocol field"),
            None => Ok(()),
        }
    }
}

/// Runs the days that the arguments describe, and prints the report.
///
/// # Errors
/// For arguments that do not apply, recordings that no day can be made of, and output that cannot be
/// written.
pub fn evaluate(args: &EvaluateArgs, places: &Places, batch: &mut Batch) -> Result<()> {
    check(args)?;
    let (labelled, card) = labelled(args, places, batch)?;
    let plan = plan(args, places, &card)?;
    let library = labelled.sounds(&card, &args.sensor.format(), &args.test_groups);
    let (library, read) = library?;
    let bar = steps();
    let report = plan.run(&library, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let report = report.map_err(naming_flag)?;
    let made_on = MadeOn {
        text: read.text(batch),
        json: read.json(batch),
    };
    if let Some(path) = &args.report {
        write_page(path, Some(made_on.text.clone()), |provenance| {
            Ok(field_html(&report, provenance))
        })?;
    }
    if let Some(path) = &args.field.picture {
        let picture = picture(&report);
        fs::write(path, picture).with_context(|| format!("--picture {}", path.display()))?;
    }
    let text = match args.json {
        true => MadeOn::json(Some(&made_on), &report)?,
        false => format!("{}{}\n", field_table(&report), made_on.text),
    };
    write_stdout(&text)
}

/// Adds the flag that an error is about.
fn naming_flag(error: FieldError) -> anyhow::Error {
    let flag = match &error {
        FieldError::TooShort { .. } => "--minutes",
        FieldError::NoSoundscapeClass { .. } => "--soundscape-class",
        FieldError::NothingToTeach => "--test-groups",
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(flag)
}

/// The first day as the last variant of that day heard it.
fn picture(report: &FieldReport) -> String {
    let (day, variant) = (report.days.first(), report.pictured());
    let found = variant.and_then(|variant| variant.found.first());
    match (day, found) {
        (Some(day), Some(found)) => day_picture(day, found, report.minutes),
        _ => String::new(),
    }
}

fn show(bar: &ProgressBar, progress: FieldProgress) {
    advance(bar, progress.done, progress.total);
    let what = match progress.teaching {
        true => "teaching",
        false => "listening",
    };
    let (seed, variant) = (progress.seed, progress.variant.name());
    bar.set_message(format!("seed {seed}, {variant}: {what}"));
}

/// The variant of a name.
fn variant(name: &str) -> Result<Variant, String> {
    let variant = Variant::ALL
        .into_iter()
        .find(|variant| variant.name() == name);
    variant.ok_or_else(|| {
        let names = Variant::ALL.map(|variant| format!("'{}'", variant.name()));
        format!("the variants are {}", names.join(", "))
    })
}

/// Rejects arguments that have no effect on days of sound.
fn check(args: &EvaluateArgs) -> Result<()> {
    args.check_own_learners()?;
    if args.cut.is_some() {
        bail!("--cut has no effect on --protocol field\nhint: leave it out");
    }
    if args.test_groups == ["each"] {
        bail!(
            "--test-groups each does not apply to --protocol field\nhint: name the groups of which days are made"
        );
    }
    Ok(())
}

fn plan(args: &EvaluateArgs, places: &Places, card: &Card) -> Result<FieldPlan> {
    let default = DayPlan::default();
    let mut variants = Variant::suiting(card);
    if let Some(other) = (args.field.variant.iter()).find(|asked| !variants.contains(asked)) {
        bail!(
            "--variant {}: the card of {} names no decision windows\nhint: choose another backbone or variant",
            other.name(),
            card.name
        );
    }
    if !args.field.variant.is_empty() {
        variants.retain(|variant| args.field.variant.contains(variant));
    }
    Ok(FieldPlan {
        day: DayPlan {
            minutes: args.field.minutes.unwrap_or(default.minutes),
            known: args
                .field
                .known
                .map_or(default.known, |known| known as usize),
            soundscape_class: args.field.soundscape_class.clone(),
        },
        seeds: args.seeds()?.collect(),
        learner: args.own_learners()?,
        engine: places.engine(),
        false_alarms_per_day: args.field.false_alarms.map(|rate| rate.0),
        variants,
    })
}
