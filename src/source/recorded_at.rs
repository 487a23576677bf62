//! When a recording began: from what recorders write into files, and from their names.
//!
//! Only a full date with a time of day counts: no time is better than a wrong one. The time of the
//! file system is not used, because copying changes it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::container_time::container_time;
use crate::signal::Timestamp;

/// The most chunks of a WAV file that are looked at.
const MOST_CHUNKS: usize = 64;
/// The most bytes of one chunk of text.
const MOST_TEXT: u64 = 64 * 1024;
/// Years outside this range are not taken for dates.
const YEARS: std::ops::RangeInclusive<i16> = 1990..=2100;

/// The moment at which the recording at `path` began. `None` if neither the file nor its name
/// states it.
///
/// Sources, the first that is present: the GUANO timestamp; AudioMoth's comment; a time in the
/// file's name; the origination time of a broadcast WAV; the creation date of MP4, M4A and MOV files,
/// which phones may write when a recording ends; the comment `CREATION_TIME` or `DATE` of FLAC and
/// Ogg files. A time without an offset from UTC is
/// taken to be in the machine's time zone.
///
/// ```
/// use afield::source::recorded_at;
/// let at = recorded_at("20260601T221000+0200_REC.wav".as_ref()).unwrap();
/// assert_eq!(at.to_string(), "2026-06-01T20:10:00.000Z");
/// assert!(recorded_at("take-20260601.wav".as_ref()).is_none());
/// ```
pub fn recorded_at(path: &Path) -> Option<Timestamp> {
    let texts = Texts::read(path).unwrap_or_default();
    (texts.guano.as_deref().and_then(of_guano))
        .or_else(|| texts.comment.as_deref().and_then(of_audiomoth))
        .or_else(|| of_name(path.file_stem()?.to_str()?))
        .or_else(|| texts.broadcast.as_deref().and_then(of_broadcast))
        .or_else(|| container_time(path))
}

/// Texts of a WAV file that may hold its time.
#[derive(Default)]
struct Texts {
    guano: Option<String>,
    comment: Option<String>,
    broadcast: Option<Vec<u8>>,
}

impl Texts {
    /// `None` if the file is not a WAV file, or cannot be read.
    fn read(path: &Path) -> Option<Self> {
        let mut file = BufReader::new(File::open(path).ok()?);
        let mut head = [0; 12];
        file.read_exact(&mut head).ok()?;
        if !matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") || &head[8..] != b"WAVE" {
            return None;
        }
        let mut texts = Self::default();
        for _ in 0..MOST_CHUNKS {
            let mut chunk = [0; 8];
            if file.read_exact(&mut chunk).is_err() {
                break;
            }
            let [a, b, c, d, size @ ..] = chunk;
            let size = u64::from(u32::from_le_bytes(size));
            let mut text = || {
                let mut bytes = Vec::new();
                let read = (&mut file)
                    .take(size.min(MOST_TEXT))
                    .read_to_end(&mut bytes);
                read.ok().map(|_| bytes)
            };
            let bytes = match &[a, b, c, d] {
                b"guan" | b"bext" | b"LIST" => text()?,
                _ => Vec::new(),
            };
            match &[a, b, c, d] {
                b"guan" => texts.guano = Some(String::from_utf8_lossy(&bytes).into_owned()),
                b"LIST" => texts.comment = comment(&bytes).or(texts.comment),
                b"bext" => texts.broadcast = Some(bytes.clone()),
                _ => {}
            }
            // Chunks begin at even offsets.
            let rest = size + size % 2 - bytes.len() as u64;
            if file
                .seek(SeekFrom::Current(i64::try_from(rest).ok()?))
                .is_err()
            {
                break;
            }
        }
        Some(texts)
    }
}

/// The comment in a LIST chunk of kind INFO.
fn comment(list: &[u8]) -> Option<String> {
    let mut rest = list.strip_prefix(b"INFO")?;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *head;
        let size = usize::try_from(u32::from_le_bytes(size))
            .ok()?
            .min(tail.len());
        let (text, tail) = tail.split_at(size);
        if &[a, b, c, d] == b"ICMT" {
            let text = String::from_utf8_lossy(text);
            return Some(text.trim_end_matches('\0').to_owned());
        }
        rest = tail.get(size % 2..)?;
    }
    None
}

/// The line `Timestamp: 2026-06-01T22:10:00+02:00` of GUANO metadata.
fn of_guano(text: &str) -> Option<Timestamp> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, time) = lines.find(|(key, _)| key.trim().eq_ignore_ascii_case("timestamp"))?;
    of_text(time.trim())
}

/// A date with a time of day: with an offset from UTC, or in the machine's time zone.
pub(super) fn of_text(text: &str) -> Option<Timestamp> {
    // A date alone would be midnight.
    let colons = text.split(['T', 't', ' ']).nth(1)?.matches(':').count();
    let exact = text.parse().ok().filter(|_| colons >= 2);
    exact.or_else(|| of_name(text)).and_then(plausible)
}

/// `at`, if its year may be that of a recording.
pub(super) fn plausible(at: Timestamp) -> Option<Timestamp> {
    let year: i16 = at.to_string().get(..4)?.parse().ok()?;
    YEARS.contains(&year).then_some(at)
}

/// `Recorded at 19:17:30 01/06/2026 (UTC+2) by AudioMoth ...`
fn of_audiomoth(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once("ecorded at ")?;
    let (time, rest) = rest.split_once(' ')?;
    let (date, rest) = rest.split_once(" (UTC")?;
    let (offset, _) = rest.split_once(')')?;
    let three = |text: &str, separator: char| -> Option<[i16; 3]> {
        let numbers: Vec<i16> = (text.split(separator))
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        numbers.try_into().ok()
    };
    // Milliseconds may follow the seconds.
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let [day, month, year] = three(date, '/')?;
    let minutes = match offset.split_at_checked(1) {
        None | Some(("", _)) => 0,
        Some((sign, size)) => {
            let (hours, minutes) = size.split_once(':').unwrap_or((size, "0"));
            let size = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
            if sign == "-" { -size } else { size }
        }
    };
    dated([year, month, day], three(time, ':')?, Some(minutes))
}

/// The origination date and time of a broadcast WAV (EBU Tech 3285): 10 and 8 characters after the
/// description, the originator and its reference.
fn of_broadcast(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes.get(320..338)?).ok()?;
    of_name(&format!("{} {}", text.get(..10)?, text.get(10..)?))
}

/// A time in a file's name, as recorders write it: `20260601_221000`, `2026-06-01 22-10-00`,
/// `20260601T221000+0200`, `2026-06-01-birdnet-22:10:00`, and AudioMoth's eight hexadecimal digits
/// of Unix time.
fn of_name(name: &str) -> Option<Timestamp> {
    let tokens = tokens(name);
    (0..tokens.len())
        .find_map(|at| of_tokens(tokens.get(at..)?))
        .or_else(|| of_hex(name))
}

/// A run of digits, or of anything else.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Digits(&'a str),
    Other(&'a str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = is_digit(first);
        let end = rest.find(|c| is_digit(c) != digits).unwrap_or(rest.len());
        let (token, tail) = rest.split_at(end);
        tokens.push(match digits {
            true => Token::Digits(token),
            false => Token::Other(token),
        });
        rest = tail;
    }
    tokens
}

/// The time that begins with the first token.
fn of_tokens(tokens: &[Token<'_>]) -> Option<Timestamp> {
    use Token::{Digits, Other};
    let (date, time, rest) = match *tokens {
        [Digits(both), ref rest @ ..] if both.len() == 14 => {
            (eight(both.get(..8)?)?, six(both.get(8..)?)?, rest)
        }
        [Digits(date), Other(between), Digits(time), ref rest @ ..]
            if date.len() == 8 && time.len() == 6 && is_separator(between) =>
        {
            (eight(date)?, six(time)?, rest)
        }
        [
            Digits(year),
            Other("-" | "_" | "." | ":"),
            Digits(month),
            Other("-" | "_" | "." | ":"),
            Digits(day),
            Other(between),
            ref time @ ..,
        ] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            let date = [number(year)?, number(month)?, number(day)?];
            match *time {
                [Digits(time), ref rest @ ..] if time.len() == 6 && is_separator(between) => {
                    (date, six(time)?, rest)
                }
                [
                    Digits(hour),
                    Other("-" | "_" | "." | ":" | "h" | "H"),
                    Digits(minute),
                    Other("-" | "_" | "." | ":" | "m" | "M"),
                    Digits(second),
                    ref rest @ ..,
                ] if hour.len() == 2 && minute.len() == 2 && second.len() == 2 => (
                    date,
                    [number(hour)?, number(minute)?, number(second)?],
                    rest,
                ),
                _ => return None,
            }
        }
        _ => return None,
    };
    // An offset is taken only where ISO 8601 has it, directly after the time. After a blank or an
    // underscore, four digits may be anything.
    let offset = match *rest {
        [Other(after), ..] if after.starts_with('Z') => Some(0),
        [Other(after), ..] if after.trim_start_matches(['_', ' ', '-']).starts_with("UTC") => {
            Some(0)
        }
        [Other(sign @ ("+" | "-")), Digits(offset), ..]
            if offset.len() == 4 && matches!(*tokens, [_, Other("T"), ..]) =>
        {
            let minutes =
                i32::from(number(offset.get(..2)?)?) * 60 + i32::from(number(offset.get(2..)?)?);
            Some(if sign == "-" { -minutes } else { minutes })
        }
        _ => None,
    };
    dated(date, time, offset)
}

/// Whether this may stand between a date and a time.
fn is_separator(text: &str) -> bool {
    matches!(text, "_" | "-" | "T" | "t" | " " | "." | "_T" | "__" | "--")
}

fn eight(date: &str) -> Option<[i16; 3]> {
    Some([
        number(date.get(..4)?)?,
        number(date.get(4..6)?)?,
        number(date.get(6..)?)?,
    ])
}

fn six(time: &str) -> Option<[i16; 3]> {
    Some([
        number(time.get(..2)?)?,
        number(time.get(2..4)?)?,
        number(time.get(4..)?)?,
    ])
}

fn number(digits: &str) -> Option<i16> {
    digits.parse().ok()
}

/// AudioMoth's older names: Unix time as eight hexadecimal digits, from 2016 to 2035.
fn of_hex(name: &str) -> Option<Timestamp> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    if name.len() != 8 || !name.bytes().all(is_hex) {
        return None;
    }
    let seconds = i64::from_str_radix(name, 16).ok()?;
    let plausible = (0x5700_0000..0x7A00_0000).contains(&seconds);
    plausible.then(|| Timestamp::from_unix_ms(seconds * 1_000))?
}

fn dated(date: [i16; 3], time: [i16; 3], offset_minutes: Option<i32>) -> Option<Timestamp> {
    let [year, ..] = date;
    YEARS
        .contains(&year)
        .then(|| Timestamp::of(date, time, offset_minutes))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(time: [i16; 3]) -> Option<Timestamp> {
        Timestamp::of([2026, 6, 1], time, None)
    }

    fn utc(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn names_of_usual_recorders_state_their_time() {
        let at = local([22, 10, 0]);
        assert!(at.is_some());
        for name in [
            "20260601_221000",
            "20260601_221000T",
            "S4A01234_20260601_221000",
            "SMU02_20260601_221000_001",
            "20260601-221000",
            "20260601T221000",
            "20260601221000",
            "rec 2026-06-01 22-10-00",
            "2026-06-01_22.10.00",
            "2026-06-01T22:10:00",
            "2026-06-01_221000",
            "2026-06-01-birdnet-22:10:00",
            "Turdus_merula-87-2026-06-01-birdnet-RTSP_1-22:10:00",
            "20260601_221000_-0500",
        ] {
            // The camera's number is not a time of day.
            let expected = if name.contains("RTSP_1") { None } else { at };
            assert_eq!(of_name(name), expected, "{name}");
        }
        assert_eq!(
            of_name("20260601T221000+0200_REC"),
            utc("2026-06-01T20:10:00Z")
        );
        assert_eq!(of_name("20260601T221000-0330"), utc("2026-06-02T01:40:00Z"));
        assert_eq!(of_name("20260601_221000_UTC"), utc("2026-06-01T22:10:00Z"));
        assert_eq!(of_name("20260601T221000Z"), utc("2026-06-01T22:10:00Z"));
        assert_eq!(
            of_name("6A1DF818"),
            Timestamp::from_unix_ms(0x6A1D_F818 * 1_000)
        );
    }

    #[test]
    fn names_without_a_full_time_state_none() {
        for name in [
            "",
            "kettle",
            "20260601",
            "kettle_20260601",
            "20261301_221000",
            "20260601_251000",
            "00000001_221000",
            "take_001_221000",
            "1717279800",
            "2026-06-01",
            "120260601_221000",
            "DEADBEEF",
            "6a1df818",
            "12345678",
        ] {
            assert_eq!(of_name(name), None, "{name}");
        }
    }

    /// A WAV file with these chunks before and after its samples.
    fn wav(before: &[(&[u8; 4], &[u8])], after: &[(&[u8; 4], &[u8])]) -> tempfile::NamedTempFile {
        let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
        let samples: (&[u8; 4], &[u8]) = (b"data", &[0; 7]);
        for (name, body) in before.iter().chain([&samples]).chain(after) {
            bytes.extend(*name);
            bytes.extend((body.len() as u32).to_le_bytes());
            bytes.extend(*body);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
        }
        let file = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn info(comment: &str) -> Vec<u8> {
        let mut list = b"INFOIART\x05\0\0\0moth\0\0ICMT".to_vec();
        list.extend((comment.len() as u32).to_le_bytes());
        list.extend(comment.as_bytes());
        list
    }

    #[test]
    fn metadata_of_wav_files_state_their_time() {
        let comment = info("Recorded at 19:17:30 01/06/2026 (UTC+2) by AudioMoth 24F3190361CBD9C7");
        let file = wav(&[(b"LIST", &comment)], &[]);
        assert_eq!(recorded_at(file.path()), utc("2026-06-01T17:17:30Z"));
        let comment = info("Recorded at 19:17:30.250 01/06/2026 (UTC-3:30) during deployment X");
        let file = wav(&[(b"LIST", &comment)], &[]);
        assert_eq!(recorded_at(file.path()), utc("2026-06-01T22:47:30Z"));
        let comment = info("Recorded at 19:17:30 01/06/2026 (UTC) by AudioMoth");
        let guano = b"GUANO|Version: 1.0\nTimestamp: 2026-06-01T22:10:00+02:00\nMake: x";
        // GUANO goes first, also at the end of the file.
        let file = wav(&[(b"LIST", &comment)], &[(b"guan", guano)]);
        assert_eq!(recorded_at(file.path()), utc("2026-06-01T20:10:00Z"));

        let mut bext = vec![0; 602];
        bext[320..338].copy_from_slice(b"2026-06-0122:10:00");
        let file = wav(&[(b"bext", &bext)], &[]);
        assert_eq!(recorded_at(file.path()), local([22, 10, 0]));
        let file = wav(&[(b"bext", &bext[..100])], &[]);
        assert_eq!(recorded_at(file.path()), None);
    }

    #[test]
    fn damaged_metadata_state_no_time() {
        for comment in [
            "Recorded at ",
            "Recorded at 19:17:30 01/06/2026 (UTC",
            "Recorded at 19:17 01/06/2026 (UTC)",
            "Recorded at a:b:c 01/06/2026 (UTC)",
            "Recorded at 19:17:30 31/02/2026 (UTC)",
            "Recorded at 19:17:30 01/06/2026 (UTC+é)",
        ] {
            let file = wav(&[(b"LIST", &info(comment))], &[(b"guan", b"Timestamp:")]);
            assert_eq!(recorded_at(file.path()), None, "{comment}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xffINFOICMT\xff",
        )
        .unwrap();
        assert_eq!(recorded_at(file.path()), None);
    }
}
