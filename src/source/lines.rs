//! Lines of text from a reader: the common ground of tables and JSON lines.
//!
//! A line ends with LF, CR or both. A byte order mark is dropped, and UTF-16 that has one is
//! decoded. Memory is bounded: a line that is too long is cut and marked. Lines that were read to
//! find the head can be given back.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use super::SourceError;

/// The longest line, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The line in place of the bytes that were lost with a port. The line before it is no row.
pub(super) const LOSS: &[u8] = b"\0\n\0lost\0\n";
/// That line, without the end.
const LOSS_LINE: &[u8] = b"\0lost\0";

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    bytes: Vec<u8>,
    /// Whether an end of line follows.
    pub(super) is_ended: bool,
    /// Whether it was cut because it is too long.
    pub(super) is_too_long: bool,
}

impl Line {
    /// Its text without surrounding white space. Bytes that are not UTF-8 are read as Latin-1.
    /// `None` if it is not text: it has zeros, or is mostly bytes above 127 that are not UTF-8.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        if self.bytes.contains(&0) {
            return None;
        }
        if let Ok(text) = std::str::from_utf8(&self.bytes) {
            return Some(Cow::Borrowed(text.trim()));
        }
        let high = self.bytes.iter().filter(|byte| **byte > 127).count();
        let is_text = high * 2 < self.bytes.len() && !self.bytes.contains(&0xff);
        is_text.then(|| {
            let text: String = self.bytes.iter().map(|&byte| char::from(byte)).collect();
            Cow::Owned(text.trim().to_owned())
        })
    }

    /// Whether a port was lost here ([`LOSS`]).
    pub(super) fn is_loss(&self) -> bool {
        self.bytes == LOSS_LINE
    }

    /// Whether it is empty or a comment.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self.bytes.trim_ascii_start().first(), None | Some(b'#'))
    }
}

/// Reads lines.
pub(super) struct Lines {
    what: String,
    reader: BufReader<Box<dyn Read + Send>>,
    /// Number of lines read.
    number: u64,
    is_begun: bool,
    /// Whether the latest line ended with CR, so that a LF belongs to it.
    is_after_return: bool,
    /// Lines that were given back.
    returned: VecDeque<Line>,
    /// Whether a line that is too long is an error, as in a head.
    pub(super) is_strict: bool,
}

impl Lines {
    /// Lines of `reader`, which messages call `what`. Reads nothing yet.
    pub(super) fn new(reader: impl Read + Send + 'static, what: &str) -> Self {
        let reader: Box<dyn Read + Send> = Box::new(reader);
        Self {
            what: what.to_owned(),
            reader: BufReader::with_capacity(1 << 15, reader),
            number: 0,
            is_begun: false,
            is_after_return: false,
            returned: VecDeque::new(),
            is_strict: true,
        }
    }

    /// The name of the reader in messages.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Whether a whole line can be read without waiting for it.
    pub(super) fn is_ready(&self) -> bool {
        let buffer = self.reader.buffer();
        let rest = match buffer {
            [b'\n', rest @ ..] if self.is_after_return => rest,
            all => all,
        };
        !self.returned.is_empty() || rest.iter().any(|byte| is_end(*byte))
    }

    /// Gives `lines` back, to be read again.
    pub(super) fn give_back(&mut self, lines: impl DoubleEndedIterator<Item = Line>) {
        for line in lines.rev() {
            self.returned.push_front(line);
        }
    }

    /// Replaces `line` with the next line. `false` at the end.
    pub(super) fn next(&mut self, line: &mut Line) -> Result<bool, SourceError> {
        if let Some(returned) = self.returned.pop_front() {
            *line = returned;
            return Ok(true);
        }
        let more = self.read(line);
        more.map_err(|error| SourceError::sensor_data(&self.what, error.to_string()))
    }

    fn read(&mut self, line: &mut Line) -> io::Result<bool> {
        if !self.is_begun {
            self.begin()?;
            self.is_begun = true;
        }
        line.bytes.clear();
        (line.is_ended, line.is_too_long) = (false, false);
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let Some(&first) = buffer.first() else {
                break;
            };
            if std::mem::take(&mut self.is_after_return) && first == b'\n' {
                self.reader.consume(1);
                continue;
            }
            let end = buffer.iter().position(|byte| is_end(*byte));
            let piece = buffer.get(..end.unwrap_or(buffer.len()));
            let piece = piece.unwrap_or_default();
            if line.bytes.len() + piece.len() > MAX_LINE_BYTES {
                if self.is_strict {
                    let reason = format!("a line is longer than {MAX_LINE_BYTES} bytes");
                    return Err(io::Error::other(reason));
                }
                line.is_too_long = true;
            } else {
                line.bytes.extend_from_slice(piece);
            }
            if let Some(end) = end {
                self.is_after_return = buffer.get(end) == Some(&b'\r');
                self.reader.consume(end + 1);
                line.is_ended = true;
                break;
            }
            let count = buffer.len();
            self.reader.consume(count);
        }
        if !line.is_ended && line.bytes.is_empty() && !line.is_too_long {
            return Ok(false);
        }
        self.number += 1;
        line.number = self.number;
        Ok(true)
    }

    /// Drops a byte order mark. Decodes UTF-16 after one.
    fn begin(&mut self) -> io::Result<()> {
        let length = match self.reader.fill_buf()?.first() {
            Some(0xef) => 3,
            Some(0xff | 0xfe) => 2,
            _ => return Ok(()),
        };
        let mut mark = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut mark)?;
        let empty: Box<dyn Read + Send> = Box::new(io::empty());
        let rest = std::mem::replace(&mut self.reader, BufReader::new(empty));
        let reader: Box<dyn Read + Send> = match mark.as_slice() {
            [0xef, 0xbb, 0xbf] => {
                self.reader = rest;
                return Ok(());
            }
            [0xff, 0xfe] => Box::new(Wide::new(rest, u16::from_le_bytes)),
            [0xfe, 0xff] => Box::new(Wide::new(rest, u16::from_be_bytes)),
            _ => Box::new(Cursor::new(mark).chain(rest)),
        };
        self.reader = BufReader::with_capacity(1 << 15, reader);
        Ok(())
    }
}

fn is_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// Decodes UTF-16 to UTF-8. Halves of surrogate pairs become U+FFFD.
struct Wide<R> {
    reader: R,
    unit: fn([u8; 2]) -> u16,
    /// A byte that waits for its other half, and half a surrogate pair.
    half: Option<u8>,
    high: Option<u16>,
    out: VecDeque<u8>,
}

impl<R: Read> Wide<R> {
    fn new(reader: R, unit: fn([u8; 2]) -> u16) -> Self {
        Self {
            reader,
            unit,
            half: None,
            high: None,
            out: VecDeque::new(),
        }
    }

    fn take(&mut self, unit: u16) {
        let units = self.high.take().into_iter().chain([unit]);
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(c) => {
                    let mut bytes = [0; 4];
                    self.out.extend(c.encode_utf8(&mut bytes).as_bytes());
                }
                Err(half) if (0xd800..0xdc00).contains(&half.unpaired_surrogate()) => {
                    self.high = Some(half.unpaired_surrogate());
                }
                Err(_) => self.out.extend("\u{fffd}".as_bytes()),
            }
        }
    }
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.out.is_empty() {
            let mut bytes = [0; 4096];
            let count = self.reader.read(&mut bytes)?;
            if count == 0 {
                break;
            }
            for &byte in bytes.get(..count).unwrap_or_default() {
                match self.half.take() {
                    Some(first) => self.take((self.unit)([first, byte])),
                    None => self.half = Some(byte),
                }
            }
        }
        self.out.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: impl Into<Vec<u8>>) -> Vec<(u64, Option<String>, bool)> {
        let mut lines = Lines::new(Cursor::new(bytes.into()), "test");
        let (mut line, mut all) = (Line::default(), Vec::new());
        while lines.next(&mut line).unwrap() {
            let text = line.text().map(Cow::into_owned);
            all.push((line.number, text, line.is_ended));
        }
        all
    }

    fn line(number: u64, text: &str, is_ended: bool) -> (u64, Option<String>, bool) {
        (number, Some(text.to_owned()), is_ended)
    }

    #[test]
    fn every_end_of_line_and_encoding_gives_the_same_lines() {
        let expected = vec![line(1, "ä [°/s]", true), line(2, "1", false)];
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}ä [°/s]\r\n1"
                .encode_utf16()
                .flat_map(bytes)
                .collect()
        };
        for bytes in [
            "ä [°/s]\n1".as_bytes().to_vec(),
            "ä [°/s]\r1".as_bytes().to_vec(),
            "\u{feff}ä [°/s]\r\n1".as_bytes().to_vec(),
            b"\xe4 [\xb0/s]\n1".to_vec(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ] {
            assert_eq!(texts(bytes.clone()), expected, "{bytes:?}");
        }
        // A character outside the basic plane, and a mark that is none.
        let wide: Vec<u8> = "\u{feff}\u{1f300}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(texts(wide), [line(1, "\u{1f300}", false)]);
        assert_eq!(texts(*b"\xef\n1\n"), [(1, None, true), line(2, "1", true)]);
    }

    #[test]
    fn zeros_and_erased_flash_are_not_text() {
        let lines = texts(*b"1\n\0\0\0\n\xff\xff\xff\xff1\n2\n");
        let is_text: Vec<bool> = lines.iter().map(|(_, text, _)| text.is_some()).collect();
        assert_eq!(is_text, [true, false, false, true]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_read() {
        let long = "1".repeat(3 * MAX_LINE_BYTES) + "\n2\n";
        let mut lines = Lines::new(Cursor::new(long), "test");
        lines.is_strict = false;
        let mut line = Line::default();
        assert!(lines.next(&mut line).unwrap() && line.is_too_long);
        assert!(line.bytes.len() <= MAX_LINE_BYTES);
        assert!(lines.next(&mut line).unwrap() && !line.is_too_long);
        assert_eq!(line.text().unwrap(), "2");
        let mut strict = Lines::new(io::repeat(b'1'), "test");
        assert!(strict.next(&mut line).is_err());
    }
}
