//! Repairs the headers of files of plain samples: RIFF WAVE, RF64, BW64, Sony Wave64 and Sun AU.
//!
//! Recorders that lose power, and programs that write to pipes, leave sizes of 0, of 0xFFFFFFFF
//! or too large; others write longer `fmt ` and `fact` chunks than the decoder knows. This module
//! finds the format and the samples, and puts a plain header before them. It decodes nothing. A
//! file whose header is sound stays as it is.

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
/// Sizes from here on stand for "not known yet" in a stream that was written to a pipe.
pub(super) const UNKNOWN: u64 = 0x7FFF_0000;
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
                let Some((plain, is_plain)) = plain_format(&fmt) else {
                    return Ok(None);
                };
                needs_repair |= !is_plain || samples.is_some();
                format = Some(plain);
            }
            b"data" if samples.is_none() => {
                if size == 0xFFFF_FFFF
                    && let Some(long) = long_size
                {
                    size = long;
                }
                let there = len.saturating_sub(body);
                let is_followed = |file: &mut File| {
                    Ok::<_, io::Error>(bytes_at::<8>(file, body)?.is_some_and(|next| {
                        is_chunk_id(&next[..4]) && u64::from(le32(&next, 4)) + 8 <= there
                    }))
                };
                if size == 0 && there > 0 && !is_followed(file)? {
                    notes.push(Note::HeaderRepaired {
                        what: format!("it states no samples, and {there} bytes of them follow"),
                    });
                    needs_repair = true;
                    size = there;
                } else if size > there {
                    if size < UNKNOWN {
                        notes.push(Note::Truncated);
                        needs_repair = true;
                    } else if size == 0xFFFF_FFFF {
                        // Never written, and the decoder would miss the end.
                        needs_repair = true;
                    } else {
                        notes.push(Note::HeaderRepaired {
                            what: format!(
                                "it states {size} bytes of samples, and {there} are there"
                            ),
                        });
                        needs_repair = true;
                    }
                    size = there;
                    // A size of the whole that was corrected later bounds the samples.
                    if stated + 8 > body && stated + 8 < len && stated != 0xFFFF_FFFF {
                        size = stated + 8 - body;
                    }
                }
                // A whole that ends before the samples do is wrong.
                needs_repair |= stated != 0xFFFF_FFFF && stated + 8 < body + size;
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
                .map(|(plain, _)| plain);
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
        format: Format::Wave(format),
        samples,
        needs_repair,
        notes,
    }))
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
                let stated = size.saturating_sub(24);
                let there = len.saturating_sub(body);
                let is_cut = stated > there && stated != u64::MAX - 24;
                return Ok(Some(Found {
                    format: Format::Wave(format),
                    samples: body..body
                        + if stated == 0 {
                            there
                        } else {
                            stated.min(there)
                        },
                    needs_repair: true,
                    notes: is_cut.then_some(Note::Truncated).into_iter().collect(),
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
        at = next;
    }
    Ok(None)
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
    if start < 24 || start > len {
        return None;
    }
    let there = len - start;
    let length = match stated {
        u32::MAX => there,
        stated => u64::from(stated).min(there),
    };
    let is_cut = stated != u32::MAX && u64::from(stated) > there;
    Some(Found {
        format: Format::Aiff {
            compression,
            bits,
            channels,
            rate: number(16)?,
        },
        samples: start..start + length,
        needs_repair: true,
        notes: is_cut.then_some(Note::Truncated).into_iter().collect(),
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
    let plain_bits = bytes * 8;
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
