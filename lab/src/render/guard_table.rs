//! The report of an evaluation of the guard as plain text.

use super::table::aligned;
use super::unknown_table::spread;
use crate::field::Spread;
use crate::guard::{GuardReport, GuardScore};

/// A column of the table: its name, and its figure.
type Column = (
    &'static str,
    fn(&GuardScore<Option<Spread>>) -> Option<Spread>,
);

/// The columns of the table, and of the page.
pub(crate) const COLUMNS: [Column; 7] = [
    ("if all are right", |score| score.accuracy),
    ("unguarded", |score| score.accuracy_unguarded),
    ("guarded", |score| score.accuracy_guarded),
    ("refused", |score| score.refused),
    ("wrong found", |score| score.recall),
    ("of found, wrong", |score| score.precision),
    ("right doubted", |score| score.honest_doubted),
];

/// The report as a table of one line a case.
pub fn guard_table(report: &GuardReport) -> String {
    let mut rows = vec![vec!["taught".to_owned()]];
    rows[0].extend(COLUMNS.map(|(name, _)| name.to_owned()));
    rows.extend(report.cases.iter().map(|of| {
        let figures = COLUMNS.map(|(_, figure)| spread(figure(&of.summary)));
        [of.case.name().to_owned()]
            .into_iter()
            .chain(figures)
            .collect()
    }));
    format!("{}\n\n{}\n{MEANING}\n", guard_lead(report), aligned(&rows))
}

/// What was run, in one line.
pub(crate) fn guard_lead(report: &GuardReport) -> String {
    let draws = match report.seeds.as_slice() {
        [seed] => format!("seed {seed}"),
        seeds => format!("{} draws", seeds.len()),
    };
    let folds = match report.folds.as_slice() {
        [one] if one.is_empty() => String::new(),
        [one] => format!(", held out: {}", one.join(", ")),
        folds => format!(", {} groups held out in turn", folds.len()),
    };
    format!(
        "guard, {draws}{folds}: {} classes, {} clips; {}, {}",
        report.classes.len(),
        report.clips,
        report.backbone,
        report.head
    )
}

/// What the figures mean.
pub(crate) const MEANING: &str = "first three columns: accuracy on held-out clips; guarded: refused changes and doubtful clips are left out\n\
     wrong found: share of the wrong labels that are refused or doubtful; right doubted: the same of right labels\n\
     several draws: mean \u{b1} standard deviation";
