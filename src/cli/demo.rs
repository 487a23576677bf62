//! `afield demo`: forgetting, and how not to, on real recordings.

use std::io::{self, Write};
use std::path::PathBuf;

use afield::control::backbone_contract;
use afield::corpus;
use afield::evaluate::{Evaluation, Progress, Protocol, Standing, table};
use afield::head::HeadKind;
use afield::model;
use afield::rehearsal::Capacity;
use anyhow::{Context, Result};
use clap::Args;

use super::embedding::embed_list;
use super::evaluate::{list_folder, split, write_page};
use super::model::Places;
use super::{data, model as model_command};

/// The data set of a demo without --data.
const DATA: &str = "rock-kit";
/// The backbone of a demo with --data and without --backbone.
const BACKBONE: &str = "speech-embedding";
/// Columns of a bar.
const BAR: usize = 10;

/// See one learner forget, and others that do not, on real recordings
///
/// Fetches a backbone and recordings (once), teaches the classes one after the
/// other, each clip once, and tests after every class on clips that are never
/// taught. Without --data the recordings are drum strokes from a Debian package.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  afield demo\n  \
    afield demo --data esc10 --backbone yamnet --group-pattern '^(\\d+)-' --test-groups 3")]
pub struct DemoArgs {
    /// Recordings of your own, one folder a class: DIR/<class>/<clip>
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Backbone that embeds the clips [default: what suits the data]
    #[arg(long, value_name = "NAME")]
    backbone: Option<String>,

    /// Group of a clip: the first capture of this pattern in its file name
    #[arg(long, value_name = "REGEX", requires = "data")]
    group_pattern: Option<String>,

    /// Groups held out for testing, comma-separated [default: about 30 %]
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', requires = "data")]
    test_groups: Vec<String>,

    /// Heads to teach, comma-separated
    #[arg(long, value_name = "HEADS", value_delimiter = ',',
          default_values_t = [HeadKind::Finetune, HeadKind::Linear, HeadKind::Ncm, HeadKind::Lda])]
    head: Vec<HeadKind>,

    /// Seed of the order, the learners and the drawn split
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Print the JSON object of `afield evaluate --json` and nothing else
    #[arg(long)]
    json: bool,

    /// Page with the accuracy curves to write
    #[arg(long, default_value = "afield-demo.html", value_name = "OUT.html")]
    report: PathBuf,
}

/// Runs the command.
pub fn run(args: DemoArgs, places: &Places) -> Result<()> {
    let (folder, suited, pattern, test_groups) = match &args.data {
        Some(folder) => {
            let pattern = args.group_pattern.clone();
            (folder.clone(), BACKBONE, pattern, args.test_groups.clone())
        }
        None => {
            let card = corpus::find(DATA)?;
            let folder = data::get(card, places)?.folder;
            let pattern = Some(card.groups.clone());
            (
                folder,
                card.backbone.as_str(),
                pattern,
                card.test_groups.clone(),
            )
        }
    };
    let name = args.backbone.as_deref().unwrap_or(suited);
    let card = model::find(name, &places.cache()?).context("--backbone")?;
    model_command::get(&card, places).context("--backbone")?;
    let mut list = list_folder(&folder).context("--data")?;
    if let Some(pattern) = &pattern {
        list.set_groups(pattern)?;
    }
    let dataset = split(embed_list(&list, &card, places)?, &test_groups, args.seed)?;
    let evaluation = Evaluation {
        protocol: Protocol::ClassIncremental,
        heads: args.head.clone(),
        rehearsal: Capacity::default(),
        seed: args.seed,
        contract: backbone_contract(&card, None, None)?,
    };
    let mut show = Show {
        heads: &args.head,
        first: None,
        last: Vec::new(),
    };
    if !args.json {
        println!(
            "{} real recordings of {} classes, heard through {}, taught class by class, each once.\n\
             After every class: accuracy on {} other recordings, of the classes taught so far.\n",
            dataset.train().len(),
            dataset.clips().classes().len(),
            card.name,
            dataset.test().len()
        );
    }
    let mut shown = Ok(());
    let report = evaluation.run(&dataset, &mut |progress| {
        if let (
            false,
            Progress::Taught {
                stage,
                stages,
                task,
                standings,
            },
        ) = (args.json, progress)
            && shown.is_ok()
        {
            shown = show.stage(stage, stages, task, standings);
        }
    })?;
    shown?;
    write_page(&args.report, &report)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        writeln!(out, "\n{}\n", show.verdict())?;
        out.write_all(table(&report).as_bytes())?;
    }
    eprintln!("curves: {}", args.report.display());
    Ok(())
}

/// The stages of a stream, as they come.
struct Show<'a> {
    heads: &'a [HeadKind],
    /// The first class taught.
    first: Option<String>,
    /// Where the heads stood last.
    last: Vec<Standing>,
}

impl Show<'_> {
    /// One line: the class just taught, and where each head stands.
    fn stage(
        &mut self,
        stage: usize,
        stages: usize,
        task: &str,
        standings: &[Standing],
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.first.is_none() {
            self.first = Some(task.to_owned());
            write!(out, "{:<20}", "taught")?;
            for head in self.heads {
                write!(out, " {:<width$}", head.name(), width = BAR + 6)?;
            }
            writeln!(out)?;
        }
        let name: String = task.chars().take(14).collect();
        write!(out, "{:>2}/{stages:<2} {name:<14}", stage + 1)?;
        for standing in standings {
            let percent = standing.accuracy * 100.0;
            write!(out, " {} {percent:>3.0} %", bar(standing.accuracy))?;
        }
        self.last = standings.to_vec();
        writeln!(out)?;
        out.flush()
    }

    /// What became of the class that was taught first.
    fn verdict(&self) -> String {
        let Some(first) = &self.first else {
            return String::new();
        };
        let heads: Vec<String> = (self.heads.iter().zip(&self.last))
            .filter_map(|(head, standing)| {
                let percent = standing.on_first_task? * 100.0;
                Some(format!("{head} {percent:.0} %"))
            })
            .collect();
        format!("Still knows {first}, taught first: {}.", heads.join(", "))
    }
}

/// A bar for a share from 0 to 1, to an eighth of a column.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let filled = (share.clamp(0.0, 1.0) * BAR as f64 * 8.0).round() as usize;
    let bar = "█".repeat(filled / 8) + EIGHTHS[filled % 8];
    let width = bar.chars().count();
    bar + &" ".repeat(BAR - width)
}

#[cfg(test)]
mod tests {
    use super::{BAR, bar};

    #[test]
    fn every_bar_is_as_wide_as_the_others() {
        for percent in 0..=100 {
            assert_eq!(bar(f64::from(percent) / 100.0).chars().count(), BAR);
        }
        assert_eq!(bar(1.0), "██████████");
        assert_eq!(bar(0.0).trim(), "");
    }
}
