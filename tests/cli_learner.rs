//! The life of a learner by the command line, on spoken digits through the real
//! speech embedding.

mod models;
mod shared_data;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A learner's folder and the recordings; `None` where a test has to skip.
struct Place {
    folder: tempfile::TempDir,
    fsdd: PathBuf,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        models::real("speech-embedding", test)?;
        let fsdd = shared_data::folder(test)?.join("fsdd");
        let folder = tempfile::tempdir().unwrap();
        Some(Self { folder, fsdd })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        (command.args(arguments))
            .env("AFIELD_CACHE", models::cache().root())
            .env("AFIELD_LEARNER", self.folder.path().join("learner"));
        command
    }

    /// stdout of a run that must succeed, a JSON value a line.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        json_lines(&output.stdout)
    }

    /// stderr of a run that must fail and print nothing else.
    fn failure(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn clip(&self, digit: usize, speaker: &str, n: usize) -> String {
        let path = self.fsdd.join(format!("{digit}/{speaker}_{n}.wav"));
        path.to_str().unwrap().to_owned()
    }

    /// Three digits by two speakers, ten takes each.
    fn taught(&self) {
        let learner = self.folder.path().join("learner");
        self.lines(&[
            "init",
            learner.to_str().unwrap(),
            "--backbone",
            "speech-embedding",
        ]);
        for (digit, label) in ["zero", "one", "two"].into_iter().enumerate() {
            let clips: Vec<String> = (["jackson", "nicolas"].iter())
                .flat_map(|speaker| (0..10).map(|n| self.clip(digit, speaker, n)))
                .collect();
            let mut arguments = vec!["teach", label];
            arguments.extend(clips.iter().map(String::as_str));
            self.lines(&arguments);
        }
    }
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn a_taught_learner_knows_clips_it_never_heard_and_says_what_it_knows() {
    let Some(learner) = Place::new("a_taught_learner_knows_clips_it_never_heard") else {
        return;
    };
    learner.taught();
    let mut right = 0;
    for (digit, label) in ["zero", "one", "two"].into_iter().enumerate() {
        let clips: Vec<String> = (20..30)
            .map(|n| learner.clip(digit, "jackson", n))
            .collect();
        let mut arguments = vec!["predict"];
        arguments.extend(clips.iter().map(String::as_str));
        let lines = learner.lines(&arguments);
        assert_eq!(lines.len(), 10);
        for line in lines {
            let sum: f64 = (line["scores"].as_object().unwrap().values())
                .map(|p| p.as_f64().unwrap())
                .sum();
            assert!((sum - 1.0).abs() < 1e-5);
            right += usize::from(line["label"] == label);
        }
    }
    assert!(right >= 27, "{right} of 30 right");
    let status = &learner.lines(&["status", "--json"])[0];
    assert_eq!(
        (&status["examples"], &status["backbone"]),
        (&60.into(), &"speech-embedding".into())
    );
    assert_eq!(
        status["classes"][1],
        serde_json::json!({"label": "one", "examples": 20})
    );

    // The same clips again change nothing; another label corrects.
    let clip = learner.clip(0, "jackson", 0);
    let again = learner.run(&["teach", "zero", &clip]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("0 new, 0 corrected, 1 known already"));
    let corrected = learner.run(&["teach", "nought", &clip]);
    assert!(String::from_utf8_lossy(&corrected.stderr).contains("was zero, is nought"));
    let status = &learner.lines(&["status", "--json"])[0];
    assert_eq!(status["examples"], 60);
    assert_eq!(status["classes"].as_array().unwrap().len(), 4);
}

#[test]
fn a_file_and_the_same_samples_on_stdin_are_heard_the_same() {
    let Some(learner) = Place::new("a_file_and_the_same_samples_on_stdin") else {
        return;
    };
    learner.taught();
    // Twenty takes in a row, as one recording of 8 kHz.
    let mut pcm = Vec::new();
    for n in 30..50 {
        let wav = std::fs::read(learner.clip(n % 3, "nicolas", n)).unwrap();
        pcm.extend_from_slice(&wav[44..]);
    }
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + pcm.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend((pcm.len() as u32).to_le_bytes());
    wav.extend_from_slice(&pcm);
    let path = learner.folder.path().join("digits.wav");
    std::fs::write(&path, wav).unwrap();
    let source = format!("wav:{}", path.display());
    let mut from_file = learner.lines(&["listen", "--source", &source]);
    assert!(from_file.len() > 5, "{} events", from_file.len());

    let mut child = learner
        .command(&["listen", "--source", "stdin", "--format", "s16le:8000:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Odd pieces: the cut of the stream must not matter.
    for piece in pcm.chunks(777) {
        stdin.write_all(piece).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    for event in &mut from_file {
        event.as_object_mut().unwrap().remove("path").unwrap();
    }
    assert_eq!(from_file, json_lines(&output.stdout));
    let times: Vec<f64> = from_file
        .iter()
        .map(|e| e["time"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted());
}

#[test]
fn a_labelled_folder_is_learned_while_it_is_listened_to() {
    let Some(learner) = Place::new("a_labelled_folder_is_learned") else {
        return;
    };
    let clips = learner.folder.path().join("clips");
    for digit in 0..3 {
        let class = clips.join(digit.to_string());
        std::fs::create_dir_all(&class).unwrap();
        for n in 0..4 {
            let name = format!("theo_{n}.wav");
            std::fs::copy(learner.clip(digit, "theo", n), class.join(name)).unwrap();
        }
    }
    let dir = learner.folder.path().join("learner");
    learner.lines(&[
        "init",
        dir.to_str().unwrap(),
        "--backbone",
        "speech-embedding",
    ]);
    let source = format!("dir:{}", clips.display());
    let lines = learner.lines(&["listen", "--source", &source, "--learn"]);
    assert_eq!(lines.len(), 12);
    assert!(lines[0]["label"].is_null(), "nothing was known yet");
    assert_eq!(
        (&lines[1]["label"], &lines[1]["truth"]),
        (&"0".into(), &"0".into())
    );
    assert_eq!(learner.lines(&["status", "--json"])[0]["examples"], 12);
    let error = learner.failure(&["listen", "--source", "stdin", "--learn"]);
    assert!(
        error.contains("--learn") && error.contains("hint:"),
        "{error}"
    );
}

#[test]
fn embeddings_of_both_modes_agree_and_are_counted() {
    let Some(learner) = Place::new("embeddings_of_both_modes_agree") else {
        return;
    };
    let embed = |mode: &str| -> (Vec<Value>, ndarray::Array2<f32>) {
        let out = learner.folder.path().join(format!("{mode}.npy"));
        let (a, b) = (learner.clip(3, "theo", 0), learner.clip(4, "theo", 0));
        let lines = learner.lines(&[
            "embed",
            &a,
            &b,
            "--backbone",
            "speech-embedding",
            "--mode",
            mode,
            "-o",
            out.to_str().unwrap(),
        ]);
        (lines, ndarray_npy::read_npy(out).unwrap())
    };
    let (lines, streaming) = embed("streaming");
    let (_, windowed) = embed("windowed");
    assert_eq!(lines.len(), 2);
    let rows: u64 = lines.iter().map(|l| l["rows"].as_u64().unwrap()).sum();
    assert_eq!(streaming.dim(), (rows as usize, 96));
    let difference = (&streaming - &windowed)
        .mapv(f32::abs)
        .into_iter()
        .fold(0.0, f32::max);
    println!("max abs difference of the modes: {difference:e}");
    assert!(difference < 1e-3);
    for key in ["path", "seconds", "cpu_seconds"] {
        assert!(!lines[0][key].is_null(), "{key}");
    }
    let clip = learner.clip(3, "theo", 0);
    let absent = learner.folder.path().join("absent/out.npy");
    let error = learner.failure(&[
        "embed",
        &clip,
        "--backbone",
        "speech-embedding",
        "-o",
        absent.to_str().unwrap(),
    ]);
    assert!(error.contains("--output"), "{error}");
}

#[test]
fn every_wrong_word_is_named_and_comes_with_a_hint() {
    let empty = tempfile::tempdir().unwrap();
    let text = empty.path().join("notes.wav");
    std::fs::write(&text, "kettle at noon, no rain").unwrap();
    let (card, _) = models::fixture("tiny");
    let dir = empty.path().join("learner");
    let contract = afield::control::backbone_contract(&card, None, None).unwrap();
    afield::control::Session::create(&dir, card, contract, Default::default(), 0).unwrap();
    let failure = |learner: &Path, cache: &Path, arguments: &[&str]| -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_afield"))
            .args(arguments)
            .env("AFIELD_CACHE", cache)
            .env("AFIELD_LEARNER", learner)
            .output()
            .unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{output:?}"
        );
        String::from_utf8(output.stderr).unwrap()
    };
    let (known, text) = (models::cache(), text.to_str().unwrap());
    let none = empty.path().join("none");
    let absent = none.to_str().unwrap();
    for (cache, learner, arguments, words) in [
        (known.root(), none.as_path(), &["status"][..], "--learner"),
        (
            known.root(),
            dir.as_path(),
            &["init", absent, "--backbone", "bats"],
            "--backbone",
        ),
        (
            none.as_path(),
            dir.as_path(),
            &["init", absent, "--backbone", "yamnet"],
            "--backbone",
        ),
        (
            known.root(),
            dir.as_path(),
            &["teach", "kettle", text],
            "notes.wav",
        ),
        (known.root(), dir.as_path(), &["predict", text], "no class"),
        (
            known.root(),
            dir.as_path(),
            &["teach", "kettle", absent],
            "none",
        ),
        (
            known.root(),
            dir.as_path(),
            &["listen", "--source", "dir:/absent"],
            "--source",
        ),
    ] {
        let error = failure(learner, cache, arguments);
        assert!(error.contains(words), "{arguments:?}: {error}");
        assert!(
            error.contains("hint:") || words == "none" || words == "--source",
            "{arguments:?}: {error}"
        );
    }
}
