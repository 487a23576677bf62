//! Output files. Each appears complete or not at all.

use std::fmt::Display;
use std::path::Path;
use std::{fs, io};

use anyhow::anyhow;
use tempfile::NamedTempFile;

/// A temporary file beside `output`, to be renamed to it when it is complete.
pub fn temporary(output: &Path) -> io::Result<NamedTempFile> {
    let folder = output
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // The umask decides who can read the file, as for any other output.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    if output.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    fs::metadata(folder)?;
    builder.tempfile_in(folder)
}

/// The error that the file named by `flag` cannot be written.
pub fn unwritable(flag: &str, output: &Path, reason: &dyn Display) -> anyhow::Error {
    anyhow!(
        "{flag}: cannot write {}: {reason}\nhint: name a file in a folder that exists and is yours",
        output.display()
    )
}
