//! The report of an evaluation of the guard as a self-contained HTML page.

use std::fmt::Write as _;

use super::guard_table::{COLUMNS, MEANING, guard_lead};
use super::page::{begin, escape, footer};
use super::provenance::Provenance;
use super::unknown_table::spread;
use crate::guard::GuardReport;

/// The page: one line a case.
pub fn guard_html(report: &GuardReport, provenance: &Provenance) -> String {
    let mut page = begin("Wrong labels", &guard_lead(report));
    page.push_str(
        "<section>\n<h2>Figures</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>taught",
    );
    for (name, _) in COLUMNS {
        let _ = write!(page, "<th>{name}");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for of in &report.cases {
        let _ = write!(page, "<tr><th>{}", escape(of.case.name()));
        for (_, figure) in COLUMNS {
            let _ = write!(page, "<td>{}", spread(figure(&of.summary)));
        }
        page.push_str("</tr>\n");
    }
    let meaning = escape(MEANING).replace('\n', "; ");
    let _ = write!(
        page,
        "</tbody></table></div>\n<p class=\"note\">{meaning}.</p>\n</section>\n"
    );
    footer(&mut page, provenance, None, "");
    page
}
