//! Consistent overhead byte stuffing (Cheshire & Baker 1999), one byte at a time.
//!
//! The stuffed bytes contain no 0 and are longer by at most one byte per 254. A 0 therefore marks
//! the end of a frame, and a receiver finds the next frame after the next 0.

/// The longest run of bytes after one code byte.
const RUN: u8 = 254;

/// Maximum stuffed length of `body` bytes, including the final 0.
pub(crate) const fn max_encoded(body: usize) -> usize {
    body + body / RUN as usize + 2
}

/// Writes stuffed bytes into a buffer.
pub(crate) struct Stuffer<'a> {
    out: &'a mut [u8],
    length: usize,
    code_at: usize,
    code: u8,
}

impl<'a> Stuffer<'a> {
    pub(crate) fn new(out: &'a mut [u8]) -> Self {
        Self {
            out,
            length: 1,
            code_at: 0,
            code: 1,
        }
    }

    /// Returns `None` if the buffer is full.
    pub(crate) fn push(&mut self, byte: u8) -> Option<()> {
        // A full run is closed only if more bytes follow: the last run needs no further code.
        if self.code > RUN {
            self.close()?;
        }
        if byte == 0 {
            return self.close();
        }
        *self.out.get_mut(self.length)? = byte;
        self.length += 1;
        self.code += 1;
        Some(())
    }

    /// Ends the frame and returns its length, or `None` if the buffer is full.
    pub(crate) fn finish(mut self) -> Option<usize> {
        self.close()?;
        *self.out.get_mut(self.code_at)? = 0;
        Some(self.length)
    }

    fn close(&mut self) -> Option<()> {
        *self.out.get_mut(self.code_at)? = self.code;
        self.code_at = self.length;
        self.length += 1;
        self.code = 1;
        Some(())
    }
}

/// Restores stuffed bytes without interpreting them.
#[derive(Debug, Clone)]
pub(crate) struct Unstuffer {
    /// Number of missing bytes of the current run.
    missing: u8,
    /// Whether a 0 comes between the current run and the next one.
    zero_follows: bool,
}

impl Unstuffer {
    pub(crate) const fn new() -> Self {
        Self {
            missing: 0,
            zero_follows: false,
        }
    }

    /// Takes a byte other than 0. Returns the body byte that it yields, if any.
    pub(crate) fn push(&mut self, byte: u8) -> Option<u8> {
        if let Some(left) = self.missing.checked_sub(1) {
            self.missing = left;
            return Some(byte);
        }
        let zero = self.zero_follows.then_some(0);
        self.missing = byte.saturating_sub(1);
        self.zero_follows = byte <= RUN;
        zero
    }

    /// Ends a frame. Returns the number of missing bytes.
    pub(crate) fn finish(self) -> u8 {
        self.missing
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn stuffed(body: &[u8]) -> Vec<u8> {
        let mut out = std::vec![0xAA; max_encoded(body.len())];
        let mut stuffer = Stuffer::new(&mut out);
        body.iter().for_each(|&b| stuffer.push(b).unwrap());
        let length = stuffer.finish().unwrap();
        out.truncate(length);
        out
    }

    #[test]
    fn runs_are_coded_as_in_the_paper() {
        assert_eq!(stuffed(&[]), [1, 0]);
        assert_eq!(stuffed(&[0]), [1, 1, 0]);
        assert_eq!(stuffed(&[0, 0]), [1, 1, 1, 0]);
        assert_eq!(stuffed(&[0x11, 0x22, 0, 0x33]), [3, 0x11, 0x22, 2, 0x33, 0]);
        assert_eq!(stuffed(&[0x11, 0, 0, 0]), [2, 0x11, 1, 1, 1, 0]);
        let run: Vec<u8> = (1..=254).collect();
        let mut expected = std::vec![255];
        expected.extend(&run);
        expected.push(0);
        assert_eq!(stuffed(&run), expected);
        let long: Vec<u8> = (1..=255).collect();
        expected.pop();
        expected.extend([2, 255, 0]);
        assert_eq!(stuffed(&long), expected);
    }

    #[test]
    fn unstuffing_restores_the_stuffed_bytes() {
        for length in [0, 1, 253, 254, 255, 508, 509, 1000] {
            for modulus in [1, 2, 254, 255, 256] {
                let body: Vec<u8> = (0..length).map(|i| (i % modulus) as u8).collect();
                let wire = stuffed(&body);
                assert!(wire.len() <= max_encoded(length));
                let (end, stuffing) = wire.split_last().unwrap();
                assert!(*end == 0 && !stuffing.contains(&0));
                let mut unstuffer = Unstuffer::new();
                let back: Vec<u8> = stuffing.iter().filter_map(|&b| unstuffer.push(b)).collect();
                assert_eq!((back, unstuffer.finish()), (body, 0));
            }
        }
    }
}
