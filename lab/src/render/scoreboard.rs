//! Live lines of the demo: one for each task, with every head's accuracy as a bar and its
//! accuracy on the first class.

use afield::head::HeadKind;

use super::percent::percent;
use crate::evaluate::TaskAccuracy;

/// Cells of a bar.
const BAR: usize = 5;
/// Smallest and largest width of a task's name, in cells.
const NAME: std::ops::RangeInclusive<usize> = 6..=13;

/// How heads are shown: their names and, if wanted, colours.
#[derive(Debug, Clone)]
pub struct Scoreboard {
    heads: Vec<HeadKind>,
    name_cells: usize,
    colour: bool,
}

impl Scoreboard {
    /// Creates a board for `heads`, each once. `names` are the names of all tasks.
    pub fn new<'a>(
        heads: &[HeadKind],
        names: impl IntoIterator<Item = &'a str>,
        colour: bool,
    ) -> Self {
        let mut distinct: Vec<HeadKind> = Vec::new();
        for &head in heads {
            if !distinct.contains(&head) {
                distinct.push(head);
            }
        }
        let longest = names.into_iter().map(|name| name.chars().count()).max();
        Self {
            heads: distinct,
            name_cells: longest.unwrap_or(0).clamp(*NAME.start(), *NAME.end()),
            colour,
        }
    }

    /// The lines above the first task's.
    pub fn header(&self, first_task: &str) -> String {
        let cells = self.heads.len() * (BAR + 8);
        let mut above = format!("{:1$}", "", self.name_cells + 5);
        above += &format!(
            "{:<cells$}  still knows {first_task}?\n",
            "knows all so far"
        );
        let mut line = format!("  #  {:1$}", "taught", self.name_cells);
        for head in &self.heads {
            line += &self.paint(*head, &format!("  {:<1$}", head.name(), BAR + 6));
        }
        line += " ";
        for head in &self.heads {
            line += &self.paint(*head, &format!(" {:>1$}", head.name(), answer_cells(*head)));
        }
        above + line.trim_end() + "\n"
    }

    /// The line of the task at `stage`, counted from 0.
    pub fn line(&self, stage: usize, task: &str, standings: &[TaskAccuracy]) -> String {
        let mut line = format!("{:>3}  {}", stage + 1, fitted(task, self.name_cells));
        for (head, standing) in self.heads.iter().zip(standings) {
            let (bar, share) = (bar(standing.accuracy, BAR), percent(standing.accuracy));
            let cell = format!("  {bar} {share:>5}");
            line += &self.paint(*head, &cell);
        }
        line += " ";
        for (head, standing) in self.heads.iter().zip(standings) {
            let share = standing.on_first_task.map_or("-".to_owned(), percent);
            line += &self.paint(*head, &format!(" {share:>0$}", answer_cells(*head)));
        }
        line + "\n"
    }

    /// `text` in the colour of the head at `position`, if colours are wanted.
    pub fn paint_at(&self, position: usize, text: &str) -> String {
        match self.heads.get(position) {
            Some(&head) => self.paint(head, text),
            None => text.to_owned(),
        }
    }

    /// `text` in the head's colour.
    fn paint(&self, head: HeadKind, text: &str) -> String {
        let code = match head.name() {
            "finetune" => 31,
            "linear" => 33,
            "ncm" => 36,
            "lda" => 32,
            _ => 35,
        };
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Cells of a head's accuracy on the first class.
fn answer_cells(head: HeadKind) -> usize {
    head.name().chars().count().max("100 %".len())
}

/// A share in `[0, 1]` as a bar of `cells`, to an eighth of a cell.
fn bar(share: f64, cells: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (cells * 8) as f64).round() as usize;
    let part = |cell: usize| match eighths.saturating_sub(cell * 8) {
        0 => '·',
        1 => '▏',
        2 => '▎',
        3 => '▍',
        4 => '▌',
        5 => '▋',
        6 => '▊',
        7 => '▉',
        _ => '█',
    };
    (0..cells).map(part).collect()
}

/// `text` in exactly `cells` characters, without control characters.
fn fitted(text: &str, cells: usize) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match text.chars().count() > cells {
        true => text.chars().take(cells - 1).collect::<String>() + "…",
        false => format!("{text:<cells$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0.0, 4), "····");
        assert_eq!(bar(0.5, 4), "██··");
        assert_eq!(bar(0.53, 4), "██▏·");
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(f64::NAN, 2), "··");
    }

    #[test]
    fn lines_are_aligned_under_their_header_and_plain_without_colour() {
        let heads = [HeadKind::FINETUNE, HeadKind::LDA];
        let names = ["rain", "a very long name of a class"];
        let board = Scoreboard::new(&heads, names, false);
        let standings =
            [(0.25, Some(0.0)), (1.0, None)].map(|(accuracy, on_first_task)| TaskAccuracy {
                accuracy,
                on_first_task,
            });
        let text = board.header("rain") + &board.line(0, names[0], &standings);
        let text = text + &board.line(1, names[1], &standings);
        let expected = [
            "                  knows all so far            still knows rain?",
            "  #  taught         finetune     lda          finetune   lda",
            "  1  rain           █▎···  25 %  █████ 100 %       0 %     -",
            "  2  a very long …  █▎···  25 %  █████ 100 %       0 %     -",
            "",
        ];
        let expected = expected.join("\n");
        assert_eq!(text, expected);
        assert!(!text.contains('\x1b'));
        let coloured = Scoreboard::new(&heads, names, true);
        assert!(coloured.line(0, "rain", &standings).contains("\x1b[31m"));
    }
}
