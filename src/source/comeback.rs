//! Whether a serial port that was lost came back with lines of the same columns.
//!
//! Another board may answer on the same port. Its values must not be read as those of the first.
//! So the first lines after a loss are compared with the head before, and given back. The very first
//! one may be the rest of a line, and is no row. Rows without a head are told by their number of
//! columns alone.

use super::SourceError;
use super::json_lines::object;
use super::lines::{Line, Lines};
use super::nmea::is_sentence;
use super::sensor_text::is_json_line;
use crate::signal::excerpt;

/// So many lines of another format are not a coincidence.
const ENOUGH: usize = 3;
/// The most columns that are named in a message.
const MOST_NAMED: usize = 16;

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comeback {
    Same,
    /// What the lines have instead.
    Other(String),
}

/// A format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    Nmea,
}

/// Reads lines until `compare` knows whether they fit `before`, the columns before; at most `most`.
/// They are given back, but for the first.
///
/// # Errors
/// [`SourceError::OtherColumns`] if they do not fit.
pub(super) fn check(
    lines: &mut Lines,
    before: &str,
    most: usize,
    mut compare: impl FnMut(&[Line]) -> Option<Comeback>,
) -> Result<(), SourceError> {
    let mut seen: Vec<Line> = Vec::new();
    while seen.len() < most {
        let mut line = Line::default();
        if !lines.next(&mut line)? {
            break;
        }
        if line.is_loss() {
            // It was lost again.
            seen.clear();
            continue;
        }
        if line.is_blank() && !seen.is_empty() {
            continue;
        }
        seen.push(line);
        match compare(&seen) {
            None => {}
            Some(Comeback::Same) => break,
            Some(Comeback::Other(found)) => {
                return Err(SourceError::OtherColumns {
                    what: lines.what().to_owned(),
                    expected: before.to_owned(),
                    found,
                });
            }
        }
    }
    lines.give_back(seen.into_iter().skip(1));
    Ok(())
}

/// The name of the format of these lines, if it is not `own`.
pub(super) fn other_format(seen: &[Line], own: Format) -> Option<String> {
    let counted = |format: Format| {
        let is_of = |line: &&Line| match format {
            Format::Json => object(line).is_some(),
            Format::Nmea => line.text().is_some_and(|text| is_sentence(&text)),
            Format::Table => is_json_line(line, false) == Some(false),
        };
        seen.iter().skip(1).filter(is_of).count()
    };
    if counted(own) > 0 {
        return None;
    }
    let others = [
        (Format::Json, "JSON lines"),
        (Format::Nmea, "NMEA sentences"),
        (Format::Table, "rows of a table"),
    ];
    let found = others
        .into_iter()
        .find(|(format, _)| *format != own && counted(*format) >= ENOUGH);
    found.map(|(_, name)| name.to_owned())
}

/// Names of columns, for a message.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let mut text: Vec<String> = names.by_ref().take(MOST_NAMED).map(excerpt).collect();
    if names.next().is_some() {
        text.push("...".to_owned());
    }
    text.join(", ")
}
