//! Repairs the headers of files of plain samples: RIFF WAVE, RF64, BW64, Sony Wave64 and Sun AU.
//!
//! Recorders that lose power, and programs that write to pipes, leave sizes of 0, of 0xFFFFFFFF
//! or too large; others write longer `fmt ` and `fact` chunks than the decoder knows. This module
//! finds the format and the samples, and puts a plain header before them. It decodes nothing. A
//! file whose header is sound stays as it is. MPEG audio in a WAVE file is cut out of it.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::file_bytes::{bytes_at, read_at};
use super::spliced::Spliced;
use super::{Note, PcmFormat};

/// The most chunks that are looked at.
const MOST_CHUNKS: usize = 1024;
/// The most bytes of a `fmt ` chunk: MS ADPCM has 50.
const MOST_FORMAT: u64 = 1024;
/// The most bytes in which samples are looked for that no list of chunks shows.
const MOST_SEARCHED: u64 = 1 << 20;
/// So many bytes after the samples are told, if they are also a hundredth of the samples.
const MUCH_AFTER: u64 = 4096;
/// Sizes from here on stand for "not known yet" in a stream that was written to a pipe.
pub(super) const UNKNOWN: u64 = 0x7FFF_0000;
/// Sizes of 32 bits begin at 0 again from here.
const WRAP: u64 = 1 << 32;
/// `WAVE_FORMAT_EXTENSIBLE`: the tag is in the extension.
const EXTENSIBLE: u16 = 0xFFFE;

/// A file with a header that the decoder reads, and what was wrong with its own.
#[derive(Debug)]
pub(super) struct Repaired {
    pub(super) source: Spliced,
    pub(super) notes: Vec<Note>,
}

/// The file as the decoder reads it; `None` if it is no such file, or if its header is sound and
/// `always` is false.
///
/// # Errors
/// Those of reading the file.
pub(super) fn repaired(mut file: File, len: u64, always: bool) -> io::Result<Option<Repaired>> {
    let head = read_at(&mut file, 0, 40)?;
    let head = head.as_slice();
    let found = match head {
        [b'R', b'I', b'F', b'F', ..] if head.get(8..12) == Some(b"WAVE") => riff(&mut file, len)?,
        [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..]
            if head.get(8..12) == Some(b"WAVE") =>
        {
            riff(&mut file, len)?.map(Found::in_need)
        }
        [b'r', b'i', b'f', b'f', ..] if head.get(24..28) == Some(b"wave") => {
            wave64(&mut file, len)?.map(Found::in_need)
        }
        [b'.', b's', b'n', b'd', ..] => sun(head, len).map(Found::in_need),
        _ => None,
    };
    let Some(found) = found.filter(|found| always || found.needs_repair) else {
        return Ok(None);
    };
    let length = found.samples.end - found.samples.start;
    let Some(header) = found.format.header(length) else {
        return Ok(None);
    };
    Ok(Some(Repaired {
        source: Spliced::new(header, file, found.samples),
        notes: found.notes,
    }))
}

/// What a file's header states, as far as it is true.
#[derive(Debug)]
struct Found {
    format: Format,
    samples: Range<u64>,
    needs_repair: bool,
    notes: Vec<Note>,
}

impl Found {
    fn in_need(mut self) -> Self {
        self.needs_repair = true;
        self
    }
}

/// The format of samples.
#[derive(Debug, PartialEq)]
enum Format {
    /// Little-endian, as in a WAVE file: the body of its plain `fmt ` chunk.
    Wave(Vec<u8>),
    /// Frames of MPEG audio, which need no header.
    Mpeg,
    /// Big-endian, as in an AIFF-C file.
    Aiff {
        compression: [u8; 4],
        bits: u16,
        channels: u16,
        rate: u32,
    },
}

impl Format {
    /// A header for `length` bytes of samples. `None` for more than AIFF can state.
    fn header(&self, length: u64) -> Option<Vec<u8>> {
        match self {
            Self::Mpeg => Some(Vec::new()),
            Self::Wave(fmt) => {
                // Beyond four gigabytes the decoder reads to the end.
                let size = |more: u64| {
                    u32::try_from(length + more)
                        .unwrap_or(u32::MAX)
                        .to_le_bytes()
                };
                let fmt_size = (fmt.len() as u32).to_le_bytes();
                let data = match u32::try_from(length + 20 + fmt.len() as u64) {
                    Ok(_) => size(0),
                    Err(_) => u32::MAX.to_le_bytes(),
                };
                let parts: [&[u8]; 8] = [
                    b"RIFF",
                    &size(20 + fmt.len() as u64),
                    b"WAVE",
                    b"fmt ",
                    &fmt_size,
                    fmt,
                    b"data",
                    &data,
                ];
                Some(parts.concat())
            }
            Self::Aiff {
                compression,
                bits,
                channels,
                rate,
            } => {
                let frame = u64::from(*channels) * u64::from(bits.div_ceil(8).max(1));
                let frames = u32::try_from(length / frame.max(1)).ok()?;
                let size = |more: u64| Some(u32::try_from(length + more).ok()?.to_be_bytes());
                let parts: [&[u8]; 12] = [
                    b"FORM",
                    &size(4 + 32 + 16)?,
                    b"AIFCCOMM",
                    &24_u32.to_be_bytes(),
                    &channels.to_be_bytes(),
                    &frames.to_be_bytes(),
                    &bits.to_be_bytes(),
                    &extended(*rate),
                    compression,
                    // The name of the compression: an empty text and its padding.
                    &[0, 0],
                    b"SSND",
                    &[&size(8)?[..], &[0; 8]].concat(),
                ];
                Some(parts.concat())
            }
        }
    }
}

/// A whole number as an IEEE 754 extended, big-endian.
fn extended(number: u32) -> [u8; 10] {
    let mut bytes = [0; 10];
    let shift = number.leading_zeros();
    if number > 0 {
        let exponent = 16_383 + 31 - shift as u16;
        bytes[..2].copy_from_slice(&exponent.to_be_bytes());
        bytes[2..6].copy_from_slice(&(number << shift).to_be_bytes());
    }
    bytes
}

/// Reads the chunks of a RIFF, RF64 or BW64 file.
fn riff(file: &mut File, len: u64) -> io::Result<Option<Found>> {
    let Some(head) = bytes_at::<12>(file, 0)? else {
        return Ok(None);
    };
    let stated = u64::from(le32(&head, 4));
    let mut needs_repair = stated != 0xFFFF_FFFF && stated + 8 > len;
    let mut notes = Vec::new();
    let (mut format, mut samples, mut long_size) = (None, None::<Range<u64>>, None);
    let mut at = 12;
    let mut padded = false;
    for _ in 0..MOST_CHUNKS {
        let Some(head) = bytes_at::<8>(file, at)? else {
            break;
        };
        let mut size = u64::from(le32(&head, 4));
        let body = at + 8;
        // A chunk of odd length without its padding.
        if padded
            && !is_known_id(&head[..4])
            && bytes_at::<4>(file, at - 1)?.is_some_and(|id| is_known_id(&id))
        {
            (at, padded, needs_repair) = (at - 1, false, true);
            continue;
        }
        if !is_chunk_id(&head[..4]) {
            break;
        }
        match &head[..4] {
            b"ds64" => long_size = bytes_at::<16>(file, body)?.map(|sizes| le64(&sizes, 8)),
            b"fact" => needs_repair |= size != 4,
            b"fmt " if format.is_none() => {
                let fmt = read_at(file, body, size.min(MOST_FORMAT))?;
                let is_mpeg = matches!(fmt.as_slice(), [0x50 | 0x55, 0, ..]);
                if let Some((plain, is_plain)) = plain_format(&fmt) {
                    needs_repair |= !is_plain || samples.is_some();
                    format = Some(Format::Wave(plain));
                } else if is_mpeg {
                    needs_repair = true;
                    format = Some(Format::Mpeg);
                } else {
                    return Ok(None);
                }
            }
            b"data" if samples.is_none() => {
                let stated = Stated {
                    body,
                    size,
                    long_size,
                    end: (stated != 0xFFFF_FFFF).then_some(stated + 8),
                };
                let real = stated.real(file, len)?;
                size = real.size;
                needs_repair |= real.needs_repair;
                notes.extend(real.note);
                samples = Some(body..body + size);
            }
            b"data" if size > 0 => {
                notes.push(Note::PartsIgnored {
                    what: format!("a second part with {size} bytes of samples"),
                });
                needs_repair = true;
            }
            _ => {}
        }
        at = body.saturating_add(size).saturating_add(size % 2);
        padded = size % 2 == 1;
        if at >= len {
            break;
        }
    }
    if samples.is_none() {
        // A chunk that states too large a size hides those after it.
        let head = read_at(file, 12, MOST_SEARCHED)?;
        let place = |id: &[u8]| head.windows(id.len()).position(|four| four == id);
        if format.is_none()
            && let Some(fmt) = place(b"fmt ").and_then(|at| head.get(at + 4..))
        {
            let size = (le32(fmt, 0) as usize).min(MOST_FORMAT as usize);
            format = fmt
                .get(4..4 + size)
                .and_then(plain_format)
                .map(|(plain, _)| Format::Wave(plain));
        }
        if let Some(at) = place(b"data") {
            let body = 12 + at as u64 + 8;
            let size = u64::from(le32(head.get(at + 4..).unwrap_or_default(), 0));
            let there = len.saturating_sub(body);
            if size > 0 && (size <= there || size >= UNKNOWN) {
                notes.push(Note::HeaderRepaired {
                    what: "a part before the samples states too large a size".to_owned(),
                });
                needs_repair = true;
                samples = Some(body..body + size.min(there));
            }
        }
    }
    let (Some(format), Some(samples)) = (format, samples) else {
        return Ok(None);
    };
    Ok(Some(Found {
        format,
        samples,
        needs_repair,
        notes,
    }))
}

/// What a file states of its samples, which begin at `body`.
struct Stated {
    body: u64,
    /// The size in the chunk.
    size: u64,
    /// The size in `ds64`.
    long_size: Option<u64>,
    /// The end of the whole, if that is known.
    end: Option<u64>,
}

/// How many bytes of samples there are.
struct Real {
    size: u64,
    needs_repair: bool,
    note: Option<Note>,
}

impl Stated {
    /// The samples in a file of `len` bytes.
    fn real(&self, file: &mut File, len: u64) -> io::Result<Real> {
        let body = self.body;
        let there = len.saturating_sub(body);
        let (size, is_exact) = match (self.size, self.long_size) {
            // Recorders leave zeros or ones in `ds64` until they stop.
            (0xFFFF_FFFF, Some(long)) => (long, long < u64::MAX / 2),
            (size, _) => (size, size < UNKNOWN),
        };
        let repaired = |size: u64, what: String| Real {
            size,
            needs_repair: true,
            note: Some(Note::HeaderRepaired { what }),
        };
        if size > there {
            if is_exact {
                return Ok(Real {
                    size: there,
                    needs_repair: true,
                    note: Some(Note::Truncated),
                });
            }
            // A size of the whole that was corrected later bounds the samples.
            let end = self.end.filter(|end| (body + 1..len).contains(end));
            let real = end.map_or(there, |end| end - body);
            if size != 0xFFFF_FFFF {
                let what = format!("it states {size} bytes of samples, and {real} are there");
                return Ok(repaired(real, what));
            }
            return Ok(Real {
                size: real,
                // The decoder would miss the end.
                needs_repair: true,
                note: None,
            });
        }
        let end = body + size;
        let sound = Real {
            size,
            // A whole that ends before the samples do is wrong.
            needs_repair: self.end.is_some_and(|whole| whole < end),
            note: None,
        };
        if size == there || is_chunk_after(file, body, size, len)? {
            return Ok(sound);
        }
        // Other bytes than a chunk follow: samples, or what is no part of the file.
        let wrapped = there - there % WRAP;
        if size == 0 {
            let what = format!("it states no samples, and {there} bytes of them follow");
            return Ok(repaired(there, what));
        }
        if wrapped > 0 && (0..1 << 20).contains(&(there - wrapped).wrapping_sub(size)) {
            let what = format!("{size} stands for {} bytes of samples", size + wrapped);
            return Ok(repaired(size + wrapped, what));
        }
        if let Some(whole) = self.end.map(|whole| whole.min(len))
            && whole > end + MUCH_AFTER
        {
            let real = whole - body;
            let what = format!("it states {size} bytes of samples, and {real} are there");
            return Ok(repaired(real, what));
        }
        if there - size > MUCH_AFTER.max(size / 100) {
            return Ok(Real {
                // Notes come with a repair alone.
                needs_repair: true,
                note: Some(Note::PartsIgnored {
                    what: format!("{} bytes after the samples", there - size),
                }),
                ..sound
            });
        }
        Ok(sound)
    }
}

/// Whether a chunk follows `size` bytes of samples that begin at `body`, with or without padding.
fn is_chunk_after(file: &mut File, body: u64, size: u64, len: u64) -> io::Result<bool> {
    for at in [body + size, body + size + size % 2] {
        if at == len {
            return Ok(true);
        }
        if let Some(head) = bytes_at::<8>(file, at)? {
            let is_whole = at + 8 + u64::from(le32(&head, 4)) <= len;
            if is_known_id(&head[..4]) || is_chunk_id(&head[..4]) && is_whole {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Reads the chunks of a Sony Wave64 file: as RIFF, with identifiers of 16 bytes, sizes of 8 that
/// include both, and padding to 8.
fn wave64(file: &mut File, len: u64) -> io::Result<Option<Found>> {
    let mut at = 40;
    let mut format = None;
    for _ in 0..MOST_CHUNKS {
        let Some(head) = bytes_at::<24>(file, at)? else {
            break;
        };
        let size = le64(&head, 16);
        let body = at + 24;
        match &head[..4] {
            b"fmt " => {
                let fmt = read_at(file, body, size.saturating_sub(24).min(MOST_FORMAT))?;
                format = plain_format(&fmt).map(|(plain, _)| plain);
            }
            b"data" => {
                let Some(format) = format else {
                    return Ok(None);
                };
                let there = len.saturating_sub(body);
                let (length, notes) = stated_length(size.saturating_sub(24), there);
                return Ok(Some(Found {
                    format: Format::Wave(format),
                    samples: body..body + length,
                    needs_repair: true,
                    notes,
                }));
            }
            _ => {}
        }
        let Some(next) = at
            .checked_add(size.max(24))
            .and_then(|end| end.checked_next_multiple_of(8))
        else {
            break;
        };
        if next >= len {
            break;
        }
        at = next;
    }
    Ok(None)
}

/// The length of samples for which a header states `stated` bytes, of which `there` are there,
/// and what is wrong with it. Nothing or the largest number is what a stream states.
fn stated_length(stated: u64, there: u64) -> (u64, Vec<Note>) {
    if stated == 0 && there > 0 {
        let what = format!("it states no samples, and {there} bytes of them follow");
        (there, vec![Note::HeaderRepaired { what }])
    } else if stated >= u64::MAX - 24 {
        (there, Vec::new())
    } else if stated > there {
        (there, vec![Note::Truncated])
    } else {
        (stated, Vec::new())
    }
}

/// Reads the header of a Sun AU file.
fn sun(head: &[u8], len: u64) -> Option<Found> {
    let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let (start, stated) = (u64::from(number(4)?), number(8)?);
    let (compression, bits) = match number(12)? {
        1 => (*b"ulaw", 8),
        2 => (*b"NONE", 8),
        3 => (*b"NONE", 16),
        4 => (*b"NONE", 24),
        5 => (*b"NONE", 32),
        6 => (*b"fl32", 32),
        7 => (*b"fl64", 64),
        27 => (*b"alaw", 8),
        _ => return None,
    };
    let channels = u16::try_from(number(20)?)
        .ok()
        .filter(|&channels| channels > 0)?;
    // The decoder counts the bytes of a frame in 16 bits.
    channels.checked_mul(bits)?;
    if start < 24 || start > len {
        return None;
    }
    // The standard's value for a length that is not known.
    let stated = match stated {
        u32::MAX => u64::MAX,
        stated => u64::from(stated),
    };
    let (length, notes) = stated_length(stated, len - start);
    Some(Found {
        format: Format::Aiff {
            compression,
            bits,
            channels,
            rate: number(16)?,
        },
        samples: start..start + length,
        needs_repair: true,
        notes,
    })
}

/// The body of a `fmt ` chunk as the decoder knows it, and whether it was so already. `None` for
/// codecs that are not repaired.
fn plain_format(fmt: &[u8]) -> Option<(Vec<u8>, bool)> {
    let word = |at: usize| Some(u16::from_le_bytes(fmt.get(at..at + 2)?.try_into().ok()?));
    let (stated_tag, channels, align, bits) = (word(0)?, word(2)?, word(12)?, word(14)?);
    let extra = word(16);
    let tag = match stated_tag {
        EXTENSIBLE => word(24)?,
        tag => tag,
    };
    // Samples fill whole bytes. The size of a frame says how many, if it is right.
    let bytes = match align.checked_div(channels) {
        Some(bytes @ 1..=8) if align % channels == 0 && bytes * 8 >= bits => bytes,
        _ => bits.div_ceil(8),
    };
    let plain_bits = bytes.saturating_mul(8);
    let length = fmt.len();
    let is_plain = match (stated_tag, tag) {
        (EXTENSIBLE, 1 | 3 | 6 | 7) => length == 40 && extra == Some(22) && bits.is_multiple_of(8),
        (1, _) => matches!(length, 16 | 18 | 40) && bits == plain_bits,
        (3, _) => {
            (length == 16 || length == 40 || (length, extra) == (18, Some(0))) && bits == plain_bits
        }
        (6 | 7, _) => length == 18,
        (2 | 0x11, _) => true,
        _ => false,
    };
    if is_plain {
        return Some((fmt.to_vec(), true));
    }
    let is_possible = match tag {
        1 => (1..=4).contains(&bytes),
        3 => matches!(bytes, 4 | 8),
        6 | 7 => bytes == 1,
        _ => false,
    };
    if !is_possible || channels == 0 {
        return None;
    }
    let rate = u32::from_le_bytes(fmt.get(4..8)?.try_into().ok()?);
    let align = bytes.checked_mul(channels)?;
    let mut plain = Vec::with_capacity(18);
    plain.extend(tag.to_le_bytes());
    plain.extend(channels.to_le_bytes());
    plain.extend(rate.to_le_bytes());
    plain.extend(rate.saturating_mul(u32::from(align)).to_le_bytes());
    plain.extend(align.to_le_bytes());
    plain.extend(plain_bits.to_le_bytes());
    if matches!(tag, 6 | 7) {
        plain.extend([0, 0]);
    }
    Some((plain, false))
}

/// The format of plain samples that a `fmt ` chunk states; `None` for anything else.
pub(super) fn pcm_format(fmt: &[u8]) -> Option<PcmFormat> {
    let (plain, _) = plain_format(fmt)?;
    let word = |at: usize| Some(u16::from_le_bytes(plain.get(at..at + 2)?.try_into().ok()?));
    let tag = match word(0)? {
        EXTENSIBLE => word(24)?,
        tag => tag,
    };
    PcmFormat::of_wave(tag, word(14)?, le32(&plain, 4), word(2)?)
}

/// The name of the codec of a WAVE file, for an error: what neither the decoder nor this module reads.
///
/// # Errors
/// Those of reading the file.
pub(super) fn foreign_codec(file: &mut File) -> io::Result<Option<String>> {
    let Some(head) = bytes_at::<12>(file, 0)? else {
        return Ok(None);
    };
    if !matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") || &head[8..] != b"WAVE" {
        return Ok(None);
    }
    let mut at = 12;
    for _ in 0..MOST_CHUNKS {
        let Some(chunk) = bytes_at::<8>(file, at)? else {
            break;
        };
        let size = u64::from(le32(&chunk, 4));
        if &chunk[..4] == b"fmt " {
            let fmt = read_at(file, at + 8, size.min(MOST_FORMAT))?;
            let tag = match fmt.as_slice() {
                [0xFE, 0xFF, ..] => fmt.get(24..26),
                _ => fmt.get(..2),
            };
            let tag = tag.and_then(|tag| tag.first_chunk());
            return Ok(tag.and_then(|tag| name_of(u16::from_le_bytes(*tag))));
        }
        at += 8 + size + size % 2;
    }
    Ok(None)
}

/// What a format tag stands for; `None` for those that are read.
fn name_of(tag: u16) -> Option<String> {
    let name = match tag {
        1 | 2 | 3 | 6 | 7 | 0x11 | 0x50 | 0x55 => return None,
        0x22 => "TrueSpeech",
        0x31 | 0x32 => "GSM 6.10",
        0x14 | 0x42 => "G.723",
        0x40 | 0x45 | 0x64 => "G.726",
        0x83 => "G.729",
        0x92 | 0x2000 => "AC-3",
        0xFF | 0x1600 | 0x1610 | 0xA106 => "AAC",
        0x160..=0x163 => "Windows Media Audio",
        0x270 => "ATRAC3",
        0x566F | 0x674F..=0x6771 => "Vorbis",
        0xA109 => "Speex",
        0xF1AC => "FLAC",
        _ => "a codec",
    };
    Some(format!("its samples are {name} (WAVE format {tag:#06x})"))
}

fn is_known_id(id: &[u8]) -> bool {
    matches!(id, b"data" | b"fmt " | b"fact" | b"LIST")
}

fn is_chunk_id(id: &[u8]) -> bool {
    id.iter().all(|byte| (0x20..0x7f).contains(byte)) && id.iter().any(u8::is_ascii_alphabetic)
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..).and_then(|rest| rest.first_chunk());
    eight.map_or(0, |eight| u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const FMT: [u8; 16] = [1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0];

    /// A sparse file of a header and `length` bytes.
    fn sparse(head: &[u8], length: u64) -> (File, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(head).unwrap();
        let len = head.len() as u64 + length;
        file.set_len(len).unwrap();
        (file, len)
    }

    fn wave(whole: u32, data: u32) -> Vec<u8> {
        let parts: [&[u8]; 7] = [
            b"RIFF",
            &whole.to_le_bytes(),
            b"WAVEfmt ",
            &16_u32.to_le_bytes(),
            &FMT,
            b"data",
            &data.to_le_bytes(),
        ];
        parts.concat()
    }

    #[test]
    fn the_samples_end_where_they_really_end() {
        const MANY: u64 = 5 << 30;
        // Stated sizes of the whole and the samples, those that are there, and those that are read.
        let cases: [(u32, u32, u64, u64, bool); 12] = [
            (36 + 800, 800, 800, 800, false),
            (36 + 800, 800, 300, 300, true),
            (0, 0, 800, 800, true),
            (36, 0, 800, 800, true),
            (u32::MAX, u32::MAX, 800, 800, true),
            (36 + 800, u32::MAX, 800, 800, true),
            (36 + 700, u32::MAX, 800, 700, true),
            (36 + 800, 0x7FFF_FFFF, 800, 800, true),
            (28 + 800, 800, 800, 800, true),
            (36 + 800, 800, 861, 800, false),
            (36 + 20_000, 800, 20_000, 20_000, true),
            ((1 << 30) + 36, 1 << 30, MANY, MANY, true),
        ];
        for (whole, data, there, expected, needs_repair) in cases {
            let (mut file, len) = sparse(&wave(whole, data), there);
            let found = riff(&mut file, len).unwrap().unwrap();
            let name = format!("{whole} {data} {there}");
            assert_eq!(found.samples, 44..44 + expected, "{name}");
            assert_eq!(found.needs_repair, needs_repair, "{name}");
        }
    }

    #[test]
    fn formats_beside_the_standard_become_plain_ones() {
        let mut twelve = FMT;
        twelve[14] = 12;
        assert_eq!(plain_format(&twelve).unwrap(), (FMT.to_vec(), false));
        assert_eq!(plain_format(&FMT).unwrap(), (FMT.to_vec(), true));
        let long = [&FMT[..], &[0; 4]].concat();
        assert_eq!(plain_format(&long).unwrap(), (FMT.to_vec(), false));
        for bytes in [&FMT[..15], &[0; 40][..], &[]] {
            assert_eq!(plain_format(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_rate_as_an_extended_number() {
        assert_eq!(extended(44_100), [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]);
        assert_eq!(extended(1), [0x3f, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(extended(0), [0; 10]);
    }
}
