//! `afield embed`: writes the embeddings of clips as one NumPy array, or, with labels and
//! groups, as an archive for `afield evaluate --embeddings`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use afield::backbone::{Backbone, Mode};
use afield::engine::{Error as EngineError, backbone_contract, embed_into};
use afield::learner::Pool;
use afield::model::Card;
use afield::source::Note;
use afield_lab::data::write_npz;
use anyhow::{Context, Result};
use clap::Args;
use cpu_time::ProcessTime;
use serde::Serialize;

use super::batch::{Batch, BatchArgs};
use super::embedding::progress;
use super::hints;
use super::is_closed_pipe;
use super::labelled::{Labelled, ReadJson};
use super::learner::load_backbone;
use super::model::Places;
use super::output::{temporary, unwritable};
use super::partial_array::PartialArray;
use super::recording::{Cut, SensorArgs, note};
use super::resume::{MadeBy, checksum};

/// Write the embeddings of clips as a NumPy array
///
/// The array is float32 [n, d]; the rows of the files follow one another. Row i of a file
/// covers its resampled samples from i * hop to i * hop + receptive field. The card says
/// how a shorter clip is padded.
///
/// Rows with NaN are left out, and a note states their number. stdout has one JSON line
/// per file: path, rows, seconds of audio, CPU seconds.
///
/// If the run is interrupted, the same command with --resume continues it. The result is
/// that of one run over the recordings as they are then.
///
/// With --labelled, the clips are in DIR/<class>/<clip>, and the output is an NPZ file
/// for `afield evaluate --embeddings`. It has X (float32 [clips, d], one pooled row per
/// clip), y, and group if groups are known. stdout has one JSON line.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        afield embed clips/ --backbone speech-embedding -o clips.npy\n  \
        afield embed esc10 --labelled --group-pattern '^(\\d+)-' --backbone yamnet -o esc10.npz")]
pub struct EmbedArgs {
    /// Recordings, or folders of recordings
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Name of the backbone; `afield model list` shows the names
    #[arg(long, value_name = "NAME")]
    backbone: String,

    /// Execution of the graph: auto, streaming or windowed
    #[arg(
        long,
        default_value = "auto",
        value_name = "MODE",
        value_parser = hints::parse::<Mode>,
        conflicts_with = "labelled"
    )]
    mode: Mode,

    /// Write one pooled row per clip, with its label and group
    #[arg(long)]
    labelled: bool,

    /// Pool that summarises the windows of a clip: mean, mean+max or mean+std+max
    /// [default: that of the backbone]
    #[arg(long, value_name = "POOL", requires = "labelled")]
    pool: Option<Pool>,

    /// Regular expression whose first capture in a file name is the group of the clip,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX", requires = "labelled")]
    group_pattern: Option<String>,

    /// Cut each recording into pieces of SECONDS, one row each, starting every STEP
    /// seconds [default: whole recordings; STEP: SECONDS]
    #[arg(long, value_name = "SECONDS[:STEP]", requires = "labelled")]
    cut: Option<Cut>,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    batch: BatchArgs,

    /// Continue an interrupted run, from the rows in OUT.partial and the list of recordings
    /// in OUT.partial.jsonl
    #[arg(long, conflicts_with = "labelled")]
    resume: bool,

    /// NumPy file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// One line of output.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    rows: u64,
    seconds: f64,
    cpu_seconds: f64,
    mode: String,
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    notes: &'a [Note],
}

/// The line of output for a labelled archive.
#[derive(Serialize)]
struct LabelledLine<'a> {
    backbone: &'a str,
    clips: usize,
    classes: usize,
    groups: Option<usize>,
    features: usize,
    pool: &'static str,
    /// The backbone's transform. The archive holds the rows before the transform.
    transform: String,
    #[serde(flatten)]
    read: ReadJson<'a>,
}

/// Runs the command.
pub fn run(args: EmbedArgs, places: &Places) -> Result<()> {
    let card = places.cache()?.find(&args.backbone).context("--backbone")?;
    args.sensor.check(&card)?;
    if args.labelled {
        let mut batch = Batch::new(args.batch);
        let written = run_labelled(&args, &card, places, &mut batch);
        return batch.finish_after(written);
    }
    let backbone = load_backbone(&card, places, args.mode).context("--backbone")?;
    let made_by = MadeBy {
        by: checksum(backbone_contract(&card, None, None)?.digest().as_bytes()),
        options: flags(&args),
    };
    // A missing folder is an error now, before any clip is embedded.
    let size = card.embedding.size;
    let mut array = PartialArray::open(&args.output, size, args.resume, made_by)?;
    if args.resume {
        eprintln!("note: {} recordings are embedded already", array.done());
    }
    let mut batch = Batch::new(args.batch);
    let embedded = embed_all(&args, &card, &backbone, &mut batch, &mut array);
    if let Err(error) = embedded {
        array.leave(!is_closed_pipe(&error));
        return Err(error);
    }
    match batch.has_result() {
        true => array.finish()?,
        false => array.leave(false),
    }
    batch.finish()
}

/// Why a recording has no rows: that of the others, too, if the array cannot be written.
enum Failure {
    Recording(anyhow::Error),
    Array(anyhow::Error),
}

impl Failure {
    /// The same, with the name of the recording.
    fn of(self, name: &str) -> Self {
        match self {
            Self::Recording(error) => Self::Recording(error.context(name.to_owned())),
            Self::Array(error) => Self::Array(error),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Recording(error.into())
    }
}

/// The options that decide what is computed, unless they are the default.
fn flags(args: &EmbedArgs) -> String {
    let mode = match args.mode {
        Mode::Auto => "",
        Mode::Streaming => "--mode streaming ",
        Mode::Windowed => "--mode windowed ",
    };
    format!("{mode}{}", args.sensor.flags()).trim().to_owned()
}

/// Appends the rows of every recording, and prints its line.
fn embed_all(
    args: &EmbedArgs,
    card: &Card,
    backbone: &Backbone,
    batch: &mut Batch,
    array: &mut PartialArray,
) -> Result<()> {
    let paths = batch.paths(&args.paths, card)?;
    let bar = progress(paths.len(), "embedded");
    for path in &paths {
        let name = path.display().to_string();
        let (from, done) = array.standing(path)?;
        if let Some(line) = done {
            bar.suspend(|| writeln!(io::stdout(), "{line}"))?;
            bar.inc(1);
            continue;
        }
        let started = ProcessTime::now();
        let opened = args.sensor.open(path);
        let embedded = opened.map_err(|error| Failure::Recording(error.into()));
        let embedded = embedded.and_then(|mut source| {
            let write = |rows: &[f32]| array.write(rows).map_err(Failure::Array);
            embed_into(&mut *source, card, backbone, write).map_err(|failure| failure.of(&name))
        });
        let clip = match embedded {
            Ok(clip) => clip,
            Err(Failure::Array(error)) => return Err(error),
            Err(Failure::Recording(error)) => {
                array.discard()?;
                if let Some(line) = batch.fail_with_line(path, error)? {
                    bar.suspend(|| writeln!(io::stdout(), "{line}"))?;
                }
                bar.inc(1);
                continue;
            }
        };
        let line = serde_json::to_string(&Line {
            path: &name,
            rows: clip.rows,
            seconds: clip.duration.as_secs_f64(),
            cpu_seconds: started.elapsed().as_secs_f64(),
            mode: backbone.execution().to_string(),
            notes: &clip.notes,
        })?;
        array.append(path, &line, from)?;
        bar.suspend(|| {
            note(&clip.notes, &name);
            writeln!(io::stdout(), "{line}")
        })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Embeds folders of classes, pools, and writes an npz archive.
fn run_labelled(args: &EmbedArgs, card: &Card, places: &Places, batch: &mut Batch) -> Result<()> {
    let contract = backbone_contract(card, args.pool, None)?;
    let file = temporary(&args.output).map_err(|e| unwritable("--output", &args.output, &e))?;
    let mut labelled = Labelled::new(batch);
    for folder in &args.paths {
        labelled.add_folder(folder, card, None)?;
    }
    if let Some(pattern) = &args.group_pattern {
        labelled.set_groups(pattern).context("--group-pattern")?;
    }
    let cut = args.cut.map(|cut| cut.window(card));
    let (clips, read) = labelled.embed(card, &args.sensor.format(), cut, places)?;
    let mut writer = BufWriter::new(file.as_file());
    write_npz(&clips, contract.pool, &mut writer)
        .and_then(|()| writer.flush())
        .map_err(|e| unwritable("--output", &args.output, &e))?;
    drop(writer);
    (file.persist(&args.output)).map_err(|e| unwritable("--output", &args.output, &e.error))?;
    let line = serde_json::to_string(&LabelledLine {
        backbone: &card.name,
        clips: clips.len(),
        classes: clips.classes().len(),
        groups: clips.groups().map(|groups| groups.names().len()),
        features: contract.width(),
        pool: contract.pool.name(),
        transform: contract.transform_name(),
        read: read.json(batch),
    })?;
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}
