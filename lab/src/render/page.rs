//! The parts that the page of one run and the page of several runs share: curves, the table
//! of heads, classes, and provenance.

use std::fmt::Write as _;

use super::chart::{self, Curves};
use super::error::ChartError;
use super::provenance::Provenance;
use super::style::style;
use super::table::{bytes, interval, order, pair};
use crate::evaluate::Estimate;
use crate::evaluate::HeadSummary;
use crate::evaluate::Percentiles;
use crate::evaluate::{HeadReport, Report};

/// The parts that the page of one run and the page of several runs share.
pub(crate) struct View<'a> {
    /// The only run, or the first.
    pub report: &'a Report,
    /// Which runs they are.
    pub runs: String,
    pub heads: Vec<HeadView<'a>>,
    /// Accuracy of the joint fit.
    pub bound: Option<Estimate>,
    /// Whether there is only one run.
    pub single: bool,
    /// Peak memory, in bytes.
    pub peak: Option<u64>,
}

impl View<'_> {
    /// The page from the top to the chart.
    pub fn begin(&self) -> Result<String, ChartError> {
        let report = self.report;
        let title = format!(
            "{}, {} classes, {}",
            order(report),
            report.classes,
            self.runs
        );
        let lead = format!(
            "{title} \u{b7} {} training and {} test clips \u{b7} {} features, transform {}",
            report.train, report.test, report.features, report.transform,
        );
        let mut page = begin_titled("Evaluation", &title, &lead);
        let curves = Curves {
            protocol: &report.protocol,
            heads: self.heads.iter().map(|head| head.curve.clone()).collect(),
            bound: self.bound.map(|bound| bound.mean),
        };
        let said = match self.single {
            true => format!("Order: {}.", escape(&report.tasks.join(", "))),
            false => "Lines are means over the runs, bands their 95 % confidence intervals \
                      (Student t over seeds and folds, taken as independent, which they are not quite)."
                .to_owned(),
        };
        let _ = write!(
            page,
            "<section>\n<h2>Accuracy after each task</h2>\n<figure>\n{}<figcaption>{}</figcaption>\n\
             </figure>\n<p class=\"note\">{} {said}</p>\n{}</section>\n",
            curves.svg()?,
            self.legend(),
            scope(&report.protocol),
            drift(report, self.single),
        );
        Ok(page)
    }

    fn legend(&self) -> String {
        let mut legend = String::new();
        for (position, head) in self.heads.iter().enumerate() {
            let _ = write!(
                legend,
                "<span class=\"s{}\">{}</span>",
                position % chart::SERIES.len(),
                escape(head.name)
            );
        }
        if self.bound.is_some() {
            legend.push_str("<span class=\"joint\">joint, offline</span>");
        }
        legend
    }

    pub fn summary(&self, page: &mut String) {
        let fate = match self.report.drift {
            Some(_) => "before the change<th>after it, at the end<th>all others",
            None => "forgetting<th>backward transfer",
        };
        let _ = writeln!(
            page,
            "<section>\n<h2>Heads</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>head\
             <th>final accuracy<th>average incremental<th>{fate}\
             <th>learn, &micro;s<th>predict, &micro;s<th>solve, &micro;s<th>state</tr></thead>\n<tbody>",
        );
        let last = |head: &HeadView| head.accuracies.first().map_or(0.0, |first| first.mean);
        let best = self.heads.iter().map(last).fold(0.0, f64::max);
        for head in &self.heads {
            let _ = write!(page, "<tr><th>{}", escape(head.name));
            for (column, accuracy) in head.accuracies.iter().enumerate() {
                let mark = match column == 0 && accuracy.mean >= best {
                    true => " class=\"best\"",
                    false => "",
                };
                let _ = write!(page, "<td{mark}>{}", interval(*accuracy));
            }
            for duration in head.durations {
                let _ = write!(page, "<td>{}", pair(duration));
            }
            let _ = writeln!(page, "<td>{}</tr>", bytes(head.state_bytes as u64));
        }
        if let Some(bound) = self.bound {
            let chosen = self.report.upper_bound_fit.as_ref();
            let chosen = chosen.filter(|_| self.single).map_or(String::new(), |fit| {
                let folds = match fit.chosen.penalty.grouped {
                    true => "grouped",
                    false => "stratified",
                };
                format!(
                    "; C = {} after {} by {folds} cross-validation",
                    fit.chosen.penalty.c,
                    escape(&fit.transform)
                )
            });
            let _ = writeln!(
                page,
                "<tr class=\"bound\"><th>joint, offline<td>{}<td colspan=\"8\">logistic regression \
                 on all training clips at once{chosen}</tr>",
                interval(bound)
            );
        }
        let pooled = match self.single {
            true => "",
            false => ", medians over the runs",
        };
        let _ = writeln!(
            page,
            "</tbody></table></div>\n\
             <p class=\"note\">Durations are p50 / p95 of one call{pooled}. Learning adds the example; \
             what it defers is solved once before testing and stands apart under <i>solve</i>. Encoding a \
             clip takes {} &micro;s more, for every head alike. Rehearsal: {}.</p>\n</section>",
            pair(self.report.encode_us),
            escape(&self.report.rehearsal),
        );
    }

    pub fn classes(&self, page: &mut String, joint: Option<&[Option<f64>]>) {
        page.push_str("<section>\n<h2>Final accuracy by class</h2>\n<div class=\"scroll\"><table class=\"heat\">\n<thead><tr><th>class");
        for head in &self.heads {
            let _ = write!(page, "<th>{}", escape(head.name));
        }
        if joint.is_some() {
            page.push_str("<th>joint");
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for (class, name) in self.report.class_names.iter().enumerate() {
            let _ = write!(page, "<tr><th>{}", escape(name));
            let columns = self.heads.iter().map(|head| head.class_accuracy);
            for column in columns.chain(joint) {
                match column.get(class).copied().flatten() {
                    Some(accuracy) => {
                        let percent = accuracy * 100.0;
                        let _ = write!(page, "<td style=\"--heat:{percent:.0}%\">{percent:.0}");
                    }
                    None => page.push_str("<td>&ndash;"),
                }
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n<p class=\"note\">Per cent of the class's test clips.</p>\n</section>\n");
    }

    pub fn end(&self, page: &mut String, provenance: &Provenance) {
        footer(
            page,
            provenance,
            self.peak,
            "Average incremental accuracy: Rebuffi et al. 2017. Forgetting: Chaudhry et al. \
             2018. Backward transfer: Lopez-Paz & Ranzato 2017.",
        );
    }
}

/// A page from its top to the line below its heading.
pub(crate) fn begin(heading: &str, lead: &str) -> String {
    begin_titled(heading, lead, lead)
}

fn begin_titled(heading: &str, title: &str, lead: &str) -> String {
    let (heading, title, lead) = (escape(heading), escape(title), escape(lead));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{heading}: {title}</title>\n<style>{}</style>\n<main>\n\
         <h1>{heading}</h1>\n<p class=\"lead\">{lead}</p>\n",
        style(),
    )
}

/// The end of a page: where it comes from, and whose measures it uses.
pub(crate) fn footer(
    page: &mut String,
    provenance: &Provenance,
    peak: Option<u64>,
    measures: &str,
) {
    let Provenance {
        command,
        recordings,
        version,
        machine,
    } = provenance;
    let recordings = recordings
        .as_deref()
        .map_or(String::new(), |text| format!("<p>{}</p>\n", escape(text)));
    let _ = write!(
        page,
        "<footer>\n{recordings}<p><code>{}</code></p>\n<p>afield {} &middot; {} &middot; {} thread{} &middot; {}",
        escape(command),
        escape(version),
        escape(machine.processor.as_deref().unwrap_or("unknown processor")),
        machine.threads,
        if machine.threads == 1 { "" } else { "s" },
        escape(&machine.platform),
    );
    if let Some(peak) = peak {
        let _ = write!(page, " &middot; peak memory {}", bytes(peak));
    }
    let _ = write!(
        page,
        "</p>\n<p>{}</p>\n</footer>\n</main>\n</html>\n",
        escape(measures)
    );
}

/// A head on a page, over one run or several.
pub(crate) struct HeadView<'a> {
    name: &'a str,
    /// See [`HeadReport::accuracies`].
    accuracies: Vec<Estimate>,
    durations: [Percentiles; 3],
    state_bytes: usize,
    curve: Vec<Estimate>,
    class_accuracy: &'a [Option<f64>],
}

impl<'a> HeadView<'a> {
    pub fn of_run(head: &'a HeadReport) -> Self {
        let exact = |&mean: &f64| Estimate { mean, ci95: None };
        Self {
            name: &head.head,
            accuracies: head.accuracies().iter().map(exact).collect(),
            durations: [head.learn_us, head.predict_us, head.solve_us],
            state_bytes: head.state_bytes,
            curve: head.accuracy_after.iter().map(exact).collect(),
            class_accuracy: &head.class_accuracy,
        }
    }

    pub fn of_runs(head: &'a HeadSummary) -> Self {
        Self {
            name: head.name(),
            accuracies: head.accuracies(),
            durations: [head.learn_us, head.predict_us, head.solve_us],
            state_bytes: head.state_bytes,
            curve: head.accuracy_after.clone(),
            class_accuracy: &head.class_accuracy,
        }
    }
}

fn scope(protocol: &str) -> &'static str {
    match protocol {
        "class-incremental" => "Tested after each task on the classes taught so far.",
        "drift" => "Tested after each task on what the classes are at the time.",
        _ => "Tested after each task on all test clips.",
    }
}

fn drift(report: &Report, single: bool) -> String {
    match &report.drift {
        Some(drift) if single => format!(
            "<p class=\"note\">After task {}, <i>{}</i> is what <i>{}</i> would have been.</p>\n",
            drift.after_tasks,
            escape(&drift.class),
            escape(&drift.becomes)
        ),
        Some(_) => {
            "<p class=\"note\">One class, drawn by the seed, becomes another half-way.</p>\n"
                .to_owned()
        }
        None => String::new(),
    }
}

pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
