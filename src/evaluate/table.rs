//! A report as a table of plain text, for a terminal.

use super::metrics::Percentiles;
use super::report::Report;

/// The report as lines of aligned columns, 100 characters wide at most unless
/// a head's name is long.
///
/// Accuracies are shares, durations microseconds (p50 / p95).
pub fn table(report: &Report) -> String {
    let mut rows = vec![
        [
            "head",
            "final",
            "avg incr",
            "forgetting",
            "transfer",
            "learn us",
            "predict us",
            "solve us",
            "state",
        ]
        .map(str::to_owned),
    ];
    for head in &report.heads {
        rows.push([
            head.head.clone(),
            share(head.continual.final_accuracy),
            share(head.continual.average_incremental_accuracy),
            share(head.continual.forgetting),
            share(head.continual.backward_transfer),
            pair(head.learn_us),
            pair(head.predict_us),
            micros(head.solve_us.p50),
            bytes(head.state_bytes as u64),
        ]);
    }
    let mut bound = [const { String::new() }; 9];
    bound[0] = "joint, offline".to_owned();
    bound[1] = share(report.upper_bound);
    rows.push(bound);

    let mut widths = [0; 9];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = format!(
        "{}, seed {}: {} classes, {} tasks, {} training and {} test clips, {} features{}\n\n",
        report.protocol,
        report.seed,
        report.classes,
        report.tasks.len(),
        report.train,
        report.test,
        report.features,
        match report.transform.as_str() {
            "none" => String::new(),
            transform => format!(" after {transform}"),
        },
    );
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            match column {
                0 => line.push_str(&format!("{cell:<width$}")),
                _ => line.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("\nlearn, predict: p50 / p95 of one example");
    if let Some(peak) = report.peak_rss_bytes {
        text.push_str(&format!("; peak memory of the process: {}", bytes(peak)));
    }
    text.push('\n');
    text
}

/// Three decimals; -0 is 0.
pub(super) fn share(value: f64) -> String {
    let rounded = (value * 1000.0).round() / 1000.0;
    format!("{:.3}", rounded + 0.0)
}

fn pair(percentiles: Percentiles) -> String {
    format!("{} / {}", micros(percentiles.p50), micros(percentiles.p95))
}

/// Three significant digits or all whole ones.
pub(super) fn micros(micros: f64) -> String {
    match micros {
        ..9.995 => format!("{micros:.2}"),
        ..99.95 => format!("{micros:.1}"),
        _ => format!("{micros:.0}"),
    }
}

/// Binary units, three significant digits.
pub(super) fn bytes(bytes: u64) -> String {
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
    fn numbers_keep_the_digits_that_mean_something() {
        assert_eq!(
            [share(0.95), share(-0.0001), share(-0.25)],
            ["0.950", "0.000", "-0.250"]
        );
        assert_eq!(
            [micros(1.234), micros(12.34), micros(1234.5)],
            ["1.23", "12.3", "1234"]
        );
        assert_eq!(
            [bytes(17), bytes(1536), bytes(700 << 10), bytes(3 << 30)],
            ["17 B", "1.5 KiB", "700 KiB", "3.0 GiB"]
        );
    }
}
