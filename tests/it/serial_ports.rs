//! Serial ports without one of our devices behind them.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use afield::signal::{Chunk, SampleRate};
use afield::source::{
    PortName, Recorded, SensorFormat, SensorRate, SerialSource, Source, SourceError, SourceOptions,
    SourceSpec, StreamProperty,
};
use serialport::{SerialPort, TTYPort};

use crate::harness::listener::{ListeningProcess, wait_until};
use crate::harness::{Program, Sandbox, skip};

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

/// A port of this name, which a test can take away and give back: a link to a pseudo-terminal.
struct Pluggable {
    folder: tempfile::TempDir,
    ends: Option<(TTYPort, TTYPort)>,
}

impl Pluggable {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, ends: None }
    }

    fn spec(&self) -> SourceSpec {
        let path = self.folder.path().join("port");
        SourceSpec::parse(&format!("serial:{}", path.display())).unwrap()
    }

    fn plug(&mut self) {
        let ends = TTYPort::pair().expect("a pair of pseudo-terminals");
        let path = self.folder.path().join("port");
        std::os::unix::fs::symlink(ends.1.name().unwrap(), path).unwrap();
        self.ends = Some(ends);
    }

    fn unplug(&mut self) {
        std::fs::remove_file(self.folder.path().join("port")).unwrap();
        self.ends = None;
    }

    fn say(&mut self, text: &str) {
        let (near, _) = self.ends.as_mut().expect("it is plugged in");
        near.write_all(text.as_bytes()).unwrap();
    }
}

/// The chunks until `samples` samples of one channel came.
fn read(source: &mut dyn Source, samples: usize) -> Vec<(u64, Vec<f32>)> {
    let (mut chunk, mut all, began) = (Chunk::default(), Vec::new(), Instant::now());
    let mut count = 0;
    while count < samples {
        assert!(began.elapsed() < Duration::from_secs(60), "{all:?}");
        assert!(source.read(&mut chunk).unwrap());
        count += chunk.samples.len();
        if !chunk.samples.is_empty() {
            all.push((chunk.start.0, chunk.samples.clone()));
        }
    }
    all
}

#[test]
fn lines_go_on_after_a_gap_when_a_lost_port_is_back() {
    let rows =
        |range: std::ops::Range<u32>| -> String { range.map(|i| format!("{i}.5,1\r\n")).collect() };
    let timed = |range: std::ops::Range<u32>| -> String {
        range
            .map(|i| format!("{{\"t\":{},\"ax\":{i}}}\r\n", f64::from(i) / 50.0))
            .collect()
    };
    let sentences = |range: std::ops::Range<u32>| -> String {
        let body = |i: u32| format!("IIXDR,G,{i},G,ax");
        let sum = |body: &str| body.bytes().fold(0, |sum, byte| sum ^ byte);
        range
            .map(body)
            .map(|body| format!("${body}*{:02X}\r\n", sum(&body)))
            .collect()
    };
    let column = |name: &str| vec![name.to_owned()];
    // The rows before and after, the first of which is cut; columns.
    let cases = [
        (
            format!("ax [g],ay\r\n{}", rows(0..60)),
            format!("7.5,1\r\n{}", rows(0..60)),
            column("ax"),
        ),
        (
            format!("ax [g],ay\r\n{}", rows(0..60)),
            format!("boot\r\nrst:1,boot:8\r\nax [g],ay\r\n{}", rows(0..60)),
            column("ax"),
        ),
        (
            timed(0..60),
            format!("x\":3}}\r\n{}", timed(0..60)),
            column("ax"),
        ),
        (
            format!("boot\r\n{}", sentences(0..60)),
            format!("X,G,9,G,ax*00\r\n{}", sentences(0..60)),
            column("ax=XDR.ax"),
        ),
    ];
    for (before, after, columns) in cases {
        let mut port = Pluggable::new();
        port.plug();
        let options = SourceOptions {
            serial_lines: true,
            sensor: SensorFormat {
                columns,
                rate: SensorRate::new(50.0).ok(),
                ..SensorFormat::default()
            },
            ..SourceOptions::default()
        };
        let spec = port.spec();
        let opened = thread::spawn(move || {
            spec.open_live(Recorded::Sensor, SampleRate::ONE_HZ, &options)
                .unwrap()
        });
        // Opening a port drops what was sent before.
        thread::sleep(Duration::from_millis(500));
        port.say(&before);
        let mut source = opened.join().unwrap();
        let first = read(&mut *source, 59);
        assert!(
            first.iter().all(|(start, _)| *start <= 1_200_000),
            "{first:?}"
        );
        let device = |source: &dyn Source| source.live().unwrap().health();
        assert!(device(&*source).connected);
        // It is lost in the middle of a line.
        port.say("5");
        port.unplug();
        let began = Instant::now();
        while device(&*source).connected {
            assert!(began.elapsed() < Duration::from_secs(60));
            assert!(
                source.read(&mut Chunk::default()).unwrap(),
                "it does not end"
            );
        }
        thread::sleep(Duration::from_secs(1));
        port.plug();
        while !device(&*source).connected {
            assert!(source.read(&mut Chunk::default()).unwrap());
        }
        port.say(&after);
        let second = read(&mut *source, 50);
        let (start, samples) = &second[0];
        assert!(
            *start > 2_000_000,
            "the host's clock measures the gap: {start}"
        );
        assert!(*start < 60_000_000, "{start}");
        assert!(samples[0] < 1.0, "the cut line is passed over: {samples:?}");
        assert_eq!(device(&*source).troubles, 1);
        let report = source.live().unwrap().report();
        assert!(report.contains("1 reconnects"), "{report}");
    }
}

/// Lines after a loss that another board prints, and what is said of them.
fn others() -> [(String, &'static str); 3] {
    let rows = "0.5,0.5,9.8\r\n".repeat(60);
    [
        (
            format!("boot\r\nbx [g],by [g]\r\n{}", "0.5,1\r\n".repeat(60)),
            "bx [g], by [g]",
        ),
        (format!("7\r\n{rows}"), "3 columns"),
        ("{\"ax\":1}\r\n".repeat(60), "JSON lines"),
    ]
}

#[test]
fn a_lost_port_that_comes_back_with_other_lines_is_an_error() {
    for (after, found) in others() {
        let mut port = Pluggable::new();
        port.plug();
        let options = SourceOptions {
            serial_lines: true,
            sensor: SensorFormat {
                rate: SensorRate::new(50.0).ok(),
                ..SensorFormat::default()
            },
            ..SourceOptions::default()
        };
        let spec = port.spec();
        let opened = thread::spawn(move || {
            spec.open_live(Recorded::Sensor, SampleRate::ONE_HZ, &options)
                .unwrap()
        });
        thread::sleep(Duration::from_millis(500));
        port.say(&format!("ax [g],ay [g]\r\n{}", "0.5,1\r\n".repeat(60)));
        let mut source = opened.join().unwrap();
        read(&mut *source, 2 * 59);
        port.unplug();
        let is_connected = |source: &dyn Source| source.live().unwrap().health().connected;
        let mut chunk = Chunk::default();
        while is_connected(&*source) {
            source.read(&mut chunk).unwrap();
        }
        port.plug();
        while !is_connected(&*source) {
            source.read(&mut chunk).unwrap();
        }
        port.say(&after);
        let began = Instant::now();
        let error = loop {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{found}: no error"
            );
            match source.read(&mut chunk) {
                Ok(more) => assert!(more, "it ends with an error"),
                Err(error) => break error,
            }
            // What came before the loss.
            assert!(
                chunk.samples.chunks(2).all(|row| row == [0.5, 1.0]),
                "{chunk:?}"
            );
        };
        assert!(matches!(error, SourceError::OtherColumns { .. }), "{error}");
        let text = error.to_string();
        let expected = format!("came back with other columns: {found}; expected ax [g], ay [g]");
        assert!(text.ends_with(&expected), "{text}");
        assert!(!source.read(&mut chunk).unwrap(), "it is over");
    }
}

/// A port in a process of its own, which another process can lose: the pseudo-terminals of this one
/// are inherited by all that it starts.
struct Board(Child);

impl Board {
    /// A board at the end of the link `path`; `None` without a Python.
    fn plug(path: &Path) -> Option<Self> {
        let script = "\
import os, pty, sys, tty
near, far = pty.openpty()
tty.setraw(far)
os.symlink(os.ttyname(far), sys.argv[1])
while text := os.read(0, 4096):
    os.write(near, text)
";
        let mut python = Command::new("python3");
        let board = python.args(["-c", script]).arg(path).stdin(Stdio::piped());
        let board = board.spawn().ok().map(Self)?;
        wait_until("the port is there", || path.exists());
        Some(board)
    }

    fn say(&mut self, text: &str) {
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn listen_ends_with_an_error_when_another_board_answers() {
    let head = "ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]\r\n";
    let rows = |count: u32| -> String {
        (0..count)
            .map(|i| format!("0.{},0.1,1.0,0.5,{}.0,0.1\r\n", i % 10, i % 7))
            .collect()
    };
    let sandbox = Sandbox::cold().with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    sandbox.write("a.csv", format!("# rate: 50 Hz\n{head}{}", rows(300)));
    sandbox.run("teach still a.csv").ok();
    let path = sandbox.path("port");
    let Some(mut board) = Board::plug(&path) else {
        skip("another board", "there is no python3");
        return;
    };
    let arguments = "listen --source serial:port --lines --rate 50 --window 2 --windows";
    let mut listening = ListeningProcess::start(sandbox.afield(arguments));
    listening.read();
    thread::sleep(Duration::from_secs(2));
    board.say(&format!("{head}{}", rows(40)));
    for _ in 0..6 {
        thread::sleep(Duration::from_millis(100));
        board.say(&rows(40));
    }
    assert!(listening.next().is_some());
    std::fs::remove_file(&path).unwrap();
    drop(board);
    listening.wait_for("no connection: ");
    let mut other = Board::plug(&path).unwrap();
    listening.stderr.clear();
    listening.wait_for("connected: ");
    other.say(&format!(
        "boot\r\nt [C],hum\r\n{}",
        "21.5,40\r\n".repeat(40)
    ));
    let (status, said) = listening.end();
    // A status that `Restart=on-failure` restarts.
    assert_eq!(status.code(), Some(1), "{said:?}");
    let said = said.join("\n");
    for part in [
        "came back with other columns: t [C], hum; expected ax [g], ay [g], az [g], wx [deg/s]",
        "hint: was another one plugged in?",
    ] {
        assert!(said.contains(part), "{said}");
    }
}
