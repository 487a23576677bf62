//! `afield demo`: forgetting, and how not to, on real recordings.
//!
//! The same run as `afield evaluate --protocol class-incremental`, with
//! everything fetched that it needs and every class shown as it is taught.
//! `afield demo imu` does the same with movements instead of sound, class after class
//! and then person after person. stdout carries what is shown, or with `--json` the
//! reports alone.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use afield::engine::backbone_contract;
use afield::head::HeadKind;
use afield::model::{self, Card, Origin, Pip};
use afield::rehearsal::Plan;
use afield::source::SensorFormat;
use afield_lab::corpus;
use afield_lab::evaluate::{
    Clip, ClipList, Dataset, Evaluation, Fits, HeadChoice, Progress, Protocol, Report, html, table,
};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::curves::{curves, verdict};
use super::data;
use super::dataset::{list_folder, split};
use super::embedding::embed_list;
use super::evaluate::{distinct, write_page};
use super::model::{self as models, Places};
use super::recording::Cut;
use super::scoreboard::Scoreboard;

/// The page that is written when no other is named.
const PAGE: &str = "afield-demo.html";
/// Pause after each class on a terminal: learning is quicker than the eye.
const PAUSE: Duration = Duration::from_millis(150);

/// See a learner forget, and one that does not, on real recordings
///
/// Fetches a small set of recordings (with your apt or pip) and a backbone (with your
/// pip) where they are not in the cache, teaches one class after the other to
/// several heads, and after each class asks for all classes so far, on clips
/// that were held out. Nothing is installed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield demo\n  \
    afield demo imu\n  \
    afield demo --data clips/ --backbone yamnet --group-pattern '^(\\d+)-' --test-groups 3")]
pub struct DemoArgs {
    /// What to show on: drums (16 of them, heard through a speech backbone) or imu
    /// (7 exercises with a smartwatch, on the backbone in the program; once exercise
    /// after exercise, once person after person)
    #[arg(default_value = "drums", value_name = "WHAT")]
    what: Subject,

    /// Data, as `afield data list` calls them, or a folder of clips, one folder
    /// a class: DIR/<class>/<clip> [default: rock-kit; watch for imu]
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<PathBuf>,

    /// Backbone that embeds the clips [default: speech-embedding; imu for imu]
    #[arg(long, value_name = "NAME")]
    backbone: Option<String>,

    /// Cut each recording into pieces of so many seconds, each a clip, one every
    /// STEP seconds [default: whole recordings; 3:1.5 for imu]
    #[arg(long, value_name = "SECONDS[:STEP]")]
    cut: Option<Cut>,

    /// Heads to teach, comma-separated; `afield evaluate --help` lists them
    #[arg(
        long, value_name = "HEADS", value_delimiter = ',',
        default_values_t = [HeadKind::Finetune, HeadKind::LINEAR, HeadKind::NCM, HeadKind::LDA]
    )]
    head: Vec<HeadKind>,

    /// Group of a clip in a folder: the first capture of this pattern in its
    /// file name, such as '^(\d+)-'
    #[arg(long, value_name = "REGEX", requires = "data")]
    group_pattern: Option<String>,

    /// Groups held out for testing, comma-separated [default: the data's own,
    /// or else about 30 % of the clips, whole groups where known]
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    test_groups: Vec<String>,

    /// Seed of the order, the learners and the drawn split
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Print the report as one JSON object, as `afield evaluate --json` does,
    /// and nothing else
    #[arg(long)]
    json: bool,

    /// Page with accuracy curves to write [default: afield-demo.html]
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Drums,
    Imu,
}

impl Subject {
    fn corpus(self) -> &'static str {
        match self {
            Self::Drums => "rock-kit",
            Self::Imu => "watch",
        }
    }

    fn backbone(self) -> &'static str {
        match self {
            Self::Drums => "speech-embedding",
            Self::Imu => "imu",
        }
    }

    /// The orders to teach in.
    fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::Drums => &[Protocol::ClassIncremental],
            Self::Imu => &[Protocol::ClassIncremental, Protocol::DomainIncremental],
        }
    }
}

/// Runs the command.
pub fn run(args: DemoArgs, places: &Places) -> Result<()> {
    let started = Instant::now();
    let cache = places.cache()?;
    let name = args.backbone.as_deref().unwrap_or(args.what.backbone());
    let card = model::find(name, &cache).context("--backbone")?;
    let list = read_clips(&args, &card, places)?;
    if !matches!(card.origin, Origin::BuiltIn { .. }) {
        models::get(&card, &cache, &Pip::new(None)).context("--backbone")?;
    }
    let cut = match (args.cut, args.what) {
        (None, Subject::Imu) => Some(Cut::EXERCISE),
        (cut, _) => cut,
    };
    let clips = embed_list(&list, &card, &SensorFormat::default(), cut, places)?;
    let dataset = split(clips, &args.test_groups, args.seed)?;
    let heads = distinct(&args.head);
    let mut page = args.report.as_deref().or(Some(Path::new(PAGE)));
    for &protocol in args.what.protocols() {
        let evaluation = Evaluation {
            order: protocol.into(),
            heads: heads.iter().copied().map(HeadChoice::from).collect(),
            rehearsal: Plan::default(),
            seed: args.seed,
            contracts: backbone_contract(&card, None, None)?.into(),
            upper_bound: true,
        };
        let report = match args.json {
            true => {
                let report = evaluation.run(&dataset, &mut Fits::default(), &mut |_| {})?;
                writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
                report
            }
            false => show(&evaluation, protocol, &heads, &dataset)?,
        };
        // The page is of the first order.
        let Some(page) = page.take() else { continue };
        match write_page(page, |provenance| html(&report, provenance)) {
            Ok(()) => eprintln!("curves: {}", page.display()),
            Err(error) if args.report.is_some() => return Err(error),
            // Not asked for: seeing the demo needs no writable folder.
            Err(error) => eprintln!("note: no page of curves, {error:#}"),
        }
    }
    eprintln!("all of it took {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Runs the evaluation before the user's eyes.
fn show(
    evaluation: &Evaluation,
    protocol: Protocol,
    heads: &[HeadKind],
    dataset: &Dataset,
) -> Result<Report> {
    let out = &mut io::stdout().lock();
    let terminal = io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let classes = dataset.clips().classes().iter().map(|class| class.as_str());
    let board = Scoreboard::new(heads, classes, colour);
    let one = match protocol {
        Protocol::DomainIncremental => "person",
        _ => "class",
    };
    writeln!(
        out,
        "{} recordings of {} classes: {} to learn, one {one} after the other, each clip once;\n\
         {} to be tested on, never learned.\n",
        dataset.clips().len(),
        dataset.clips().classes().len(),
        dataset.train().len(),
        dataset.test().len(),
    )?;
    let mut written = Ok(());
    let report = evaluation.run(dataset, &mut Fits::default(), &mut |progress| {
        let Progress::Taught {
            stage,
            task,
            standings,
            ..
        } = progress
        else {
            return;
        };
        let header = match stage {
            0 => board.header(task),
            _ => String::new(),
        };
        let lines = header + &board.line(stage, task, standings);
        if written.is_ok() {
            written = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
            if terminal {
                thread::sleep(PAUSE);
            }
        }
    })?;
    written?;
    let paint = |position: usize, text: &str| match heads.get(position) {
        Some(&head) => board.paint(head, text),
        None => text.to_owned(),
    };
    writeln!(out, "\n{}\n{}", curves(&report, &paint), table(&report))?;
    if let Some(verdict) = verdict(&report) {
        writeln!(out, "{verdict}")?;
    }
    Ok(report)
}

/// The clips that the demo is given, or those that it fetches.
fn read_clips(args: &DemoArgs, card: &Card, places: &Places) -> Result<ClipList> {
    let corpus = match &args.data {
        Some(folder) if folder.is_dir() => {
            let mut list = list_folder(folder, card).context("--data")?;
            match &args.group_pattern {
                Some(pattern) => list.set_groups(pattern)?,
                None => eprintln!(
                    "note: clips of one speaker or recording may lie on both sides of the split; \
                     --group-pattern tells them apart"
                ),
            }
            return Ok(list);
        }
        Some(name) => {
            let corpus = corpus::find(&name.to_string_lossy()).context("--data")?;
            if args.group_pattern.is_some() {
                bail!(
                    "--group-pattern is for a folder; {} names its own groups",
                    corpus.name
                );
            }
            corpus
        }
        None => corpus::find(args.what.corpus())?,
    };
    let fetched = data::get(corpus, &places.cache()?)?;
    let held_out = &corpus.clips.test_groups;
    let clip = |clip: corpus::CorpusClip| Clip {
        path: clip.path,
        label: clip.label.into(),
        test: Some(held_out.contains(&clip.group)),
        group: Some(clip.group),
    };
    let aside = &corpus.clips.set_aside_groups;
    let taken = (fetched.clips.into_iter()).filter(|clip| !aside.contains(&clip.group));
    Ok(ClipList {
        clips: taken.map(clip).collect(),
    })
}
