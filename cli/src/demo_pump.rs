//! `afield demo pump`: condition monitoring of a simulated pump.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use afield_lab::monitor::MonitorPlan;
use afield_lab::render::{monitor_html, monitor_text};
use anyhow::{Context, Result};
use clap::Args;

use super::embedding::{advance, progress};
use super::evaluate::provenance;
use super::model::Places;

/// Options of the pump.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of pump")]
pub struct PumpArgs {
    /// Hours of `normal` to teach [default: 12]
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    taught_hours: Option<f64>,

    /// Days to listen before the fault begins [default: 5]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    healthy_days: Option<f64>,

    /// Days to listen after the fault begins [default: 3]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    fault_days: Option<f64>,

    /// Hours in which the impacts of the fault double [default: 12]
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    fault_doubles: Option<f64>,
}

impl PumpArgs {
    /// The first option that is given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.taught_hours, "--taught-hours"),
            (self.healthy_days, "--healthy-days"),
            (self.fault_days, "--fault-days"),
            (self.fault_doubles, "--fault-doubles"),
        ];
        let given = flags.into_iter().find(|(value, _)| value.is_some());
        given.map(|(_, flag)| flag)
    }
}

/// Runs the demo. `page` is written; it need not be possible unless `asked`.
pub fn run(
    args: &PumpArgs,
    seed: u64,
    json: bool,
    (page, asked): (&Path, bool),
    places: &Places,
) -> Result<()> {
    let started = Instant::now();
    let default = MonitorPlan::default();
    let plan = MonitorPlan {
        taught_hours: args.taught_hours.unwrap_or(default.taught_hours),
        healthy_days: args.healthy_days.unwrap_or(default.healthy_days),
        fault_days: args.fault_days.unwrap_or(default.fault_days),
        fault_doubles_hours: args.fault_doubles.unwrap_or(default.fault_doubles_hours),
        seed,
        ..default
    };
    let folder = tempfile::tempdir().context("cannot make a folder for the learner")?;
    let bar = progress(0, "seconds of the simulated pump");
    let report = plan.run(&folder.path().join("pump"), places.engine(), |done, all| {
        advance(&bar, done as usize, all as usize);
    });
    bar.finish_and_clear();
    let report = report?;
    let mut out = io::stdout().lock();
    match json {
        true => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        false => write!(out, "{}", monitor_text(&report))?,
    }
    match fs::write(page, monitor_html(&report, &provenance(None))) {
        Ok(()) => eprintln!("trend: {}", page.display()),
        Err(error) if asked => {
            return Err(error).with_context(|| format!("--report {}", page.display()));
        }
        Err(error) => eprintln!("note: no page of the trend, {error}"),
    }
    eprintln!("all of it took {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if hours > 0.0 && hours <= 1000.0 => Ok(hours),
        _ => Err("expected hours above 0, up to 1000".to_owned()),
    }
}

fn days(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(days) if (0.0..=100.0).contains(&days) => Ok(days),
        _ => Err("expected days from 0 to 100".to_owned()),
    }
}
