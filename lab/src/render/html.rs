//! Reports as self-contained HTML pages: no script, no fetched resource, light and dark.

use std::fmt::Write as _;

use super::error::ChartError;
use super::page::{HeadView, View, escape};
use super::provenance::Provenance;
use super::table::{runs, share};
use crate::evaluate::Estimate;
use crate::evaluate::Report;
use crate::evaluate::Series;

/// The page of one run.
///
/// # Errors
/// [`ChartError`] where the chart cannot be drawn.
pub fn html(report: &Report, provenance: &Provenance) -> Result<String, ChartError> {
    let view = View {
        report,
        runs: format!("seed {}", report.seed),
        heads: report.heads.iter().map(HeadView::of_run).collect(),
        bound: report.upper_bound.map(|mean| Estimate { mean, ci95: None }),
        single: true,
        peak: report.peak_rss_bytes,
    };
    let mut page = view.begin()?;
    view.summary(&mut page);
    tried(&mut page, report);
    let joint = report.upper_bound_fit.as_ref();
    view.classes(&mut page, joint.map(|fit| fit.class_accuracy.as_slice()));
    view.end(&mut page, provenance);
    Ok(page)
}

/// The page of several runs: mean curves with bands of their 95 % confidence intervals, and every
/// run's final accuracy.
///
/// # Errors
/// [`ChartError`] where the chart cannot be drawn.
pub fn series_html(series: &Series, provenance: &Provenance) -> Result<String, ChartError> {
    let Some(report) = series.runs.first() else {
        return Ok(String::new());
    };
    let view = View {
        report,
        runs: runs(series),
        heads: series.summary.heads.iter().map(HeadView::of_runs).collect(),
        bound: series.summary.upper_bound,
        single: false,
        peak: series
            .runs
            .iter()
            .filter_map(|run| run.peak_rss_bytes)
            .max(),
    };
    let mut page = view.begin()?;
    view.summary(&mut page);
    all_runs(&mut page, series);
    view.classes(&mut page, None);
    view.end(&mut page, provenance);
    Ok(page)
}

/// The candidates that were tried.
fn tried(page: &mut String, report: &Report) {
    if report.tried.is_empty() {
        return;
    }
    page.push_str(
        "<section>\n<h2>Tried on the training side</h2>\n<div class=\"scroll\"><table class=\"list\">\n\
         <thead><tr><th>head<th>transform<th>cross-validated accuracy</tr></thead>\n<tbody>\n",
    );
    for tried in &report.tried {
        let _ = writeln!(
            page,
            "<tr><th>{}<td>{}<td>{}</tr>",
            escape(&tried.head),
            escape(&tried.transform),
            share(tried.cross_validated_accuracy)
        );
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn all_runs(page: &mut String, series: &Series) {
    page.push_str(
        "<section>\n<h2>Final accuracy by run</h2>\n<div class=\"scroll\"><table class=\"list\">\n\
         <thead><tr><th>seed<th>held out",
    );
    for head in &series.summary.heads {
        let _ = write!(page, "<th>{}", escape(&head.head));
    }
    let bound = series.summary.upper_bound.is_some();
    page.push_str(if bound { "<th>joint" } else { "" });
    page.push_str("</tr></thead>\n<tbody>\n");
    for run in &series.runs {
        let held_out = escape(&run.test_groups.join(", "));
        let _ = write!(page, "<tr><th>{}<td>{held_out}", run.seed);
        for head in &run.heads {
            let _ = write!(page, "<td>{}", share(head.continual.final_accuracy));
            if head.head != head.asked {
                let _ = write!(page, "<br><small>{}</small>", escape(&head.head));
            }
        }
        if let Some(bound) = run.upper_bound {
            let _ = write!(page, "<td>{}", share(bound));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Continual, HeadReport, Machine, Percentiles, UpperBoundFit};
    use crate::joint::{Penalty, Scaling, UpperBound};

    fn page() -> String {
        let percentiles = Percentiles { p50: 1.0, p95: 2.0 };
        let continual = Continual {
            final_accuracy: 0.75,
            average_incremental_accuracy: 0.8,
            forgetting: 0.1,
            backward_transfer: -0.1,
        };
        let head = HeadReport {
            selection: None,
            head: "ncm".into(),
            asked: "ncm".into(),
            transform: "none".into(),
            continual,
            learn_us: percentiles,
            predict_us: percentiles,
            solve_us: percentiles,
            drift: None,
            state_bytes: 4096,
            accuracy_after: vec![1.0, 0.75],
            class_accuracy: vec![Some(0.5), None],
        };
        let chosen = UpperBound {
            accuracy: 0.9,
            penalty: Penalty {
                c: 0.1,
                scaling: Scaling::Each,
                cross_validated_log_loss: 0.5,
                cross_validated_accuracy: 0.8,
                grouped: true,
            },
            predictions: vec![],
        };
        let report = Report {
            upper_bound: Some(0.9),
            heads: vec![head],
            peak_rss_bytes: Some(1 << 20),
            protocol: "class-incremental".into(),
            label_noise: 0.0,
            imbalance: 1.0,
            drift: None,
            seed: 3,
            rehearsal: "balanced:200".into(),
            features: 2,
            transform: "none".into(),
            classes: 2,
            train: 4,
            examples: 4,
            test_groups: vec![],
            test: 2,
            tasks: vec!["<script>alert(1)</script>".into(), "b".into()],
            class_names: vec!["<script>alert(1)</script>".into(), "b".into()],
            upper_bound_fit: Some(UpperBoundFit {
                chosen,
                transform: "none".into(),
                class_accuracy: vec![Some(1.0), None],
                tried: vec![],
                seconds: 0.1,
            }),
            tried: vec![],
            encode_us: percentiles,
            saturated: 0.0,
        };
        let machine = Machine {
            processor: None,
            threads: 2,
            platform: "x86_64 linux".into(),
        };
        let command = "afield evaluate --seed 3".into();
        html(
            &report,
            &Provenance {
                recordings: Some("made on 3 of 4 recordings: 1 failed".to_owned()),
                command,
                version: "0.1.0".into(),
                machine,
            },
        )
        .unwrap()
    }

    #[test]
    fn a_class_name_cannot_become_markup() {
        let page = page();
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    }

    #[test]
    fn the_page_is_self_contained_and_names_its_provenance() {
        let page = page();
        let own = page.replace("http://www.w3.org/2000/svg", "");
        for reference in ["http", "src=", "href=", "url(", "@import"] {
            assert!(!own.contains(reference), "{reference}");
        }
        for said in [
            "afield evaluate --seed 3",
            "afield 0.1.0",
            "x86_64 linux",
            "seed 3",
            "<p>made on 3 of 4 recordings: 1 failed</p>",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }

    #[test]
    fn every_colour_of_the_chart_follows_the_theme() {
        let page = page();
        let chart = page
            .split("<svg")
            .nth(1)
            .unwrap()
            .split("</svg>")
            .next()
            .unwrap();
        for name in ["stroke", "fill"] {
            let attribute = format!(" {name}=\"");
            let values = chart.split(&attribute).skip(1);
            for value in values.filter_map(|rest| rest.split('"').next()) {
                let themed = page.contains(&format!("svg [{name}=\"{value}\"]"));
                assert!(themed || value == "none", "{name} {value}");
            }
        }
    }
}
