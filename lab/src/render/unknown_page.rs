//! The report of an evaluation with classes left out as a self-contained HTML page.

use std::fmt::Write as _;

use super::page::{begin, escape, footer};
use super::provenance::Provenance;
use super::table::share;
use super::unknown_table::{LINES, explanation, lead, names, spread};
use crate::unknown::UnknownReport;

/// The page: the figures over all draws, and the main ones of each draw.
pub fn unknown_html(report: &UnknownReport, provenance: &Provenance) -> String {
    let mut page = begin("Knowing the unknown", &lead(report));
    page.push_str(
        "<section>\n<h2>Figures</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>figure",
    );
    for of in &report.teachings {
        let _ = write!(page, "<th>{}", of.teaching.name());
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (name, figure) in LINES {
        let _ = write!(page, "<tr><th>{}", escape(name));
        for of in &report.teachings {
            let _ = write!(page, "<td>{}", spread(figure(&of.summary)));
        }
        page.push_str("</tr>\n");
    }
    let meaning = escape(explanation(report).trim()).replace('\n', "; ");
    let _ = write!(
        page,
        "</tbody></table></div>\n<p class=\"note\">{meaning}.</p>\n</section>\n"
    );
    draws(&mut page, report);
    footer(
        &mut page,
        provenance,
        None,
        "Conformal p-values: Vovk, Gammerman and Shafer 2005. Expected calibration error: Guo et al. 2017.",
    );
    page
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
