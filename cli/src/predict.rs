//! `afield predict`: prints the class of each clip.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use afield::decision::AnswerFrom;
use afield::engine::{OptionError, PooledClip};
use afield::signal::{Label, Timestamp};
use afield::source::Note;
use afield::{Engine, Prediction, Recording};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Serialize, Serializer};

use super::batch::{Batch, BatchArgs};
use super::embedding::progress;
use super::learner::LearnerPlace;
use super::listen::probability;
use super::model::Places;
use super::recording::{SensorArgs, StartArgs, note};
use super::resume::{Lines, MadeBy, MadeFrom, Standing, checksum};

/// Predict the class of each clip, one JSON line per file
///
/// "scores" are the probabilities of the taught classes. For a learner made with
/// --with-classes, "from" says whether the label is a taught or a published class, and
/// "published" names the most probable published classes. If neither names a class, the
/// label is null.
///
/// With --out, the lines go to a file. If the run is interrupted, the same command with
/// --resume predicts what is missing: recordings that the file lacks, that failed, or
/// that have changed since. The learner must be the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield predict new/*.wav --learner box | jq -r .label\n  \
    afield predict season/ --out season.jsonl --resume --learner box")]
pub struct PredictArgs {
    /// Recordings, or folders of recordings
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    start: StartArgs,

    /// Lowest probability, 0 to 1, at which a published class is named, of a learner made with
    /// --with-classes [default: that of the backbone's card]
    #[arg(long, value_name = "P", value_parser = probability)]
    min_confidence: Option<f32>,

    #[command(flatten)]
    batch: BatchArgs,

    /// File to write the lines to, instead of stdout. Each line also says of which bytes
    /// and by which learner it was made
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,

    /// Add to FILE.jsonl what it lacks
    #[arg(long, requires = "out")]
    resume: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    /// When the recording began, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    label: Option<&'a Label>,
    /// Of a learner with published classes: which classes the label is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<AnswerFrom>,
    confidence: Option<f32>,
    /// How unlike everything taught it is, if that can be said; and whether it is so unlike that
    /// the label is probably wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty: Option<f32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unknown: bool,
    scores: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<MostProbable<'a>>,
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    notes: &'a [Note],
}

/// Runs the command.
pub fn run(args: PredictArgs, places: &Places) -> Result<()> {
    let engine = args.place.open_naming_from(args.min_confidence, places)?;
    if args.min_confidence.is_some() && engine.card().classes.is_none() {
        bail!(
            "--min-confidence: the learner has no published classes\nhint: leave it out; `afield init --with-classes` makes a learner that has some"
        );
    }
    if engine.classes().is_empty() && engine.card().classes.is_none() {
        bail!("the learner knows no class yet\nhint: `afield teach LABEL FILE…` teaches it one");
    }
    args.sensor.check(engine.card())?;
    engine.backbone()?;
    let mut batch = Batch::new(args.batch);
    let paths = batch.paths(&args.files, engine.card())?;
    if args.start.start.is_some() && paths.len() != 1 {
        return Err(OptionError::StartOfSeveral.into());
    }
    let mut out = Output::open(&args, &engine)?;
    let bar = progress(paths.len(), "predicted");
    if let Output::File { lines, .. } = &out
        && args.resume
    {
        let path = lines.path().display();
        eprintln!(
            "note: {path} has the results of {} recordings",
            lines.done()
        );
    }
    for path in &paths {
        let name = path.display().to_string();
        let (from, standing) = out.standing(path, &name);
        if let Standing::Done { .. } = standing {
            bar.inc(1);
            continue;
        }
        let line = match predicted(&engine, path, &args.sensor) {
            Ok((clip, prediction)) => {
                bar.suspend(|| note(&clip.notes, &name));
                let best = prediction.best();
                Some(serde_json::to_string(&Line {
                    path: &name,
                    at: args.start.start.or_else(|| engine.recorded_at(path)),
                    label: best.map(|(label, _)| label),
                    from: prediction.from(),
                    confidence: best.map(|(_, p)| p),
                    novelty: prediction.novelty(),
                    unknown: prediction.is_unknown(),
                    scores: serde_json::to_value(&prediction)?,
                    published: prediction.published().map(MostProbable),
                    notes: &clip.notes,
                })?)
            }
            Err(error) => batch.fail_with_line(path, error)?,
        };
        if let Some(line) = line {
            bar.suspend(|| out.write(&engine, &name, &line, from, standing))?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    out.finish()?;
    batch.finish()
}

impl PredictArgs {
    /// The flags that change what a line says.
    fn flags(&self) -> String {
        let flags = self.sensor.flags();
        match self.min_confidence {
            Some(p) => format!("{flags} --min-confidence {p}")
                .trim_start()
                .to_owned(),
            None => flags,
        }
    }
}

/// Labels and their probabilities, as an object in their order.
struct MostProbable<'a>(&'a [(Label, f32)]);

impl Serialize for MostProbable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(label, p)| (label, p)))
    }
}

/// Where the lines go.
enum Output {
    Stdout,
    File {
        lines: Box<Lines>,
        /// The revision of the learner that predicts.
        revision: i64,
    },
}

impl Output {
    fn open(args: &PredictArgs, engine: &Engine) -> Result<Self> {
        let Some(path) = &args.out else {
            return Ok(Self::Stdout);
        };
        let made_by = MadeBy {
            by: checksum(&engine.session().learner().save()),
            options: args.flags(),
        };
        let lines = Lines::open(path, "--out", args.resume, made_by, &mut |_| true)?;
        Ok(Self::File {
            lines: Box::new(lines),
            revision: engine.status().revision,
        })
    }

    fn standing(&mut self, path: &Path, name: &str) -> (Option<MadeFrom>, Standing) {
        match self {
            Self::Stdout => (None, Standing::Missing),
            Self::File { lines, .. } => {
                let from = lines.made_from(path);
                let standing = lines.standing(name, &from);
                (Some(from), standing)
            }
        }
    }

    fn write(
        &mut self,
        engine: &Engine,
        name: &str,
        line: &str,
        from: Option<MadeFrom>,
        standing: Standing,
    ) -> Result<()> {
        let (Self::File { lines, revision }, Some(from)) = (self, from) else {
            return Ok(writeln!(io::stdout(), "{line}")?);
        };
        if engine.status().revision != *revision {
            bail!(
                "--out: the learner was changed while it predicted\nhint: predict into another file"
            );
        }
        // It failed before in the same way.
        if let Standing::Failed { at } = standing
            && lines.line_at(at)? == line
        {
            return Ok(());
        }
        lines.append(name, line, 0, &from)
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Stdout => Ok(()),
            Self::File { lines, .. } => lines.finish(),
        }
    }
}

fn predicted(
    engine: &Engine,
    path: &Path,
    sensor: &SensorArgs,
) -> Result<(PooledClip, Prediction)> {
    let name = || path.display().to_string();
    let mut recording = Recording::open_with(path, &sensor.format())?;
    let clip = engine.pool(&mut recording).with_context(name)?;
    let prediction = engine.predict_pooled(&clip).with_context(name)?;
    Ok((clip, prediction))
}
