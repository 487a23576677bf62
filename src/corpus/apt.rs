//! Getting and unpacking a Debian package without installing it.
//!
//! `apt-get download` works for every user. Where the system's package lists
//! are missing or stale, fresh ones are fetched into a folder of our own, which
//! needs no rights either.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::CorpusError;

/// Lines of a failed program's talk that are shown.
const SHOWN_LINES: usize = 6;
/// apt's own patience, in seconds and tries.
const PATIENCE: [&str; 4] = [
    "-oAcquire::http::Timeout=30",
    "-oAcquire::https::Timeout=30",
    "-oAcquire::Retries=1",
    "-oAPT::Sandbox::User=root",
];

/// Unpacks `package` and gives the folder that holds its files, under `work`.
pub(super) fn unpack(package: &str, work: &Path) -> Result<PathBuf, CorpusError> {
    if let Err(first) = download(package, work, &[]) {
        if let CorpusError::NoProgram { .. } = first {
            return Err(first);
        }
        let lists = private_lists(work)?;
        run(
            "apt-get",
            work,
            &[&lists[..], &["update".to_owned()]].concat(),
        )?;
        download(package, work, &lists)?;
    }
    let files = work.join("files");
    let deb = downloaded(work)?;
    let arguments = ["-x".into(), text(&deb), text(&files)];
    run("dpkg-deb", work, &arguments)?;
    Ok(files)
}

fn download(package: &str, work: &Path, options: &[String]) -> Result<(), CorpusError> {
    let what = ["download".to_owned(), package.to_owned()];
    run("apt-get", work, &[options, &what].concat())?;
    downloaded(work).map(|_| ())
}

fn downloaded(work: &Path) -> Result<PathBuf, CorpusError> {
    let io = |source| CorpusError::Io {
        path: work.to_owned(),
        source,
    };
    for entry in fs::read_dir(work).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|ending| ending == "deb") {
            return Ok(path);
        }
    }
    Err(CorpusError::Program {
        program: "apt-get",
        talk: "no package came".to_owned(),
    })
}

/// Options that keep apt's lists and state under `work`.
fn private_lists(work: &Path) -> Result<Vec<String>, CorpusError> {
    let state = work.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        let path = state.join(folder);
        fs::create_dir_all(&path).map_err(|source| CorpusError::Io { path, source })?;
    }
    let status = state.join("status");
    fs::write(&status, "").map_err(|source| CorpusError::Io {
        path: status.clone(),
        source,
    })?;
    Ok(vec![
        format!("-oDir::State={}", text(&state)),
        format!("-oDir::State::Lists={}", text(&state.join("lists"))),
        format!("-oDir::State::Status={}", text(&status)),
        format!("-oDir::Cache={}", text(&state.join("cache"))),
    ])
}

fn run(program: &'static str, work: &Path, arguments: &[String]) -> Result<(), CorpusError> {
    let mut command = Command::new(program);
    if program == "apt-get" {
        command.args(PATIENCE);
    }
    let output = (command.args(arguments).current_dir(work))
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| CorpusError::NoProgram { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = talk.lines().collect();
    let talk = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
    Err(CorpusError::Program { program, talk })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
