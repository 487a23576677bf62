//! Reports as tables of plain text, for a terminal.

use crate::evaluate::Estimate;
use crate::evaluate::Percentiles;
use crate::evaluate::Report;
use crate::evaluate::Series;

/// Column titles of a stream without drift, and of one with drift.
const FATE: [&str; 2] = ["forgetting", "transfer"];
const DRIFT: [&str; 3] = ["before", "drifted", "rest"];
const COST: [&str; 4] = ["learn us", "predict us", "solve us", "state"];

/// The report as lines of aligned columns, 100 characters wide at most unless
/// a head's name is long.
///
/// Accuracies are shares, durations microseconds (p50 / p95).
pub fn table(report: &Report) -> String {
    let mut rows = vec![header(report)];
    for head in &report.heads {
        let mut row = vec![head.head.clone()];
        row.extend(head.accuracies().into_iter().map(share));
        row.extend(cost(
            [head.learn_us, head.predict_us, head.solve_us],
            head.state_bytes,
        ));
        rows.push(row);
    }
    if let Some(bound) = report.upper_bound {
        rows.push(vec!["joint, offline".to_owned(), share(bound)]);
    }
    let mut text = format!("{}\n\n{}\n", lead(report, &run(report)), aligned(&rows));
    text.push_str("learn, predict: p50 / p95 of one example");
    if let Some(peak) = report.peak_rss_bytes {
        text.push_str(&format!("; peak memory of the process: {}", bytes(peak)));
    }
    text.push('\n');
    text.push_str(&meaning(report));
    for head in &report.heads {
        if let Some(selection) = &head.selection {
            text.push_str(&format!("{}: {selection}\n", head.head));
        }
    }
    if !report.tried.is_empty() {
        text.push_str("tried on the training side, cross-validated accuracy:\n");
        for tried in &report.tried {
            let accuracy = share(tried.cross_validated_accuracy);
            text.push_str(&format!(
                "  {accuracy}  {} after {}\n",
                tried.head, tried.transform
            ));
        }
    }
    text
}

/// The summary of several runs in the same columns; accuracies are means with
/// half their 95 % confidence intervals.
pub fn series_table(series: &Series) -> String {
    let Some(first) = series.runs.first() else {
        return String::new();
    };
    let summary = &series.summary;
    let mut rows = vec![header(first)];
    for head in &summary.heads {
        let mut row = vec![head.name().to_owned()];
        row.extend(head.accuracies().into_iter().map(interval));
        row.extend(cost(
            [head.learn_us, head.predict_us, head.solve_us],
            head.state_bytes,
        ));
        rows.push(row);
    }
    if let Some(bound) = summary.upper_bound {
        rows.push(vec!["joint, offline".to_owned(), interval(bound)]);
    }
    let runs = runs(series);
    let mut text = format!("{}\n\n{}\n", lead(first, &runs), aligned(&rows));
    text.push_str(&format!(
        "accuracies: mean over {runs} and half the 95 % confidence interval\n\
         (Student t, runs taken as independent: those of one fold share its test clips, and\n\
         folds share training clips, so that new groups may lie further out)\n\
         learn, predict, solve: median over the runs of p50 / p95 of one call\n"
    ));
    text.push_str(&meaning(first));
    for head in summary.heads.iter().filter(|head| head.chosen.len() > 1) {
        let chosen: Vec<String> = (head.chosen.iter())
            .map(|(name, runs)| format!("{name} {runs} x"))
            .collect();
        text.push_str(&format!("{}: {}\n", head.head, chosen.join(", ")));
    }
    text
}

/// `30 runs (5 seeds x 6 folds)`.
pub(crate) fn runs(series: &Series) -> String {
    let summary = &series.summary;
    let (seeds, folds) = (summary.seeds.len(), summary.folds.len());
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let mut text = format!("{} runs ({seeds} seed{}", summary.runs, plural(seeds));
    match folds * seeds == summary.runs {
        true if folds > 1 => text.push_str(&format!(" x {folds} folds")),
        true => {}
        // A drawn split changes with the seed.
        false => text.push_str(&format!(", {folds} split{}", plural(folds))),
    }
    text + ")"
}

fn run(report: &Report) -> String {
    format!("seed {}", report.seed)
}

fn lead(report: &Report, runs: &str) -> String {
    format!(
        "{}, {runs}: {} classes, {} tasks, {} training and {} test clips, {} features{}",
        order(report),
        report.classes,
        report.tasks.len(),
        report.train,
        report.test,
        report.features,
        match report.transform.as_str() {
            "none" => String::new(),
            "auto" => ", a transform chosen for each head".to_owned(),
            transform => format!(" after {transform}"),
        },
    )
}

/// The protocol, label noise and imbalance of the stream.
pub(crate) fn order(report: &Report) -> String {
    let mut text = report.protocol.clone();
    if report.label_noise > 0.0 {
        text.push_str(&format!(" with label noise {}", report.label_noise));
    }
    if report.imbalance > 1.0 {
        text.push_str(&format!(" with imbalance {}", report.imbalance));
    }
    text
}

fn meaning(report: &Report) -> String {
    match report.drift {
        None => String::new(),
        Some(_) => "before, drifted: on the class that changes, right before and at the end; \
                    rest: on all others, at the end\n"
            .to_owned(),
    }
}

fn header(report: &Report) -> Vec<String> {
    let middle: &[&str] = match report.drift {
        Some(_) => &DRIFT,
        None => &FATE,
    };
    let names = ["head", "final", "avg incr"].iter().chain(middle);
    names.chain(&COST).map(|&name| name.to_owned()).collect()
}

fn cost([learn, predict, solve]: [Percentiles; 3], state: usize) -> [String; 4] {
    [
        pair(learn),
        pair(predict),
        micros(solve.p50),
        bytes(state as u64),
    ]
}

/// Aligns the first column to the left and all others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => text.push_str(&format!("{cell:<width$}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// Three decimals; -0 is 0.
pub(crate) fn share(value: f64) -> String {
    let rounded = (value * 1000.0).round() / 1000.0;
    format!("{:.3}", rounded + 0.0)
}

/// `0.938 ± .004`; only the mean if there is no interval.
pub(crate) fn interval(estimate: Estimate) -> String {
    let mean = share(estimate.mean);
    match estimate.ci95.map(share) {
        Some(half) => format!("{mean} \u{b1} {}", half.strip_prefix('0').unwrap_or(&half)),
        None => mean,
    }
}

pub(crate) fn pair(percentiles: Percentiles) -> String {
    format!("{} / {}", micros(percentiles.p50), micros(percentiles.p95))
}

/// Three significant digits or all whole ones.
pub(crate) fn micros(micros: f64) -> String {
    match micros {
        ..9.995 => format!("{micros:.2}"),
        ..99.95 => format!("{micros:.1}"),
        _ => format!("{micros:.0}"),
    }
}

/// Binary units, three significant digits.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1000.0 {
            let digits = if unit == "B" || value >= 99.95 { 0 } else { 1 };
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        assert_eq!(
            [share(0.95), share(-0.0001), share(-0.25)],
            ["0.950", "0.000", "-0.250"]
        );
        let estimate = |mean, ci95| Estimate { mean, ci95 };
        assert_eq!(
            interval(estimate(0.9375, Some(0.0042))),
            "0.938 \u{b1} .004"
        );
        assert_eq!(interval(estimate(0.5, Some(1.25))), "0.500 \u{b1} 1.250");
        assert_eq!(interval(estimate(0.5, None)), "0.500");
        assert_eq!(
            [micros(1.234), micros(12.34), micros(1234.5)],
            ["1.23", "12.3", "1234"]
        );
        assert_eq!(
            [bytes(17), bytes(1536), bytes(700 << 10), bytes(3 << 30)],
            ["17 B", "1.5 KiB", "700 KiB", "3.0 GiB"]
        );
    }

    #[test]
    fn columns_are_aligned_without_trailing_spaces() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect();
        let rows = [row(&["a", "long", "x"]), row(&["bcd", "1"])];
        assert_eq!(aligned(&rows), "a    long  x\nbcd     1\n");
    }
}
