//! The report of days in the field as plain text.

use super::table::{aligned, share};
use crate::field::{DriftReport, FieldReport, Score, Spread, VariantReport};

/// The columns of the first table, and of the table of details.
pub(crate) const MAIN: [&str; 6] = [
    "event F1",
    "recall",
    "precision",
    "false alarms/h",
    "unknown told",
    "onset F1",
];
pub(crate) const ALARMS: [&str; 4] = ["background", "unknown", "other class", "repeated"];
pub(crate) const LEVELS: [&str; 3] = ["5-10 dB", "10-15 dB", "15-20 dB"];
pub(crate) const OTHERS: [&str; 5] = [
    "not mistaken",
    "known as unknown",
    "onset+offset F1",
    "intersection F1",
    "its recall",
];

/// The report as tables of one line a variant.
pub fn field_table(report: &FieldReport) -> String {
    let mut text = format!("{}\n\n", lead(report));
    text.push_str(&table(report, &MAIN, &main_figures));
    text.push_str("\nfalse alarms an hour, by what they are of\n\n");
    text.push_str(&table(report, &ALARMS, &alarm_figures));
    text.push_str("\nrecall by level over the soundscape\n\n");
    text.push_str(&table(report, &LEVELS, &level_figures));
    text.push_str("\nnever taught sounds, and stricter scores\n\n");
    text.push_str(&table(report, &OTHERS, &other_figures));
    text.push('\n');
    for line in beyond_scores(report) {
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&explanation(report));
    for variant in &report.variants {
        text.push_str(&format!("{}: {}\n", variant.variant.name(), variant.about));
    }
    text
}

/// What was run, in one line.
pub(crate) fn lead(report: &FieldReport) -> String {
    let first = report.days.first();
    let (known, unknown) = first.map_or((0, 0), |day| (day.known.len(), day.unknown.len()));
    let events = first.map_or(0, |day| day.events.len());
    let days = match report.days.as_slice() {
        [day] => format!("seed {}", day.seed),
        days => format!("{} days", days.len()),
    };
    format!(
        "field, {days} of {} minutes with {events} events: {known} classes taught, {unknown} never \
         taught; {}, {}",
        report.minutes, report.backbone, report.head
    )
}

/// Groups of unknown sounds and changes of the place, a line each.
pub(crate) fn beyond_scores(report: &FieldReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(found) = &report.discovery {
        lines.push(format!(
            "groups of unknown sounds: {} a day, purity {}, coverage {} of the events of never taught \
             classes",
            rate(found.groups),
            figure(found.purity),
            figure(found.coverage)
        ));
    }
    if let Some(drift) = &report.drift {
        let DriftReport {
            streams,
            hours_before,
            before,
            told,
            again,
            ..
        } = drift;
        lines.push(format!(
            "change of the place: told in {told} of {streams} streams after {} minutes, {again} times \
             more; false alarms: {before} in {hours_before:.1} h",
            rate(drift.delay_minutes)
        ));
    }
    lines
}

/// What the figures mean.
pub(crate) fn explanation(report: &FieldReport) -> String {
    let spread = match report.days.len() {
        1 => "",
        _ => "figures: mean over the days \u{b1} standard deviation\n",
    };
    format!(
        "{spread}event F1: a found event is right if it overlaps an event of its class, one for one\n\
         unknown told: events of never taught classes that were reported as unknown; not mistaken: \
         those\nthat were not reported as a taught class\n\
         onset F1: within 1 s of the onset; onset+offset F1: also within 1 s or half the length of \
         the\noffset (as sed_eval); intersection F1: criterion 0.5 (as psds_eval)\n"
    )
}

pub(crate) fn main_figures(score: &Score<Option<Spread>>) -> Vec<String> {
    vec![
        figure(score.event_f1),
        figure(score.recall),
        figure(score.precision),
        rate(score.false_alarms_per_hour.all),
        figure(score.unknown_reported),
        figure(score.onset_f1),
    ]
}

pub(crate) fn alarm_figures(score: &Score<Option<Spread>>) -> Vec<String> {
    let alarms = score.false_alarms_per_hour;
    let kinds = [
        alarms.background,
        alarms.unknown,
        alarms.other,
        alarms.repeated,
    ];
    kinds.map(rate).to_vec()
}

pub(crate) fn level_figures(score: &Score<Option<Spread>>) -> Vec<String> {
    score.recall_by_level.map(figure).to_vec()
}

pub(crate) fn other_figures(score: &Score<Option<Spread>>) -> Vec<String> {
    let others = [
        score.unknown_not_mistaken,
        score.known_as_unknown,
        score.onset_offset_f1,
        score.intersection_f1,
        score.intersection_recall,
    ];
    others.map(figure).to_vec()
}

fn table(
    report: &FieldReport,
    columns: &[&str],
    figures: &dyn Fn(&Score<Option<Spread>>) -> Vec<String>,
) -> String {
    let head = ["variant"].iter().chain(columns);
    let mut rows = vec![head.map(|&name| name.to_owned()).collect::<Vec<String>>()];
    rows.extend(report.variants.iter().map(|variant: &VariantReport| {
        let mut row = vec![variant.variant.name().to_owned()];
        row.extend(figures(&variant.summary));
        row
    }));
    aligned(&rows)
}

/// `0.91 ± .03`.
fn figure(spread: Option<Spread>) -> String {
    let two = |value: f64| {
        let text = share(value);
        text[..text.len() - 1].to_owned()
    };
    written(spread, &|value| two((value * 100.0).round() / 100.0))
}

/// `16 ± 4`.
fn rate(spread: Option<Spread>) -> String {
    written(spread, &|value| format!("{value:.0}"))
}

/// A mean and its deviation, as `number` writes them, the latter without a leading zero.
pub(crate) fn written(spread: Option<Spread>, number: &dyn Fn(f64) -> String) -> String {
    let Some(spread) = spread else {
        return "-".to_owned();
    };
    let mean = number(spread.mean);
    match spread.deviation.map(number) {
        Some(half) => format!(
            "{mean} \u{b1} {}",
            half.strip_prefix('0')
                .filter(|rest| !rest.is_empty())
                .unwrap_or(&half)
        ),
        None => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_two_decimals_and_rates_none() {
        let spread = |mean, deviation| Some(Spread { mean, deviation });
        assert_eq!(figure(spread(0.914, Some(0.026))), "0.91 \u{b1} .03");
        assert_eq!(figure(spread(0.5, None)), "0.50");
        assert_eq!(figure(None), "-");
        assert_eq!(rate(spread(16.2, Some(0.2))), "16 \u{b1} 0");
        assert_eq!(rate(spread(4.0, Some(3.6))), "4 \u{b1} 4");
    }
}
