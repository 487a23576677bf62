//! The figures of an exam: a table of means and deviations, as plain text and as a page.

use std::fmt::Write as _;

use super::field_table::written;
use super::page::{begin, escape};
use super::table::{aligned, share};
use crate::exam::Examined;
use crate::field::Spread;

/// A figure of a score: its name, and its value.
pub(crate) type Figure<S> = (&'static str, fn(&S) -> Option<Spread>);

/// A table of figures.
pub(crate) struct Figures {
    /// What was run, in one line.
    pub lead: String,
    /// The title of the first column.
    pub corner: &'static str,
    /// The titles of the other columns.
    pub columns: Vec<&'static str>,
    /// The lines: a title, and a figure for each column.
    pub lines: Vec<(&'static str, Vec<Option<Spread>>)>,
    /// What the figures mean, in lines.
    pub meaning: &'static str,
}

impl Figures {
    /// One line a figure, and one column a case.
    pub fn by_figure<S>(
        figures: &[Figure<S>],
        cases: &[(&'static str, &S)],
    ) -> Vec<(&'static str, Vec<Option<Spread>>)> {
        let line = |(name, figure): &Figure<S>| {
            let values = cases.iter().map(|(_, score)| figure(score));
            (*name, values.collect())
        };
        figures.iter().map(line).collect()
    }

    /// The table as plain text.
    pub fn text(&self) -> String {
        let titles = [self.corner]
            .into_iter()
            .chain(self.columns.iter().copied());
        let mut rows: Vec<Vec<String>> = vec![titles.map(str::to_owned).collect()];
        rows.extend(self.lines.iter().map(|(title, figures)| {
            let figures = figures.iter().copied().map(spread);
            [(*title).to_owned()].into_iter().chain(figures).collect()
        }));
        let meaning = self.meaning;
        format!("{}\n\n{}\n{meaning}\n", self.lead, aligned(&rows))
    }

    /// A page with the table, without its end.
    pub fn page(&self, heading: &str) -> String {
        let mut page = begin(heading, &self.lead);
        let _ = write!(
            page,
            "<section>\n<h2>Figures</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>{}",
            self.corner
        );
        for title in &self.columns {
            let _ = write!(page, "<th>{title}");
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for (title, figures) in &self.lines {
            let _ = write!(page, "<tr><th>{}", escape(title));
            for figure in figures {
                let _ = write!(page, "<td>{}", spread(*figure));
            }
            page.push_str("</tr>\n");
        }
        let meaning = escape(self.meaning).replace('\n', "; ");
        let _ = write!(
            page,
            "</tbody></table></div>\n<p class=\"note\">{meaning}.</p>\n</section>\n"
        );
        page
    }
}

/// What was run, in one line. `classes` says which classes were taught.
pub(crate) fn lead(examined: &Examined, seeds: &[u64], classes: &str) -> String {
    let draws = match seeds {
        [seed] => format!("seed {seed}"),
        seeds => format!("{} draws", seeds.len()),
    };
    let folds = match examined.folds.as_slice() {
        [one] if one.is_empty() => String::new(),
        [one] => format!(", held out: {}", one.join(", ")),
        folds => format!(", {} groups held out in turn", folds.len()),
    };
    format!(
        "{}, {draws}{folds}: {classes} {} clips; {}, {}",
        examined.protocol, examined.clips, examined.backbone, examined.head
    )
}

/// `0.972 ± .008`.
fn spread(spread: Option<Spread>) -> String {
    written(spread, &share)
}
