//! Accuracy after each task as text: one small chart of blocks for each head, all on one
//! scale.

use super::percent::percent;
use crate::evaluate::{HeadReport, Report};

/// Lines of a chart.
const LINES: usize = 3;
/// Largest width of a chart, in cells.
const CELLS: usize = 64;

/// Draws the charts. `paint` colours the parts of the head at a position.
pub fn curves(report: &Report, paint: &dyn Fn(usize, &str) -> String) -> String {
    let name_cells = report.heads.iter().map(|h| h.head.chars().count()).max();
    let name_cells = name_cells.unwrap_or(0);
    let mut text = "accuracy after each class, on all classes taught so far\n".to_owned();
    for (position, head) in report.heads.iter().enumerate() {
        text.push('\n');
        let said = [
            format!("{} at the end", percent(head.continual.final_accuracy)),
            format!("{} forgotten", percent(head.continual.forgetting)),
            String::new(),
        ];
        for ((line, chart), said) in rows(&head.accuracy_after).into_iter().enumerate().zip(said) {
            let name = match line {
                1 => head.head.as_str(),
                _ => "",
            };
            let (scale, edge) = match line {
                0 => ("100 %", '┤'),
                2 => ("0 %", '┤'),
                _ => ("", '│'),
            };
            let chart = paint(position, &format!("{chart}  {said}"));
            let row = format!("{name:<name_cells$} {scale:>5} {edge}{chart}");
            text.push_str(row.trim_end());
            text.push('\n');
        }
    }
    text
}

/// One sentence: the head with the lowest final accuracy, the head with the highest, and
/// the joint fit.
pub fn verdict(report: &Report) -> Option<String> {
    let kept = |head: &&HeadReport| head.continual.final_accuracy;
    let heads = || report.heads.iter();
    let most = heads().max_by(|a, b| kept(a).total_cmp(&kept(b)))?;
    let least = heads().min_by(|a, b| kept(a).total_cmp(&kept(b)))?;
    if most.head == least.head {
        return None;
    }
    Some(format!(
        "After {} classes, taught one after the other, {} names {} of {} held-out clips\n\
         right, {} {}; a classifier fitted offline to all clips at once: {}.\n",
        report.classes,
        least.head,
        percent(kept(&least)),
        report.test,
        most.head,
        percent(kept(&most)),
        percent(report.upper_bound?),
    ))
}

/// A chart's lines, from the top.
fn rows(accuracies: &[f64]) -> [String; LINES] {
    let columns = accuracies.len().min(CELLS);
    let width = (CELLS / columns.max(1)).clamp(1, 3);
    let mut rows = [const { String::new() }; LINES];
    for column in 0..columns {
        // The last of the tasks that share this column.
        let task = (column + 1) * accuracies.len() / columns - 1;
        let share = accuracies.get(task).copied().unwrap_or(0.0);
        let eighths = (share.clamp(0.0, 1.0) * (LINES * 8) as f64).round() as usize;
        for (line, row) in rows.iter_mut().enumerate() {
            let block = match eighths.saturating_sub((LINES - 1 - line) * 8) {
                0 if line == LINES - 1 => '▁',
                0 => ' ',
                1 => '▁',
                2 => '▂',
                3 => '▃',
                4 => '▄',
                5 => '▅',
                6 => '▆',
                7 => '▇',
                _ => '█',
            };
            row.extend(std::iter::repeat_n(block, width));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_high_as_its_accuracy() {
        let drawn = rows(&[1.0, 0.5, 0.0, 1.0 / 3.0]);
        assert_eq!(drawn[0], "███         ");
        assert_eq!(drawn[1], "███▄▄▄      ");
        assert_eq!(drawn[2], "██████▁▁▁███");
    }

    #[test]
    fn many_tasks_share_columns_and_the_last_task_is_the_last_column() {
        let mut accuracies = vec![1.0; 1000];
        accuracies[999] = 0.0;
        let drawn = rows(&accuracies);
        assert_eq!(drawn[0].chars().count(), CELLS);
        assert!(drawn[0].ends_with("█ ") && drawn[2].ends_with("█▁"));
        assert_eq!(rows(&[]), ["", "", ""]);
    }
}
