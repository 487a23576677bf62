//! Which of the classes that are heard were taught.

use crate::exam::ExamCase;

/// Which of the classes that are heard without labels were taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// All of them.
    AllTaught,
    /// All but one.
    OneNever,
    /// Three quarters of them.
    QuarterNever,
}

impl Hearing {
    /// All, in the order of reports.
    pub const ALL: [Self; 3] = [Self::AllTaught, Self::OneNever, Self::QuarterNever];

    /// Of so many classes, how many are left out; a quarter to the nearest whole number, and at least
    /// one.
    pub(crate) fn never_taught(self, classes: usize) -> usize {
        match self {
            Self::AllTaught => 0,
            Self::OneNever => 1,
            Self::QuarterNever => ((classes + 2) / 4).max(1),
        }
    }
}

impl ExamCase for Hearing {
    fn name(self) -> &'static str {
        match self {
            Self::AllTaught => "all taught",
            Self::OneNever => "one class never taught",
            Self::QuarterNever => "a quarter never taught",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_classes_is_one_at_least() {
        let left_out = |classes| Hearing::ALL.map(|case| case.never_taught(classes));
        assert_eq!(left_out(3), [0, 1, 1]);
        assert_eq!(left_out(6), [0, 1, 2]);
        assert_eq!(left_out(10), [0, 1, 3]);
    }
}
