//! The trend of a monitored machine as text.

use std::fmt::Write as _;

use crate::monitor::{MonitorReport, Trend, TrendPoint};

/// Characters of a full bar, and the `-log10 p` that it stands for.
const WIDTH: usize = 40;
const FULL: f64 = 6.0;

/// One line a bucket: the hour of the stream at which it begins, a bar as long as the mean of
/// `-log10 p`, and the alarms in it. `mark` says something about a bucket.
pub fn trend_chart(trend: &Trend, mark: impl Fn(&TrendPoint) -> Option<&'static str>) -> String {
    let mut text = format!(
        "hour   mean of -log10 p ({:.2} if all is as it was taught), alarms of blocks\n",
        Trend::EXPECTED
    );
    for point in &trend.points {
        let length = (point.surprise / FULL * WIDTH as f64).round() as usize;
        let bar = "#".repeat(length.clamp(1, WIDTH));
        let hour = point.start / 3600.0;
        let _ = write!(text, "{hour:>6.1} {:>5.2} {bar:<WIDTH$}", point.surprise);
        if point.alarms > 0 {
            let _ = write!(text, " {} of {}", point.alarms, point.blocks);
        }
        if let Some(mark) = mark(point) {
            let _ = write!(text, " <- {mark}");
        }
        let trimmed = text.trim_end().len();
        text.truncate(trimmed);
        text.push('\n');
    }
    text
}

/// What a learner found, as text: figures, then the trend by six hours.
pub fn monitor_text(report: &MonitorReport) -> String {
    let mut text = format!(
        "The vibration is simulated. Taught: {:.1} hours of normal, and nothing else.\n\n\
         before the fault   {} false alarms in {:.2} days: {:.1} a day, {:.1} allowed\n",
        report.taught_hours,
        report.false_alarms,
        report.healthy_days,
        report.false_alarms_per_day(),
        report.allowed_per_day,
    );
    if report.false_lasting_hours > 0 {
        let _ = writeln!(
            text,
            "                   in {} hours of them, an alarm lasted",
            report.false_lasting_hours
        );
    }
    match report.first_alarm_hours {
        Some(hours) => {
            let _ = writeln!(text, "first alarm        {hours:.1} hours after the onset");
        }
        None => text.push_str("first alarm        none\n"),
    }
    match report.found_hours.zip(report.found_amplitude) {
        Some((hours, amplitude)) => {
            let _ = writeln!(
                text,
                "lasting alarm      {hours:.1} hours after the onset, at impacts of {amplitude:.3} g"
            );
        }
        None => text.push_str("lasting alarm      none: the fault was not found\n"),
    }
    text.push('\n');
    let long = report.trend.points.len() > 48;
    let bucket = if long { 6 } else { 1 };
    let trend = report.trend.joined(bucket);
    let holds =
        |point: &TrendPoint| (point.start..point.start + trend.bucket).contains(&report.onset);
    text + &trend_chart(&trend, |point| holds(point).then_some("onset of the fault"))
}
