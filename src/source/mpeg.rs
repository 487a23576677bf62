//! MPEG audio: where its frames begin and end in a file with tags, and whether the last is whole.
//!
//! A picture in a tag may contain bytes that look like frames. So the tags are skipped by their
//! sizes, before the decoder looks for a frame. Of files that were joined, as by `cat a.mp3 b.mp3`,
//! each is found by the size in the tag of the one before. The decoder would stop after the first,
//! and would not know how much of the others to leave out at their ends.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::file_bytes::read_at;

/// The most tags in a row.
const MOST_TAGS: usize = 16;
/// The longest frame: 320 kbit/s at 8 kHz, and padding.
const LONGEST_FRAME: u64 = 5_761;

/// How far behind the end of a file the next one is looked for, if neither tag nor frame follows.
const MOST_BETWEEN: u64 = 65_536;

/// The frames of one file, or of one of several that were joined.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) bytes: Range<u64>,
    /// Where the frames of the next one begin.
    pub(super) next: Option<u64>,
}

/// The frames from `start` on in a file of `len` bytes. `None` if there are none at `start`.
pub(super) fn part(file: &mut File, start: u64, len: u64) -> io::Result<Option<Part>> {
    let head = read_at(file, start, 2 * LONGEST_FRAME)?;
    let Some(first) =
        frame_length(&head).filter(|&first| frames_in(&head, 2) || first == head.len())
    else {
        return Ok(None);
    };
    let whole = |from: u64| {
        Some(Part {
            bytes: from..len,
            next: None,
        })
    };
    let size = match head.get(..first).and_then(stated_size) {
        None | Some(None) => return Ok(whole(start)),
        Some(Some(size)) => u64::from(size),
    };
    if size < first as u64 {
        // A tag that was to be completed at the end of the recording.
        return Ok(whole(start + first as u64));
    }
    let (end, next) = following(file, start + size, len)?;
    Ok(Some(Part {
        bytes: start..end,
        next,
    }))
}

/// Where the frames before `end`, the stated end, really end; and where those of the next file
/// begin, if there is one.
fn following(file: &mut File, end: u64, len: u64) -> io::Result<(u64, Option<u64>)> {
    if end >= len {
        return Ok((len, None));
    }
    // Some encoders do not count the frame of the tag, so the last frame may still follow.
    let mut at = end;
    let mut last = None;
    for _ in 0..3 {
        let bytes = read_at(file, at, LONGEST_FRAME)?;
        let frame = frame_length(&bytes);
        let head = bytes.get(..frame.unwrap_or(0)).unwrap_or_default();
        if stated_size(head).is_some() || after_tags(file, at)? > at {
            last = Some(at);
            break;
        }
        let Some(frame) = frame else { break };
        at += frame as u64;
    }
    let end = last.unwrap_or(end);
    let from = after_tags(file, end)?;
    let bytes = read_at(file, from, MOST_BETWEEN + 3 * LONGEST_FRAME)?;
    let most = bytes.len().min(MOST_BETWEEN as usize);
    let next = (0..most).find(|&at| bytes.get(at..).is_some_and(|bytes| frames_in(bytes, 3)));
    Ok(match next {
        Some(next) => (end, Some(from + next as u64)),
        // What is left has no sound.
        None => (at.min(len), None),
    })
}

/// Whether the bytes begin with so many frames.
fn frames_in(bytes: &[u8], frames: usize) -> bool {
    let mut rest = bytes;
    (0..frames).all(|_| {
        let frame = frame_length(rest).filter(|&frame| frame <= rest.len());
        rest = frame
            .and_then(|frame| rest.get(frame..))
            .unwrap_or_default();
        frame.is_some()
    })
}

/// The size in bytes that the tag in the first frame states, of all frames. `None` if the frame
/// holds sound.
fn stated_size(frame: &[u8]) -> Option<Option<u32>> {
    let &[_, second, _, fourth] = frame.first_chunk::<4>()?;
    if second >> 1 & 3 != 1 {
        return None;
    }
    let number = |at: usize| {
        let bytes = frame.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    };
    let side = match (second >> 3 & 3 == 3, fourth >> 6 == 3) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let xing = 4 + side;
    if matches!(frame.get(xing..xing + 4)?, b"Xing" | b"Info") {
        let flags = number(xing + 4)?;
        let at = xing + 8 + if flags & 1 != 0 { 4 } else { 0 };
        return Some(number(at).filter(|_| flags & 2 != 0));
    }
    let is_vbri = frame.get(36..40)? == b"VBRI";
    is_vbri.then(|| number(46))
}

/// The offset after all tags from `at` on: ID3v1, ID3v2, APEv2.
pub(super) fn after_tags(file: &mut File, mut at: u64) -> io::Result<u64> {
    for _ in 0..MOST_TAGS {
        let head = read_at(file, at, 32)?;
        let id3v1 = (at > 0 && head.starts_with(b"TAG")).then_some(128);
        let size = id3_size(&head).or_else(|| ape_size(&head)).or(id3v1);
        let Some(size) = size else {
            break;
        };
        at += size;
    }
    Ok(at)
}

/// The size of the ID3v2 tag that begins with `head`, header and footer included.
fn id3_size(head: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', version, revision, flags, a, b, c, d] = head.first_chunk::<10>()?
    else {
        return None;
    };
    if version == 0xFF || revision == 0xFF {
        return None;
    }
    // Seven bits a byte. Some programs write all eight.
    let bits = if [a, b, c, d].iter().all(|byte| *byte < 0x80) {
        7
    } else {
        8
    };
    let size = [a, b, c, d]
        .iter()
        .fold(0_u64, |size, byte| size << bits | u64::from(*byte));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

/// The size of the APEv2 tag whose header is `head`.
fn ape_size(head: &[u8]) -> Option<u64> {
    let rest = head.strip_prefix(b"APETAGEX")?;
    let size = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?);
    // The header is not part of the stated size.
    (head.len() >= 32).then_some(32 + u64::from(size))
}

/// The offset of the tags at the end of the file of `len` bytes: ID3v1, APEv2, Lyrics3.
fn before_tags(file: &mut File, len: u64) -> io::Result<u64> {
    let mut end = len;
    for _ in 0..MOST_TAGS {
        if end >= 128 && read_at(file, end - 128, 3)? == b"TAG" {
            end -= 128;
            continue;
        }
        if end >= 32 {
            let footer = read_at(file, end - 32, 32)?;
            if footer.starts_with(b"APETAGEX")
                && let Some(size) = footer.get(12..16).and_then(|size| size.first_chunk())
            {
                let has_header = footer.get(23).is_some_and(|flags| flags & 0x80 != 0);
                let size = u64::from(u32::from_le_bytes(*size)) + if has_header { 32 } else { 0 };
                end = end.saturating_sub(size.max(32));
                continue;
            }
        }
        if end >= 15 {
            let footer = read_at(file, end - 15, 15)?;
            let size = footer
                .get(..6)
                .and_then(|size| std::str::from_utf8(size).ok());
            if footer.ends_with(b"LYRICS200")
                && let Some(size) = size.and_then(|size| size.parse::<u64>().ok())
            {
                end = end.saturating_sub(size + 15);
                continue;
            }
        }
        break;
    }
    Ok(end)
}

/// Whether the file ends within a frame.
pub(super) fn is_cut(file: &mut File, len: u64) -> io::Result<bool> {
    let end = before_tags(file, len)?;
    let start = end.saturating_sub(4 * LONGEST_FRAME);
    let bytes = read_at(file, start, end - start)?;
    // A chain of at least three frames from some place to the end of the bytes.
    for first in 0..bytes.len() {
        let (mut at, mut frames) = (first, 0);
        while let Some(frame) = bytes.get(at..).and_then(frame_length) {
            frames += 1;
            at += frame;
        }
        if frames >= 3 && at > bytes.len() {
            return Ok(true);
        }
        // What follows the last frame is not a frame: a header that was cut, or other data.
        if frames >= 3 {
            let rest = bytes.get(at..).unwrap_or_default();
            let is_sync = rest.get(1).is_none_or(|second| second & 0xE0 == 0xE0);
            return Ok(rest.len() < 4 && rest.first() == Some(&0xFF) && is_sync);
        }
    }
    Ok(false)
}

/// The length in bytes of the frame whose header begins `bytes`. `None` if it is no header.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let &[0xFF, second, third, ..] = bytes.first_chunk::<4>()? else {
        return None;
    };
    if second & 0xE0 != 0xE0 {
        return None;
    }
    let version = second >> 3 & 3;
    let layer = second >> 1 & 3;
    let index = usize::from(third >> 4);
    let base = match third >> 2 & 3 {
        0 => 44_100,
        1 => 48_000,
        2 => 32_000,
        _ => return None,
    };
    let padding = usize::from(third >> 1 & 1);
    // Version: 0 is MPEG 2.5, 2 is MPEG 2, 3 is MPEG 1. Layer: 1 is III, 2 is II, 3 is I.
    let (rate, is_first) = match version {
        3 => (base, true),
        2 => (base / 2, false),
        0 => (base / 4, false),
        _ => return None,
    };
    const I: [usize; 15] = [
        0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ];
    const II: [usize; 15] = [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ];
    const III: [usize; 15] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const I_LOW: [usize; 15] = [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ];
    const LOW: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let table = match (layer, is_first) {
        (3, true) => I,
        (3, false) => I_LOW,
        (2, true) => II,
        (1, true) => III,
        (1 | 2, false) => LOW,
        _ => return None,
    };
    // Index 0 is a free rate, whose length is not in the header.
    let bits = table.get(index).copied().filter(|&rate| rate > 0)? * 1_000;
    Some(match (layer, is_first) {
        (3, _) => (12 * bits / rate + padding) * 4,
        (1, false) => 72 * bits / rate + padding,
        _ => 144 * bits / rate + padding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn ape(size: u32) -> Vec<u8> {
        let mut bytes = b"APETAGEX\xd0\x07\0\0".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.resize(32 + size as usize, 0);
        bytes
    }

    #[test]
    fn tags_before_the_frames_are_skipped_by_their_size() {
        let id3 = |flags: u8, size: [u8; 4]| [b"ID3\x04\0", &[flags][..], &size].concat();
        let cases = [
            (vec![0xFF, 0xFB], 0),
            (b"ID3".to_vec(), 0),
            (id3(0, [0, 0, 1, 2]), 10 + 130),
            (id3(0x10, [0, 0, 1, 2]), 10 + 130 + 10),
            (id3(0, [0, 0, 1, 0x82]), 10 + 256 + 130),
            (
                [id3(0, [0; 4]), ape(5), id3(0, [0; 4]), vec![0xFF]].concat(),
                57,
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                after_tags(&mut file(&bytes), 0).unwrap(),
                expected,
                "{bytes:?}"
            );
        }
    }

    /// Five frames of 104 bytes: MPEG 1 layer III, 32 kbit/s, 44.1 kHz, mono. The first states the
    /// size.
    fn tagged(size: u32) -> Vec<u8> {
        let frame = [&[0xFF, 0xFB, 0x10, 0xC4][..], &[0; 100]].concat();
        let mut bytes = frame.repeat(5);
        bytes[21..33].copy_from_slice(b"Info\0\0\0\x03\0\0\0\x04");
        bytes[33..37].copy_from_slice(&size.to_be_bytes());
        bytes
    }

    #[test]
    fn joined_files_are_told_apart_by_the_size_in_the_tag() {
        let one = tagged(520);
        let id3 = b"ID3\x04\0\0\0\0\0\x05.....".to_vec();
        let id3v1 = [&b"TAG"[..], &[0; 125]].concat();
        for (name, files, end, next) in [
            ("one", vec![one.clone()], 520, None),
            ("a tag behind", vec![one.clone(), id3v1.clone()], 520, None),
            ("garbage", vec![one.clone(), vec![7; 900]], 520, None),
            ("two", vec![one.clone(), one.clone()], 520, Some(520)),
            (
                "tags between",
                vec![one.clone(), id3v1, id3, one.clone()],
                520,
                Some(520 + 128 + 15),
            ),
            (
                "garbage",
                vec![one.clone(), vec![7; 900], one.clone()],
                520,
                Some(1_420),
            ),
            (
                "the tag is not counted",
                vec![tagged(416), one.clone()],
                520,
                Some(520),
            ),
            ("one, not counted", vec![tagged(416)], 520, None),
            ("too long", vec![tagged(9_999)], 520, None),
        ] {
            let bytes = files.concat();
            let found = part(&mut file(&bytes), 0, bytes.len() as u64)
                .unwrap()
                .unwrap();
            assert_eq!((found.bytes, found.next), (0..end, next), "{name}");
        }
        let unpatched = part(&mut file(&tagged(0)), 0, 520).unwrap().unwrap();
        assert_eq!((unpatched.bytes, unpatched.next), (104..520, None));
        assert_eq!(part(&mut file(&[7; 900]), 0, 900).unwrap(), None);
    }

    #[test]
    fn a_file_that_ends_within_a_frame_is_cut() {
        // Frames of 104 bytes: MPEG 1 layer III, 32 kbit/s, 44.1 kHz.
        let frame = [&[0xFF, 0xFB, 0x10, 0x44][..], &[0; 100]].concat();
        let frames = frame.repeat(5);
        for (bytes, expected) in [
            (frames.clone(), false),
            (frames[..frames.len() - 1].to_vec(), true),
            (frames[..4 * 104 + 2].to_vec(), true),
            (frames[..4 * 104].to_vec(), false),
            ([&frames[..], b"TAG", &[0; 125]].concat(), false),
            (
                [&frames[..frames.len() - 9], b"TAG", &[0; 125]].concat(),
                true,
            ),
            (vec![0; 9_000], false),
            (Vec::new(), false),
        ] {
            let len = bytes.len() as u64;
            assert_eq!(is_cut(&mut file(&bytes), len).unwrap(), expected, "{len}");
        }
    }
}
