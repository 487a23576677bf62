//! `afield demo`: shows heads that forget and heads that do not, on real recordings.
//!
//! It runs `afield evaluate --protocol class-incremental` and shows the results class by class. It
//! fetches the data and the backbone. `afield demo imu` uses movements instead of sound: first
//! exercise by exercise, then person by person. stdout has the demo, or with `--json` only the
//! reports. `afield demo pump` shows something else: see `demo_pump`.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use afield::head::HeadKind;
use afield::model::{Card, Origin, Pip};
use afield::pipeline::Window;
use afield::rehearsal::Plan;
use afield::source::SensorFormat;
use afield_lab::corpus;
use afield_lab::data::Dataset;
use afield_lab::demo::{Demo, corpus_clips};
use afield_lab::evaluate::{
    EmbeddedClips, EvaluationProgress, HeadChoice, Report, SeriesPlan, TransformChoice,
};
use afield_lab::render::{Scoreboard, curves, html, table, verdict};
use afield_lab::streams::Protocol;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::batch::{Batch, BatchArgs};
use super::data;
use super::demo_pump::{self, PumpArgs};
use super::evaluate::{MadeOn, note_draw, write_page};
use super::hints;
use super::labelled::Labelled;
use super::model::{self as models, Places};
use super::recording::Cut;

/// The page that is written if no other is named.
const PAGE: &str = "afield-demo.html";
/// Pause after each class on a terminal, because learning is faster than reading.
const PAUSE: Duration = Duration::from_millis(150);

/// Show on real recordings which heads forget and which do not
///
/// Fetches recordings (with your apt or pip) if the cache lacks them; nothing is installed.
/// Teaches one class after the other to several heads. After each class, tests every head on
/// held-out clips of all classes so far.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield demo\n  \
    afield demo imu\n  \
    afield demo pump\n  \
    afield demo --data clips/ --backbone yamnet --group-pattern '^(\\d+)-' --test-groups 3")]
pub struct DemoArgs {
    /// Subject of the demo: drums (16 instruments), imu (7 exercises with a smartwatch) or pump
    /// (condition monitoring)
    ///
    /// drums and imu use the backbones in the program. imu teaches exercise after exercise, then
    /// person after person. pump teaches hours of the vibration of a healthy pump and nothing else,
    /// then listens for days, in which a bearing fault begins and grows. It prints the false alarms
    /// a day, when the fault was found, and the trend. The vibration is simulated: it says nothing
    /// about a real machine.
    #[arg(default_value = "drums", value_name = "WHAT")]
    what: Subject,

    /// Name of a data set (`afield data list`), or folder of clips, DIR/<class>/<clip>
    /// [default: rock-kit; watch for imu]
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<PathBuf>,

    /// Name of the backbone that embeds the clips [default: ears; imu for imu]
    #[arg(long, value_name = "NAME")]
    backbone: Option<String>,

    /// Cut each recording into pieces of SECONDS, one clip each, starting every STEP
    /// seconds [default: whole recordings; 3:1.5 for imu]
    #[arg(long, value_name = "SECONDS[:STEP]")]
    cut: Option<Cut>,

    /// Heads to teach, comma-separated; `afield evaluate --help` lists them
    #[arg(
        long, value_name = "HEADS", value_delimiter = ',', value_parser = hints::parse::<HeadKind>,
        default_values_t = [HeadKind::FINETUNE, HeadKind::LINEAR, HeadKind::NCM, HeadKind::LDA]
    )]
    head: Vec<HeadKind>,

    /// Regular expression whose first capture in a file name is the group of the clip,
    /// such as '^(\d+)-'
    #[arg(long, value_name = "REGEX", requires = "data")]
    group_pattern: Option<String>,

    /// Groups held out for testing, comma-separated [default: as marked in the data, else
    /// about 30 % of the clips, in whole groups if known]
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    test_groups: Vec<String>,

    /// Seed of the order, the learners and the drawn split
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Print only the report, as one JSON object like `afield evaluate --json`
    #[arg(long)]
    json: bool,

    /// Page with accuracy curves to write [default: afield-demo.html]
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,

    #[command(flatten)]
    pump: PumpArgs,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Drums,
    Imu,
    Pump,
}

impl Subject {
    /// The demo of heads; `None` for the pump.
    fn demo(self) -> Option<Demo> {
        match self {
            Self::Drums => Some(Demo::DRUMS),
            Self::Imu => Some(Demo::IMU),
            Self::Pump => None,
        }
    }
}

/// Runs the command.
pub fn run(args: DemoArgs, places: &Places) -> Result<()> {
    let Some(demo) = args.what.demo() else {
        let others = [
            (args.data.is_some(), "--data"),
            (args.backbone.is_some(), "--backbone"),
            (args.cut.is_some(), "--cut"),
            (!args.test_groups.is_empty(), "--test-groups"),
        ];
        if let Some((_, flag)) = others.into_iter().find(|(given, _)| *given) {
            bail!("{flag}: the pump is simulated\nhint: leave {flag} out");
        }
        let page = args.report.as_deref().unwrap_or(Path::new(PAGE));
        let page = (page, args.report.is_some());
        return demo_pump::run(&args.pump, args.seed, args.json, page, places);
    };
    if let Some(flag) = args.pump.given() {
        bail!("{flag} is an option of `afield demo pump`\nhint: leave {flag} out");
    }
    let mut batch = Batch::new(BatchArgs::default());
    let shown = run_demo(&args, demo, places, &mut batch);
    batch.finish_after(shown)
}

fn run_demo(args: &DemoArgs, demo: Demo, places: &Places, batch: &mut Batch) -> Result<()> {
    let started = Instant::now();
    let cache = places.cache()?;
    let name = args.backbone.as_deref().unwrap_or(demo.backbone);
    let card = cache.find(name).context("--backbone")?;
    let labelled = list_clips(args, demo, &card, places, batch)?;
    if !matches!(card.origin, Origin::BuiltIn { .. }) {
        models::get(&card, &cache, &Pip::new(None)).context("--backbone")?;
    }
    let cut = match args.cut {
        Some(cut) => Some(cut.window(&card)),
        None => (demo.cut_seconds).map(|(length, step)| Window::spanning(&card, length, step)),
    };
    let (clips, read) = labelled.embed(&card, &SensorFormat::default(), cut, places)?;
    let clips = Arc::new(clips);
    let made_on = MadeOn {
        text: read.text(batch),
        json: read.json(batch),
    };
    let dataset = Dataset::choose(Arc::clone(&clips), &args.test_groups, args.seed);
    let dataset = match args.test_groups.as_slice() {
        [] => dataset?,
        _ => dataset.context("--test-groups")?,
    };
    note_draw(&dataset);
    let clips = EmbeddedClips {
        clips,
        backbone: Some((card, None)),
    };
    let runs = [(args.seed, dataset)];
    let mut page = args.report.as_deref().or(Some(Path::new(PAGE)));
    for &protocol in demo.protocols {
        let plan = SeriesPlan {
            order: protocol.into(),
            heads: args.head.iter().copied().map(HeadChoice::from).collect(),
            rehearsal: Plan::default(),
            transform: TransformChoice::Default,
            upper_bound: true,
        };
        let report = match args.json {
            true => {
                let reports = plan.run(&clips, &runs, &mut |_, _| {})?;
                let report = only(reports)?;
                write!(io::stdout(), "{}", MadeOn::json(Some(&made_on), &report)?)?;
                report
            }
            false => show(&plan, &clips, &runs, &args.head)?,
        };
        // The page shows the first order.
        let Some(page) = page.take() else { continue };
        let recordings = Some(made_on.text.clone());
        match write_page(page, recordings, |provenance| html(&report, provenance)) {
            Ok(()) => eprintln!("curves: {}", page.display()),
            Err(error) if args.report.is_some() => return Err(error),
            // The user did not request this page: the demo runs in any folder.
            Err(error) => eprintln!("note: no page of curves, {error:#}"),
        }
    }
    eprintln!("all of it took {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Runs the evaluation and shows each task as it is taught.
fn show(
    plan: &SeriesPlan,
    clips: &EmbeddedClips,
    runs: &[(u64, Dataset); 1],
    named: &[HeadKind],
) -> Result<Report> {
    let [(_, dataset)] = runs;
    let out = &mut io::stdout().lock();
    let terminal = io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let classes = dataset.clips().classes().iter().map(|class| class.as_str());
    let board = Scoreboard::new(named, classes, colour);
    let one = match plan.order.protocol {
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
    let reports = plan.run(clips, runs, &mut |_, progress| {
        let EvaluationProgress::Taught {
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
    let report = only(reports)?;
    let paint = |position: usize, text: &str| board.paint_at(position, text);
    writeln!(out, "\n{}\n{}", curves(&report, &paint), table(&report))?;
    if let Some(verdict) = verdict(&report) {
        writeln!(out, "{verdict}")?;
    }
    Ok(report)
}

/// The report of the one run.
fn only(mut reports: Vec<Report>) -> Result<Report> {
    reports.pop().context("nothing was run")
}

/// The clips that the arguments name, or else the demo's own clips, which are fetched.
fn list_clips<'a>(
    args: &DemoArgs,
    demo: Demo,
    card: &Card,
    places: &Places,
    batch: &'a mut Batch,
) -> Result<Labelled<'a>> {
    let mut labelled = Labelled::new(batch);
    let corpus = match &args.data {
        Some(folder) if folder.is_dir() => {
            labelled.add_folder(folder, card, Some("--data"))?;
            match &args.group_pattern {
                Some(pattern) => labelled.set_groups(pattern).context("--group-pattern")?,
                None => eprintln!(
                    "note: clips of one speaker or recording may lie on both sides of the split; \
                     --group-pattern tells them apart"
                ),
            }
            return Ok(labelled);
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
        None => corpus::find(demo.corpus)?,
    };
    let fetched = data::get(corpus, &places.cache()?)?;
    labelled.add(corpus_clips(corpus, fetched.clips));
    Ok(labelled)
}
