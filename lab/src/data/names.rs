//! A column of names, such as the class or the group of every clip.

use std::collections::{BTreeSet, HashMap};

/// One name for each example. Each distinct name is stored once, in sorted order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    names: Vec<String>,
    of: Vec<usize>,
}

impl Names {
    /// Creates names from text, which sort as text.
    pub fn from_text<S: AsRef<str>>(values: &[S]) -> Self {
        let distinct: BTreeSet<&str> = values.iter().map(S::as_ref).collect();
        let index: HashMap<&str, usize> = distinct
            .iter()
            .enumerate()
            .map(|(position, &name)| (name, position))
            .collect();
        Self {
            of: values
                .iter()
                .filter_map(|value| index.get(value.as_ref()).copied())
                .collect(),
            names: distinct.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Creates names from integers, which sort by value.
    pub fn from_integers(values: &[i64]) -> Self {
        let distinct: BTreeSet<i64> = values.iter().copied().collect();
        let index: HashMap<i64, usize> = distinct
            .iter()
            .enumerate()
            .map(|(position, &value)| (value, position))
            .collect();
        Self {
            of: values
                .iter()
                .filter_map(|value| index.get(value).copied())
                .collect(),
            names: distinct.iter().map(i64::to_string).collect(),
        }
    }

    /// The distinct names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// For each example, the position of its name in [`Self::names`].
    pub fn of(&self) -> &[usize] {
        &self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_sort_by_value_and_text_by_code_point() {
        assert_eq!(
            Names::from_integers(&[10, -1, 9, 10]).names(),
            ["-1", "9", "10"]
        );
        assert_eq!(Names::from_text(&["10", "9", "10"]).names(), ["10", "9"]);
        assert_eq!(Names::from_integers(&[10, -1, 9, 10]).of(), [2, 0, 1, 2]);
    }
}
