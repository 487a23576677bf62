//! `afield evaluate`: read a data set, run a stream over it, print what came
//! of it.
//!
//! stdout carries the report alone; notes and progress go to stderr.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use afield::control::backbone_contract;
use afield::evaluate::{
    ClipList, Clips, Dataset, Evaluation, Imbalance, LabelNoise, Machine, Order, Progress,
    Protocol, Provenance, Report, SavedStream, Stream, TestSide, contract_for, html, read_manifest,
    read_npz, table,
};
use afield::head::HeadKind;
use afield::learner::{Contract, Pool, Transform};
use afield::model;
use afield::rehearsal::Capacity;
use afield::source::labelled_clips;
use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressStyle};

use super::embedding::embed_list;
use super::model::Places;

/// Teach a stream to one or more heads, one example at a time, and score them
/// beside the joint offline upper bound on the same embeddings.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("input").required(true).multiple(true).args(["data", "manifest", "embeddings"]),
    after_help = "Examples:\n  \
        afield evaluate --data esc10 --group-pattern '^(\\d+)-' --test-groups 3 --backbone yamnet\n  \
        afield evaluate --embeddings speech.npz --protocol domain-incremental --head ncm,lda --json"
)]
pub struct EvaluateArgs {
    /// Folder of clips, one folder a class: DIR/<class>/<clip>
    #[arg(long, value_name = "DIR", conflicts_with = "embeddings")]
    data: Option<PathBuf>,

    /// CSV file with the columns path,label and optionally group,split
    /// (train or test); paths are relative to --data, or else to the file
    #[arg(long, value_name = "FILE", conflicts_with = "embeddings")]
    manifest: Option<PathBuf>,

    /// NPZ file with X (float32 [n,d]), y, and optionally group and test (bool)
    #[arg(long, value_name = "FILE")]
    embeddings: Option<PathBuf>,

    /// Order of the stream. class-incremental: one class after another, tested
    /// on the classes so far. The others are tested on all test clips.
    /// domain-incremental: one group after another. iid: shuffled, in ten
    /// slices. bursty: runs of one class, 8 clips long on average (geometric),
    /// every clip 1 to 5 times in a row. drift: iid, but one class, drawn by
    /// the seed, means another class's clips from the middle on; it is tested
    /// on what it means at the time, and the other class is not taught as
    /// itself
    #[arg(long, default_value_t = Protocol::ClassIncremental, value_name = "ORDER")]
    protocol: Protocol,

    /// Replace this share of the taught labels, drawn by the seed, each by
    /// another class of the stream, taught by then or not; tests keep the truth
    #[arg(long, default_value_t = LabelNoise::NONE, value_name = "SHARE")]
    label_noise: LabelNoise,

    /// Let the number of clips a class fall exponentially, from all of them to
    /// all/RATIO (at least 1), classes ranked by the seed; test clips stay
    #[arg(long, default_value_t = Imbalance::NONE, value_name = "RATIO")]
    imbalance: Imbalance,

    /// Heads to teach, comma-separated: ncm, lda, linear, finetune
    #[arg(
        long, value_name = "HEADS", value_delimiter = ',',
        default_values_t = HeadKind::ALL
    )]
    head: Vec<HeadKind>,

    /// Rehearsal memory of heads that need one: balanced:SIZE in examples
    /// (balanced:200) or bytes (balanced:512KiB), or none
    #[arg(long, default_value_t = Capacity::default(), value_name = "POLICY")]
    rehearsal: Capacity,

    /// Groups held out for testing, comma-separated; without it the data's own
    /// mark is taken, and without that about 30 % (whole groups where known)
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    test_groups: Vec<String>,

    /// Group of a clip: the first capture of this pattern in its file name,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX", conflicts_with = "embeddings")]
    group_pattern: Option<String>,

    /// Backbone that embeds the clips
    #[arg(long, value_name = "NAME", conflicts_with = "embeddings")]
    backbone: Option<String>,

    /// What summarises a clip's windows: mean, mean+max or mean+std+max
    /// [default: the backbone's]
    #[arg(long, value_name = "POOL", conflicts_with = "embeddings")]
    pool: Option<Pool>,

    /// What embeddings go through: none, l2 or signed-sqrt
    /// [default: the backbone's; none for --embeddings]
    #[arg(long, value_name = "TRANSFORM")]
    transform: Option<Transform>,

    /// Seed of the order, the learners and the drawn split
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Also write the stream (tasks, clips by their row in the data, the labels
    /// taught, what is tested when) as JSON, for teaching it to others
    #[arg(long, value_name = "FILE")]
    save_stream: Option<PathBuf>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,

    /// Also write a page with accuracy curves
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// For input that cannot be read or does not suit the protocol, and for output
/// that cannot be written.
pub fn run(args: EvaluateArgs, places: &Places) -> Result<()> {
    if let Some(path) = &args.report {
        // Found out now rather than after the last head.
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("--report {}", path.display()))?;
    }
    let (dataset, contract) = read_input(&args, places)?;
    let untaught = dataset.untaught_classes();
    if !untaught.is_empty() {
        let names: Vec<&str> = untaught.iter().map(|class| class.as_str()).collect();
        eprintln!("note: tested but never taught: {}", names.join(", "));
    }
    let heads = distinct(&args.head);
    let EvaluateArgs {
        protocol,
        label_noise,
        imbalance,
        rehearsal,
        seed,
        ..
    } = args;
    let order = Order {
        protocol,
        label_noise,
        imbalance,
    };
    if let Some(path) = &args.save_stream {
        let stream = Stream::draw(&dataset, order, seed)?;
        let json = serde_json::to_string(&SavedStream::new(&dataset, &stream))? + "\n";
        fs::write(path, json).with_context(|| format!("--save-stream {}", path.display()))?;
    }
    let evaluation = Evaluation {
        order,
        heads,
        rehearsal,
        seed,
        contract,
    };
    let bar = progress_bar();
    let report = evaluation.run(&dataset, &mut |progress| show(&bar, progress))?;
    bar.finish_and_clear();
    if report.saturated > 1e-3 {
        let percent = report.saturated * 100.0;
        eprintln!("note: {percent:.1} % of the features lay beyond the fixed-point scale");
    }

    if let Some(path) = &args.report {
        write_page(path, &report)?;
    }
    let text = match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => table(&report),
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has seen enough, as in `| head -1`.
        Err(closed) if closed.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// The heads, each once, in the order they were named.
pub fn distinct(named: &[HeadKind]) -> Vec<HeadKind> {
    let mut heads = Vec::new();
    for &head in named {
        if !heads.contains(&head) {
            heads.push(head);
        }
    }
    heads
}

fn read_input(args: &EvaluateArgs, places: &Places) -> Result<(Dataset, Contract)> {
    if let Some(path) = &args.embeddings {
        let clips = read_npz(path).context("--embeddings")?;
        let dataset = split(clips, &args.test_groups, args.seed)?;
        let transform = args.transform.unwrap_or(Transform::None);
        let contract = contract_for(&dataset, Pool::Mean, transform)?;
        return Ok((dataset, contract));
    }
    let mut list = match (&args.manifest, &args.data) {
        (Some(path), folder) => read_manifest(path, folder.as_deref()).context("--manifest")?,
        (None, Some(folder)) => list_folder(folder).context("--data")?,
        (None, None) => bail!("nothing to evaluate\nhint: give --data, --manifest or --embeddings"),
    };
    if let Some(pattern) = &args.group_pattern {
        list.set_groups(pattern)?;
    }
    let Some(name) = &args.backbone else {
        bail!(
            "clips need a backbone to be heard through\nhint: give --backbone NAME; `afield model list` tells the names"
        );
    };
    let card = model::find(name, &places.cache()?).context("--backbone")?;
    let contract = backbone_contract(&card, args.pool, args.transform)?;
    let clips = embed_list(&list, &card, places)?;
    Ok((split(clips, &args.test_groups, args.seed)?, contract))
}

/// The clips under `folder`, one folder a class.
pub(super) fn list_folder(folder: &Path) -> Result<ClipList> {
    let mut pairs = Vec::new();
    for clip in labelled_clips(folder)? {
        let Some(label) = clip.label else {
            bail!(
                "{} lies in no class's folder\nhint: lay clips out as DIR/<class>/<clip>, or list them with --manifest",
                clip.path.display()
            );
        };
        pairs.push((clip.path, label));
    }
    Ok(ClipList::from_pairs(pairs))
}

/// The two sides of the clips: `test_groups` where any are named, else what the
/// data mark, else a draw, which is told about.
pub(super) fn split(clips: Clips, test_groups: &[String], seed: u64) -> Result<Dataset> {
    let side = if !test_groups.is_empty() {
        TestSide::Groups(test_groups.to_vec())
    } else if clips.marked_test().is_some() {
        TestSide::Marked
    } else {
        TestSide::Automatic { seed }
    };
    let dataset = Dataset::new(clips, &side)?;
    if let TestSide::Automatic { seed } = side {
        let (held_out, all) = (dataset.test().len(), dataset.clips().len());
        let how = match dataset.test_groups().as_slice() {
            [] => "drawn from every class".to_owned(),
            groups => format!("whole groups: {}", groups.join(", ")),
        };
        eprintln!(
            "note: no test side was named; {held_out} of {all} clips are held out ({how}; seed {seed})"
        );
    }
    Ok(dataset)
}

/// Writes the page of a report, with the command that made it.
pub(super) fn write_page(path: &Path, report: &Report) -> Result<()> {
    let command: Vec<String> = std::env::args_os()
        .map(|arg| quoted(&arg.to_string_lossy()))
        .collect();
    let provenance = Provenance {
        command: command.join(" "),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: Machine::this(),
    };
    let page = html(report, &provenance)?;
    fs::write(path, page).with_context(|| format!("--report {}", path.display()))
}

/// An argument as a shell would need it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

/// On stderr, and only where that is a terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} learned, {msg} [{elapsed}]");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: Progress<'_>) {
    match progress {
        Progress::Learning { head, done, total } => {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            if bar.message() != head.name() {
                bar.set_message(head.name());
            }
        }
        Progress::Taught { .. } => {}
        Progress::UpperBound => bar.set_message("joint upper bound"),
    }
}
