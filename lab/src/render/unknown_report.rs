//! The report of an evaluation with classes left out, as plain text and as a self-contained HTML page.

use std::fmt::Write as _;

use afield::signal::Label;

use super::figures::{Figure, Figures, lead};
use super::page::{escape, footer};
use super::provenance::Provenance;
use super::table::share;
use crate::exam::ExamCase;
use crate::field::Spread;
use crate::unknown::{UnknownReport, UnknownScore};

/// The lines of the table.
const LINES: [Figure<UnknownScore<Option<Spread>>>; 11] = [
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

const MEANING: &str = "taught: held-out clips of taught classes; unknown: held-out clips of never taught classes\n\
     AUROC: probability that an unknown clip has the higher novelty, or the lower probability\n\
     p: of the learner's own taught clips, each left out; ECE: in 15 ranges";
const SPREAD_AND_MEANING: &str = "figures: mean over the draws \u{b1} standard deviation\n\
     taught: held-out clips of taught classes; unknown: held-out clips of never taught classes\n\
     AUROC: probability that an unknown clip has the higher novelty, or the lower probability\n\
     p: of the learner's own taught clips, each left out; ECE: in 15 ranges";

/// The report as a table of one line a figure and one column a way of teaching.
pub fn unknown_table(report: &UnknownReport) -> String {
    let mut text = figures(report).text();
    for draw in &report.draws {
        let never = names(&draw.never_taught);
        text.push_str(&format!("never taught, seed {}: {never}\n", draw.seed));
    }
    text
}

/// The same as a page, with the main figures of each draw.
pub fn unknown_html(report: &UnknownReport, provenance: &Provenance) -> String {
    let mut page = figures(report).page("Knowing the unknown");
    draws(&mut page, report);
    footer(
        &mut page,
        provenance,
        None,
        "Conformal p-values: Vovk, Gammerman and Shafer 2005. Expected calibration error: Guo et al. 2017.",
    );
    page
}

fn figures(report: &UnknownReport) -> Figures {
    let cases: Vec<_> = (report.teachings.iter())
        .map(|of| (of.teaching.name(), &of.summary))
        .collect();
    let seeds: Vec<u64> = report.draws.iter().map(|draw| draw.seed).collect();
    let all = report.examined.classes.len();
    let left_out = (report.draws.first()).map_or(0, |draw| draw.never_taught.len());
    let taught = all - left_out;
    let classes = format!("{taught} of {all} classes taught, {left_out} never taught;");
    Figures {
        lead: lead(&report.examined, &seeds, &classes),
        corner: "figure",
        columns: cases.iter().map(|(name, _)| *name).collect(),
        lines: Figures::by_figure(&LINES, &cases),
        meaning: match seeds.len() {
            1 => MEANING,
            _ => SPREAD_AND_MEANING,
        },
    }
}

fn draws(page: &mut String, report: &UnknownReport) {
    page.push_str(
        "<section>\n<h2>Draws</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>seed<th>never taught\
         <th>taught by<th>AUROC of novelty<th>AUROC of the highest probability<th>accuracy\
         </tr></thead>\n<tbody>\n",
    );
    let figure = |value: Option<f64>| value.map_or("&ndash;".to_owned(), share);
    for (position, draw) in report.draws.iter().enumerate() {
        for of in &report.teachings {
            let Some(score) = of.scores.get(position) else {
                continue;
            };
            let _ = writeln!(
                page,
                "<tr><th>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
                draw.seed,
                escape(&names(&draw.never_taught)),
                of.teaching.name(),
                figure(score.auroc),
                figure(score.auroc_of_confidence),
                figure(score.accuracy),
            );
        }
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

/// The names of classes, comma-separated.
fn names(labels: &[Label]) -> String {
    let names: Vec<&str> = labels.iter().map(Label::as_str).collect();
    names.join(", ")
}
