//! `afield trend`: whether a machine drifts away from what was taught.

use std::fs;
use std::path::PathBuf;

use afield::SourceSpec;
use afield::engine::ListenOptions;
use afield_lab::monitor::{Block, Trend};
use afield_lab::render::{trend_chart, trend_html};
use anyhow::{Context, Result, bail};
use clap::Args;

use super::alarm_rate::AlarmRate;
use super::evaluate::{provenance, write_stdout};
use super::learner::LearnerPlace;
use super::model::Places;
use super::recording::SensorArgs;

/// Draw the trend of a monitored machine: how unlike what was taught it is, hour by hour
///
/// For a learner on a sensor that was taught one class, such as `normal`. Each block of some
/// minutes has a p-value: the share of taught blocks that are as unlike the others. The mean
/// of -log10 p is 0.43 as long as all is as it was taught, and rises before single blocks
/// give alarms. The files are one stream, in the order given.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield trend monday.csv tuesday.csv --learner pump\n  \
    afield trend week.csv --bucket 6h --html trend.html --learner pump")]
pub struct TrendArgs {
    /// Tables of the sensor (CSV or JSON lines)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Length of a line of the trend
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = humantime::parse_duration)]
    bucket: std::time::Duration,

    /// False alarms to allow, such as 2/day
    #[arg(long, default_value_t = AlarmRate(2.0), value_name = "RATE", value_parser = str::parse::<AlarmRate>)]
    false_alarms: AlarmRate,

    /// Write the trend as a page to this file, too
    #[arg(long, value_name = "OUT.html")]
    html: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    sensor: SensorArgs,

    #[command(flatten)]
    place: LearnerPlace,
}

/// Runs the command.
pub fn run(args: TrendArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    if engine.card().sensor().is_none() || engine.classes().len() != 1 {
        bail!(
            "a trend is of a sensor's learner that was taught one class; this one has {} on {}\nhint: make a learner with `afield init DIR --backbone imu`, and teach it normal alone",
            engine.classes().len(),
            engine.card().name
        );
    }
    let (mut blocks, mut began) = (Vec::new(), 0.0);
    for file in &args.files {
        let name = file.display().to_string();
        let options = ListenOptions {
            false_alarms_per_day: args.false_alarms.0,
            source: args.sensor.options(),
            ..ListenOptions::default()
        };
        let spec = SourceSpec::parse(&format!("csv:{name}"))?;
        let mut listening = engine.listen_with(spec, options)?;
        let mut events = Vec::new();
        loop {
            let more = listening.step()?;
            events.extend(listening.drain());
            for note in listening.notes() {
                eprintln!("note: {note}");
            }
            if !more {
                break;
            }
        }
        let of_file = events.iter().filter_map(Block::of);
        blocks.extend(of_file.map(|block| Block {
            start: block.start + began,
            end: block.end + began,
            ..block
        }));
        began += listening.decided().as_secs_f64();
    }
    if blocks.is_empty() {
        bail!(
            "no block has a p-value\nhint: a block lasts some minutes, and 40 of them must be taught: `afield teach normal FILE --cut 12:12`"
        );
    }
    let trend = Trend::of(&blocks, args.bucket.as_secs_f64());
    if let Some(path) = &args.html {
        let names: Vec<String> = args.files.iter().map(|f| f.display().to_string()).collect();
        let page = trend_html(&trend, &names.join(", "), &provenance(None));
        fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    write_stdout(&match args.json {
        true => serde_json::to_string(&trend)? + "\n",
        false => trend_chart(&trend, |_| None),
    })
}
