//! The report of an evaluation of the guard, as plain text and as a self-contained HTML page.

use super::figures::{Figure, Figures, lead};
use super::page::footer;
use super::provenance::Provenance;
use crate::exam::ExamCase;
use crate::field::Spread;
use crate::guard::{GuardReport, GuardScore};

/// The columns of the table.
const COLUMNS: [Figure<GuardScore<Option<Spread>>>; 7] = [
    ("if all are right", |score| score.accuracy),
    ("unguarded", |score| score.accuracy_unguarded),
    ("guarded", |score| score.accuracy_guarded),
    ("refused", |score| score.refused),
    ("wrong found", |score| score.recall),
    ("of found, wrong", |score| score.precision),
    ("right doubted", |score| score.honest_doubted),
];

const MEANING: &str = "first three columns: accuracy on held-out clips; guarded: refused changes and doubtful clips are left out\n\
     wrong found: share of the wrong labels that are refused or doubtful; right doubted: the same of right labels\n\
     several draws: mean \u{b1} standard deviation";

/// The report as a table of one line a case.
pub fn guard_table(report: &GuardReport) -> String {
    figures(report).text()
}

/// The same as a page.
pub fn guard_html(report: &GuardReport, provenance: &Provenance) -> String {
    let mut page = figures(report).page("Wrong labels");
    footer(&mut page, provenance, None, "");
    page
}

fn figures(report: &GuardReport) -> Figures {
    let lines = report.cases.iter().map(|of| {
        let figures = COLUMNS.map(|(_, figure)| figure(&of.summary));
        (of.case.name(), figures.to_vec())
    });
    let classes = format!("{} classes,", report.examined.classes.len());
    Figures {
        lead: lead(&report.examined, &report.seeds, &classes),
        corner: "taught",
        columns: COLUMNS.map(|(name, _)| name).to_vec(),
        lines: lines.collect(),
        meaning: MEANING,
    }
}
