//! Files that appear whole or not at all.

use std::fmt::Display;
use std::path::Path;
use std::{fs, io};

use anyhow::anyhow;
use tempfile::NamedTempFile;

/// A file beside `output` that takes its place when it is whole.
pub fn temporary(output: &Path) -> io::Result<NamedTempFile> {
    let folder = output
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Readable by whom the umask says, as any other output.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    if output.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    fs::metadata(folder)?;
    builder.tempfile_in(folder)
}

/// That the file that `flag` names cannot be written.
pub fn unwritable(flag: &str, output: &Path, reason: &dyn Display) -> anyhow::Error {
    anyhow!(
        "{flag}: cannot write {}: {reason}\nhint: name a file in a folder that exists and is yours",
        output.display()
    )
}
