//! When a recording began, by the metadata of MP4, M4A and MOV files and by the comments of FLAC and
//! Ogg files.
//!
//! Release dates, as music shops write them, are no times of recordings: they are dates at midnight,
//! or stand in the list of iTunes, which is not read.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::recorded_at::{of_text, plausible};
use crate::signal::Timestamp;

/// The most boxes of a level, or blocks of metadata, that are looked at.
const MOST_BOXES: usize = 4096;
/// The most bytes of one piece of metadata.
const MOST_BYTES: u64 = 64 * 1024;
/// The most comments.
const MOST_COMMENTS: usize = 1024;
/// Milliseconds from 1904, where MP4 begins to count, to 1970.
const MAC_EPOCH_MS: i64 = 2_082_844_800_000;

/// The time that the file at `path` states, if it is of one of these kinds.
pub(super) fn container_time(path: &Path) -> Option<Timestamp> {
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut head = [0; 12];
    file.read_exact(&mut head).ok()?;
    match &head {
        [b'f', b'L', b'a', b'C', ..] => of_flac(&mut file),
        [b'O', b'g', b'g', b'S', ..] => of_ogg(&mut file),
        [_, _, _, _, b'f', b't', b'y', b'p', ..]
        | [_, _, _, _, b'm', b'o', b'o', b'v', ..]
        | [_, _, _, _, b'w', b'i', b'd', b'e', ..]
        | [_, _, _, _, b'm', b'd', b'a', b't', ..] => of_mp4(&mut file),
        _ => None,
    }
}

/// A box of MP4: its name, and where its contents lie.
#[derive(Debug, Clone, Copy)]
struct Mp4Box {
    name: [u8; 4],
    start: u64,
    end: u64,
}

/// The boxes from `at` to `end`.
fn boxes(file: &mut BufReader<File>, mut at: u64, end: u64) -> Vec<Mp4Box> {
    let mut boxes = Vec::new();
    while boxes.len() < MOST_BOXES && at.saturating_add(8) <= end {
        let Some([a, b, c, d, name @ ..]) = bytes_at::<8>(file, at) else {
            break;
        };
        let (size, head) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (end - at, 8),
            1 => match bytes_at::<8>(file, at + 8) {
                Some(size) => (u64::from_be_bytes(size), 16),
                None => break,
            },
            size => (u64::from(size), 8),
        };
        let next = at.saturating_add(size);
        if size < head || next > end {
            break;
        }
        boxes.push(Mp4Box {
            name,
            start: at + head,
            end: next,
        });
        at = next;
    }
    boxes
}

/// Whether the file breaks off within a box, or a box is damaged.
pub(super) fn is_cut_mp4(path: &Path) -> std::io::Result<bool> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let boxes = boxes(&mut BufReader::new(file), 0, len);
    let end = boxes.last().map_or(0, |last| last.end);
    // Fewer than eight bytes behind the last box are no box.
    Ok(boxes.len() < MOST_BOXES && len - end >= 8)
}

fn bytes_at<const N: usize>(file: &mut BufReader<File>, at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn contents(file: &mut BufReader<File>, found: Mp4Box) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(found.start)).ok()?;
    let most = (found.end - found.start).min(MOST_BYTES);
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The date of QuickTime, which has an offset from UTC, or else the creation time.
fn of_mp4(file: &mut BufReader<File>) -> Option<Timestamp> {
    let length = file.get_ref().metadata().ok()?.len();
    let movie = boxes(file, 0, length)
        .into_iter()
        .find(|b| &b.name == b"moov")?;
    let (mut created, mut date) = (None, None);
    for part in boxes(file, movie.start, movie.end) {
        match &part.name {
            b"mvhd" => created = created.or(of_mvhd(&contents(file, part)?)),
            b"udta" => {
                let texts = boxes(file, part.start, part.end);
                for meta in texts.iter().filter(|b| &b.name == b"meta") {
                    date = of_keys(file, *meta).or(date);
                }
                if let Some(day) = texts.into_iter().find(|b| &b.name == b"\xa9day") {
                    // Two bytes of length and two of language precede the text.
                    let text = contents(file, day)?;
                    date = date.or(of_comment(&String::from_utf8_lossy(text.get(4..)?)));
                }
            }
            b"meta" => date = of_keys(file, part).or(date),
            _ => {}
        }
    }
    date.or(created)
}

/// Seconds since 1904, in 32 or 64 bits.
fn of_mvhd(bytes: &[u8]) -> Option<Timestamp> {
    let seconds = match bytes.first()? {
        0 => i64::from(u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?)),
        1 => i64::try_from(u64::from_be_bytes(*bytes.get(4..)?.first_chunk()?)).ok()?,
        _ => return None,
    };
    let ms = seconds.checked_mul(1_000)?.checked_sub(MAC_EPOCH_MS)?;
    Timestamp::from_unix_ms(ms).and_then(plausible)
}

/// The value of `com.apple.quicktime.creationdate` in a box of keys and a list of their values.
fn of_keys(file: &mut BufReader<File>, meta: Mp4Box) -> Option<Timestamp> {
    let mut parts = boxes(file, meta.start, meta.end);
    if !parts.iter().any(|b| &b.name == b"keys") {
        // In MP4, four bytes of version and flags precede the boxes.
        parts = boxes(file, meta.start + 4, meta.end);
    }
    let part = |name: &[u8; 4]| parts.iter().copied().find(|b| &b.name == name);
    let (keys, list) = (part(b"keys")?, part(b"ilst")?);
    // A version and a number precede the keys, each of which is a box.
    let names = boxes(file, keys.start + 8, keys.end);
    let mut place = None;
    for (index, key) in names.into_iter().enumerate() {
        if contents(file, key)? == b"com.apple.quicktime.creationdate" {
            place = Some(u32::try_from(index + 1).ok()?.to_be_bytes());
        }
    }
    let place = place?;
    let values = boxes(file, list.start, list.end);
    let value = values.into_iter().find(|value| value.name == place)?;
    let data = boxes(file, value.start, value.end);
    let data = contents(file, *data.first()?)?;
    // A type and a language precede the text.
    of_comment(&String::from_utf8_lossy(data.get(8..)?))
}

fn of_flac(file: &mut BufReader<File>) -> Option<Timestamp> {
    let mut at = 4;
    for _ in 0..MOST_BOXES {
        let [kind, a, b, c] = bytes_at::<4>(file, at)?;
        let size = u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x7f == 4 {
            let found = Mp4Box {
                name: *b"    ",
                start: at + 4,
                end: at + 4 + size,
            };
            return of_comments(&contents(file, found)?);
        }
        if kind & 0x80 != 0 {
            return None;
        }
        at += 4 + size;
    }
    None
}

/// The comments are the second packet. Pages are joined, whatever streams they belong to.
fn of_ogg(file: &mut BufReader<File>) -> Option<Timestamp> {
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(MOST_BYTES).read_to_end(&mut first).ok()?;
    let (mut packets, mut rest) = (Vec::new(), first.as_slice());
    while let Some(page) = rest.strip_prefix(b"OggS") {
        let Some(&segments) = page.get(22) else { break };
        let Some(sizes) = page.get(23..23 + usize::from(segments)) else {
            break;
        };
        let size: usize = sizes.iter().map(|&size| usize::from(size)).sum();
        let body = page.get(23 + sizes.len()..).unwrap_or_default();
        let (body, after) = body.split_at(size.min(body.len()));
        packets.extend_from_slice(body);
        rest = after;
    }
    let after = |mark: &[u8]| {
        let at = packets.windows(mark.len()).position(|part| part == mark)?;
        packets.get(at + mark.len()..)
    };
    of_comments(after(b"\x03vorbis").or_else(|| after(b"OpusTags"))?)
}

/// Comments as Vorbis has them: `DATE=...` and `CREATION_TIME=...`.
fn of_comments(bytes: &[u8]) -> Option<Timestamp> {
    let (_, rest) = text_of(bytes)?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut date = None;
    for _ in 0..(u32::from_le_bytes(*count) as usize).min(MOST_COMMENTS) {
        let Some((comment, after)) = text_of(rest) else {
            break;
        };
        rest = after;
        let comment = String::from_utf8_lossy(comment);
        let Some((name, value)) = comment.split_once('=') else {
            continue;
        };
        if name.eq_ignore_ascii_case("creation_time") {
            date = of_comment(value).or(date);
        } else if name.eq_ignore_ascii_case("date") {
            date = date.or(of_comment(value));
        }
    }
    date
}

/// A text with its length before it, and what follows.
fn text_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// A date with a time of day, unless it is midnight to the second: that is a day.
fn of_comment(text: &str) -> Option<Timestamp> {
    let text = text.trim().trim_end_matches('\0');
    let is_day = ["T00:00:00", " 00:00:00"]
        .iter()
        .any(|midnight| text.contains(midnight));
    of_text(text).filter(|_| !is_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    fn time_of(bytes: &[u8]) -> Option<Timestamp> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        container_time(file.path())
    }

    fn boxed(name: &[u8], contents: &[u8]) -> Vec<u8> {
        let mut bytes = (contents.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend(name);
        bytes.extend(contents);
        bytes
    }

    /// A file with `parts` in its movie, after its samples.
    fn mp4(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut large = 1_u32.to_be_bytes().to_vec();
        large.extend(b"mdat");
        large.extend(20_u64.to_be_bytes());
        large.extend([7; 4]);
        let trak = boxed(b"trak", &[0; 9]);
        let moov = boxed(b"moov", &[trak, parts.concat()].concat());
        [boxed(b"ftyp", b"M4A \0\0\0\0"), large, moov].concat()
    }

    fn mvhd(seconds: u32) -> Vec<u8> {
        boxed(b"mvhd", &[[0; 4], seconds.to_be_bytes(), [0; 4]].concat())
    }

    /// 2026-06-01T20:10:00Z, in seconds since 1904.
    const AT: u32 = 1_780_344_600_u32 + 2_082_844_800;

    #[test]
    fn creation_times_of_mp4_files_are_read() {
        let at = utc("2026-06-01T20:10:00Z");
        assert_eq!(time_of(&mp4(&[mvhd(AT)])), at);
        let mut long = vec![1, 0, 0, 0];
        long.extend(u64::from(AT).to_be_bytes());
        assert_eq!(time_of(&mp4(&[boxed(b"mvhd", &long)])), at);
        for seconds in [0, 1, 2_082_844_800, 2_082_844_800 + 600_000_000] {
            assert_eq!(time_of(&mp4(&[mvhd(seconds)])), None, "{seconds}");
        }
        long[4..].fill(0xff);
        assert_eq!(time_of(&mp4(&[boxed(b"mvhd", &long)])), None);
        assert_eq!(time_of(&mp4(&[boxed(b"mvhd", &[0, 0])])), None);
        assert_eq!(time_of(&mp4(&[])), None);
    }

    #[test]
    fn the_date_of_quicktime_precedes_the_creation_time() {
        let text = "2026-06-01T23:00:00+0200";
        let mut day = (text.len() as u16).to_be_bytes().to_vec();
        day.extend([0, 0]);
        day.extend(text.bytes());
        let udta = boxed(b"udta", &boxed(b"\xa9day", &day));
        assert_eq!(
            time_of(&mp4(&[mvhd(AT), udta])),
            utc("2026-06-01T21:00:00Z")
        );

        let name = boxed(b"mdta", b"com.apple.quicktime.creationdate");
        let keys = boxed(b"keys", &[vec![0, 0, 0, 0, 0, 0, 0, 1], name].concat());
        let value = |text: &str| {
            let data = boxed(
                b"data",
                &[&[0, 0, 0, 1, 0, 0, 0, 0], text.as_bytes()].concat(),
            );
            boxed(b"ilst", &boxed(&[0, 0, 0, 1], &data))
        };
        let meta = |text| boxed(b"meta", &[keys.clone(), value(text)].concat());
        assert_eq!(
            time_of(&mp4(&[mvhd(AT), meta(text)])),
            utc("2026-06-01T21:00:00Z")
        );
        let full = boxed(b"meta", &[vec![0; 4], keys.clone(), value(text)].concat());
        let within = boxed(b"udta", &full);
        let expected = utc("2026-06-01T21:00:00Z");
        assert_eq!(time_of(&mp4(&[mvhd(AT), within])), expected);
        // A day is no time.
        let at = utc("2026-06-01T20:10:00Z");
        for day in ["2026", "2026-06-01", "2026-06-01T00:00:00Z", "x"] {
            assert_eq!(time_of(&mp4(&[mvhd(AT), meta(day)])), at, "{day}");
        }
    }

    fn comments(texts: &[&str]) -> Vec<u8> {
        let mut bytes = b"\x04\0\0\0test".to_vec();
        bytes.extend((texts.len() as u32).to_le_bytes());
        for text in texts {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.bytes());
        }
        bytes
    }

    fn flac(texts: &[&str]) -> Vec<u8> {
        let comments = comments(texts);
        let mut bytes = b"fLaC\0\0\0\x22".to_vec();
        bytes.extend([0; 34]);
        bytes.push(0x84);
        bytes.extend(&(comments.len() as u32).to_be_bytes()[1..]);
        bytes.extend(comments);
        bytes
    }

    fn ogg(mark: &[u8], texts: &[&str]) -> Vec<u8> {
        let page = |body: &[u8]| {
            let mut page = b"OggS".to_vec();
            page.extend([0; 22]);
            page.extend([1, body.len() as u8]);
            page.extend(body);
            page
        };
        [page(b"\x01head"), page(&[mark, &comments(texts)].concat())].concat()
    }

    #[test]
    fn comments_of_flac_and_ogg_files_state_full_times_only() {
        let full = ["TITLE=x", "date=2026-06-01T22:10:00+02:00"];
        let at = utc("2026-06-01T20:10:00Z");
        assert_eq!(time_of(&flac(&full)), at);
        assert_eq!(time_of(&ogg(b"\x03vorbis", &full)), at);
        assert_eq!(time_of(&ogg(b"OpusTags", &full)), at);
        let both = [
            "DATE=2026-06-02T00:00:01Z",
            "creation_time=2026-06-01T20:10:00.000000Z",
        ];
        assert_eq!(time_of(&flac(&both)), at);
        let local = Timestamp::of([2026, 6, 1], [22, 10, 0], None);
        assert_eq!(time_of(&flac(&["DATE=2026-06-01 22:10:00"])), local);
        for day in [
            "2026",
            "2026-06-01",
            "2026-06-01T00:00:00Z",
            "1970-01-01T00:00:01Z",
            "20260601",
            "",
        ] {
            assert_eq!(time_of(&flac(&[&format!("DATE={day}")])), None, "{day}");
        }
    }

    #[test]
    fn damaged_metadata_states_no_time() {
        let whole = [flac(&["DATE=2026-06-01T20:10:00Z"]), mp4(&[mvhd(AT)])];
        for file in &whole {
            for cut in 0..file.len() {
                // A file that is cut may still state its time, but nothing panics.
                let _ = time_of(&file[..cut]);
            }
        }
        let mut endless = b"fLaC\x84\0\0\x10\0\0\0\0\xff\xff\xff\xff".to_vec();
        endless.extend([0xff; 8]);
        assert_eq!(time_of(&endless), None);
        assert_eq!(time_of(b"\0\0\0\0ftypM4A \0\0\0\x01moov"), None);
    }
}
