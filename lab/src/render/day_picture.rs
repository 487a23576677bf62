//! A day as an SVG picture: what happened above, what was found below, a lane a class.
//!
//! The picture is complete in itself: it has its own colours for light and dark. It is legible
//! without colour: right, missed and wrong events differ in shape.

use std::fmt::Write as _;

use afield::signal::Label;

use super::page::escape;
use crate::field::{DayReport, FoundEvent, Judgement, Verdict};

/// Minutes in a strip.
const STRIP_MINUTES: u32 = 5;
/// Pixels.
const WIDTH: f64 = 920.0;
const NAMES: f64 = 132.0;
const LANE: f64 = 24.0;
const BAR: f64 = 8.0;
const AXIS: f64 = 34.0;
const LEGEND: f64 = 30.0;
/// The least width of an event.
const LEAST: f64 = 2.5;

/// The picture of a day of `minutes` minutes.
pub fn day_picture(day: &DayReport, found: &[FoundEvent], minutes: u32) -> String {
    let judged = Judgement::of(&day.events, found);
    let strips = minutes.div_ceil(STRIP_MINUTES);
    let lanes = day.known.len() + 1;
    let strip = LANE * lanes as f64 + AXIS;
    let height = LEGEND + strip * f64::from(strips);
    let mut svg = format!(
        "<svg class=\"day\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        escape(&said(day, found, &judged))
    );
    legend(&mut svg);
    for number in 0..strips {
        let place = Strip {
            from: f64::from(number * STRIP_MINUTES * 60),
            to: f64::from(((number + 1) * STRIP_MINUTES).min(minutes) * 60),
            top: LEGEND + strip * f64::from(number),
        };
        place.frame(&mut svg, &day.known);
        for (event, matched) in day.events.iter().zip(&judged.matched) {
            let class = match (event.known, matched) {
                (false, _) => "d-new",
                (true, Some(_)) => "d-true",
                (true, None) => "d-missed",
            };
            let lane = place_of(&day.known, Some(&event.label));
            let title = format!(
                "{} at {}, {:.0} dB over the soundscape{}",
                event.label,
                clock(event.start),
                event.decibels,
                match class {
                    "d-missed" => ", missed",
                    "d-new" => ", never taught",
                    _ => "",
                }
            );
            place.bar(&mut svg, (event.start, event.end), lane, 0, class, &title);
        }
        for (event, verdict) in found.iter().zip(&judged.verdicts) {
            let (class, what) = match verdict {
                Verdict::Right => ("d-right", "right"),
                Verdict::Unknown => ("d-unknown", "reported as unknown"),
                Verdict::OnBackground => ("d-wrong", "false alarm on the background"),
                Verdict::OnUnknown => ("d-wrong", "false alarm on a sound never taught"),
                Verdict::OnOther => ("d-wrong", "false alarm on another class"),
                Verdict::Repeated => ("d-wrong", "found already"),
            };
            let lane = place_of(&day.known, event.label.as_ref());
            let name = event.label.as_ref().map_or("unknown", Label::as_str);
            let title = format!("{name} at {}: {what}", clock(event.start));
            place.bar(&mut svg, (event.start, event.end), lane, 1, class, &title);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Minutes of a day on one line.
struct Strip {
    from: f64,
    to: f64,
    top: f64,
}

impl Strip {
    fn x(&self, seconds: f64) -> f64 {
        let share = (seconds - self.from) / f64::from(STRIP_MINUTES * 60);
        NAMES + share * (WIDTH - NAMES - 8.0)
    }

    /// Lanes with their names, and the axis.
    fn frame(&self, svg: &mut String, known: &[Label]) {
        let names = known.iter().map(Label::as_str).chain(["unknown"]);
        let mut y = self.top;
        let (left, right) = (self.x(self.from), self.x(self.to));
        for name in names {
            let _ = writeln!(
                svg,
                "<line class=\"d-line\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                NAMES - 8.0,
                y + LANE / 2.0 + 4.0,
                escape(&shortened(name)),
            );
            y += LANE;
        }
        let _ = writeln!(
            svg,
            "<line class=\"d-axis\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
        let mut minute = self.from;
        while minute <= self.to {
            let x = self.x(minute);
            let _ = writeln!(
                svg,
                "<line class=\"d-axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0}{}</text>",
                y + 4.0,
                y + 16.0,
                minute / 60.0,
                if minute == self.from { " min" } else { "" },
            );
            minute += 60.0;
        }
    }

    /// An event that begins in this strip.
    fn bar(
        &self,
        svg: &mut String,
        (start, end): (f64, f64),
        lane: usize,
        row: usize,
        class: &str,
        title: &str,
    ) {
        if start < self.from || start >= self.to {
            return;
        }
        let x = self.x(start);
        let width = (self.x(end.min(self.to)) - x).max(LEAST);
        let y = self.top + lane as f64 * LANE + 2.5 + row as f64 * (BAR + 3.0);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\">\
             <title>{}</title></rect>",
            escape(title)
        );
        if class == "d-wrong" {
            let (right, bottom) = (x + width, y + BAR);
            let _ = write!(
                svg,
                "<path class=\"d-cross\" d=\"M{x:.1} {y:.1}L{right:.1} {bottom:.1}M{x:.1} \
                 {bottom:.1}L{right:.1} {y:.1}\"/>"
            );
        }
        svg.push('\n');
    }
}

/// The lane of a label: that of its class, or the last one.
fn place_of(known: &[Label], label: Option<&Label>) -> usize {
    let own = known.iter().position(|class| Some(class) == label);
    own.unwrap_or(known.len())
}

/// The shapes and what they mean: above what happened, below what was found.
fn legend(svg: &mut String) {
    let mut x = NAMES;
    for (class, name) in [
        ("d-true", "event, found"),
        ("d-missed", "event, missed"),
        ("d-new", "never taught"),
        ("d-right", "found, right"),
        ("d-wrong", "false alarm"),
        ("d-unknown", "reported as unknown"),
    ] {
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"6\" width=\"16\" height=\"{BAR}\"/>"
        );
        if class == "d-wrong" {
            let (right, bottom) = (x + 16.0, 6.0 + BAR);
            let _ = write!(
                svg,
                "<path class=\"d-cross\" d=\"M{x:.1} 6L{right:.1} {bottom:.1}M{x:.1} \
                 {bottom:.1}L{right:.1} 6\"/>"
            );
        }
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"14\">{name}</text>", x + 21.0);
        x += 21.0 + 6.3 * name.len() as f64 + 22.0;
    }
}

/// The picture in words.
fn said(day: &DayReport, found: &[FoundEvent], judged: &Judgement) -> String {
    let known = day.events.iter().filter(|event| event.known).count();
    let right = judged.matched.iter().flatten().count();
    let unknown = found.iter().filter(|event| event.label.is_none()).count();
    let alarms = found.len() - unknown - right;
    format!(
        "{right} of {known} events found, {alarms} false alarms, {unknown} sounds reported as unknown"
    )
}

fn clock(seconds: f64) -> String {
    let whole = seconds as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// A name that fits beside a lane.
fn shortened(name: &str) -> String {
    match name.chars().count() {
        ..=18 => name.to_owned(),
        _ => name.chars().take(17).chain(['\u{2026}']).collect(),
    }
}

const STYLE: &str = "\
.day{--d-ink:#1d2127;--d-muted:#5a616b;--d-line:#e3e6ea;--d-good:#0072B2;--d-bad:#D55E00;\
background:transparent;font:12px system-ui,sans-serif}\
@media (prefers-color-scheme:dark){.day{--d-ink:#e8eaed;--d-muted:#a3abb6;--d-line:#343a43;\
--d-good:#5DB2F0;--d-bad:#FF9352}}\
.day text{fill:var(--d-muted);font:12px system-ui,sans-serif}\
.d-line{stroke:var(--d-line)}.d-axis{stroke:var(--d-muted)}\
.d-true{fill:var(--d-ink);stroke:var(--d-ink)}\
.d-missed{fill:none;stroke:var(--d-ink);stroke-width:1.4}\
.d-new{fill:var(--d-muted);stroke:none;fill-opacity:.55}\
.d-right{fill:var(--d-good);stroke:var(--d-good)}\
.d-unknown{fill:none;stroke:var(--d-muted);stroke-width:1.4;stroke-dasharray:2 2}\
.d-wrong{fill:none;stroke:var(--d-bad);stroke-width:1.2}\
.d-cross{stroke:var(--d-bad);stroke-width:1.2;fill:none}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::TrueEvent;

    #[test]
    fn every_event_is_drawn_once_with_its_shape() {
        let label = |text: &str| Label::new(text).unwrap();
        let event = |start: f64, text: &str, known| TrueEvent {
            start,
            end: start + 2.0,
            label: label(text),
            known,
            decibels: 10.0,
        };
        let day = DayReport {
            seed: 0,
            soundscape: label("rain"),
            known: vec![label("<b>"), label("dog")],
            unknown: vec![label("horn")],
            events: vec![
                event(10.0, "dog", true),
                event(299.0, "<b>", true),
                event(400.0, "horn", false),
            ],
        };
        let found = |start: f64, text: Option<&str>| FoundEvent {
            start,
            end: start + 1.0,
            label: text.map(label),
        };
        let found = [
            found(10.0, Some("dog")),
            found(400.0, Some("dog")),
            found(500.0, None),
        ];
        let svg = day_picture(&day, &found, 10);
        for (class, times) in [
            ("d-true", 2),
            ("d-missed", 2),
            ("d-new", 2),
            ("d-right", 2),
            ("d-wrong", 2),
            ("d-unknown", 2),
        ] {
            // Once in the legend.
            let drawn = svg.matches(&format!("<rect class=\"{class}\"")).count();
            assert_eq!(drawn, times, "{class}");
        }
        assert!(svg.contains("1 of 2 events found, 1 false alarms, 1 sounds reported as unknown"));
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
    }
}
