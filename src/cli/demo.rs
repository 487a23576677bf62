//! `afield demo`: forgetting, and how not to, on real recordings.
//!
//! The same run as `afield evaluate --protocol class-incremental`, with
//! everything fetched that it needs and every class shown as it is taught.
//! stdout carries what is shown, or with `--json` the report alone.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use afield::control::backbone_contract;
use afield::corpus;
use afield::evaluate::{
    Clip, ClipList, Dataset, Evaluation, Fits, HeadChoice, Progress, Protocol, Report, html, table,
};
use afield::head::HeadKind;
use afield::model::{self, Pip};
use afield::rehearsal::Plan;
use anyhow::{Context, Result, bail};
use clap::Args;

use super::curves::{curves, verdict};
use super::data;
use super::dataset::{list_folder, split};
use super::embedding::embed_list;
use super::evaluate::{distinct, write_page};
use super::model::{self as models, Places};
use super::scoreboard::Scoreboard;

/// The page that is written when no other is named.
const PAGE: &str = "afield-demo.html";
/// Pause after each class on a terminal: learning is quicker than the eye.
const PAUSE: Duration = Duration::from_millis(150);

/// See a learner forget, and one that does not, on real recordings
///
/// Fetches a small set of recordings (with your apt) and a backbone (with your
/// pip) where they are not in the cache, teaches one class after the other to
/// several heads, and after each class asks for all classes so far, on clips
/// that were held out. Nothing is installed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield demo\n  \
    afield demo --data clips/ --backbone yamnet --group-pattern '^(\\d+)-' --test-groups 3")]
pub struct DemoArgs {
    /// Data, as `afield data list` calls them, or a folder of clips, one folder
    /// a class: DIR/<class>/<clip> [default: rock-kit]
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<PathBuf>,

    /// Backbone that embeds the clips
    #[arg(long, default_value = "speech-embedding", value_name = "NAME")]
    backbone: String,

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

/// Runs the command.
pub fn run(args: DemoArgs, places: &Places) -> Result<()> {
    let started = Instant::now();
    let list = read_clips(&args, places)?;
    let cache = places.cache()?;
    let card = model::find(&args.backbone, &cache).context("--backbone")?;
    models::get(&card, &cache, &Pip::new(None)).context("--backbone")?;
    let clips = embed_list(&list, &card, places)?;
    let dataset = split(clips, &args.test_groups, args.seed)?;
    let heads = distinct(&args.head);
    let evaluation = Evaluation {
        order: Protocol::ClassIncremental.into(),
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
        false => show(&evaluation, &heads, &dataset, &list)?,
    };
    let page = args.report.as_deref().unwrap_or(Path::new(PAGE));
    match write_page(page, |provenance| html(&report, provenance)) {
        Ok(()) => eprintln!("curves: {}", page.display()),
        Err(error) if args.report.is_some() => return Err(error),
        // Not asked for: seeing the demo needs no writable folder.
        Err(error) => eprintln!("note: no page of curves, {error:#}"),
    }
    eprintln!("all of it took {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Runs the evaluation before the user's eyes.
fn show(
    evaluation: &Evaluation,
    heads: &[HeadKind],
    dataset: &Dataset,
    list: &ClipList,
) -> Result<Report> {
    let out = &mut io::stdout().lock();
    let terminal = io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let classes = dataset.clips().classes().iter().map(|class| class.as_str());
    let board = Scoreboard::new(heads, classes, colour);
    writeln!(
        out,
        "{} recordings of {} classes: {} to learn, one class after the other, each clip once;\n\
         {} to be tested on, never learned.\n",
        list.clips.len(),
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
fn read_clips(args: &DemoArgs, places: &Places) -> Result<ClipList> {
    let corpus = match &args.data {
        Some(folder) if folder.is_dir() => {
            let mut list = list_folder(folder).context("--data")?;
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
        None => &corpus::built_in()[0],
    };
    let fetched = data::get(corpus, &places.cache()?)?;
    let held_out = &corpus.clips.test_groups;
    let clip = |clip: corpus::CorpusClip| Clip {
        path: clip.path,
        label: clip.label.into(),
        test: Some(held_out.contains(&clip.group)),
        group: Some(clip.group),
    };
    Ok(ClipList {
        clips: fetched.clips.into_iter().map(clip).collect(),
    })
}
