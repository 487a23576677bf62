//! The report of an evaluation of learning without labels, as plain text and as a self-contained
//! HTML page.

use super::figures::{Figure, Figures, lead};
use super::page::footer;
use super::provenance::Provenance;
use crate::adapt::{AdaptReport, AdaptScore};
use crate::exam::ExamCase;
use crate::field::Spread;

/// The lines of the table.
const LINES: [Figure<AdaptScore<Option<Spread>>>; 11] = [
    ("accuracy before", |score| score.accuracy_before),
    ("accuracy after", |score| score.accuracy_after),
    ("gain", |score| score.gain),
    ("learners whose accuracy fell", |score| score.fell),
    ("of the heard, learned", |score| score.learned),
    ("of the learned, wrong label", |score| score.wrong),
    ("learners that refused", |score| score.refused),
    ("taught, called unknown before", |score| {
        score.known_told_unknown_before
    }),
    ("taught, called unknown after", |score| {
        score.known_told_unknown_after
    }),
    ("never taught, called unknown before", |score| {
        score.unknown_told_before
    }),
    ("never taught, called unknown after", |score| {
        score.unknown_told_after
    }),
];

const MEANING: &str = "half of the held-out recordings are heard without labels; the other half is asked about\n\
     accuracy: on clips of taught classes; refused: the taught clips would be known less well\n\
     mean over the learners, one a draw and held-out group, \u{b1} standard deviation";

/// The report as a table of one line a figure and one column a case.
pub fn adapt_table(report: &AdaptReport) -> String {
    figures(report).text()
}

/// The same as a page.
pub fn adapt_html(report: &AdaptReport, provenance: &Provenance) -> String {
    let mut page = figures(report).page("Learning without labels");
    footer(
        &mut page,
        provenance,
        None,
        "Pseudo-labels: Lee 2013. Conformal p-values: Vovk, Gammerman and Shafer 2005.",
    );
    page
}

fn figures(report: &AdaptReport) -> Figures {
    let cases: Vec<_> = (report.cases.iter())
        .map(|of| (of.case.name(), &of.summary))
        .collect();
    let classes = format!("{} classes,", report.examined.classes.len());
    Figures {
        lead: lead(&report.examined, &report.seeds, &classes),
        corner: "heard",
        columns: cases.iter().map(|(name, _)| *name).collect(),
        lines: Figures::by_figure(&LINES, &cases),
        meaning: MEANING,
    }
}
