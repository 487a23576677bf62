//! A folder in which the program runs, removed at the end of the test.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use afield::engine::Session;
use serde_json::Value;
use tempfile::TempDir;

use super::{Arguments, Program, Run, models, recording};

/// A folder, a cache of models, and perhaps the learner that `AFIELD_LEARNER` names.
pub struct Sandbox {
    folder: TempDir,
    cache: PathBuf,
    learner: Option<PathBuf>,
}

impl Sandbox {
    /// An empty folder. The cache is that of all tests and holds the backbone `tiny`;
    /// `AFIELD_LEARNER` is not set.
    pub fn new() -> Self {
        models::fixture("tiny");
        Self::on_cache(models::cache().root())
    }

    /// An empty folder with the cache at `cache`.
    pub fn on_cache(cache: &Path) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
            cache: cache.to_owned(),
            learner: None,
        }
    }

    /// An empty folder with an empty cache in it, at `cache`.
    pub fn cold() -> Self {
        let mut sandbox = Self::on_cache(Path::new(""));
        sandbox.cache = sandbox.path("cache");
        sandbox
    }

    /// One with the learner `box` on the backbone `tiny`, taught the tones `low/0.wav` to
    /// `low/3.wav` and `high/0.wav` to `high/3.wav`.
    pub fn taught() -> Self {
        let sandbox = Self::new().with_learner("box");
        sandbox.run("init box --backbone tiny").ok();
        for (label, hz) in [("low", 300.0), ("high", 3_000.0)] {
            for seed in 0..4 {
                let samples = recording::tone(16_000, hz + 10.0 * seed as f64, 0.5, seed);
                sandbox.wav(&format!("{label}/{seed}.wav"), 16_000, &samples);
            }
            sandbox.run(["teach", label, label]).ok();
        }
        sandbox
    }

    /// `AFIELD_LEARNER` names `name` in this folder.
    pub fn with_learner(mut self, name: &str) -> Self {
        self.learner = Some(self.path(name));
        self
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The learner that `AFIELD_LEARNER` names.
    pub fn learner(&self) -> &Path {
        self.learner.as_deref().expect("a learner is named")
    }

    /// The program with `arguments`, to be run in this folder.
    pub fn afield(&self, arguments: impl Arguments) -> Program {
        let program = Program::new(arguments)
            .folder(self.root())
            .env("AFIELD_CACHE", &self.cache)
            .env("AFIELD_KEYS", self.path("keys"));
        match &self.learner {
            Some(learner) => program.env("AFIELD_LEARNER", learner),
            None => program,
        }
    }

    pub fn run(&self, arguments: impl Arguments) -> Run {
        self.afield(arguments).run()
    }

    /// `afield status` of the learner, as JSON.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.run("status --json").ok().json()
    }

    /// The learner in the folder `name`, opened by the library.
    #[track_caller]
    pub fn open(&self, name: &str) -> Session {
        Session::open(&self.path(name)).expect("the learner opens")
    }

    /// Makes the folder `name`.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a new folder");
        path
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has a name")).expect("a new folder");
        fs::write(&path, bytes).expect("a new file");
        path
    }

    /// Writes a mono recording.
    pub fn wav(&self, name: &str, rate: u32, samples: &[i16]) -> PathBuf {
        let path = self.write(name, []);
        recording::write_wav(&path, rate, samples);
        path
    }

    /// Writes `folder/000.wav` and so on: `count` tones of `seconds`, each `step` Hz above the
    /// one before it, the first at `hz`.
    pub fn tones(&self, folder: &str, count: u32, hz: f64, step: f64, seconds: f64) -> PathBuf {
        for i in 0..count {
            let samples = recording::tone(16_000, hz + step * f64::from(i), seconds, i.into());
            self.wav(&format!("{folder}/{i:03}.wav"), 16_000, &samples);
        }
        self.path(folder)
    }

    /// Writes a table of samples with its rate in a comment.
    pub fn table(&self, name: &str, head: &str, hz: u32, rows: &[Vec<f64>]) -> PathBuf {
        let mut text = format!("# rate: {hz} Hz\n{head}\n");
        for row in rows {
            let row: Vec<String> = row.iter().map(f64::to_string).collect();
            writeln!(text, "{}", row.join(",")).expect("a text grows");
        }
        self.write(name, text)
    }
}
