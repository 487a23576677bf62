//! `afield memory`: the examples that a learner keeps for rehearsal.

use std::io::{self, Write};
use std::time::Duration;

use afield::learner::Learner;
use afield::rehearsal::{ClassStatistics, Draws, Statistics};
use anyhow::Result;
use clap::Args;
use indicatif::{HumanBytes, HumanDuration};
use serde::Serialize;

use super::learner::{LearnerPlace, now_unix_ms};
use super::model::Places;

/// Cells of the longest bar.
const BAR: usize = 20;

/// Show the rehearsal memory of a learner
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield memory --learner box --json | jq .memory.bytes")]
pub struct MemoryArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    head: String,
    /// The setting; heads without a rehearsal memory ignore it.
    rehearsal: String,
    /// Names of the classes, in the order of those of the memory.
    labels: Vec<String>,
    memory: Option<Statistics>,
}

/// Runs the command.
pub fn run(args: MemoryArgs, places: &Places) -> Result<()> {
    let report = Report::of(args.place.open(places)?.session().learner());
    let text = match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => report.text(now_unix_ms()),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

impl Report {
    fn of(learner: &Learner) -> Self {
        let settings = learner.settings();
        Self {
            head: settings.head.to_string(),
            rehearsal: settings.rehearsal.to_string(),
            labels: learner.classes().iter().map(ToString::to_string).collect(),
            memory: learner.rehearsal().map(|memory| memory.statistics()),
        }
    }

    fn text(&self, now_unix_ms: i64) -> String {
        let Some(memory) = &self.memory else {
            return format!("{} keeps no memory of examples\n", self.head);
        };
        let mut text = String::new();
        for (key, value) in summary(memory) {
            text += &format!("{key:<8}  {value}\n");
        }
        let labels = || self.labels.iter().zip(&memory.classes);
        let name = labels().map(|(label, _)| label.chars().count());
        let name = name.max().unwrap_or(0).max("class".len());
        let most = labels().map(|(_, class)| class.held).max().unwrap_or(0);
        if most == 0 {
            return text;
        }
        let columns = line(
            name,
            "class",
            "",
            ["held", "seen", "oldest", "newest", "groups", "mean off"].map(str::to_owned),
        );
        text += &columns;
        for (label, class) in labels() {
            // A class with any example has at least one cell.
            let cells = (class.held * BAR).div_ceil(most);
            text += &line(
                name,
                label,
                &"█".repeat(cells),
                [
                    class.held.to_string(),
                    class.seen.to_string(),
                    age(class.oldest_unix_ms, now_unix_ms),
                    age(class.newest_unix_ms, now_unix_ms),
                    groups(class),
                    mean_off(class),
                ],
            );
        }
        text
    }
}

fn summary(memory: &Statistics) -> Vec<(&'static str, String)> {
    let bytes = &memory.bytes;
    let parts = [
        ("features", bytes.features),
        ("scales", bytes.scales),
        ("index", bytes.index),
        ("origins", bytes.origins),
        ("class sums", bytes.sums),
    ];
    let parts: Vec<String> = (parts.iter().filter(|(_, bytes)| *bytes > 0))
        .map(|(part, bytes)| format!("{part} {}", HumanBytes(*bytes as u64)))
        .collect();
    let limit = bytes
        .limit
        .map_or(String::new(), |n| format!(" of {}", HumanBytes(n as u64)));
    let policy = match memory.herds {
        Some(false) => "herding, now balanced: its class sums outgrew the limit".to_owned(),
        _ => memory.plan.policy().to_owned(),
    };
    let draws = match memory.draws {
        Draws::ClassBalanced => "class by class",
        _ => "uniformly",
    };
    let parts = match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    };
    vec![
        ("memory", memory.plan.to_string()),
        ("policy", format!("{policy}; drawn {draws}")),
        (
            "examples",
            format!(
                "{} of {}, {} shown",
                memory.examples, memory.capacity, memory.shown
            ),
        ),
        (
            "bytes",
            format!("{}{limit}{parts}", HumanBytes(bytes.total as u64)),
        ),
    ]
}

fn line(name: usize, label: &str, bar: &str, cells: [String; 6]) -> String {
    let [held, seen, oldest, newest, groups, off] = cells;
    let line = format!(
        "  {label:<name$}  {held:>5}  {bar:<BAR$}  {seen:>6}  {oldest:>10}  {newest:>10}  {groups:>6}  {off:>8}"
    );
    line.trim_end().to_owned() + "\n"
}

/// How long ago, in the one unit that fits best.
fn age(at_unix_ms: Option<i64>, now_unix_ms: i64) -> String {
    let Some(at) = at_unix_ms else {
        return "-".to_owned();
    };
    // After the clock was set back, an example counts as new.
    let ago = u64::try_from(now_unix_ms.saturating_sub(at)).unwrap_or(0);
    HumanDuration(Duration::from_millis(ago)).to_string()
}

/// How many groups are known.
fn groups(class: &ClassStatistics) -> String {
    match class.groups.iter().filter(|group| group.group != 0).count() {
        0 => "-".to_owned(),
        known => known.to_string(),
    }
}

/// How far the held mean is from the true one, in hundredths of its length.
fn mean_off(class: &ClassStatistics) -> String {
    match (class.mean_distance, class.mean_length) {
        (Some(distance), Some(length)) if length > 0.0 => {
            format!("{:.1} %", 100.0 * distance / length)
        }
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afield::rehearsal::{Origin, Plan, Rehearsal};

    fn report(plan: &str) -> Report {
        let plan: Plan = plan.parse().unwrap();
        let mut memory = Rehearsal::new(plan, 4, 0).unwrap();
        for i in 0..40_i16 {
            let origin = Origin {
                group: i as u64 % 3,
                at_unix_ms: 1000 * i64::from(i),
            };
            let class = usize::from(i >= 37);
            memory.insert(&[i, 2 * i, -i, 7], class, origin).unwrap();
        }
        Report {
            head: "linear".into(),
            rehearsal: plan.to_string(),
            labels: vec!["rain".into(), "front door".into()],
            memory: Some(memory.statistics()),
        }
    }

    #[test]
    fn the_table_shows_bars_ages_groups_and_bytes() {
        let text = report("recent:10:int8").text(99_000);
        insta::assert_snapshot!(text, @"
        memory    recent:10:int8
        policy    recent; drawn uniformly
        examples  10 of 10, 40 shown
        bytes     260 B: features 40 B, scales 20 B, index 40 B, origins 160 B
          class        held                          seen      oldest      newest  groups  mean off
          rain            7  ████████████████████      37  69 seconds  63 seconds       2         -
          front door      3  █████████                  3  62 seconds  60 seconds       2         -
        ");
    }

    #[test]
    fn a_herding_memory_shows_the_distance_of_its_means() {
        let text = report("herding:1KiB").text(99_000);
        assert!(text.contains("class sums 64 B"), "{text}");
        let classes: Vec<&str> = text.lines().skip(5).collect();
        assert!(
            classes.len() == 2 && classes.iter().all(|line| line.ends_with(" %")),
            "{text}"
        );
    }

    #[test]
    fn a_head_without_a_memory_says_so() {
        let report = Report {
            memory: None,
            ..report("recent:10")
        };
        assert_eq!(report.text(0), "linear keeps no memory of examples\n");
    }
}
