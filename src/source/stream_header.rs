//! A WAV header at the start of a stream of samples, as `arecord` without `-t raw` and `ffmpeg`
//! write it.
//!
//! Sizes in such a header are not known when it is written. So samples go on to the end of the
//! stream, unless the header states a plausible size.

use std::io::{self, Read};

use super::PcmFormat;
use super::wave;

/// The most bytes of chunks before the samples.
const MOST_BEFORE: u64 = 16 << 20;
/// The most bytes of a `fmt ` chunk.
const MOST_FORMAT: u32 = 1024;

/// What a stream begins with.
#[derive(Debug, PartialEq)]
pub(super) enum Beginning {
    /// Samples. These bytes of them were read.
    Samples(Vec<u8>),
    /// A header. The number of bytes of samples, if it states one.
    Header(PcmFormat, Option<u64>),
}

/// Reads the header of `reader`, if it has one. Reads no more than four bytes otherwise.
///
/// # Errors
/// The reader's, and for a header that states no format of plain samples.
pub(super) fn read(reader: &mut impl Read) -> io::Result<Beginning> {
    let mut first = Vec::new();
    reader.take(4).read_to_end(&mut first)?;
    if !matches!(first.as_slice(), b"RIFF" | b"RF64" | b"BW64") {
        return Ok(Beginning::Samples(first));
    }
    let mut kind = [0; 8];
    reader.read_exact(&mut kind)?;
    if &kind[4..] != b"WAVE" {
        return Err(io::Error::other(
            "it begins with a RIFF header of another kind than WAVE",
        ));
    }
    let (mut format, mut before) = (None, 0);
    loop {
        let mut head = [0; 8];
        reader.read_exact(&mut head)?;
        let [a, b, c, d, size @ ..] = head;
        let size = u32::from_le_bytes(size);
        match &[a, b, c, d] {
            b"fmt " => {
                let mut fmt = vec![0; size.min(MOST_FORMAT) as usize];
                reader.read_exact(&mut fmt)?;
                skip(
                    reader,
                    u64::from(size) - fmt.len() as u64 + u64::from(size % 2),
                )?;
                format = wave::pcm_format(&fmt);
            }
            b"data" => {
                let Some(format) = format else {
                    return Err(io::Error::other(
                        "it begins with a WAV header whose samples are not plain PCM",
                    ));
                };
                let is_known = size > 0 && u64::from(size) < wave::UNKNOWN;
                return Ok(Beginning::Header(
                    format,
                    is_known.then_some(u64::from(size)),
                ));
            }
            _ => {
                before += u64::from(size);
                if before > MOST_BEFORE {
                    return Err(io::Error::other("it has a WAV header without samples"));
                }
                skip(reader, u64::from(size) + u64::from(size % 2))?;
            }
        }
    }
}

fn skip(reader: &mut impl Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    match skipped == bytes {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut bytes = b"RIFF\xff\xff\xff\xffWAVE".to_vec();
        for (name, size, body) in chunks {
            bytes.extend(*name);
            bytes.extend(size.to_le_bytes());
            bytes.extend(*body);
        }
        bytes
    }

    const FMT: &[u8] = &[1, 0, 2, 0, 0x44, 0xac, 0, 0, 0x10, 0xb1, 2, 0, 4, 0, 16, 0];

    #[test]
    fn the_header_of_a_stream_states_its_format() {
        let format: PcmFormat = "s16le:44100:2".parse().unwrap();
        let list: (&[u8; 4], u32, &[u8]) = (b"LIST", 3, b"abc\0");
        let mut bytes = header(&[(b"fmt ", 16, FMT), list, (b"data", u32::MAX, &[7, 8])]);
        let mut stream = bytes.as_slice();
        assert_eq!(read(&mut stream).unwrap(), Beginning::Header(format, None));
        assert_eq!(stream, [7, 8]);
        bytes = header(&[(b"fmt ", 16, FMT), (b"data", 400, &[])]);
        let read = read(&mut bytes.as_slice()).unwrap();
        assert_eq!(read, Beginning::Header(format, Some(400)));
    }

    #[test]
    fn samples_without_a_header_stay_as_they_are() {
        let mut stream: &[u8] = b"RIFX and more";
        assert_eq!(
            read(&mut stream).unwrap(),
            Beginning::Samples(b"RIFX".to_vec())
        );
        assert_eq!(stream, b" and more");
        let short = read(&mut [1, 2].as_slice()).unwrap();
        assert_eq!(short, Beginning::Samples(vec![1, 2]));
    }

    #[test]
    fn headers_that_cannot_be_used_are_errors() {
        let gsm = [0x31, 0, 1, 0, 0x40, 0x1f, 0, 0, 0, 0, 0, 0, 65, 0, 0, 0];
        for bytes in [
            b"RIFF\0\0\0\0AVI ".to_vec(),
            b"RIFF\0\0".to_vec(),
            header(&[(b"data", 4, &[0; 4])]),
            header(&[(b"fmt ", 16, &gsm), (b"data", 4, &[0; 4])]),
            header(&[(b"junk", u32::MAX, &[0; 4])]),
            header(&[(b"fmt ", u32::MAX, FMT)]),
        ] {
            assert!(read(&mut bytes.as_slice()).is_err(), "{bytes:?}");
        }
    }
}
