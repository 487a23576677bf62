//! The report of a learner by its own clips as a self-contained HTML page.

use std::fmt::Write as _;

use afield::engine::{LearnerReport, LearningPoint};

use super::learner_table::{classes, learner_lead};
use super::page::{begin, escape, footer};
use super::provenance::Provenance;
use super::table::share;

/// Width and height of the learning curve, and the room around it, in pixels.
const SIZE: (f64, f64) = (640.0, 260.0);
const MARGIN: f64 = 48.0;

/// The page: what is lacking, classes, confusion, confidence and learning curve.
pub fn learner_html(report: &LearnerReport, provenance: &Provenance) -> String {
    let mut page = begin("Taught enough?", &learner_lead(report));
    page.push_str("<section>\n<h2>What is lacking</h2>\n");
    for lack in &report.lacking {
        let _ = writeln!(page, "<p>{}.</p>", escape(&lack.to_string()));
    }
    if report.lacking.is_empty() {
        page.push_str("<p>Nothing that the clips show.</p>\n");
    }
    page.push_str("</section>\n<section>\n<h2>Classes</h2>\n");
    let rows = classes(report);
    let (head, body) = rows.split_at(1);
    table(&mut page, "", &head[0], body);
    page.push_str(
        "<p class=\"note\">Shares with their 95 % intervals (Wilson 1927). Recall: clips of the class \
         whose most probable class is right. Told unknown: those with p &lt; .05.</p>\n</section>\n",
    );
    confusion(&mut page, report);
    if !report.curve.is_empty() {
        let _ = write!(
            page,
            "<section>\n<h2>Accuracy by clips a class</h2>\n<figure>\n{}</figure>\n<p class=\"note\">With the \
             first clips of each class, in the order of teaching, on clips of other groups or \
             recordings. Lines: the 95 % interval.</p>\n</section>\n",
            curve(&report.curve)
        );
    }
    confidence(&mut page, report);
    footer(
        &mut page,
        provenance,
        None,
        "Intervals: Wilson 1927. Expected calibration error: Guo et al. 2017.",
    );
    page
}

fn table(page: &mut String, class: &str, head: &[String], rows: &[Vec<String>]) {
    let _ = write!(
        page,
        "<div class=\"scroll\"><table class=\"{class}\">\n<thead><tr>"
    );
    for cell in head {
        let _ = write!(page, "<th>{}", escape(cell));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        page.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let tag = if column == 0 { "th" } else { "td" };
            let _ = write!(page, "<{tag}>{}", escape(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
}

fn confusion(page: &mut String, report: &LearnerReport) {
    page.push_str(
        "<section>\n<h2>Which classes are confused</h2>\n<div class=\"scroll\"><table class=\"heat\">\n\
         <thead><tr><th>taught",
    );
    for class in &report.classes {
        let _ = write!(page, "<th>{}", escape(class.label.as_str()));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (class, row) in report.classes.iter().zip(&report.confusion) {
        let _ = write!(page, "<tr><th>{}", escape(class.label.as_str()));
        let of = row.iter().sum::<usize>().max(1);
        for &count in row {
            let percent = count * 100 / of;
            let _ = write!(page, "<td style=\"--heat:{percent}%\">{count}");
        }
        page.push_str("</tr>\n");
    }
    page.push_str(
        "</tbody></table></div>\n<p class=\"note\">Clips by class (row) and most probable class \
         (column).</p>\n</section>\n",
    );
}

fn confidence(page: &mut String, report: &LearnerReport) {
    let Some(ece) = report.ece else {
        return;
    };
    page.push_str("<section>\n<h2>Can confidence be trusted?</h2>\n");
    let head = ["confidence", "clips", "mean confidence", "accuracy"].map(str::to_owned);
    let bins = report.reliability.bins.iter().map(|bin| {
        vec![
            format!("{:.2} to {:.2}", bin.from, bin.to),
            bin.answers.to_string(),
            share(bin.confidence),
            share(bin.accuracy),
        ]
    });
    table(page, "list", &head, &bins.collect::<Vec<_>>());
    let _ = write!(
        page,
        "<p class=\"note\">Expected calibration error: {}.</p>\n</section>\n",
        share(ece)
    );
}

/// The learning curve on a logarithmic axis of clips.
fn curve(points: &[LearningPoint]) -> String {
    let (width, height) = SIZE;
    let steps = (points.len() - 1).max(1) as f64;
    let x = |at: usize| MARGIN + at as f64 / steps * (width - 2.0 * MARGIN);
    let y = |share: f64| height - MARGIN - share * (height - 1.5 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-size=\"12\">\n"
    );
    for level in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let _ = writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#E3E6EA\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#5A616B\">{level:.2}</text>",
            width - MARGIN,
            MARGIN - 6.0,
            y(level) + 4.0,
            y = y(level),
        );
    }
    let mut line = String::new();
    for (at, point) in points.iter().enumerate() {
        let accuracy = point.accuracy;
        let _ = write!(line, "{:.1},{:.1} ", x(at), y(accuracy.share));
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#0072B2\"/>\
             <circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#0072B2\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#5A616B\">{}</text>",
            y(accuracy.low),
            y(accuracy.high),
            y(accuracy.share),
            height - MARGIN + 18.0,
            point.clips_a_class,
            x = x(at),
        );
    }
    let _ = write!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#0072B2\" stroke-width=\"2\"/>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#5A616B\">clips a class</text>\n</svg>\n",
        line.trim_end(),
        width / 2.0,
        height - 8.0,
    );
    svg
}

#[cfg(test)]
mod tests {
    use afield::decision::Reliability;
    use afield::engine::{ClassReport, HeldOut, Lack, Share};
    use afield::signal::Label;

    use super::super::learner_table::learner_table;
    use super::*;
    use crate::evaluate::Machine;

    fn report() -> LearnerReport {
        let label = |name: &str| Label::new(name).unwrap();
        let class = |name: &str, right, of| ClassReport {
            label: label(name),
            clips: of,
            sources: of,
            recall: Share::of(right, of),
            precision: Share::of(right, right),
            told_unknown: None,
        };
        LearnerReport {
            backbone: "toy".into(),
            head: "ncm".into(),
            clips: 7,
            held_out: HeldOut::Recordings,
            sources: 7,
            classes: vec![class("<b>bell", 4, 4), class("kettle", 1, 3)],
            accuracy: Share::of(5, 7),
            confusion: vec![vec![4, 0], vec![2, 1]],
            reliability: Reliability::of([(0.9, true), (0.4, false)]),
            ece: Some(0.25),
            curve: [(1, 3), (2, 5)]
                .map(|(clips_a_class, right)| LearningPoint {
                    clips_a_class,
                    accuracy: Share::of(right, 7).unwrap(),
                })
                .to_vec(),
            doubtful: None,
            lacking: vec![Lack::Background],
        }
    }

    #[test]
    fn the_text_names_classes_confusion_and_what_is_lacking() {
        let text = learner_table(&report());
        for said in [
            "7 clips of 2 classes from 7 recordings; toy, ncm; each clip is held out with its recording",
            "kettle       3           3  0.333 (0.061 to 0.792)",
            "kettle taken for <b>bell: 2 of 3",
            "clips a class",
            "no class `background`",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
    }

    #[test]
    fn the_page_is_self_contained_and_a_label_cannot_become_markup() {
        let page = learner_html(
            &report(),
            &Provenance {
                command: "afield report box".into(),
                recordings: None,
                version: "0.1.0".into(),
                machine: Machine {
                    processor: None,
                    threads: 2,
                    platform: "x86_64 linux".into(),
                },
            },
        );
        assert!(!page.contains("<b>bell") && page.contains("&lt;b&gt;bell"));
        let own = page.replace("http://www.w3.org/2000/svg", "");
        for reference in ["http", "src=", "href=", "url(", "@import", "<script"] {
            assert!(!own.contains(reference), "{reference}");
        }
    }
}
