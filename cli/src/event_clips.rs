//! The sounds of events as WAV files, of a bounded number and size.
//!
//! A clip is `DIR/CLASS/START_CLASS.wav`. Only files of such names are counted and removed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use afield::Event;
use anyhow::{Context, Result, anyhow};

use super::event_output::name;
use super::output::{temporary, unwritable};

const FLAG: &str = "--clips";

/// The most characters of a label in the name of a file.
const MOST_CHARACTERS: usize = 60;

/// A folder of clips, one folder for each class in it.
pub struct EventClips {
    folder: PathBuf,
    most_per_class: usize,
    most_bytes: u64,
    /// How much of what came before an event is kept with it.
    pre_roll: Duration,
    /// The clips of each class, oldest first.
    classes: BTreeMap<String, Vec<Clip>>,
    bytes: u64,
}

struct Clip {
    path: PathBuf,
    bytes: u64,
    /// Oldest first: when the file was written, since 1970, and its name.
    age: (Duration, String),
}

impl EventClips {
    /// Makes the folder, or counts the clips that are in it.
    pub fn open(
        folder: &Path,
        most_per_class: usize,
        most_bytes: u64,
        pre_roll: Duration,
    ) -> Result<Self> {
        let unreadable = |error: io::Error| {
            anyhow!(
                "{FLAG}: cannot use the folder {}: {error}\nhint: name a folder that is yours, or a new one in such a folder",
                folder.display()
            )
        };
        fs::create_dir_all(folder).map_err(unreadable)?;
        let mut clips = Self {
            folder: folder.to_owned(),
            most_per_class,
            most_bytes,
            pre_roll,
            classes: BTreeMap::new(),
            bytes: 0,
        };
        for class in fs::read_dir(folder).map_err(unreadable)? {
            let class = class.map_err(unreadable)?;
            if !class.file_type().map_err(unreadable)?.is_dir() {
                continue;
            }
            let Ok(folder_name) = class.file_name().into_string() else {
                continue;
            };
            let mut found = Vec::new();
            for file in fs::read_dir(class.path()).map_err(unreadable)? {
                let file = file.map_err(unreadable)?;
                let Ok(file_name) = file.file_name().into_string() else {
                    continue;
                };
                let is_file = file.file_type().map_err(unreadable)?.is_file();
                if !is_file || !is_clip(&file_name, &folder_name) {
                    continue;
                }
                let metadata = file.metadata().map_err(unreadable)?;
                let written = written_at(&metadata).map_err(unreadable)?;
                clips.bytes += metadata.len();
                found.push(Clip {
                    path: file.path(),
                    bytes: metadata.len(),
                    age: (written, file_name),
                });
            }
            found.sort_by(|a, b| a.age.cmp(&b.age));
            clips.classes.insert(folder_name, found);
        }
        Ok(clips)
    }

    /// Writes the sound of an event, and removes the oldest clips that are too many.
    pub fn keep(&mut self, event: &Event) -> Result<()> {
        let context = || format!("{FLAG}: the sound of event {}", event.id);
        let wav = event
            .recording_after(self.pre_roll)
            .and_then(|mut recording| recording.to_wave());
        let wav = wav.with_context(context)?;
        let class = file_name_of(name(event));
        let folder = self.folder.join(&class);
        let start = match event.at {
            Some(at) => at.to_string().replace(['-', ':'], ""),
            None => format!("{:010.3}", event.start.as_secs_f64()),
        };
        let unwritable = |path: &Path, error: &io::Error| unwritable(FLAG, path, error);
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        // Two sounds may begin at the same time: in two files, or in two runs.
        let mut path = folder.join(format!("{start}_{class}.wav"));
        let mut copies = 1;
        while path.symlink_metadata().is_ok() {
            let is_same = || fs::read(&path).is_ok_and(|bytes| bytes == wav);
            if path.symlink_metadata().is_ok_and(|data| data.is_file()) && is_same() {
                return Ok(());
            }
            copies += 1;
            path = folder.join(format!("{start}_{class}-{copies}.wav"));
        }
        let written = temporary(&path).and_then(|mut file| {
            file.write_all(&wav)?;
            file.persist_noclobber(&path)?;
            written_at(&fs::metadata(&path)?)
        });
        let written = written.map_err(|error| unwritable(&path, &error))?;
        let bytes = wav.len() as u64;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let age = (written, file_name.into_owned());
        self.bytes += bytes;
        let clips = self.classes.entry(class.clone()).or_default();
        clips.push(Clip { path, bytes, age });
        while self.classes.get(&class).map_or(0, Vec::len) > self.most_per_class {
            self.remove_oldest(&class)?;
        }
        while self.bytes > self.most_bytes {
            let oldest = self.classes.iter().filter_map(|(class, clips)| {
                let first = clips.first()?;
                Some((&first.age, class))
            });
            let Some((_, class)) = oldest.min() else {
                break;
            };
            let class = class.clone();
            self.remove_oldest(&class)?;
        }
        Ok(())
    }

    fn remove_oldest(&mut self, class: &str) -> Result<()> {
        let Some(clips) = self
            .classes
            .get_mut(class)
            .filter(|clips| !clips.is_empty())
        else {
            return Ok(());
        };
        let clip = clips.remove(0);
        self.bytes -= clip.bytes;
        match fs::remove_file(&clip.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = clip.path.display();
                Err(anyhow!(
                    "{FLAG}: cannot remove {path}: {error}\nhint: name a folder that is yours"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// When a file was written, since 1970.
fn written_at(metadata: &fs::Metadata) -> io::Result<Duration> {
    let since = metadata.modified()?.duration_since(UNIX_EPOCH);
    Ok(since.unwrap_or_default())
}

/// Whether a file in the folder `class` has the name of a clip: `START_CLASS.wav`, perhaps with
/// `-2` and so on after the class.
fn is_clip(file: &str, class: &str) -> bool {
    let Some((start, rest)) = file
        .strip_suffix(".wav")
        .and_then(|stem| stem.split_once('_'))
    else {
        return false;
    };
    let is_start = start.len() >= 10
        && start.contains('.')
        && start
            .bytes()
            .all(|b| b.is_ascii_digit() || b".TZ".contains(&b));
    let Some(copies) = rest.strip_prefix(class) else {
        return false;
    };
    let number = copies.strip_prefix('-');
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_start && (copies.is_empty() || number.is_some_and(is_number))
}

/// A label as the name of a folder: letters, digits, and single `-`, `_`, `.` and blanks between
/// them. A label with anything else gets a hash, so that two labels have two folders.
fn file_name_of(label: &str) -> String {
    let mut name = String::new();
    for c in label.chars().take(MOST_CHARACTERS) {
        let is_fine = c.is_alphanumeric() || (!name.is_empty() && "-_. ".contains(c));
        name.push(if is_fine { c } else { '_' });
    }
    let end = name.trim_end_matches(['.', ' ']).len();
    name.truncate(end);
    if name == label && !is_reserved(label) {
        return name;
    }
    // FNV-1a.
    let hash = label.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{name}_{hash:08x}")
}

/// Names that are devices in every folder of Windows.
fn is_reserved(label: &str) -> bool {
    let stem = label.split('.').next().unwrap_or_default();
    let stem = stem.trim_end().to_ascii_lowercase();
    let is_port = |name: &str| {
        let number = stem.strip_prefix(name);
        number.is_some_and(|number| number.chars().count() == 1)
    };
    ["con", "prn", "aux", "nul"].contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

/// Parses a size in bytes, such as `500MB` or `2GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let parsed = UNITS.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*bytes).filter(|&bytes| bytes > 0)
    });
    parsed.ok_or_else(|| "expected a size with its unit, such as 500MB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_folders_that_stay_inside() {
        for label in [
            "dog",
            "Rotkehlchen",
            "front door",
            "kühl-2",
            "カラス",
            "v1.5",
        ] {
            assert_eq!(file_name_of(label), label);
        }
        let odd = [
            "..",
            ".",
            "../x",
            "/etc/passwd",
            "a/b",
            "a_b/",
            "a\\b",
            "a\u{2215}b",
            "a\u{ff0f}b",
            "\u{ff0e}\u{ff0e}",
            ".hidden",
            "-rf",
            "a:b",
            "x.",
            "con",
            "LPT1.x",
            "a\u{202e}b",
            "a\u{200b}b",
            "~",
            "*",
        ];
        let mut names: Vec<String> = odd.iter().map(|label| file_name_of(label)).collect();
        names.push(file_name_of(&"x".repeat(128)));
        names.push(file_name_of(&"x".repeat(127)));
        for name in &names {
            let plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
            assert!(name.chars().all(plain), "{name}");
            assert!(!name.starts_with(['.', '-', ' ']), "{name}");
            assert!(!name.ends_with(['.', ' ']), "{name}");
            assert_eq!(Path::new(name).components().count(), 1, "{name}");
            assert!(name.chars().count() < 80, "{name}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), odd.len() + 2, "{names:?}");
    }

    #[test]
    fn only_clips_are_counted() {
        for name in [
            "000012.340_dog.wav",
            "20260601T201000.123Z_dog.wav",
            "20260601T201000.123Z_dog-2.wav",
        ] {
            assert!(is_clip(name, "dog"), "{name}");
        }
        for name in [
            "dog.wav",
            "12_dog.wav",
            "000012.340_cat.wav",
            "000012.340_dog-x.wav",
        ] {
            assert!(!is_clip(name, "dog"), "{name}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        for wrong in ["", "500", "MB", "0MB", "-1MB", "1e3MB", "99999999999GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
