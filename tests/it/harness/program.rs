//! The real program: how a test starts it, and what it printed.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

/// Arguments of a command line: a text that is split at white space, or a list.
pub trait Arguments {
    fn list(&self) -> Vec<OsString>;
}

impl Arguments for str {
    fn list(&self) -> Vec<OsString> {
        self.split_whitespace().map(OsString::from).collect()
    }
}

impl Arguments for String {
    fn list(&self) -> Vec<OsString> {
        self.as_str().list()
    }
}

impl<T: AsRef<OsStr>> Arguments for [T] {
    fn list(&self) -> Vec<OsString> {
        self.iter().map(|x| x.as_ref().to_owned()).collect()
    }
}

impl<T: AsRef<OsStr>, const N: usize> Arguments for [T; N] {
    fn list(&self) -> Vec<OsString> {
        self.as_slice().list()
    }
}

impl<T: AsRef<OsStr>> Arguments for Vec<T> {
    fn list(&self) -> Vec<OsString> {
        self.as_slice().list()
    }
}

impl<T: Arguments + ?Sized> Arguments for &T {
    fn list(&self) -> Vec<OsString> {
        (**self).list()
    }
}

/// What the tests' environment must not decide.
const UNSET: [&str; 6] = [
    "AFIELD_CACHE",
    "AFIELD_KEYS",
    "AFIELD_LEARNER",
    "AFIELD_PYTHON",
    "COLUMNS",
    "NOTIFY_SOCKET",
];

/// One run of the program, before it starts.
///
/// Its environment names no learner, no cache and no keys, and its standard input is empty.
pub struct Program {
    command: Command,
    arguments: Vec<OsString>,
    stdin: Option<Vec<u8>>,
}

impl Program {
    pub fn new(arguments: impl Arguments) -> Self {
        let arguments = arguments.list();
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command.args(&arguments).stdin(Stdio::null());
        for key in UNSET {
            command.env_remove(key);
        }
        Self {
            command,
            arguments,
            stdin: None,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, more: impl Arguments) -> Self {
        let more = more.list();
        self.command.args(&more);
        self.arguments.extend(more);
        self
    }

    /// The same run by another program: `wrapper ARGUMENTS afield ...`.
    pub fn under(self, wrapper: &str, arguments: &[OsString]) -> Self {
        let mut command = Command::new(wrapper);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(&self.arguments)
            .stdin(Stdio::null());
        for (key, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        Self { command, ..self }
    }

    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Bytes for its standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// What its standard input is, rather than nothing.
    #[cfg(unix)]
    pub fn stdin_from(mut self, file: impl Into<Stdio>) -> Self {
        self.command.stdin(file.into());
        self
    }

    /// The command as it stands, for a test that starts it in its own way.
    pub fn command(self) -> Command {
        self.command
    }

    /// A pipe for its standard input, to be written to while it runs.
    pub fn pipe_stdin(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Starts it with pipes for its output.
    pub fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().expect("the program starts")
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Run {
        let bytes = self.stdin.take();
        if bytes.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let arguments = std::mem::take(&mut self.arguments);
        let mut child = self.spawn();
        let writer = bytes.zip(child.stdin.take()).map(|(bytes, mut stdin)| {
            thread::spawn(move || {
                // In odd pieces, as a pipe may deliver them; it may end before all is read.
                for piece in bytes.chunks(3_001) {
                    if stdin.write_all(piece).is_err() {
                        return;
                    }
                }
            })
        });
        let output = child.wait_with_output().expect("the program ends");
        if let Some(writer) = writer {
            writer.join().expect("the writer does not panic");
        }
        let words: Vec<_> = (arguments.iter())
            .map(|word| word.to_string_lossy())
            .collect();
        Run {
            line: format!("afield {}", words.join(" ")),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

/// What a run printed, and how it ended. Every assertion that fails shows all of it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The command line.
    pub line: String,
    /// Its exit status; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// It succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// It ended with `code` and printed nothing on standard output.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(self.stdout.is_empty(), "{self}");
        self
    }

    /// It failed with one error and one hint on standard error; what it said.
    #[track_caller]
    pub fn refused(self) -> String {
        let run = self.fails(1);
        assert!(run.stderr.contains("error: "), "{run}");
        assert_eq!(run.stderr.matches("\nhint: ").count(), 1, "{run}");
        run.stderr
    }

    /// Its standard error contains all `words`.
    #[track_caller]
    pub fn says<const N: usize>(self, words: [&str; N]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing in {self}");
        }
        self
    }

    /// Its standard output contains all `words`.
    #[track_caller]
    pub fn prints<const N: usize>(self, words: [&str; N]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "{word:?} is missing in {self}");
        }
        self
    }

    /// The JSON objects of its standard output, one a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| match serde_json::from_str(line) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {line:?} of {self}"),
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The one JSON object of its standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{self}");
        lines.remove(0)
    }

    /// The keys of each line of output, in the order in which they stand there.
    #[track_caller]
    pub fn keys(&self) -> Vec<Vec<String>> {
        let keys_of = |(line, object): (&str, Value)| {
            let mut keys: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
            keys.sort_by_key(|key| line.find(&format!("\"{key}\":")));
            keys
        };
        (self.stdout.lines().zip(self.json_lines()))
            .map(keys_of)
            .collect()
    }

    /// Every line of output has these keys, in this order.
    #[track_caller]
    pub fn has_keys<const N: usize>(&self, expected: [&str; N]) {
        for keys in self.keys() {
            assert_eq!(keys, expected, "{self}");
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{line}\nexit: {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}"
        )
    }
}
