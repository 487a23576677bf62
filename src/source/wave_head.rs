//! The head of the WAV files that Afield writes.

/// How the samples of a WAV file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveEncoding {
    /// Integers of 16 bits.
    Int16,
    /// Floating-point numbers of 32 bits.
    Float32,
}

/// The first 44 bytes of a WAV file, before `bytes` bytes of little-endian samples, `[n, channels]`
/// at `hz`. `None` if a size does not fit the format.
///
/// ```
/// use afield::source::{WaveEncoding, wave_head};
/// let head = wave_head(8_000, 2, WaveEncoding::Int16, 400).unwrap();
/// assert_eq!(&head[..12], b"RIFF\xb4\x01\0\0WAVE");
/// assert_eq!(wave_head(8_000, 2, WaveEncoding::Int16, usize::MAX), None);
/// ```
pub fn wave_head(
    hz: u32,
    channels: usize,
    encoding: WaveEncoding,
    bytes: usize,
) -> Option<[u8; 44]> {
    let (format, sample_bytes) = match encoding {
        WaveEncoding::Int16 => (1_u16, 2_u16),
        WaveEncoding::Float32 => (3, 4),
    };
    let bytes = u32::try_from(bytes).ok()?;
    let channels = u16::try_from(channels).ok()?;
    let frame = channels.checked_mul(sample_bytes)?;
    let parts: [&[u8]; 13] = [
        b"RIFF",
        &bytes.checked_add(36)?.to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        &format.to_le_bytes(),
        &channels.to_le_bytes(),
        &hz.to_le_bytes(),
        &hz.checked_mul(u32::from(frame))?.to_le_bytes(),
        &frame.to_le_bytes(),
        &(8 * sample_bytes).to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
    ];
    parts.concat().try_into().ok()
}
