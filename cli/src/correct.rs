//! `afield correct`: says what an event was.

use afield::Engine;
use afield::engine::{Durability, EventId};
use afield::signal::Label;
use anyhow::{Context, Result};
use clap::{ArgGroup, Args};

use super::learner::LearnerPlace;
use super::model::Places;
use super::teach::note_look_alike;

/// Say what an event of a running `afield listen` was
///
/// The event's sound becomes an example, and the next decision includes it. `afield undo`
/// removes it again. The sounds of a live source are kept for 30 s.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("truth").required(true).args(["label", "not", "background"]),
    after_help = "Examples:\n  afield correct 19ac5e1f2b3-17 --label kettle --learner box\n  \
        afield correct 19ac5e1f2b3-17 --not 'hey box' --learner box"
)]
pub struct CorrectArgs {
    /// Id of the event, in its line
    event: EventId,

    /// It was an example of this class; a new label creates a class
    #[arg(long, value_name = "LABEL")]
    label: Option<Label>,

    /// It was none of this class, taught or published, and is no event: it is learned as
    /// `not LABEL`, a class without events
    #[arg(long, value_name = "LABEL")]
    not: Option<Label>,

    /// It is no event: it is learned as `background`
    #[arg(long)]
    background: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Whether a class of this label is taught or published.
fn knows(engine: &Engine, label: &Label) -> Result<bool> {
    let taught = engine.classes();
    if taught.iter().any(|class| class.label == label.as_str()) {
        return Ok(true);
    }
    let published = engine.published_classes()?;
    Ok(published.is_some_and(|classes| classes.labels().contains(label)))
}

/// Runs the command.
pub fn run(args: CorrectArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    if let Some(wrong) = &args.not
        && !knows(&engine, wrong)?
    {
        anyhow::bail!("--not: no class {wrong}\nhint: `afield status` lists the taught classes");
    }
    let label = match (args.label, &args.not) {
        (Some(label), _) => label,
        (None, Some(wrong)) => wrong.not().context("--not")?,
        (None, None) => Label::new(Label::BACKGROUND)?,
    };
    let mut recording = engine.event_audio(args.event).context("EVENT")?;
    note_look_alike(&engine, &label);
    let heard = engine.embed_to_teach(&mut recording)?;
    let mut lesson = engine.lesson(Durability::Immediate)?;
    lesson.teach_embeddings(&label, &heard, &recording)?;
    lesson.finish()?;
    eprintln!("event {}: learned as {label}", args.event);
    Ok(())
}
