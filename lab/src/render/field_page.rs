//! The report of days in the field as a self-contained HTML page.

use std::fmt::Write as _;

use super::day_picture::day_picture;
use super::field_table::{
    ALARMS, LEVELS, MAIN, OTHERS, alarm_figures, beyond_scores, explanation, lead, level_figures,
    main_figures, other_figures,
};
use super::page::{begin, escape, footer};
use super::provenance::Provenance;
use crate::field::{FieldReport, Score, Spread};

/// A table: its title, its columns, and the figures of a variant.
type Part = (
    &'static str,
    &'static [&'static str],
    fn(&Score<Option<Spread>>) -> Vec<String>,
);

const PARTS: [Part; 4] = [
    ("Variants", &MAIN, main_figures),
    ("False alarms an hour", &ALARMS, alarm_figures),
    ("Recall by level", &LEVELS, level_figures),
    (
        "Never taught sounds, stricter scores",
        &OTHERS,
        other_figures,
    ),
];

/// The page: the picture of the first day as the last variant of that day heard it, and the tables.
pub fn field_html(report: &FieldReport, provenance: &Provenance) -> String {
    let mut page = begin("Evaluation in the field", &lead(report));
    if let (Some(day), Some(variant)) = (report.days.first(), report.pictured())
        && let Some(found) = variant.found.first()
    {
        let names = |labels: &[afield::signal::Label]| {
            let names: Vec<&str> = labels.iter().map(|label| label.as_str()).collect();
            escape(&names.join(", "))
        };
        let _ = write!(
            page,
            "<section>\n<h2>The day of seed {}, {}</h2>\n<figure>\n{}</figure>\n\
             <p class=\"note\">Upper bars are what happened, lower bars what was found. Place: {}. \
             Taught: {}. Never taught: {}.</p>\n</section>\n",
            day.seed,
            escape(variant.variant.name()),
            day_picture(day, found, report.minutes),
            escape(day.soundscape.as_str()),
            names(&day.known),
            names(&day.unknown),
        );
    }
    for (title, columns, figures) in PARTS {
        let _ = write!(
            page,
            "<section>\n<h2>{title}</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>variant"
        );
        for column in columns {
            let _ = write!(page, "<th>{column}");
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for variant in &report.variants {
            let _ = write!(page, "<tr><th>{}", escape(variant.variant.name()));
            for figure in figures(&variant.summary) {
                let _ = write!(page, "<td>{figure}");
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n</section>\n");
    }
    for line in beyond_scores(report) {
        let _ = writeln!(page, "<p>{}.</p>", escape(&line));
    }
    page.push_str("<section>\n<h2>What the figures mean</h2>\n");
    let meaning = explanation(report).replace('\n', " ");
    let _ = writeln!(page, "<p class=\"note\">{}</p>", escape(meaning.trim()));
    for variant in &report.variants {
        let name = escape(variant.variant.name());
        let about = escape(variant.about);
        let _ = writeln!(page, "<p class=\"note\"><i>{name}</i>: {about}.</p>");
    }
    page.push_str("</section>\n");
    footer(
        &mut page,
        provenance,
        None,
        "Event-based scores: Mesaros et al. 2016. Intersection-based scores: Bilen et al. 2020.",
    );
    page
}
