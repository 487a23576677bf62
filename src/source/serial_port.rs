//! Serial ports: their names, the list of them, and an open port.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serialport::{SerialPort, SerialPortType, available_ports};

use super::{SourceError, SourceSpec};

/// The time that a read waits for the first byte. The reading thread does nothing else meanwhile.
const PATIENCE: Duration = Duration::from_millis(20);

/// A port and its speed: `PATH` or `PATH@BAUD`.
///
/// ```
/// use afield::source::PortName;
/// let port: PortName = "/dev/ttyUSB0@921600".parse()?;
/// assert_eq!(port.baud(), 921_600);
/// assert_eq!("COM3".parse::<PortName>()?.to_string(), "COM3@115200");
/// # Ok::<(), afield::source::SourceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortName {
    path: String,
    baud: u32,
}

impl PortName {
    /// The default speed. USB devices (CDC) ignore it.
    const DEFAULT_BAUD: u32 = 115_200;

    /// The path of the port.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Bits a second.
    pub fn baud(&self) -> u32 {
        self.baud
    }
}

impl FromStr for PortName {
    type Err = SourceError;
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let wrong = |reason: &str| SourceError::Syntax {
            text: text.to_owned(),
            what: "serial port",
            form: "PATH or PATH@BAUD, as in /dev/ttyACM0 or /dev/ttyUSB0@921600",
            reason: reason.to_owned(),
        };
        let (path, baud) = match text.rsplit_once('@') {
            // Names under /dev/serial/by-path may contain an @.
            Some((path, baud)) if baud.chars().all(|c| c.is_ascii_digit()) => {
                let baud = (baud.parse().ok()).filter(|baud| (50..=50_000_000).contains(baud));
                let baud = baud
                    .ok_or_else(|| wrong("its speed is not from 50 to 50000000 bits a second"))?;
                (path, baud)
            }
            _ => (text, Self::DEFAULT_BAUD),
        };
        if path.is_empty() {
            return Err(wrong("it has no path"));
        }
        Ok(Self {
            path: path.to_owned(),
            baud,
        })
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.path, self.baud)
    }
}

/// A serial port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// Its path.
    pub path: PathBuf,
    /// Its bus: `usb`, `pci`, `bluetooth` or `other`.
    pub kind: &'static str,
    /// USB vendor and product.
    pub usb: Option<(u16, u16)>,
    /// The product name that the device reports, if any.
    pub product: Option<String>,
    /// The serial number that the device reports, if any.
    pub serial_number: Option<String>,
}

/// The serial ports of this machine, sorted by path.
///
/// # Errors
/// [`SourceError::Io`] if the system does not list them.
pub fn ports() -> Result<Vec<PortInfo>, SourceError> {
    let refused = |error: serialport::Error| SourceError::stream("the list of serial ports", error);
    let info = |port: serialport::SerialPortInfo| {
        let path = PathBuf::from(port.port_name);
        let plain = |kind| PortInfo {
            path: path.clone(),
            kind,
            usb: None,
            product: None,
            serial_number: None,
        };
        match port.port_type {
            SerialPortType::UsbPort(usb) => PortInfo {
                usb: Some((usb.vid, usb.pid)),
                product: usb.product,
                serial_number: usb.serial_number,
                ..plain("usb")
            },
            SerialPortType::PciPort => plain("pci"),
            SerialPortType::BluetoothPort => plain("bluetooth"),
            SerialPortType::Unknown => plain("other"),
        }
    };
    let mut ports: Vec<_> = available_ports()
        .map_err(refused)?
        .into_iter()
        .map(info)
        .collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ports)
}

/// An open port.
pub(super) struct Port(Box<dyn SerialPort>);

impl Port {
    pub(super) fn open(name: &PortName) -> Result<Self, SourceError> {
        let opened = serialport::new(&name.path, name.baud)
            .timeout(PATIENCE)
            .open();
        opened.map(Self).map_err(|error| SourceError::Device {
            device: SourceSpec::serial(name.clone()),
            reason: error.to_string(),
        })
    }

    /// Reads bytes that have arrived; 0 if none arrived in time. An error means that the port
    /// is gone.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes) {
            // For a port that exists, the system reports a timeout instead.
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if is_a_wait(&error) => Ok(0),
            result => result,
        }
    }

    /// Writes as much as the port accepts. A blocked line accepts less; requests are repeated.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.write_all(bytes) {
            Err(error) if is_a_wait(&error) => Ok(()),
            result => result,
        }
    }
}

fn is_a_wait(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_name_is_a_path_with_an_optional_speed() {
        let parse = |text: &str| text.parse::<PortName>();
        let by_path = "/dev/serial/by-path/pci-0000:00@14.0-usb";
        assert_eq!(parse(by_path).unwrap().path(), Path::new(by_path));
        assert_eq!(parse("/dev/ttyS0@9600").unwrap().baud(), 9_600);
        for wrong in [
            "",
            "@9600",
            "/dev/ttyS0@",
            "/dev/ttyS0@0",
            "/dev/ttyS0@99999999999",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missing_port_is_named_in_the_error() {
        let name: PortName = "/dev/no-such-port".parse().unwrap();
        let error = Port::open(&name).err().unwrap().to_string();
        assert!(error.contains("/dev/no-such-port"), "{error}");
    }
}
