//! The firmware of firmware-bridge/firmware in an emulator, its UART on a
//! pseudo-terminal, and a noisy line in between.

#[allow(dead_code, reason = "the board uses all of it")]
#[path = "../../../firmware-bridge/firmware/src/features.rs"]
pub mod features;
#[allow(dead_code, reason = "the board uses all of it")]
#[path = "../../../firmware-bridge/firmware/src/imu.rs"]
pub mod imu;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serialport::{SerialPort, TTYPort};

#[allow(dead_code, reason = "its own tests use all of it")]
#[path = "../../../firmware-bridge/tests/line/mod.rs"]
mod line;

pub use line::Faults;
use line::Line;

/// The board, running until it is dropped.
pub struct Board {
    emulator: Child,
    port: PathBuf,
}

impl Board {
    /// Starts the firmware, or says why the test is skipped: there is no emulator or
    /// no compiler for the board's processor. Where `CI` is set that is a failure.
    pub fn start(test: &str) -> Option<Self> {
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| build(None)).clone();
        Self::or_skip(test, built.and_then(|elf| Self::run(&elf)))
    }

    /// The same with a recording compiled in, which the board replays instead of its
    /// synthetic motions: 6 little-endian 16-bit counts a sample.
    pub fn replaying(test: &str, recording: &Path) -> Option<Self> {
        let built = build(Some(recording));
        Self::or_skip(test, built.and_then(|elf| Self::run(&elf)))
    }

    fn or_skip(test: &str, started: Result<Self, String>) -> Option<Self> {
        match started {
            Ok(board) => Some(board),
            Err(reason) => {
                super::skip(test, format_args!("an emulated board: {reason}"));
                None
            }
        }
    }

    fn run(elf: &Path) -> Result<Self, String> {
        let arguments = "-machine mps2-an386 -display none -monitor none -serial pty -kernel";
        let mut emulator = Command::new("qemu-system-arm")
            .args(arguments.split(' '))
            .arg(elf)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("qemu-system-arm: {error} (Debian: qemu-system-arm)"))?;
        let mut line = String::new();
        let output = emulator.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let port = line
            .split_whitespace()
            .find(|word| word.starts_with("/dev/"));
        let port = port.unwrap_or_else(|| panic!("no port in {line:?}")).into();
        Ok(Self { emulator, port })
    }

    /// Where its UART is.
    pub fn port(&self) -> &Path {
        &self.port
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

fn build(recording: Option<&Path>) -> Result<PathBuf, String> {
    // One at a time: what cargo makes is copied only afterwards.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock().expect("no build has panicked");
    let root = crate::root();
    let what = recording.map_or("motions", |_| "recording");
    let name = format!("{}-{what}.elf", std::process::id());
    let elf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("bash");
    match recording {
        Some(path) => command.env("AFIELD_RECORDING", path),
        None => command.env_remove("AFIELD_RECORDING"),
    };
    let output = command
        .arg(root.join("firmware-bridge/firmware/build.sh"))
        .arg(&elf)
        .env("AFIELD_NO_FETCH", "1")
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware"),
        )
        .env_remove("CARGO")
        .env_remove("RUSTFLAGS")
        .output()
        .map_err(|error| format!("bash: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            eprint!("firmware: {}", String::from_utf8_lossy(&output.stdout));
            Ok(elf)
        }
        Some(3) => Err(said.trim().to_owned()),
        _ => panic!("the firmware does not build:\n{said}"),
    }
}

/// A line between a port and another one that it makes, with faults towards the host
/// and towards the device.
pub struct NoisyLine {
    port: PathBuf,
    stop: Arc<AtomicBool>,
    /// Whether bytes pass at all.
    open: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _far: TTYPort,
}

impl NoisyLine {
    pub fn to(device: &Path, faults: Faults, seed: u64) -> Self {
        let (mut near, far) = TTYPort::pair().expect("a pair of pseudo-terminals");
        let port = far.name().expect("the far end has a name").into();
        let path = device.to_str().expect("a plain path");
        let mut device = serialport::new(path, 115_200)
            .timeout(Duration::from_millis(5))
            .open()
            .expect("the board's port opens");
        near.set_timeout(Duration::from_millis(5))
            .expect("a timeout");
        let stop = Arc::new(AtomicBool::new(false));
        let open = Arc::new(AtomicBool::new(true));
        let (stopped, passes) = (Arc::clone(&stop), Arc::clone(&open));
        let thread = thread::spawn(move || {
            let (mut up, mut down) = (Line::new(faults, seed), Line::new(faults, seed + 1));
            let (mut bytes, mut out) = ([0; 1_024], Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(count) = device.read(&mut bytes) {
                    up.carry(&bytes[..count], &mut out);
                    if passes.load(Ordering::Relaxed) {
                        let _ = near.write_all(&out);
                    }
                    out.clear();
                }
                if let Ok(count) = near.read(&mut bytes) {
                    down.carry(&bytes[..count], &mut out);
                    if passes.load(Ordering::Relaxed) {
                        let _ = device.write_all(&out);
                    }
                    out.clear();
                }
            }
        });
        Self {
            port,
            stop,
            open,
            thread: Some(thread),
            _far: far,
        }
    }

    /// The end for the host.
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// Cuts the line, or mends it.
    pub fn pass(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

impl Drop for NoisyLine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
