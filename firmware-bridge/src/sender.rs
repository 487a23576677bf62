//! Sends payloads: numbers, frames and stuffs them.

use crate::frame::{EncodeError, Frame};
use crate::payload::Payload;

/// Numbers the frames of one side of a line. `N` is the maximum payload length.
#[derive(Debug, Clone, Default)]
pub struct Sender<const N: usize> {
    sequence: u16,
    sent: u32,
    latest_us: u64,
}

impl<const N: usize> Sender<N> {
    /// A sender whose first frame has number 0.
    pub const fn new() -> Self {
        Self {
            sequence: 0,
            sent: 0,
            latest_us: 0,
        }
    }

    /// Writes the next frame to the start of `out` and returns its length, at most
    /// [`Frame::MAX_ENCODED`]. If the time is earlier than that of the previous frame, the
    /// previous time is used, because a clock that goes back means a restart of the sender.
    ///
    /// # Errors
    /// [`EncodeError`]; the number is then not used up.
    pub fn write<P: Payload>(
        &mut self,
        time_us: u64,
        payload: &P,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let time_us = time_us.max(self.latest_us);
        let frame = Frame::<N>::carrying(self.sequence, time_us, payload)?;
        let length = frame.encode(out)?;
        self.latest_us = time_us;
        self.sequence = self.sequence.wrapping_add(1);
        self.sent = self.sent.wrapping_add(1);
        Ok(length)
    }

    /// Number of frames written so far.
    pub fn sent(&self) -> u32 {
        self.sent
    }
}
