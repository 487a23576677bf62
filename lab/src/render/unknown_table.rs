//! The report of an evaluation with classes left out as plain text.

use afield::signal::Label;

use super::table::{aligned, share};
use crate::field::Spread;
use crate::unknown::{UnknownReport, UnknownScore};

/// A line of the table: its name, and its figure.
type Line = (
    &'static str,
    fn(&UnknownScore<Option<Spread>>) -> Option<Spread>,
);

/// The lines of the table, and of the page.
pub(crate) const LINES: [Line; 11] = [
    ("AUROC of novelty", |score| score.auroc),
    ("AUROC of the highest probability", |score| {
        score.auroc_of_confidence
    }),
    ("taught, lost where 95 % of the unknown are told", |score| {
        score.known_lost_at_95_unknown_told
    }),
    (
        "unknown, missed where 95 % of the taught are kept",
        |score| score.unknown_missed_at_95_known_kept,
    ),
    ("taught, called unknown at p < .05", |score| {
        score.known_told_unknown_at_05
    }),
    ("unknown, called unknown at p < .05", |score| {
        score.unknown_told_at_05
    }),
    ("taught, called unknown at p < .1", |score| {
        score.known_told_unknown_at_10
    }),
    ("unknown, called unknown at p < .1", |score| {
        score.unknown_told_at_10
    }),
    ("accuracy on taught classes", |score| score.accuracy),
    ("ECE of the confidence in them", |score| score.ece),
    ("ECE before calibration", |score| score.ece_before),
];

/// The report as a table of one line a figure and one column a way of teaching.
pub fn unknown_table(report: &UnknownReport) -> String {
    let mut rows = vec![vec!["figure".to_owned()]];
    (rows[0]).extend(
        report
            .teachings
            .iter()
            .map(|of| of.teaching.name().to_owned()),
    );
    rows.extend(LINES.map(|(name, figure)| {
        let figures = report.teachings.iter();
        let figures = figures.map(|of| spread(figure(&of.summary)));
        [name.to_owned()].into_iter().chain(figures).collect()
    }));
    let mut text = format!("{}\n\n{}\n", lead(report), aligned(&rows));
    text.push_str(explanation(report));
    for draw in &report.draws {
        text.push_str(&format!(
            "never taught, seed {}: {}\n",
            draw.seed,
            names(&draw.never_taught)
        ));
    }
    text
}

/// What was run, in one line.
pub(crate) fn lead(report: &UnknownReport) -> String {
    let draws = match report.draws.as_slice() {
        [draw] => format!("seed {}", draw.seed),
        draws => format!("{} draws", draws.len()),
    };
    let folds = match report.folds.as_slice() {
        [one] if one.is_empty() => String::new(),
        [one] => format!(", held out: {}", one.join(", ")),
        folds => format!(", {} groups held out in turn", folds.len()),
    };
    let all = report.classes.len();
    let left_out = (report.draws.first()).map_or(0, |draw| draw.never_taught.len());
    format!(
        "unknown, {draws}{folds}: {} of {all} classes taught, {left_out} never taught; {} clips; {}, {}",
        all - left_out,
        report.clips,
        report.backbone,
        report.head
    )
}

/// What the figures mean.
pub(crate) fn explanation(report: &UnknownReport) -> &'static str {
    match report.draws.len() {
        1 => MEANING,
        _ => SPREAD_AND_MEANING,
    }
}

const MEANING: &str = "taught: held-out clips of taught classes; unknown: held-out clips of never taught classes\n\
     AUROC: probability that an unknown clip has the higher novelty, or the lower probability\n\
     p: of the learner's own taught clips, each left out; ECE: in 15 ranges\n";
const SPREAD_AND_MEANING: &str = "figures: mean over the draws \u{b1} standard deviation\n\
     taught: held-out clips of taught classes; unknown: held-out clips of never taught classes\n\
     AUROC: probability that an unknown clip has the higher novelty, or the lower probability\n\
     p: of the learner's own taught clips, each left out; ECE: in 15 ranges\n";

/// The names of classes, comma-separated.
pub(crate) fn names(labels: &[Label]) -> String {
    let names: Vec<&str> = labels.iter().map(Label::as_str).collect();
    names.join(", ")
}

/// `0.972 ± .008`.
pub(crate) fn spread(spread: Option<Spread>) -> String {
    let Some(spread) = spread else {
        return "-".to_owned();
    };
    let mean = share(spread.mean);
    match spread.deviation.map(share) {
        Some(half) => format!("{mean} \u{b1} {}", half.strip_prefix('0').unwrap_or(&half)),
        None => mean,
    }
}
