//! What a process does to its disk, seen from outside by strace, and the disks
//! that a power cut may leave of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Program;

/// Whether strace is there; says so when not.
pub fn strace(test: &str) -> bool {
    let there = (Command::new("strace").arg("-V").output()).is_ok_and(|out| out.status.success());
    if !there {
        super::skip(test, "strace");
    }
    there
}

/// The same run under strace, which writes to `log` what it does to its files.
pub fn traced(program: Program, log: &Path) -> Program {
    let calls = "trace=openat,write,pwrite64,fsync,fdatasync,ftruncate,unlink,rename";
    let mut arguments: Vec<OsString> = ["-f", "-y", "-xx", "-s", "10000000", "-e", calls, "-o"]
        .map(OsString::from)
        .into();
    arguments.push(log.into());
    program.under("strace", &arguments)
}

/// One thing that a process did in the folder.
#[derive(Debug, Clone)]
pub enum Event {
    Create(String),
    Write(String, usize, Vec<u8>),
    Truncate(String, usize),
    Sync(String),
    SyncFolder,
    Unlink(String),
    Rename(String, String),
}

/// Appends what the log of [`traced`] says of files directly in `folder`.
pub fn read_events(log: &Path, folder: &Path, known: &mut Vec<String>, events: &mut Vec<Event>) {
    let text = fs::read_to_string(log).unwrap();
    let folder = folder.to_str().unwrap();
    for line in text.lines() {
        let Some((_, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let Some((name, rest)) = call.split_once('(') else {
            continue;
        };
        if call.contains(" = -1 ") {
            continue;
        }
        let texts = texts(rest);
        let file = |at: usize| -> Option<String> {
            let path = String::from_utf8(texts.get(at)?.clone()).ok()?;
            if path == folder {
                return Some(String::new());
            }
            let name = path.strip_prefix(folder)?.strip_prefix('/')?;
            (!name.contains('/') && !name.ends_with("-shm") && !name.ends_with(".lock"))
                .then(|| name.to_owned())
        };
        let number = || -> usize {
            let end = rest.rfind(')').unwrap_or(rest.len());
            let last = rest[..end].rsplit(", ").next().unwrap_or("");
            last.trim()
                .parse()
                .unwrap_or_else(|_| panic!("a number ends {line:.200}"))
        };
        match name {
            // AT_FDCWD is shown with its folder.
            "openat" if rest.contains("O_CREAT") => {
                if let Some(name) = file(1).filter(|name| !known.contains(name)) {
                    known.push(name.clone());
                    events.push(Event::Create(name));
                }
            }
            "pwrite64" => {
                if let Some(name) = file(0) {
                    events.push(Event::Write(name, number(), texts[1].clone()));
                }
            }
            "write" => {
                // Only the witness is written so, whole and from its start.
                if let Some(name) = file(0).filter(|name| !name.is_empty()) {
                    events.push(Event::Write(name, 0, texts[1].clone()));
                }
            }
            "ftruncate" => {
                if let Some(name) = file(0) {
                    events.push(Event::Truncate(name, number()));
                }
            }
            "fsync" | "fdatasync" => match file(0) {
                Some(name) if name.is_empty() => events.push(Event::SyncFolder),
                Some(name) => events.push(Event::Sync(name)),
                None => {}
            },
            "unlink" => {
                if let Some(name) = file(0) {
                    known.retain(|known| *known != name);
                    events.push(Event::Unlink(name));
                }
            }
            "rename" => {
                if let (Some(from), Some(to)) = (file(0), file(1)) {
                    known.retain(|known| *known != from);
                    known.push(to.clone());
                    events.push(Event::Rename(from, to));
                }
            }
            _ => {}
        }
    }
}

/// Everything that strace shows as bytes: quoted texts, and paths in `<>`.
fn texts(call: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut bytes = call.as_bytes();
    while let Some(start) = bytes.windows(2).position(|w| w == b"\\x") {
        bytes = &bytes[start..];
        let mut text = Vec::new();
        while let [b'\\', b'x', high, low, rest @ ..] = bytes {
            let digit = |d: u8| (d as char).to_digit(16).unwrap() as u8;
            text.push(digit(*high) << 4 | digit(*low));
            bytes = rest;
        }
        found.push(text);
    }
    found
}

/// What of the unsynced writes has reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All of them.
    Kept,
    /// None.
    Dropped,
    /// Those before some moment, the last of them torn between two sectors.
    Prefix,
    /// Of each 512-byte sector and each other change, chance decides.
    Torn,
}

const SECTOR: usize = 512;

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// A disk that remembers what has been synced and what not.
#[derive(Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    /// Names that survive whatever happens.
    durable: BTreeMap<String, usize>,
    /// Names as the processes see them.
    names: BTreeMap<String, usize>,
    /// Changes of names since the folder was synced: the maps after each.
    pending: Vec<BTreeMap<String, usize>>,
}

impl Disk {
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Create(name) => {
                self.files.push(File::default());
                self.names.insert(name.clone(), self.files.len() - 1);
                self.pending.push(self.names.clone());
            }
            Event::Write(name, offset, bytes) => {
                self.file(name)
                    .pending
                    .push(Pending::Write(*offset, bytes.clone()));
            }
            Event::Truncate(name, len) => self.file(name).pending.push(Pending::Truncate(*len)),
            Event::Sync(name) => {
                let file = self.file(name);
                for pending in std::mem::take(&mut file.pending) {
                    pending.apply(&mut file.durable, |_| true);
                }
            }
            Event::SyncFolder => {
                self.durable = self.names.clone();
                self.pending.clear();
            }
            Event::Unlink(name) => {
                self.names.remove(name);
                self.pending.push(self.names.clone());
            }
            Event::Rename(from, to) => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
                self.pending.push(self.names.clone());
            }
        }
    }

    fn file(&mut self, name: &str) -> &mut File {
        let at = self.names.get(name).copied();
        &mut self.files[at.unwrap_or_else(|| panic!("{name} was never created"))]
    }

    /// Writes to `folder` what a power cut leaves now.
    pub fn cut(&self, fate: Fate, rng: &mut ChaCha8Rng, folder: &Path) {
        let all = self.pending.len();
        let names = match fate {
            Fate::Kept => all,
            Fate::Dropped => 0,
            Fate::Prefix | Fate::Torn => rng.random_range(0..=all),
        };
        let names = match names {
            0 => &self.durable,
            n => &self.pending[n - 1],
        };
        for (name, &at) in names {
            let file = &self.files[at];
            let mut bytes = file.durable.clone();
            let stop = rng.random_range(0..=file.pending.len());
            for (i, pending) in file.pending.iter().enumerate() {
                match fate {
                    Fate::Kept => pending.apply(&mut bytes, |_| true),
                    Fate::Dropped => {}
                    Fate::Prefix if i < stop => pending.apply(&mut bytes, |_| true),
                    Fate::Prefix if i == stop => {
                        let sectors = rng.random_range(0..9);
                        pending.apply(&mut bytes, |sector| sector < sectors);
                    }
                    Fate::Prefix => {}
                    Fate::Torn => pending.apply(&mut bytes, |_| rng.random()),
                }
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

impl Pending {
    /// `keeps` is asked about each sector of a write, and once about a truncation.
    fn apply(&self, bytes: &mut Vec<u8>, mut keeps: impl FnMut(usize) -> bool) {
        match self {
            Self::Truncate(len) => {
                if keeps(0) {
                    bytes.resize(*len, 0);
                }
            }
            Self::Write(offset, data) => {
                let mut done = 0;
                let mut sector = 0;
                while done < data.len() {
                    let end = (SECTOR - (offset + done) % SECTOR + done).min(data.len());
                    if keeps(sector) {
                        if bytes.len() < offset + end {
                            bytes.resize(offset + end, 0);
                        }
                        bytes[offset + done..offset + end].copy_from_slice(&data[done..end]);
                    }
                    (done, sector) = (end, sector + 1);
                }
            }
        }
    }
}
