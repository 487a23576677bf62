//! The trend of a monitored machine as a page with a picture.

use std::fmt::Write as _;

use super::page::{begin, escape, footer};
use super::provenance::Provenance;
use super::trend_chart::monitor_text;
use crate::monitor::{MonitorReport, Trend};

/// Pixels.
const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 34.0;
/// The `-log10 p` at the top.
const TOP: f64 = 6.0;

const STYLE: &str = ".t-axis{stroke:#888}.t-line{fill:none;stroke:#1f6fb4;stroke-width:2}\
    .t-normal{stroke:#888;stroke-dasharray:4 4}.t-onset{stroke:#c0392b;stroke-width:2}\
    .t-alarm{fill:#c0392b}.t-text{font:12px sans-serif;fill:#777}";

/// The page of a stream without more knowledge of it.
pub fn trend_html(trend: &Trend, lead: &str, provenance: &Provenance) -> String {
    let mut page = begin("Trend", lead);
    page.push_str("<section>\n");
    page.push_str(&picture(trend, None));
    page.push_str("</section>\n");
    end(&mut page, provenance);
    page
}

/// The page of a simulated pump.
pub fn monitor_html(report: &MonitorReport, provenance: &Provenance) -> String {
    let lead =
        "A pump, simulated: a learner that was taught only normal, and a bearing fault that grows";
    let mut page = begin("Trend", lead);
    page.push_str("<section>\n");
    page.push_str(&picture(&report.trend, Some(report.onset)));
    let _ = write!(
        page,
        "</section>\n<section>\n<div class=\"scroll\"><pre>{}</pre></div>\n</section>\n",
        escape(&monitor_text(report))
    );
    end(&mut page, provenance);
    page
}

fn end(page: &mut String, provenance: &Provenance) {
    footer(
        page,
        provenance,
        None,
        "Conformal p-values: Vovk, Gammerman and Shafer 2005. Tails: Pickands 1975.",
    );
}

/// The mean of `-log10 p` by time, as SVG. Buckets with alarms have a mark, and `onset` a line.
fn picture(trend: &Trend, onset: Option<f64>) -> String {
    let last = trend.points.last().map_or(0.0, |point| point.start);
    let length = (last + trend.bucket).max(1.0);
    let x = |seconds: f64| LEFT + (WIDTH - LEFT - 8.0) * seconds / length;
    let y = |surprise: f64| 10.0 + (HEIGHT - BOTTOM - 10.0) * (1.0 - surprise.min(TOP) / TOP);
    let said = "mean of the negative logarithm of p-values by time";
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{said}\">\n<style>{STYLE}</style>\n"
    );
    let line = |class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)| {
        format!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
        )
    };
    let words = |x: f64, y: f64, anchor: &str, text: &str| {
        format!(
            "<text class=\"t-text\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n"
        )
    };
    svg += &line("t-axis", (LEFT, y(0.0)), (WIDTH - 8.0, y(0.0)));
    for level in [0, 2, 4, 6] {
        svg += &words(
            LEFT - 6.0,
            y(f64::from(level)) + 4.0,
            "end",
            &level.to_string(),
        );
    }
    svg += &words(
        LEFT,
        HEIGHT - 4.0,
        "start",
        "hours; mean of -log10 p, 0.43 (dashed) if all is as it was taught; dots: alarms",
    );
    let step = (length / 3600.0 / 8.0).ceil().max(1.0);
    for tick in 0..=8 {
        let hours = step * f64::from(tick);
        if hours * 3600.0 <= length {
            svg += &words(
                x(hours * 3600.0),
                HEIGHT - BOTTOM + 14.0,
                "middle",
                &format!("{hours}"),
            );
        }
    }
    svg += &line(
        "t-normal",
        (LEFT, y(Trend::EXPECTED)),
        (WIDTH - 8.0, y(Trend::EXPECTED)),
    );
    if let Some(onset) = onset.filter(|onset| *onset <= length) {
        svg += &line("t-onset", (x(onset), 10.0), (x(onset), y(0.0)));
        svg += &words(x(onset) - 6.0, 22.0, "end", "onset of the fault");
    }
    let middle = |start: f64| start + trend.bucket / 2.0;
    let points = trend
        .points
        .iter()
        .map(|point| format!("{:.1},{:.1}", x(middle(point.start)), y(point.surprise)));
    let points: Vec<String> = points.collect();
    let _ = writeln!(
        svg,
        "<polyline class=\"t-line\" points=\"{}\"/>",
        points.join(" ")
    );
    for point in trend.points.iter().filter(|point| point.alarms > 0) {
        let _ = writeln!(
            svg,
            "<circle class=\"t-alarm\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{} alarms of {} blocks</title></circle>",
            x(middle(point.start)),
            y(point.surprise),
            point.alarms,
            point.blocks
        );
    }
    svg + "</svg>\n"
}
