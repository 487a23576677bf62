//! Text from a serial port, for devices that print a table or JSON lines.
//!
//! The port is read as a stream that ends when the port is gone. Nothing is sent to the device.

use std::io::{self, Read};

use super::serial_port::Port;
use super::{PortName, SourceError};

/// An open port, as a reader that waits for bytes.
pub(super) struct SerialText(Port);

impl SerialText {
    pub(super) fn open(name: &PortName) -> Result<Self, SourceError> {
        Ok(Self(Port::open(name)?))
    }
}

impl Read for SerialText {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(bytes) {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                // The port is gone: the stream ends.
                Err(_) => return Ok(0),
            }
        }
    }
}
