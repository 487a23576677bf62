//! `afield evaluate`: teaches a data set to heads in a stream and prints their scores.
//!
//! stdout has only the report. Notes and progress go to stderr.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use afield::head::HeadKind;
use afield::learner::Pool;
use afield::model::Card;
use afield::rehearsal::Plan;
use afield_lab::data::{Dataset, read_npz, splits};
use afield_lab::evaluate::{
    EmbeddedClips, HeadChoice, Machine, Report, Series, SeriesPlan, TransformChoice,
};
use afield_lab::render::{ChartError, Provenance, html, series_html, series_table, table};
use afield_lab::streams::{
    ExampleStream, Imbalance, LabelNoise, Protocol, SavedStream, StreamOrder,
};
use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use serde::Serialize;

use super::batch::{Batch, BatchArgs};
use super::exam::{self, Exam};
use super::field::{self, FieldArgs};
use super::heads;
use super::hints;
use super::labelled::{Labelled, Read, ReadJson};
use super::model::Places;
use super::recording::{Cut, SensorArgs};
use super::run_bar::RunBar;

/// Teach a stream of examples to heads, and score them beside the joint offline upper
/// bound
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("input").required(true).multiple(true).args(["data", "manifest", "embeddings"]),
    after_help = heads::help("Examples:\n  \
        afield evaluate --data esc10 --group-pattern '^(\\d+)-' --test-groups 3 --backbone yamnet\n  \
        afield evaluate --embeddings speech.npz --protocol domain-incremental --head ncm,lda --json\n  \
        afield evaluate --embeddings speech.npz --test-groups each --seeds 5 --head finetune,best\n  \
        afield evaluate --embeddings speech.npz --protocol bursty --label-noise 0.05 --save-stream s.json\n  \
        afield evaluate --data esc10 --group-pattern '^(\\d+)-' --test-groups 3 --backbone yamnet --protocol field\n  \
        afield evaluate --data esc10 --group-pattern '^(\\d+)-' --test-groups each --backbone yamnet --protocol unknown\n  \
        afield evaluate --data fsdd --group-pattern '^([a-z]+)_' --test-groups each --backbone speech-embedding --protocol adapt")
)]
pub struct EvaluateArgs {
    /// Folder of clips, one folder per class: DIR/<class>/<clip>
    #[arg(long, value_name = "DIR", conflicts_with = "embeddings")]
    pub(super) data: Option<PathBuf>,

    /// CSV file with the columns path, label and optionally group and split (train or
    /// test). Paths are relative to --data, or else to the file
    #[arg(long, value_name = "FILE", conflicts_with = "embeddings")]
    pub(super) manifest: Option<PathBuf>,

    /// NPZ file with X (float32 [n,d]), y, and optionally group and test (bool)
    #[arg(long, value_name = "FILE")]
    pub(super) embeddings: Option<PathBuf>,

    /// Order of the stream: class-incremental, domain-incremental, iid, bursty or drift; or
    /// field, days of sound; unknown, classes left out; guard, wrong labels; or adapt,
    /// recordings without labels
    ///
    /// class-incremental: one class after another, tested on the classes so far. All
    /// other orders are tested on all test clips.
    ///
    /// domain-incremental: one group after another.
    ///
    /// iid: shuffled, in ten slices.
    ///
    /// bursty: runs of one class, with a mean length of 8 clips (geometric). Each clip
    /// appears 1 to 5 times in a row.
    ///
    /// drift: as iid, but from the middle on, the label of one class means the clips of
    /// another class. The seed draws both classes; the label is tested on its current
    /// meaning. The other class is never taught under its own label, and the joint fit
    /// learns the final meaning.
    ///
    /// field: days of sound, made of the test clips, with events of taught and of never
    /// taught classes 5 to 20 dB over the sound of a place. A learner is taught the other
    /// clips and listens, in four variants, and its events are scored. One day a seed; several
    /// give means and standard deviations. The head is lda if --head names none.
    ///
    /// unknown: each seed draws a third of the classes that is never taught. A learner is
    /// taught the training clips of the others, by decision windows and by whole clips, and is
    /// asked about all test clips, as by predict. Scored is how well it tells taught classes
    /// from never taught ones, and how far its confidence can be trusted. With --test-groups
    /// each, every draw has one learner a group. The head is lda if --head names none.
    ///
    /// guard: a learner is taught the training clips with right labels, with wrong ones (5 %,
    /// 20 %, half a class at once), and asked about the test clips with and without the guard.
    /// Scored are accuracy, the wrong labels that are found, and the right ones that are
    /// doubted. The head is lda.
    ///
    /// adapt: a learner is taught the training clips, hears half of the test recordings without
    /// labels, as by `afield adapt`, and is asked about the other half before and after: with all
    /// classes taught, with one class never taught, and with a quarter of them. Scored are
    /// accuracy, the recordings that are learned, and the wrong labels among them. With
    /// --test-groups each, every draw has one learner a group. The head is lda.
    #[arg(long, default_value_t = Order::Stream(Protocol::ClassIncremental), value_name = "ORDER")]
    pub(super) protocol: Order,

    /// Share of the taught labels to replace, 0 to 1
    ///
    /// The seed draws the clips and their new labels, from all other classes of the
    /// stream. Tests keep the true labels. The joint fit and all choices see the replaced
    /// labels.
    #[arg(long, default_value_t = LabelNoise::NONE, value_name = "SHARE", value_parser = hints::parse::<LabelNoise>)]
    pub(super) label_noise: LabelNoise,

    /// Imbalance of the classes: the rarest keeps 1/RATIO of its training clips
    ///
    /// The number of clips falls exponentially from class to class, to at least 1. The
    /// seed ranks the classes. Test clips do not change.
    #[arg(long, default_value_t = Imbalance::NONE, value_name = "RATIO", value_parser = hints::parse::<Imbalance>)]
    pub(super) imbalance: Imbalance,

    /// Heads to teach, listed below, comma-separated, with their options, such as
    /// ncm,linear:adam
    ///
    /// `best` is ridge, or the exact head and transform that cross-validation on the
    /// training side puts clearly ahead of ridge.
    #[arg(
        long, value_name = "HEADS", value_delimiter = ',', value_parser = hints::parse::<HeadChoice>,
        default_values_t = HeadKind::ALL.map(HeadChoice::from)
    )]
    pub(super) head: Vec<HeadChoice>,

    /// Rehearsal memory of heads that use one: none or POLICY:SIZE[:STORAGE], such as
    /// balanced:512KiB or herding:200:int8. Policies: reservoir, balanced, herding,
    /// recent. Storages: int8, i16, f32
    #[arg(long, default_value_t = Plan::default(), value_name = "PLAN", value_parser = hints::parse::<Plan>)]
    pub(super) rehearsal: Plan,

    /// Groups held out for testing, comma-separated, or each [default: as marked in the
    /// data, else about 30 %]
    ///
    /// each holds out every group in turn, one run per group. The default of about 30 %
    /// of the clips takes whole groups if groups are known. --protocol field has neither.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub(super) test_groups: Vec<String>,

    /// Regular expression whose first capture in a file name is the group of the clip,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX", conflicts_with = "embeddings")]
    pub(super) group_pattern: Option<String>,

    /// Name of the backbone that embeds the clips
    #[arg(long, value_name = "NAME", conflicts_with = "embeddings")]
    pub(super) backbone: Option<String>,

    /// Cut each recording into pieces of SECONDS, one clip each, starting every STEP
    /// seconds [default: whole recordings; STEP: SECONDS]
    #[arg(long, value_name = "SECONDS[:STEP]", conflicts_with = "embeddings")]
    pub(super) cut: Option<Cut>,

    #[command(flatten)]
    pub(super) sensor: SensorArgs,

    #[command(flatten)]
    pub(super) batch: BatchArgs,

    /// Pool that summarises the windows of a clip: mean, mean+max or mean+std+max
    /// [default: that of the backbone]
    #[arg(long, value_name = "POOL", conflicts_with = "embeddings", value_parser = hints::parse::<Pool>)]
    pub(super) pool: Option<Pool>,

    /// Transform of the embeddings: none, l2, signed-sqrt, standardise or auto [default:
    /// that of the backbone; none for --embeddings]
    ///
    /// standardise uses the means and deviations of the training side.
    ///
    /// auto chooses a transform for each head: the default, or the one that
    /// cross-validation on the training side puts clearly ahead of it. For the joint fit,
    /// auto takes the transform with the lowest log loss.
    #[arg(long, value_name = "TRANSFORM", value_parser = transform)]
    pub(super) transform: Option<TransformChoice>,

    /// Seed of the order, the learners and the drawn split, or of the day
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) seed: u64,

    /// Number of seeds, from --seed up, one run each. Several runs give means and 95 %
    /// confidence intervals [default: 1; with --protocol unknown, guard or
    /// adapt: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) seeds: Option<u64>,

    /// Skip the joint offline upper bound, which takes long with many classes
    #[arg(long)]
    pub(super) no_upper_bound: bool,

    /// Write the stream as JSON to this file, for other programs; with several runs, an
    /// array
    ///
    /// The stream has the tasks, the clips by their row in the data, the taught labels,
    /// and the tests of each task.
    #[arg(long, value_name = "FILE")]
    pub(super) save_stream: Option<PathBuf>,

    /// Print one JSON object instead of a table; with several runs
    /// {"runs":[...],"summary":{...}}
    #[arg(long)]
    pub(super) json: bool,

    /// Write a page with accuracy curves, or with the picture of a day, to this file
    #[arg(long, value_name = "OUT.html")]
    pub(super) report: Option<PathBuf>,

    #[command(flatten)]
    pub(super) field: FieldArgs,
}

/// Runs the command.
///
/// # Errors
/// For input that cannot be read or does not suit the protocol, and for output
/// that cannot be written.
pub fn run(args: EvaluateArgs, places: &Places) -> Result<()> {
    let mut batch = Batch::new(args.batch);
    let evaluated = evaluate(&args, places, &mut batch);
    batch.finish_after(evaluated)
}

fn evaluate(args: &EvaluateArgs, places: &Places, batch: &mut Batch) -> Result<()> {
    if let Some(path) = &args.report {
        // An unwritable page is an error now, not after the last head.
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("--report {}", path.display()))?;
    }
    let order = match args.protocol {
        Order::Stream(order) => order,
        Order::Field => return field::evaluate(args, places, batch),
        Order::Exam(exam) => {
            args.field.check_not_given()?;
            return exam::evaluate(exam, args, places, batch);
        }
    };
    args.field.check_not_given()?;
    let seeds = args.seeds()?;
    let (clips, read) = read_clips(args, places, batch)?;
    let runs = splits(&clips.clips, &args.test_groups, seeds).map_err(naming_test_groups(args))?;
    for (_, dataset) in &runs {
        note_draw(dataset);
    }
    for names in untaught(&runs) {
        eprintln!("note: tested but never taught: {names}");
    }
    let order = StreamOrder {
        protocol: order,
        label_noise: args.label_noise,
        imbalance: args.imbalance,
    };
    if let Some(path) = &args.save_stream {
        save_streams(path, &runs, order)?;
    }
    let plan = SeriesPlan {
        order,
        heads: args.head.clone(),
        rehearsal: args.rehearsal,
        transform: args.transform.unwrap_or_default(),
        upper_bound: !args.no_upper_bound,
    };
    let mut bar = RunBar::new(runs.len());
    let reports = plan.run(&clips, &runs, &mut |run, progress| bar.show(run, progress))?;
    bar.finish();
    let saturated = reports.iter().map(|report| report.saturated);
    let saturated = saturated.fold(0.0, f64::max);
    if saturated > 1e-3 {
        let percent = saturated * 100.0;
        eprintln!("note: {percent:.1} % of the features were beyond the fixed-point scale");
    }
    let made_on = read.as_ref().map(|read| MadeOn {
        text: read.text(batch),
        json: read.json(batch),
    });
    let text = write_report(args, reports, made_on)?;
    write_stdout(&text)
}

pub(super) fn write_stdout(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // The reader closed stdout early, as in `| head -1`.
        Err(closed) if closed.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

impl EvaluateArgs {
    /// The seeds of the runs.
    pub(super) fn seeds(&self) -> Result<RangeInclusive<u64>> {
        let default = match self.protocol {
            Order::Exam(_) => 5,
            Order::Stream(_) | Order::Field => 1,
        };
        let seeds = self.seeds.unwrap_or(default);
        let Some(last) = self.seed.checked_add(seeds - 1) else {
            bail!(
                "--seed {} leaves no room for {seeds} seeds\nhint: the largest seed is {}",
                self.seed,
                u64::MAX
            );
        };
        Ok(self.seed..=last)
    }
}

/// What to evaluate: a stream of clips in some order, days in the field, or exams of learners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Stream(Protocol),
    Field,
    Exam(Exam),
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(protocol) => protocol.fmt(f),
            Self::Field => f.pad("field"),
            Self::Exam(exam) => f.pad(exam.name()),
        }
    }
}

impl FromStr for Order {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "field" {
            return Ok(Self::Field);
        }
        if let Some(exam) = Exam::ALL.into_iter().find(|exam| exam.name() == text) {
            return Ok(Self::Exam(exam));
        }
        let order = text.parse().map(Self::Stream);
        order.map_err(|error| error + ", field, unknown, guard, adapt")
    }
}

/// The recordings that a report was made on.
pub(super) struct MadeOn<'a> {
    pub text: String,
    pub json: ReadJson<'a>,
}

impl MadeOn<'_> {
    /// A report as one line of JSON, with the recordings.
    pub fn json(made_on: Option<&Self>, report: &impl Serialize) -> Result<String> {
        #[derive(Serialize)]
        struct Line<'a, T> {
            #[serde(flatten)]
            report: &'a T,
            #[serde(flatten)]
            read: Option<&'a ReadJson<'a>>,
        }
        let read = made_on.map(|made_on| &made_on.json);
        Ok(serde_json::to_string(&Line { report, read })? + "\n")
    }
}

/// Writes the requested page, and returns the text for stdout.
fn write_report(
    args: &EvaluateArgs,
    reports: Vec<Report>,
    made_on: Option<MadeOn<'_>>,
) -> Result<String> {
    let made_on = made_on.as_ref();
    let line = made_on.map(|made_on| made_on.text.clone());
    let with_line = |table: String| match &line {
        Some(line) => format!("{table}{line}\n"),
        None => table,
    };
    if let [report] = reports.as_slice() {
        if let Some(path) = &args.report {
            write_page(path, line.clone(), |provenance| html(report, provenance))?;
        }
        return match args.json {
            true => MadeOn::json(made_on, report),
            false => Ok(with_line(table(report))),
        };
    }
    let series = Series::of(reports).context("nothing was run")?;
    if let Some(path) = &args.report {
        write_page(path, line.clone(), |provenance| {
            series_html(&series, provenance)
        })?;
    }
    match args.json {
        true => MadeOn::json(made_on, &series),
        false => Ok(with_line(series_table(&series))),
    }
}

/// Adds the flag to an error if the flag named the test side.
pub(super) fn naming_test_groups<E>(args: &EvaluateArgs) -> impl FnOnce(E) -> anyhow::Error + use<E>
where
    anyhow::Error: From<E>,
{
    let named = match args.test_groups.as_slice() {
        [] => None,
        [each] if each == "each" => Some("--test-groups each"),
        _ => Some("--test-groups"),
    };
    move |error| match named {
        Some(flag) => anyhow::Error::from(error).context(flag),
        None => error.into(),
    }
}

/// Prints which clips are held out if the user did not choose them.
pub(super) fn note_draw(dataset: &Dataset) {
    let Some(seed) = dataset.drawn_by() else {
        return;
    };
    let (held_out, all) = (dataset.test().len(), dataset.clips().len());
    let how = match dataset.test_groups().as_slice() {
        [] => "drawn from every class".to_owned(),
        groups => format!("whole groups: {}", groups.join(", ")),
    };
    eprintln!(
        "note: no test side was named; {held_out} of {all} clips are held out ({how}; seed {seed})"
    );
}

/// Lists of classes that are tested but never taught in a run, each list once.
fn untaught(runs: &[(u64, Dataset)]) -> Vec<String> {
    let mut lists = Vec::new();
    for (_, dataset) in runs {
        let names: Vec<&str> = (dataset.untaught_classes().iter())
            .map(|class| class.as_str())
            .collect();
        let names = names.join(", ");
        if !names.is_empty() && !lists.contains(&names) {
            lists.push(names);
        }
    }
    lists
}

/// One stream as an object, several as an array.
fn save_streams(path: &Path, runs: &[(u64, Dataset)], order: StreamOrder) -> Result<()> {
    let mut streams = Vec::with_capacity(runs.len());
    for (seed, dataset) in runs {
        let stream = ExampleStream::draw(dataset, order, *seed)?;
        streams.push(SavedStream::new(dataset, &stream));
    }
    let json = match streams.as_slice() {
        [only] => serde_json::to_string(only)?,
        _ => serde_json::to_string(&streams)?,
    };
    fs::write(path, json + "\n").with_context(|| format!("--save-stream {}", path.display()))
}

/// The clips that the arguments name, embedded, and the recordings that they are from.
fn read_clips(
    args: &EvaluateArgs,
    places: &Places,
    batch: &mut Batch,
) -> Result<(EmbeddedClips, Option<Read>)> {
    if let Some(path) = &args.embeddings {
        let clips = EmbeddedClips {
            clips: Arc::new(read_npz(path).context("--embeddings")?),
            backbone: None,
        };
        return Ok((clips, None));
    }
    let (labelled, card) = labelled(args, places, batch)?;
    let format = args.sensor.format();
    let cut = args.cut.map(|cut| cut.window(&card));
    let (clips, read) = labelled.embed(&card, &format, cut, places)?;
    let clips = EmbeddedClips {
        clips: Arc::new(clips),
        backbone: Some((card, args.pool)),
    };
    Ok((clips, Some(read)))
}

/// The recordings that the arguments name, with their groups, and the backbone for them.
pub(super) fn labelled<'a>(
    args: &EvaluateArgs,
    places: &Places,
    batch: &'a mut Batch,
) -> Result<(Labelled<'a>, Card)> {
    let Some(name) = &args.backbone else {
        bail!(
            "clips need a backbone that embeds them\nhint: give --backbone NAME; `afield model list` shows the names"
        );
    };
    let card = places.cache()?.find(name).context("--backbone")?;
    args.sensor.check(&card)?;
    let mut labelled = Labelled::new(batch);
    match (&args.manifest, &args.data) {
        (Some(path), folder) => labelled
            .add_manifest(path, folder.as_deref())
            .context("--manifest")?,
        (None, Some(folder)) => labelled.add_folder(folder, &card, Some("--data"))?,
        (None, None) => bail!("nothing to evaluate\nhint: give --data, --manifest or --embeddings"),
    }
    if let Some(pattern) = &args.group_pattern {
        labelled.set_groups(pattern).context("--group-pattern")?;
    }
    Ok((labelled, card))
}

/// `--transform`: the names of transforms, and `auto`.
fn transform(text: &str) -> Result<TransformChoice, String> {
    hints::parse(text).map_err(|fault| format!("{fault}, or auto"))
}

/// Writes the page that `page` makes from the command line. `recordings` says how many recordings
/// it was made on.
pub(super) fn write_page(
    path: &Path,
    recordings: Option<String>,
    page: impl FnOnce(&Provenance) -> Result<String, ChartError>,
) -> Result<()> {
    let page = page(&provenance(recordings))?;
    fs::write(path, page).with_context(|| format!("--report {}", path.display()))
}

/// This program and its command line.
pub(super) fn provenance(recordings: Option<String>) -> Provenance {
    let command: Vec<String> = std::env::args_os()
        .map(|arg| quoted(&arg.to_string_lossy()))
        .collect();
    Provenance {
        command: command.join(" "),
        recordings,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: Machine::this(),
    }
}

/// An argument, quoted for a shell.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}
