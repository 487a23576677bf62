//! `afield teach`: clips in, one example each, stored before we say so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use afield::backbone::{Backbone, Mode};
use afield::engine::{Durability, Recent, Session, TaughtAs, hear, recall};
use afield::model::Card;
use afield::pipeline::Window;
use afield::signal::{Group, Label};
use afield::source::{Excerpt, Source};
use afield_lab::evaluate::GroupPattern;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use indicatif::ProgressBar;

use super::durability::durability;
use super::embedding::progress;
use super::learner::{LearnerPlace, load_backbone, now_unix_ms};
use super::live_teaching::clip_name;
use super::model::Places;
use super::recording::{Cut, SensorArgs, labelled, note};

/// Teach the learner that clips are of a class
///
/// Each clip becomes one example. The command succeeds only when every clip is
/// stored; what was stored before a failure stays. A clip that was taught as
/// another class or of another group is corrected, one that was taught as this
/// class is left alone. A clip keeps its group until it is taught with another.
///
/// With --last the clip is what a running `afield listen` on this learner (of a
/// microphone, stdin or a serial line) heard last, as the source gave it: what a
/// recording of the same samples would teach.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  afield teach kettle kettle-*.wav --learner box\n  \
    afield teach one one/ --group-pattern '^([a-z]+)_' --learner box\n  \
    afield teach rowing row.csv --cut 3:1.5 --learner watch\n  \
    afield teach 'front door' --last 2s --learner box"
)]
pub struct TeachArgs {
    /// The class; a new one is made by teaching it
    label: Label,

    /// Recordings, or folders of them
    #[arg(required_unless_present = "last", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Teach the last so much, as in 2s or 800ms, that `afield listen` is hearing on this
    /// learner; up to 30s
    #[arg(
        long,
        value_name = "TIME",
        value_parser = span,
        conflicts_with_all = ["files", "group_pattern", "rate", "columns"]
    )]
    last: Option<Duration>,

    /// Cut each recording into pieces of so many seconds, each an example, one every
    /// STEP seconds [default: whole recordings; STEP: SECONDS]
    #[arg(long, value_name = "SECONDS[:STEP]")]
    cut: Option<Cut>,

    #[command(flatten)]
    sensor: SensorArgs,

    /// Speaker, machine, site or subject that all the clips are of
    #[arg(long, value_name = "NAME", conflicts_with = "group_pattern")]
    group: Option<Group>,

    /// Group of a clip: the first capture of this pattern in its file name,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX")]
    group_pattern: Option<String>,

    /// When an example is on the disk: immediate (before the next clip), or
    /// batched:SECONDS (together with all of that time, which spares a card);
    /// the command ends when all are
    #[arg(long, default_value = "immediate", value_name = "WHEN", value_parser = durability)]
    durability: Durability,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: TeachArgs, places: &Places) -> Result<()> {
    let mut session = args.place.open()?;
    session.set_durability(args.durability)?;
    session.begin_command();
    let card = session.card().clone();
    args.sensor.check(&card)?;
    let pattern: Option<GroupPattern> = match &args.group_pattern {
        Some(pattern) => Some(pattern.parse()?),
        None => None,
    };
    let mut clips = Vec::new();
    for path in &args.files {
        for clip in labelled(path, &card)? {
            // Found out now, before any of them is taught.
            let group = match &pattern {
                Some(pattern) => Some(captured(pattern, &clip.path)?),
                None => args.group.clone(),
            };
            clips.push((clip, group));
        }
    }
    let lately = match args.last {
        // Now, before the backbone is loaded: it is what was heard when the command came.
        Some(span) => Some(heard_lately(args.place.dir(), span)?),
        None => None,
    };
    let backbone = load_backbone(&card, places, Mode::Auto)?;
    let mut lesson = Lesson {
        label: &args.label,
        cut: args.cut.map(|cut| cut.window(&card)),
        card: &card,
        backbone: &backbone,
        bar: progress(clips.len(), "taught"),
        tally: Tally::default(),
    };
    if let Some((mut excerpt, name)) = lately {
        lesson.teach(&mut session, &mut excerpt, &name, args.group.as_ref())?;
    }
    for (clip, group) in &clips {
        let name = clip.path.display().to_string();
        let mut source = args.sensor.open(&clip.path)?;
        lesson.teach(&mut session, &mut *source, &name, group.as_ref())?;
    }
    let Lesson { bar, tally, .. } = lesson;
    bar.finish_and_clear();
    session.close()?;
    eprintln!(
        "{}: {} new, {} corrected, {} known already",
        args.label, tally.new, tally.corrected, tally.already
    );
    Ok(())
}

/// One clip after the other, taught as one class.
struct Lesson<'a> {
    label: &'a Label,
    cut: Option<Window>,
    card: &'a Card,
    backbone: &'a Backbone,
    bar: ProgressBar,
    tally: Tally,
}

/// What became of the clips.
#[derive(Default)]
struct Tally {
    new: usize,
    corrected: usize,
    already: usize,
}

impl Lesson<'_> {
    fn teach(
        &mut self,
        session: &mut Session,
        source: &mut dyn Source,
        name: &str,
        group: Option<&Group>,
    ) -> Result<()> {
        let (label, bar, tally) = (self.label, &self.bar, &mut self.tally);
        let heard = hear(source, self.card, self.backbone).with_context(|| name.to_owned())?;
        bar.suspend(|| note(source, name));
        let pieces = match self.cut {
            Some(window) => heard.cut(self.card.embedding.size, window),
            None => vec![heard],
        };
        for heard in &pieces {
            let outcome = session
                .teach_from(label, heard, name, group, now_unix_ms())
                .with_context(|| name.to_owned())?;
            match outcome {
                TaughtAs::New => tally.new += 1,
                TaughtAs::Already => tally.already += 1,
                TaughtAs::Corrected { from } => {
                    tally.corrected += 1;
                    bar.suspend(|| eprintln!("{name}: was {from}, is {label}"));
                }
                TaughtAs::Regrouped { from } => {
                    tally.corrected += 1;
                    if let (Some(from), Some(group)) = (from, group) {
                        bar.suspend(|| eprintln!("{name}: was of {from}, is of {group}"));
                    }
                }
            }
        }
        bar.inc(1);
        Ok(())
    }
}

/// After so long without a sample, what was heard last is worth a word.
const OLD: Duration = Duration::from_secs(3);

/// The last `span` that is being heard, and what to call it.
fn heard_lately(dir: &Path, span: Duration) -> Result<(Excerpt, String)> {
    let recalled = recall(dir, span).context("--last")?;
    if recalled.age > OLD {
        let seconds = recalled.age.as_secs_f64();
        eprintln!(
            "note: nothing has come from {} for {seconds:.1} s",
            recalled.source
        );
    }
    Ok((recalled.excerpt, clip_name(span, &recalled.source)))
}

fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() && span <= Recent::MOST => Ok(span),
        _ => Err("expected a time above 0, up to 30s, as in 2s or 800ms".to_owned()),
    }
}

fn captured(pattern: &GroupPattern, path: &Path) -> Result<Group> {
    Group::new(pattern.group_of(path)?).map_err(|fault| {
        anyhow!(
            "--group-pattern on {}: {fault}\nhint: capture a name in the parentheses, as '^([a-z]+)_' does",
            path.display()
        )
    })
}
