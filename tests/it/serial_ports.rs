//! Serial ports without one of our devices behind them.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use afield::source::{PortName, SerialSource, SourceError, StreamProperty};
use serialport::{SerialPort, TTYPort};

use crate::harness::Program;

/// What opening a port comes to on which `bytes` are said five times a second.
fn opened(bytes: &[u8]) -> SourceError {
    let (mut near, far) = TTYPort::pair().expect("a pair of pseudo-terminals");
    let name: PortName = far.name().unwrap().parse().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = near.write_all(bytes);
                thread::sleep(Duration::from_millis(200));
            }
        });
        let result = SerialSource::open(&name, None);
        done.store(true, Ordering::Relaxed);
        match result {
            Err(error) => error,
            Ok(_) => panic!("no device is there"),
        }
    })
}

#[test]
fn a_silent_port_is_reported_as_silent() {
    let error = opened(&[]);
    assert!(
        matches!(error, SourceError::PortSilent { bytes: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_port_with_another_protocol_is_reported_as_such() {
    let error = opened(b"$GPGGA,123519,4807.038,N*47\r\n\0garbage\0");
    let frames = matches!(
        error,
        SourceError::PortSilent {
            frames: 0,
            bytes: 1..,
            ..
        }
    );
    assert!(frames, "{error}");
}

#[test]
fn a_device_of_another_protocol_version_is_distinguished_from_noise() {
    // Version 2, kind 1, all else 1, and the CRC-32C of these; no byte is 0.
    let mut body = [1_u8; 12];
    body[0] = 2;
    let mut crc = u32::MAX;
    for byte in body {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
        }
    }
    let wire = [&[0, 17], body.as_slice(), &(!crc).to_le_bytes(), &[0]].concat();
    let error = opened(&wire);
    let SourceError::Mismatch {
        property: StreamProperty::ProtocolVersion,
        actual,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(actual, "2");
}

#[test]
fn a_missing_port_is_named_with_a_hint() {
    let said = Program::new("ports --probe /dev/no-such-port")
        .run()
        .refused();
    assert!(
        said.contains("--probe") && said.contains("/dev/no-such-port"),
        "{said}"
    );
    let said = Program::new("ports --probe /dev/ttyS0@fast")
        .run()
        .refused();
    assert!(said.contains("ttyS0@fast"), "{said}");
    let malformed = Program::new("ports --probe /dev/ttyS0@9").run();
    malformed.fails(2).says(["hint: ", "PATH@BAUD"]);
    Program::new("ports --json").run().ok();
}
