//! What is odd about a recording, as values. Reading went on: a note is not an error.
//!
//! A source collects its [`Note`]s while it is read. Embedding adds those about the samples as a
//! whole. Callers show them to the user; nothing in the library depends on them.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Something about a recording that its user should know.
///
/// [`Display`](fmt::Display) gives one line of text without the recording's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// Rows of sensor data that could not be used.
    RowsSkipped {
        /// Number of rows.
        rows: u64,
        /// The reason.
        why: SkippedRow,
        /// The line of the first of them, from 1; `None` if lines are not counted.
        #[serde(skip_serializing_if = "Option::is_none")]
        first_line: Option<u64>,
    },
    /// Times between which rows are missing. Each begins a new segment.
    Gaps {
        /// Number of gaps.
        gaps: u64,
    },
    /// Times that stepped back or far ahead and went on from there. Each begins a new segment.
    TimeSteps {
        /// Number of steps.
        steps: u64,
    },
    /// Rows that shared a time with others, as those of a FIFO that is read at once, and were
    /// spread evenly.
    TimesSpread {
        /// Number of rows.
        rows: u64,
    },
    /// The stated rate contradicts the times. The times were used.
    RateContradicted {
        /// The stated rate in Hz.
        stated_hz: f64,
        /// The rate of the times in Hz.
        measured_hz: f64,
    },
    /// Rows came at another rate from some row on.
    RateChanged {
        /// The rate at first in Hz.
        from_hz: f64,
        /// The latest rate in Hz.
        to_hz: f64,
    },
    /// Times without a unit were read in the unit that fits.
    TimeUnitGuessed {
        /// The unit: `s`, `ms`, `us`, `ns`, or `rows` if they count rows.
        unit: Cow<'static, str>,
    },
    /// The stated rate shows that times are in another unit than the stated one.
    TimeUnitContradicted {
        /// The stated unit: `s`, `ms`, `us` or `ns`.
        stated: Cow<'static, str>,
        /// The unit in which they were read.
        used: Cow<'static, str>,
    },
    /// No time could be read. The rows were taken as even, at the stated rate.
    TimesUnread,
    /// Channels that have no value in some rows, as those of a slower sensor. The value before was
    /// held.
    ValuesHeld {
        /// The channels.
        channels: Vec<String>,
        /// Number of rows.
        rows: u64,
    },
    /// Columns of text, which are no channels.
    ColumnsIgnored {
        /// The columns.
        columns: Vec<String>,
    },
    /// A column's values do not fit its unit or its usual unit.
    OddMagnitude {
        /// The channels.
        channels: Vec<String>,
        /// What is odd, such as `gravity is 9.8, so the unit seems to be m/s2, not g`.
        what: String,
    },
    /// The file ends before its header says, or within a block.
    Truncated,
    /// The header states wrong sizes. The samples that are there were read.
    HeaderRepaired {
        /// What was wrong.
        what: String,
    },
    /// Parts of the file that hold sound and were not read.
    PartsIgnored {
        /// The parts, such as `a second data chunk of 32000 bytes`.
        what: String,
    },
    /// Blocks that could not be decoded. Their time passes.
    BlocksLost {
        /// Number of blocks.
        blocks: u64,
    },
    /// Samples that are NaN or infinite. They count as zero.
    NotFinite {
        /// Number of samples, over all channels.
        samples: u64,
    },
    /// Samples at full scale, several in a row.
    Clipped {
        /// Share of the samples, from 0 to 1.
        share: f64,
    },
    /// A channel holds nothing but zeros.
    SilentChannel {
        /// The channel, from 1.
        channel: usize,
    },
    /// Two channels cancel each other, so that their mean is silent.
    Antiphase {
        /// The channel that was used instead of the mean, from 1; `None` if the mean was used.
        used: Option<usize>,
    },
    /// Every sample is zero.
    Silence,
    /// Windows for which the backbone gives NaN or infinity. They were left out.
    WindowsSkipped {
        /// Number of windows.
        windows: u64,
    },
    /// Floating-point samples far beyond full scale, such as integers that were not scaled.
    OverFullScale {
        /// The largest magnitude, of which 1 is full scale.
        peak: f64,
    },
    /// There is sound, but nearly none in the frequencies that the backbone reads.
    NothingInBand {
        /// The upper limit of the backbone's band in Hz.
        limit_hz: f64,
    },
    /// The sample rate changes within a file, as in files that were joined. The sound was brought to
    /// the rate at the beginning.
    SampleRateChanged {
        /// Number of changes.
        changes: u64,
        /// When the first of them is, in seconds.
        seconds: f64,
        /// The rate before the first change in Hz.
        from_hz: u32,
        /// The rate after the first change in Hz.
        to_hz: u32,
        /// The rate that was used in Hz: that at the beginning.
        used_hz: u32,
    },
    /// A stream of samples began with a file header. The header was used.
    HeaderInStream {
        /// Its rate in Hz.
        rate_hz: u32,
        /// Its number of channels.
        channels: u32,
    },
}

/// Why a row of sensor data was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkippedRow {
    /// A channel has no number.
    NoNumber,
    /// Its time is missing or cannot be read.
    NoTime,
    /// Its time fits neither the row before nor the row after.
    OddTime,
    /// It is before the head of the table, or before the first JSON object.
    BeforeHead,
    /// It repeats the head of the table.
    Head,
    /// It was cut short: the last row of a file without an end of line.
    CutShort,
    /// It is not text.
    NotText,
    /// It is longer than a row may be.
    TooLong,
    /// Its checksum is missing or wrong.
    Checksum,
}

impl Note {
    /// Several notes in one line of text.
    pub fn joined(notes: &[Self]) -> String {
        let texts: Vec<String> = notes.iter().map(Self::to_string).collect();
        texts.join("; ")
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowsSkipped {
                rows,
                why,
                first_line,
            } => {
                write!(f, "{rows} {} skipped: {why}", plural(*rows, "row"))?;
                match first_line {
                    Some(line) => write!(f, " (first at line {line})"),
                    None => Ok(()),
                }
            }
            Self::Gaps { gaps } => write!(f, "{gaps} {}", plural(*gaps, "gap")),
            Self::TimeSteps { steps } => write!(
                f,
                "time stepped {steps} {}; each step begins a new segment",
                plural(*steps, "time")
            ),
            Self::TimesSpread { rows } => write!(
                f,
                "{rows} {} shared a time with others and were spread evenly",
                plural(*rows, "row")
            ),
            Self::RateContradicted {
                stated_hz,
                measured_hz,
            } => write!(
                f,
                "{stated_hz} Hz is stated, but the times give {measured_hz:.4} Hz, which was used"
            ),
            Self::RateChanged { from_hz, to_hz } => {
                write!(
                    f,
                    "the rate of the rows changed from {from_hz:.4} Hz to {to_hz:.4} Hz"
                )
            }
            Self::TimeUnitGuessed { unit } => {
                write!(f, "the times have no unit and were read as {unit}")
            }
            Self::TimeUnitContradicted { stated, used } => write!(
                f,
                "the times are said to be in {stated}, but the rate shows that they are in {used}"
            ),
            Self::TimesUnread => {
                f.write_str("no time can be read; the rows were taken as even, at the stated rate")
            }
            Self::ValuesHeld { channels, rows } => write!(
                f,
                "{rows} {} without a value of {}; the value before was held",
                plural(*rows, "row"),
                channels.join(", ")
            ),
            Self::ColumnsIgnored { columns } => {
                write!(f, "columns of text were not read: {}", columns.join(", "))
            }
            Self::OddMagnitude { channels, what } => write!(f, "{}: {what}", channels.join(", ")),
            Self::Truncated => f.write_str("the file is cut short; the rest was read"),
            Self::HeaderRepaired { what } => {
                write!(f, "the header is wrong and was corrected: {what}")
            }
            Self::PartsIgnored { what } => write!(f, "not read: {what}"),
            Self::BlocksLost { blocks } => write!(
                f,
                "{blocks} {} could not be decoded; their time passes",
                plural(*blocks, "block")
            ),
            Self::NotFinite { samples } => write!(
                f,
                "{samples} {} NaN or infinite and count as zero",
                match samples {
                    1 => "sample is",
                    _ => "samples are",
                }
            ),
            Self::Clipped { share } => {
                write!(
                    f,
                    "clipped: {:.2} % of the samples are at full scale",
                    share * 100.0
                )
            }
            Self::SilentChannel { channel } => write!(f, "channel {channel} is silent"),
            Self::Antiphase { used: None } => {
                f.write_str("the channels are in antiphase and cancel each other")
            }
            Self::Antiphase {
                used: Some(channel),
            } => write!(
                f,
                "the channels are in antiphase; channel {channel} was used instead of their mean"
            ),
            Self::Silence => f.write_str("every sample is zero"),
            Self::WindowsSkipped { windows } => write!(
                f,
                "{windows} {} skipped: the backbone gives NaN or infinity",
                plural(*windows, "window")
            ),
            Self::OverFullScale { peak } => write!(
                f,
                "samples reach {peak:.0} times full scale; integers may have been stored as floats"
            ),
            Self::NothingInBand { limit_hz } => write!(
                f,
                "nearly all of the sound is above {limit_hz:.0} Hz, which the backbone does not read"
            ),
            Self::SampleRateChanged {
                changes,
                seconds,
                from_hz,
                to_hz,
                used_hz,
            } => match changes {
                1 => write!(
                    f,
                    "the sample rate changes from {from_hz} Hz to {to_hz} Hz at {seconds:.3} s; \
                     the sound after it was resampled to {used_hz} Hz"
                ),
                _ => write!(
                    f,
                    "the sample rate changes {changes} times, first from {from_hz} Hz to {to_hz} Hz \
                     at {seconds:.3} s; all sound was resampled to {used_hz} Hz"
                ),
            },
            Self::HeaderInStream { rate_hz, channels } => write!(
                f,
                "the stream began with a WAV header, which was used: {rate_hz} Hz, {channels} {}",
                plural(u64::from(*channels), "channel")
            ),
        }
    }
}

impl fmt::Display for SkippedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNumber => "no number for every channel",
            Self::NoTime => "no time that can be read",
            Self::OddTime => "the time fits neither the row before nor the row after",
            Self::BeforeHead => "text before the first row",
            Self::Head => "the head of the table again",
            Self::CutShort => "the file ends within the row",
            Self::NotText => "not text",
            Self::TooLong => "longer than a row may be",
            Self::Checksum => "a missing or wrong checksum",
        })
    }
}

fn plural(count: u64, noun: &str) -> String {
    match count {
        1 => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_one_line_of_text_and_one_json_object() {
        let note = Note::RowsSkipped {
            rows: 150,
            why: SkippedRow::OddTime,
            first_line: Some(151),
        };
        assert_eq!(
            note.to_string(),
            "150 rows skipped: the time fits neither the row before nor the row after (first at line 151)"
        );
        let json = serde_json::to_string(&note).unwrap();
        let expected = r#"{"kind":"rows_skipped","rows":150,"why":"odd_time","first_line":151}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note);
        let unit = Note::TimeUnitGuessed { unit: "ms".into() };
        let json = serde_json::to_string(&unit).unwrap();
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), unit);
        assert_eq!(Note::Gaps { gaps: 1 }.to_string(), "1 gap");
        assert_eq!(
            serde_json::to_string(&Note::Silence).unwrap(),
            r#"{"kind":"silence"}"#
        );
    }
}
