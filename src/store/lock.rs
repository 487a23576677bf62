//! The writer's lock: one writer at a time, and a name for the processes that wait.
//!
//! The operating system holds the lock, on a file of its own. So the lock is free after its owner
//! dies. The file's content only names the owner for processes that wait. Readers never use the
//! lock.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::StoreError;

/// The file inside a learner's folder.
const FILE_NAME: &str = "learner.lock";
/// How long a writer waits for another one before it fails. One write takes milliseconds, and a
/// second on a slow card. A longer write means that another process keeps the lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(2);
/// The longest content of a lock file that is read.
const MAX_BYTES: u64 = 4096;

/// The process that is writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The process id.
    pub pid: u32,
    /// The host name.
    pub host: String,
    /// The command.
    pub command: String,
    /// When it took the lock, in milliseconds of Unix time.
    pub since_unix_ms: u128,
}

impl Owner {
    fn this(purpose: Option<&str>) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let host = host.or_else(|| std::env::var("HOSTNAME").ok());
        let command = purpose.map_or_else(
            || {
                let words: Vec<String> = std::env::args().take(2).collect();
                let program = words.first().map_or("", |path| {
                    Path::new(path)
                        .file_name()
                        .and_then(|n| n.to_str())
                        .unwrap_or(path)
                });
                format!("{program} {}", words.get(1).map_or("", String::as_str))
            },
            str::to_owned,
        );
        Self {
            pid: std::process::id(),
            host: host.map_or_else(|| "this host".to_owned(), |host| host.trim().to_owned()),
            command: command.trim().replace('\n', " "),
            since_unix_ms: now_unix_ms(),
        }
    }

    fn to_text(&self) -> String {
        let Self {
            pid,
            host,
            command,
            since_unix_ms,
        } = self;
        format!("pid {pid}\nhost {host}\ncommand {command}\nsince {since_unix_ms}\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        };
        Some(Self {
            pid: field("pid")?.parse().ok()?,
            host: field("host")?.to_owned(),
            command: field("command")?.to_owned(),
            since_unix_ms: field("since")?.parse().ok()?,
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = now_unix_ms().saturating_sub(self.since_unix_ms) as f64 / 1e3;
        let Self {
            pid, host, command, ..
        } = self;
        write!(
            out,
            "`{command}` (process {pid} on {host}) since {age:.1} s"
        )
    }
}

/// Keeps all other writers of a learner out until it is dropped, for work of several steps.
/// [`Store::hold`](super::Store::hold) makes one.
#[derive(Debug)]
#[must_use = "other writers are let in again when it is dropped"]
pub(crate) struct Hold {
    pub(super) _lock: Arc<WriterLock>,
}

/// The right to write. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct WriterLock(File);

impl WriterLock {
    /// Waits a limited time for the lock of the learner in `dir`.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Io`].
    pub(crate) fn take(dir: &Path, purpose: Option<&str>) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        let io = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        let mut file = (OpenOptions::new().read(true).write(true))
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(io(source)),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let owner = owner(&mut file).to_string();
                    return Err(StoreError::Locked { path, owner });
                }
            }
        }
        let text = Owner::this(purpose).to_text();
        let written = file
            .rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64));
        match written {
            Ok(()) => Ok(Self(file)),
            // On a full disk the lock works without a name.
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Ok(Self(file)),
            Err(source) => Err(io(source)),
        }
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing the file would release the lock as well.
        let _ = self.0.unlock();
    }
}

/// The owner of the lock, as far as the file names it.
fn owner(file: &mut File) -> Owner {
    let mut text = String::new();
    let read = (file.seek(SeekFrom::Start(0)))
        .and_then(|_| file.take(MAX_BYTES).read_to_string(&mut text));
    (read.ok())
        .and_then(|_| Owner::from_text(&text))
        .unwrap_or_else(|| Owner {
            pid: 0,
            host: "an unknown host".to_owned(),
            command: "a process that left no name".to_owned(),
            since_unix_ms: now_unix_ms(),
        })
}

/// The time for the age of a lock, which is only shown to people.
fn now_unix_ms() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_writer_learns_the_owner_of_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let held = WriterLock::take(dir.path(), Some("merge kitchen hall")).unwrap();
        let error = WriterLock::take(dir.path(), None).unwrap_err().to_string();
        let me = format!("`merge kitchen hall` (process {} on ", std::process::id());
        assert!(error.contains(&me), "{error}");
        let age = error
            .split(" since ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        assert!(age.unwrap().parse::<f64>().unwrap() >= 5.0, "{error}");
        drop(held);
        WriterLock::take(dir.path(), None).unwrap();
    }

    #[test]
    fn owner_is_read_back_as_written() {
        let owner = Owner::this(Some("a b"));
        assert_eq!(Owner::from_text(&owner.to_text()), Some(owner));
        assert_eq!(Owner::from_text("pid x\n"), None);
    }
}
