//! The demo's live lines: one a task, with every head's accuracy as a bar and
//! what it still makes of the first class.

use afield::head::HeadKind;
use afield_lab::evaluate::Standing;

/// Cells of a bar.
const BAR: usize = 5;
/// Cells of a task's name, at least and at most.
const NAME: std::ops::RangeInclusive<usize> = 6..=13;

/// How heads are shown: their names and, where wanted, colours.
#[derive(Debug, Clone)]
pub struct Scoreboard {
    heads: Vec<HeadKind>,
    name_cells: usize,
    colour: bool,
}

impl Scoreboard {
    /// A board for `heads`; `names` are those of all tasks.
    pub fn new<'a>(
        heads: &[HeadKind],
        names: impl IntoIterator<Item = &'a str>,
        colour: bool,
    ) -> Self {
        let longest = names.into_iter().map(|name| name.chars().count()).max();
        Self {
            heads: heads.to_vec(),
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
    pub fn line(&self, stage: usize, task: &str, standings: &[Standing]) -> String {
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

    /// `text` in the head's colour, where colours are wanted.
    pub fn paint(&self, head: HeadKind, text: &str) -> String {
        let code = match head {
            HeadKind::Finetune => 31,
            HeadKind::Linear(_) => 33,
            HeadKind::Ncm(_) => 36,
            HeadKind::Lda(_) => 32,
            _ => 35,
        };
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// A share in `[0, 1]` in whole percent; 0 and 100 only where it is just that.
pub fn percent(share: f64) -> String {
    let whole = (share * 100.0).round();
    let honest = match share {
        ..=0.0 => 0.0,
        1.0.. => 100.0,
        _ => whole.clamp(1.0, 99.0),
    };
    format!("{honest:.0} %")
}

/// Cells of what a head still knows of the first class.
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
    fn nothing_is_rounded_to_perfect_or_to_nothing() {
        let shares = [0.0, 0.001, 0.004, 0.5, 0.994, 0.999, 1.0].map(percent);
        let expected = ["0 %", "1 %", "1 %", "50 %", "99 %", "99 %", "100 %"];
        assert_eq!(shares, expected);
    }

    #[test]
    fn lines_are_aligned_under_their_header_and_plain_without_colour() {
        let heads = [HeadKind::Finetune, HeadKind::LDA];
        let names = ["rain", "a very long name of a class"];
        let board = Scoreboard::new(&heads, names, false);
        let standings =
            [(0.25, Some(0.0)), (1.0, None)].map(|(accuracy, on_first_task)| Standing {
                accuracy,
                on_first_task,
            });
        let text = board.header("rain") + &board.line(0, names[0], &standings);
        let text = text + &board.line(1, names[1], &standings);
        insta::assert_snapshot!(text);
        assert!(!text.contains('\x1b'));
        let coloured = Scoreboard::new(&heads, names, true);
        assert!(coloured.line(0, "rain", &standings).contains("\x1b[31m"));
    }
}
