//! The user's own apt downloads one package, and dpkg unpacks it.
//!
//! apt knows the user's mirrors, proxy and keys, and verifies what it downloads. Nothing is
//! installed, and no script of the package runs. Nothing is written outside the given folder: apt's
//! caches are redirected to it. So are its package lists, if the system's lists are missing or out
//! of date. No special rights are needed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command::{self, Ended, Fault};
use super::error::{CorpusError, FetchTask, PackageFault};

/// How to run apt and dpkg.
#[derive(Debug, Clone)]
pub struct Apt {
    apt_get: OsString,
    dpkg_deb: OsString,
    limit: Duration,
}

impl Default for Apt {
    fn default() -> Self {
        Self::new("apt-get", "dpkg-deb")
    }
}

impl Apt {
    /// Uses these programs. Each run of one gets 5 minutes.
    pub fn new(apt_get: impl Into<OsString>, dpkg_deb: impl Into<OsString>) -> Self {
        Self {
            apt_get: apt_get.into(),
            dpkg_deb: dpkg_deb.into(),
            limit: Duration::from_secs(300),
        }
    }

    /// Sets the time limit after which a program is stopped.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Downloads `package` below the folder `into` and returns its path.
    pub(super) fn download(
        &self,
        corpus: &str,
        package: &str,
        into: &Path,
        said: &mut dyn FnMut(&str),
    ) -> Result<PathBuf, CorpusError> {
        let run = Run {
            apt: self,
            corpus,
            into,
        };
        let debs = into.join("debs");
        for folder in [
            &debs,
            &into.join("cache/archives/partial"),
            &into.join("lists/partial"),
        ] {
            fs::create_dir_all(folder).map_err(CorpusError::io("create folder", folder))?;
        }
        let doing = format!("apt-get download {package}");
        let first = run.apt_get(&["download", package], false, &doing, said)?;
        if !succeeded(&first) {
            // The exit status does not matter: one of many sources may not answer. The download
            // shows whether the lists suffice.
            let update = run.apt_get(&["update"], true, "apt-get update", said)?;
            let mut second = run.apt_get(&["download", package], true, &doing, said)?;
            second.said = distinct_lines([&first.said, &update.said, &second.said]);
            check(second, doing)?;
        }
        only_package(&debs, package)
    }

    /// Unpacks the package's files into the folder `to`.
    pub(super) fn unpack(
        &self,
        corpus: &str,
        deb: &Path,
        into: &Path,
        to: &Path,
    ) -> Result<(), CorpusError> {
        let run = Run {
            apt: self,
            corpus,
            into,
        };
        let mut command = Command::new(&self.dpkg_deb);
        command.arg("-x").arg(deb).arg(to);
        let doing = "dpkg-deb -x";
        let ended = run.run(&mut command, &self.dpkg_deb, doing, &mut |_| {})?;
        check(ended, doing.to_owned())
    }
}

/// One fetch.
struct Run<'a> {
    apt: &'a Apt,
    corpus: &'a str,
    into: &'a Path,
}

impl Run<'_> {
    fn apt_get(
        &self,
        arguments: &[&str],
        own_lists: bool,
        doing: &str,
        said: &mut dyn FnMut(&str),
    ) -> Result<Ended, CorpusError> {
        let mut command = Command::new(&self.apt.apt_get);
        let setting = |key: &str, folder: &str| -> OsString {
            let mut setting = OsString::from(format!("{key}="));
            setting.push(self.into.join(folder));
            setting
        };
        command
            .current_dir(self.into.join("debs"))
            .args([
                "-q",
                "-o",
                "Acquire::Retries=2",
                "-o",
                "Acquire::Languages=none",
            ])
            // apt's own user cannot write into this folder.
            .args(["-o", "APT::Sandbox::User=root", "-o"])
            .arg(setting("Dir::Cache", "cache"));
        if own_lists {
            command.arg("-o").arg(setting("Dir::State::Lists", "lists"));
        }
        command.args(arguments);
        self.run(&mut command, &self.apt.apt_get, doing, said)
    }

    fn run(
        &self,
        command: &mut Command,
        program: &OsString,
        doing: &str,
        said: &mut dyn FnMut(&str),
    ) -> Result<Ended, CorpusError> {
        let ended = command::run(command.env("LC_ALL", "C"), self.apt.limit, said);
        match ended {
            Ok(Ended { status: None, .. }) => Err(CorpusError::Timeout {
                doing: doing.to_owned(),
                limit_seconds: self.apt.limit.as_secs(),
            }),
            Ok(ended) => Ok(ended),
            Err(Fault::Start(reason)) => Err(CorpusError::NoProgram {
                name: self.corpus.to_owned(),
                program: program.display().to_string(),
                task: FetchTask::Package,
                reason,
            }),
            Err(Fault::Watch(reason)) => {
                let action = "keep the talk of apt in";
                Err(CorpusError::io(action, &std::env::temp_dir())(reason))
            }
        }
    }
}

fn succeeded(ended: &Ended) -> bool {
    ended.status.is_some_and(|status| status.success())
}

fn check(ended: Ended, doing: String) -> Result<(), CorpusError> {
    match ended.status {
        Some(status) if status.success() => Ok(()),
        status => Err(CorpusError::Program {
            doing,
            task: FetchTask::Package,
            status: status.map_or_else(String::new, |status| status.to_string()),
            said: ended.said,
        }),
    }
}

/// The lines of several runs, each line once. The cause may appear in the first run only.
fn distinct_lines(talks: [&String; 3]) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in talks.into_iter().flat_map(|talk| talk.lines()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let last = lines.len().saturating_sub(12);
    lines.split_off(last).join("\n")
}

fn only_package(folder: &Path, package: &str) -> Result<PathBuf, CorpusError> {
    let entries = fs::read_dir(folder).map_err(CorpusError::io("read", folder))?;
    let mut debs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect();
    match (debs.pop(), debs.len()) {
        (Some(deb), 0) => Ok(deb),
        (last, more) => Err(CorpusError::Package {
            package: format!("package {package}"),
            fault: PackageFault::Count(more + usize::from(last.is_some())),
        }),
    }
}
