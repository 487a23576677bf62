//! The report of a learner by its own clips as plain text.

use afield::engine::{HeldOut, LearnerReport, Share};

use super::table::{aligned, share};

/// The most confused pairs that are listed.
const MOST_PAIRS: usize = 8;

/// The report as text: classes, confused pairs, confidence, learning curve, and what is lacking.
pub fn learner_table(report: &LearnerReport) -> String {
    let mut text = format!("{}\n", learner_lead(report));
    if !report.classes.is_empty() {
        text.push_str(&format!("\n{}", aligned(&classes(report))));
    }
    let pairs = confused(report);
    if !pairs.is_empty() {
        text.push_str("\nconfused\n");
        for (taught, told, count, of) in pairs.into_iter().take(MOST_PAIRS) {
            text.push_str(&format!("  {taught} taken for {told}: {count} of {of}\n"));
        }
    }
    if let (Some(accuracy), Some(ece)) = (report.accuracy, report.ece) {
        text.push_str(&format!(
            "\naccuracy {}; confidence is off by {} on average (ECE)\n",
            with_interval(Some(accuracy)),
            share(ece)
        ));
    }
    if !report.curve.is_empty() {
        let head = ["clips a class", "accuracy"].map(str::to_owned).to_vec();
        let points = report.curve.iter().map(|point| {
            vec![
                point.clips_a_class.to_string(),
                with_interval(Some(point.accuracy)),
            ]
        });
        let rows: Vec<Vec<String>> = [head].into_iter().chain(points).collect();
        text.push_str(&format!("\n{}", aligned(&rows)));
    }
    text.push_str("\nlacking\n");
    for lack in &report.lacking {
        text.push_str(&format!("  {lack}\n"));
    }
    if report.lacking.is_empty() {
        text.push_str("  nothing that the clips show\n");
    }
    text
}

/// What was held out, in one line.
pub(crate) fn learner_lead(report: &LearnerReport) -> String {
    let what = match report.held_out {
        HeldOut::Groups => "group",
        HeldOut::Recordings => "recording",
        HeldOut::GroupsAndRecordings => "group or recording",
    };
    let plural = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {more}"),
    };
    format!(
        "{} of {} from {}; {}, {}; each clip is held out with its {what}",
        plural(report.clips, "clip", "clips"),
        plural(report.classes.len(), "class", "classes"),
        match report.held_out {
            HeldOut::Groups => plural(report.sources, "group", "groups"),
            HeldOut::Recordings => plural(report.sources, "recording", "recordings"),
            HeldOut::GroupsAndRecordings => format!("{} groups and recordings", report.sources),
        },
        report.backbone,
        report.head,
    )
}

/// The table of classes, with its head.
pub(crate) fn classes(report: &LearnerReport) -> Vec<Vec<String>> {
    let sources = match report.held_out {
        HeldOut::Groups => "groups",
        HeldOut::Recordings => "recordings",
        HeldOut::GroupsAndRecordings => "sources",
    };
    let head = [
        "class",
        "clips",
        sources,
        "recall",
        "precision",
        "told unknown",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(report.classes.iter().map(|class| {
        vec![
            class.label.to_string(),
            class.clips.to_string(),
            class.sources.to_string(),
            with_interval(class.recall),
            with_interval(class.precision),
            class
                .told_unknown
                .map_or("-".to_owned(), |told| share(told.share)),
        ]
    }));
    rows
}

/// Pairs of a class and what its clips were taken for, with their number and that of the class; the
/// most first.
pub(crate) fn confused(report: &LearnerReport) -> Vec<(&str, &str, usize, usize)> {
    let mut pairs = Vec::new();
    for (row, class) in report.classes.iter().enumerate() {
        let of: usize = report.confusion[row].iter().sum();
        for (column, told) in report.classes.iter().enumerate() {
            let count = report.confusion[row][column];
            if row != column && count > 0 {
                pairs.push((class.label.as_str(), told.label.as_str(), count, of));
            }
        }
    }
    pairs.sort_by_key(|&(.., count, _)| std::cmp::Reverse(count));
    pairs
}

/// `0.900 (0.596 to 0.982)`: the share and its interval.
pub(crate) fn with_interval(of: Option<Share>) -> String {
    of.map_or("-".to_owned(), |of| {
        format!(
            "{} ({} to {})",
            share(of.share),
            share(of.low),
            share(of.high)
        )
    })
}
