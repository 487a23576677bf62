//! ONNX Runtime, run by the user's Python: what exported graphs are held against.
//!
//! Its pinned wheels lie under the build folder, installed once by the user's own pip. A
//! test that cannot have it says that it skips; where `CI` is set it fails instead.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

/// A Python process that runs ONNX files.
pub struct OnnxRuntime {
    python: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl OnnxRuntime {
    /// Starts one; `None` (said on standard error) when it cannot be had and `test` may be
    /// skipped.
    pub fn start(test: &str) -> Option<Self> {
        let packages = match packages() {
            Ok(packages) => packages,
            Err(why) => {
                super::skip(test, format_args!("ONNX Runtime: {why}"));
                return None;
            }
        };
        let mut python = Command::new("python3")
            .arg(folder().join("run.py"))
            .env("PYTHONPATH", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3, which just ran pip");
        let requests = python.stdin.take().expect("a pipe");
        let answers = BufReader::new(python.stdout.take().expect("a pipe"));
        Some(Self {
            python,
            requests,
            answers,
        })
    }

    /// What the model makes of the frames in an npy file.
    pub fn run(&mut self, model: &Path, frames: &Path) -> Value {
        let request = json!({ "model": model, "frames": frames });
        writeln!(self.requests, "{request}").expect("Python lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("Python lives");
        serde_json::from_str(&line).expect("one JSON object a line")
    }
}

impl Drop for OnnxRuntime {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

fn folder() -> PathBuf {
    crate::root().join("tests/it/harness/onnx_runtime")
}

/// The folder of the pinned packages, installed where it is not there yet.
fn packages() -> Result<PathBuf, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let requirements = folder().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).map_err(|e| e.to_string())?;
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = tmp.join("onnx-runtime");
    let done = packages.join("installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(packages);
    }
    let _ = std::fs::remove_dir_all(&packages);
    let pip = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary", ":all:", "--target"])
        .arg(&packages)
        .arg("--requirement")
        .arg(&requirements)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("python3: {e}"))?;
    if !pip.status.success() {
        return Err(String::from_utf8_lossy(&pip.stderr).trim().to_owned());
    }
    std::fs::write(&done, wanted).map_err(|e| e.to_string())?;
    Ok(packages)
}
