//! A learner on the command line, from `init` to `listen`, run as a user runs it.

use crate::models;
use crate::recording;
use crate::shared_data;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use afield_lab::data::read_npz;
use ndarray::Array2;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a learner in it or soon to be, and the cache of the tests.
struct Bench {
    root: TempDir,
}

impl Bench {
    fn new() -> Self {
        models::fixture("tiny");
        let root = tempfile::tempdir().unwrap();
        Self { root }
    }

    /// One with a learner on the tiny backbone, taught low and high tones.
    fn taught() -> Self {
        let bench = Self::new();
        ok(bench.run(&["init", "box", "--backbone", "tiny"]));
        for (label, hz) in [("low", 300.0), ("high", 3_000.0)] {
            for seed in 0..4 {
                let samples = recording::tone(16_000, hz + 10.0 * seed as f64, 0.5, seed);
                bench.wav(&format!("{label}/{seed}.wav"), 16_000, &samples);
            }
            ok(bench.run(&["teach", label, label]));
        }
        bench
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command
            .args(arguments)
            .current_dir(self.root.path())
            .env("AFIELD_CACHE", models::cache().root())
            .env("AFIELD_LEARNER", self.root.path().join("box"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn wav(&self, name: &str, rate: u32, samples: &[i16]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        recording::write_wav(&path, rate, samples);
    }
}

fn ok(output: Output) -> Output {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The keys of each line of output, in the order in which they stand there.
fn keys(output: &Output) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let keys_of = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        let mut keys: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
        keys.sort_by_key(|key| line.find(&format!("\"{key}\":")));
        keys
    };
    text.lines().map(keys_of).collect()
}

fn fsdd(shared: &Path, digit: u32, speaker: &str, take: u32) -> String {
    let path = shared.join(format!("fsdd/{digit}/{speaker}_{take}.wav"));
    path.to_str().unwrap().to_owned()
}

#[test]
fn three_spoken_digits_of_two_people_are_taught_and_told_apart() {
    let test = "spoken digits on the command line";
    let (Some(shared), Some(_)) = (
        shared_data::folder(test),
        models::real("speech-embedding", test),
    ) else {
        return;
    };
    let bench = Bench::new();
    ok(bench.run(&["init", "box", "--backbone", "speech-embedding"]));
    let (digits, speakers) = ([0, 3, 7], ["jackson", "theo"]);
    for digit in digits {
        let clips: Vec<String> = (speakers.iter())
            .flat_map(|speaker| (0..6).map(|take| fsdd(&shared, digit, speaker, take)))
            .collect();
        let label = digit.to_string();
        let mut arguments = vec!["teach", &label];
        arguments.extend(clips.iter().map(String::as_str));
        let said = stderr(&ok(bench.run(&arguments)));
        assert_eq!(
            said,
            format!("{digit}: 12 new, 0 corrected, 0 known already\n")
        );
    }

    let mut clips = Vec::new();
    for digit in digits {
        for speaker in speakers {
            clips.extend((10..20).map(|take| (digit, fsdd(&shared, digit, speaker, take))));
        }
    }
    let mut arguments = vec!["predict"];
    arguments.extend(clips.iter().map(|(_, clip)| clip.as_str()));
    let output = ok(bench.run(&arguments));
    let said = lines(&output);
    assert_eq!(said.len(), 60);
    assert!(
        keys(&output)
            .iter()
            .all(|keys| keys[..] == ["path", "label", "confidence", "scores"])
    );
    let mut right = 0;
    for ((digit, clip), line) in clips.iter().zip(&said) {
        assert_eq!(line["path"], clip.as_str());
        right += usize::from(line["label"].as_str() == Some(&digit.to_string()));
        let scores = line["scores"].as_object().unwrap();
        let sum: f64 = scores.values().map(|p| p.as_f64().unwrap()).sum();
        assert!(scores.len() == 3 && (sum - 1.0).abs() < 1e-4, "{line}");
        let best = &scores[line["label"].as_str().unwrap()];
        assert!((best.as_f64().unwrap() - line["confidence"].as_f64().unwrap()).abs() < 1e-6);
    }
    println!("{right} of 60 unheard takes right");
    assert!(right > 48, "{right} of 60");

    // Real words through the ear, at the file's own 8 kHz.
    let (digit, clip) = &clips[0];
    let heard = lines(&ok(bench.run(&[
        "listen",
        "--source",
        &format!("wav:{clip}"),
    ])));
    assert!(!heard.is_empty());
    println!("{digit} heard as {heard:?}");
}

#[test]
fn status_says_what_the_learner_is_and_knows() {
    let bench = Bench::taught();
    let output = ok(bench.run(&["status", "--json"]));
    let status = &lines(&output)[0];
    let expected = [
        "backbone",
        "backbone_sha256",
        "contract",
        "pool",
        "transform",
        "features",
        "head",
        "selection",
        "seed",
        "examples",
        "operations",
        "revision",
        "classes",
        "groups",
        "folded",
        "listening",
        "max_disk_bytes",
        "written",
        "rehearsal",
        "state_bytes",
        "disk_bytes",
        "created_unix_ms",
    ];
    let mut keys: Vec<&String> = status.as_object().unwrap().keys().collect();
    let mut wanted = expected.to_vec();
    keys.sort();
    wanted.sort();
    assert_eq!(keys, wanted);
    assert_eq!(
        (&status["examples"], &status["features"]),
        (&8.into(), &32.into())
    );
    assert_eq!(
        status["classes"][0],
        serde_json::json!({"label": "low", "examples": 4})
    );
    let text = String::from_utf8(ok(bench.run(&["status"])).stdout).unwrap();
    assert!(
        text.contains("tiny") && text.contains("8 in 2 classes"),
        "{text}"
    );
}

#[test]
fn status_says_which_head_answers_for_auto_and_why() {
    let bench = Bench::new();
    let status = |bench: &Bench| {
        let text = String::from_utf8(ok(bench.run(&["status"])).stdout).unwrap();
        (text, lines(&ok(bench.run(&["status", "--json"]))).remove(0))
    };
    ok(bench.run(&["init", "box", "--backbone", "tiny", "--head", "auto"]));
    let (text, json) = status(&bench);
    assert!(text.contains("lda from the start, compared with nothing yet"));
    assert_eq!(json["selection"]["head"], "lda");
    for (label, hz) in [("low", 300.0), ("high", 2_000.0)] {
        for seed in 0..12 {
            let samples = recording::tone(16_000, hz + 40.0 * seed as f64, 0.5, seed);
            bench.wav(&format!("{label}/{seed}.wav"), 16_000, &samples);
        }
        ok(bench.run(&["teach", label, label]));
    }
    let (text, json) = status(&bench);
    println!("{text}");
    assert!(text.contains("remembered examples, "), "{text}");
    assert_eq!(json["selection"]["compared-at"], 20);
    assert_eq!(json["selection"]["scores"].as_array().unwrap().len(), 5);
}

#[test]
fn memory_tells_what_is_kept_to_rehearse_and_since_when() {
    let bench = Bench::taught();
    let text = String::from_utf8(ok(bench.run(&["memory"])).stdout).unwrap();
    assert_eq!(text, "lda keeps no memory of examples\n");
    let report = &lines(&ok(bench.run(&["memory", "--json"])))[0];
    assert_eq!(report["memory"], Value::Null);

    fs::remove_dir_all(bench.path("box")).unwrap();
    let plan = "herding:4KiB:int8";
    ok(bench.run(&[
        "init",
        "box",
        "--backbone",
        "tiny",
        "--head",
        "linear",
        "--rehearsal",
        plan,
    ]));
    ok(bench.run(&["teach", "low", "low"]));
    ok(bench.run(&["teach", "high", "high"]));
    let report = &lines(&ok(bench.run(&["memory", "--json"])))[0];
    assert_eq!(report["labels"], serde_json::json!(["low", "high"]));
    let memory = &report["memory"];
    assert_eq!(memory["plan"], plan);
    // 8 rows of 32 features with a scale, a place and an origin, and two sums.
    assert_eq!(memory["bytes"]["total"], 8 * (32 + 2 + 4 + 16) + 2 * 32 * 8);
    for class in 0..2 {
        let class = &memory["classes"][class];
        assert_eq!((&class["held"], &class["seen"]), (&4.into(), &4.into()));
        let at = |key: &str| class[key].as_i64().unwrap();
        assert!(1_600_000_000_000 < at("oldest_unix_ms"));
        assert!(at("oldest_unix_ms") <= at("newest_unix_ms"));
    }
    let text = String::from_utf8(ok(bench.run(&["memory"])).stdout).unwrap();
    assert!(text.contains(plan) && text.contains('█'), "{text}");
}

#[test]
fn a_clip_taught_again_is_known_and_taught_otherwise_is_corrected() {
    let bench = Bench::taught();
    let said = stderr(&ok(bench.run(&["teach", "low", "low"])));
    assert_eq!(said, "low: 0 new, 0 corrected, 4 known already\n");
    // The same recording under another name is the same clip.
    fs::copy(bench.path("low/0.wav"), bench.path("renamed.wav")).unwrap();
    let said = stderr(&ok(bench.run(&["teach", "high", "renamed.wav"])));
    assert_eq!(
        said,
        "renamed.wav: was low, is high\nhigh: 0 new, 1 corrected, 0 known already\n"
    );
    let status = &lines(&ok(bench.run(&["status", "--json"])))[0];
    assert_eq!(status["classes"][0]["examples"], 3);
    assert_eq!(status["classes"][1]["examples"], 5);
    assert_eq!(status["operations"], 10);
}

#[test]
fn what_was_taught_is_recognised() {
    let bench = Bench::taught();
    for (label, hz) in [("low", 325.0), ("high", 2_990.0)] {
        for rate in [8_000, 16_000, 44_100] {
            let name = format!("{label}-{rate}.wav");
            bench.wav(&name, rate, &recording::tone(rate, hz, 0.5, 77));
            let said = lines(&ok(bench.run(&["predict", &name])));
            assert_eq!(said[0]["label"], label, "{said:?}");
        }
    }
}

fn listen_to_bytes(bench: &Bench, arguments: &[&str], bytes: &[u8]) -> Output {
    let mut child = bench
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // In odd pieces, as a pipe may deliver them.
    for piece in bytes.chunks(3_001) {
        stdin.write_all(piece).unwrap();
    }
    drop(stdin);
    ok(child.wait_with_output().unwrap())
}

#[test]
fn a_file_and_the_same_pcm_on_stdin_give_the_same_events() {
    let bench = Bench::taught();
    for rate in [8_000, 16_000, 44_100] {
        let mut samples = recording::tone(rate, 300.0, 3.0, 1);
        samples.extend(recording::tone(rate, 3_000.0, 2.0, 2));
        bench.wav("long.wav", rate, &samples);
        let file = ok(bench.run(&["listen", "--source", "wav:long.wav"]));
        let format = format!("s16le:{rate}:1");
        let arguments = ["listen", "--source", "stdin", "--format", &format];
        let stdin = listen_to_bytes(&bench, &arguments, &recording::pcm(&samples));
        assert!(keys(&file)[0] == ["time", "start", "label", "confidence", "path"]);
        assert!(keys(&stdin)[0] == ["time", "start", "label", "confidence"]);
        let mut events = lines(&file);
        for event in &mut events {
            assert_eq!(
                event.as_object_mut().unwrap().remove("path").unwrap(),
                "long.wav"
            );
        }
        assert_eq!(events, lines(&stdin), "at {rate} Hz");
        // A decision every half second, on about half a second each.
        assert!((9..=10).contains(&events.len()), "{} events", events.len());
        let time = |event: &Value, key: &str| event[key].as_f64().unwrap();
        for event in &events {
            let (start, end) = (time(event, "start"), time(event, "time"));
            assert!((0.4..0.6).contains(&(end - start)) && end <= 5.0, "{event}");
            if end < 3.0 {
                assert_eq!(event["label"], "low", "{event}");
            }
            if start > 3.1 {
                assert_eq!(event["label"], "high", "{event}");
            }
        }
        assert!(
            events
                .windows(2)
                .all(|e| time(&e[0], "time") < time(&e[1], "time"))
        );
    }
}

#[test]
fn a_gated_listener_says_once_that_it_is_quiet_and_else_the_same() {
    let bench = Bench::taught();
    // Noise alone, but for two tones.
    let mut samples: Vec<i16> = recording::tone(16_000, 0.0, 30.0, 9);
    samples.iter_mut().for_each(|sample| *sample /= 8);
    for (second, hz) in [(14, 300.0), (22, 3_000.0)] {
        let tone = recording::tone(16_000, hz, 0.5, 1);
        samples[second * 16_000..][..tone.len()].copy_from_slice(&tone);
    }
    bench.wav("night.wav", 16_000, &samples);
    let listen = ["listen", "--source", "wav:night.wav"];
    let all = lines(&ok(bench.run(&listen)));
    let gated = lines(&ok(bench.run(&[&listen[..], &["--gate"]].concat())));
    let (quiet, awake): (Vec<&Value>, Vec<&Value>) =
        gated.iter().partition(|line| line["quiet"] == true);
    assert!(awake.iter().all(|line| all.contains(line)), "{gated:#?}");
    assert_eq!(quiet.len(), 3, "before, between and after: {gated:#?}");
    assert!(quiet.iter().all(|line| line["label"].is_null()));
    assert!(
        awake.len() < all.len() * 2 / 3,
        "{} of {}",
        awake.len(),
        all.len()
    );
    for second in [14.0, 22.0] {
        let sounds = |line: &&Value| {
            let time = line["time"].as_f64().unwrap();
            time > second + 0.1 && time < second + 0.9
        };
        let heard: Vec<&Value> = all.iter().filter(sounds).collect();
        assert!(
            !heard.is_empty() && heard.iter().all(|line| awake.contains(line)),
            "{gated:#?}"
        );
    }
    // A margin that nothing reaches.
    let deaf = lines(&ok(bench.run(&[&listen[..], &["--gate", "60"]].concat())));
    assert_eq!(deaf.iter().filter(|line| line["quiet"] == true).count(), 1);
}

#[test]
fn listening_to_labelled_clips_learns_each_after_deciding_on_it() {
    let bench = Bench::new();
    ok(bench.run(&["init", "box", "--backbone", "tiny"]));
    for (label, hz) in [("low", 300.0), ("high", 3_000.0)] {
        for seed in 0..5 {
            let name = format!("clips/{label}/{seed}.wav");
            bench.wav(&name, 16_000, &recording::tone(16_000, hz, 0.5, seed));
        }
    }
    let output = ok(bench.run(&["listen", "--source", "dir:clips", "--learn"]));
    let said = lines(&output);
    assert!(
        keys(&output)
            .iter()
            .all(|keys| keys[..] == ["time", "label", "confidence", "truth", "path"])
    );
    assert_eq!(said.len(), 10);
    // Nothing is known at first, and `low` comes as a surprise.
    assert_eq!(
        (&said[0]["label"], &said[0]["truth"]),
        (&Value::Null, &"high".into())
    );
    assert_eq!(
        (&said[5]["label"], &said[5]["truth"]),
        (&"high".into(), &"low".into())
    );
    assert!(said[8..].iter().all(|line| line["label"] == line["truth"]));
    assert_eq!(said[9]["time"], 5.0);
    let status = &lines(&ok(bench.run(&["status", "--json"])))[0];
    assert_eq!(status["examples"], 10);
}

#[test]
fn what_cannot_be_done_is_said_with_a_hint_and_nothing_on_stdout() {
    let bench = Bench::taught();
    fs::write(
        bench.path("text.wav"),
        "this is no sound at all\n".repeat(50),
    )
    .unwrap();
    fs::write(bench.path("empty.wav"), "").unwrap();
    fs::create_dir(bench.path("nothing")).unwrap();
    bench.wav(
        "loose/a.wav",
        16_000,
        &recording::tone(16_000, 300.0, 0.5, 1),
    );
    recording::write_wav(&bench.path("none.wav"), 16_000, &[]);
    let cold = tempfile::tempdir().unwrap();
    let cold = cold.path().to_str().unwrap();
    ok(bench.run(&["init", "fresh", "--backbone", "tiny"]));
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["status", "--learner", "nowhere"],
            &["--learner", "nowhere"],
        ),
        (
            &["predict", "low/0.wav", "--learner", "nowhere"],
            &["--learner", "nowhere"],
        ),
        (
            &["predict", "low/0.wav", "--learner", "fresh"],
            &["no class"],
        ),
        (&["init", "box", "--backbone", "tiny"], &["box"]),
        (
            &["init", "new", "--backbone", "tinny"],
            &["--backbone", "tinny", "tiny"],
        ),
        (
            &[
                "init",
                "new",
                "--backbone",
                "speech-embedding",
                "--cache-dir",
                cold,
            ],
            &["--backbone", "speech-embedding", "afield model get"],
        ),
        (&["predict", "missing.wav"], &["missing.wav"]),
        (&["predict", "text.wav"], &["text.wav"]),
        (&["predict", "empty.wav"], &["empty.wav"]),
        (&["predict", "none.wav"], &["none.wav"]),
        (&["predict", "nothing"], &["nothing"]),
        (&["teach", "low", "missing.wav"], &["missing.wav"]),
        (&["teach", "low", "text.wav"], &["text.wav"]),
        (&["teach", "low", "none.wav"], &["none.wav"]),
        (&["listen", "--source", "wav:missing.wav"], &["missing.wav"]),
        (&["listen", "--source", "wav:text.wav"], &["text.wav"]),
        (
            &["listen", "--source", "dir:nothing"],
            &["--source", "nothing"],
        ),
        (
            &["listen", "--source", "dir:loose", "--learn"],
            &["--learn", "a.wav"],
        ),
        (
            &["listen", "--source", "stdin", "--learn"],
            &["--learn", "live stream"],
        ),
        (
            &["listen", "--source", "mic", "--rate", "8000"],
            &["--rate", "tiny reads sound", "--format"],
        ),
        (
            &["teach", "low", "low/0.wav", "--columns", "a,b"],
            &["--columns", "tiny reads sound"],
        ),
        (
            &["predict", "low/0.wav", "--rate", "50"],
            &["--rate", "tiny reads sound"],
        ),
        (
            &["embed", "low/0.wav", "--backbone", "tinny", "-o", "o.npy"],
            &["--backbone", "tinny"],
        ),
        (
            &[
                "embed",
                "low/0.wav",
                "--backbone",
                "padded",
                "--mode",
                "streaming",
                "-o",
                "o.npy",
            ],
            &["--backbone", "--mode windowed"],
        ),
        (
            &[
                "embed",
                "low/0.wav",
                "--backbone",
                "tiny",
                "-o",
                "nowhere/o.npy",
            ],
            &["--output", "nowhere"],
        ),
        (
            &["embed", "low/0.wav", "--backbone", "tiny", "-o", "nothing"],
            &["--output", "nothing"],
        ),
        (
            &["embed", "text.wav", "--backbone", "tiny", "-o", "o.npy"],
            &["text.wav"],
        ),
    ];
    models::fixture("padded");
    let mut wrong = Vec::new();
    for (arguments, words) in cases {
        let output = bench.run(arguments);
        let said = stderr(&output);
        println!("afield {}\n{said}", arguments.join(" "));
        let sound = output.status.code() == Some(1)
            && output.stdout.is_empty()
            && said.starts_with("error: ")
            && words.iter().all(|word| said.contains(word))
            && said.matches("\nhint: ").count() == 1
            && said.lines().count() == 2;
        if !sound {
            wrong.push(format!("afield {}\n{said}", arguments.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!bench.path("o.npy").exists() && !bench.path("new").exists());
}

#[test]
fn arguments_that_are_none_are_usage_errors() {
    let bench = Bench::taught();
    let cases: &[(&[&str], &str)] = &[
        (&["listen", "--source", "microphone"], "--source"),
        (&["listen", "--source", "mic:"], "--source"),
        (&["listen", "--source", "wav:"], "--source"),
        (&["listen", "--source", "stdin", "--every", "0"], "--every"),
        (&["listen", "--source", "stdin", "--gate", "0"], "--gate"),
        (
            &["listen", "--source", "stdin", "--every", "nan"],
            "--every",
        ),
        (
            &["listen", "--source", "stdin", "--min-confidence", "2"],
            "--min-confidence",
        ),
        (
            &["listen", "--source", "stdin", "--format", "mp3:1:1"],
            "--format",
        ),
        (&["teach", " padded ", "low/0.wav"], "padded"),
        (
            &["init", "x", "--backbone", "tiny", "--head", "brain"],
            "--head",
        ),
        (
            &[
                "embed",
                "low",
                "--backbone",
                "tiny",
                "-o",
                "o.npy",
                "--mode",
                "fast",
            ],
            "--mode",
        ),
    ];
    for (arguments, word) in cases {
        let output = bench.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty() && said.contains(word), "{said}");
    }
}

#[test]
fn embeddings_are_an_array_with_a_line_for_each_file() {
    let bench = Bench::taught();
    let embed = |mode: &str, out: &str| {
        let arguments = [
            "embed",
            "low",
            "high",
            "--backbone",
            "tiny",
            "--mode",
            mode,
            "-o",
            out,
        ];
        ok(bench.run(&arguments))
    };
    let (streaming, windowed) = (embed("streaming", "s.npy"), embed("windowed", "w.npy"));
    let read = |name: &str| -> Array2<f32> { ndarray_npy::read_npy(bench.path(name)).unwrap() };
    let (s, w) = (read("s.npy"), read("w.npy"));
    // Half a second: 8,000 samples, a field of 2,640, hops of 640.
    assert_eq!(s.dim(), (8 * ((8_000 - 2_640) / 640 + 1), 16));
    assert_eq!(s.dim(), w.dim());
    let largest = (&s - &w).iter().fold(0.0f32, |m, d| m.max(d.abs()));
    println!("streaming and windowed files differ by {largest:.1e}");
    assert!(
        s.iter().all(|x| x.is_finite()) && largest < 1e-4,
        "{largest}"
    );
    for (output, mode) in [(&streaming, "streaming"), (&windowed, "windowed")] {
        assert!(
            keys(output)
                .iter()
                .all(|keys| keys[..] == ["path", "rows", "seconds", "cpu_seconds", "mode"])
        );
        let said = lines(output);
        assert_eq!(said.len(), 8);
        assert!(
            said.iter()
                .all(|l| l["mode"] == mode && l["rows"] == 9 && l["seconds"] == 0.5)
        );
        assert_eq!(said[0]["path"], "low/0.wav");
    }
    // Nothing but what was asked for is left behind.
    let count = fs::read_dir(bench.root.path()).unwrap().count();
    assert_eq!(count, ["box", "low", "high", "s.npy", "w.npy"].len());
}

#[test]
fn labelled_embeddings_are_an_archive_of_pooled_rows_that_evaluate_reads() {
    let bench = Bench::taught();
    fs::create_dir(bench.path("set")).unwrap();
    for class in ["high", "low"] {
        fs::rename(bench.path(class), bench.path("set").join(class)).unwrap();
    }
    let labelled = |pool: &str, pattern: &str| {
        let arguments = [
            "embed",
            "set",
            "--labelled",
            "--backbone",
            "tiny",
            "--pool",
            pool,
            "--group-pattern",
            pattern,
            "-o",
            "set.npz",
        ];
        bench.run(&arguments)
    };
    let refused = labelled("mean", "(");
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(!bench.path("set.npz").exists());

    let output = ok(labelled("mean+max", r"^(\d)"));
    let said = &lines(&output)[0];
    assert_eq!((&said["clips"], &said["features"]), (&8.into(), &32.into()));
    assert_eq!((&said["classes"], &said["groups"]), (&2.into(), &4.into()));
    let clips = read_npz(&bench.path("set.npz")).unwrap();
    let classes: Vec<_> = (0..8)
        .map(|clip| clips.classes()[clips.label(clip)].as_str())
        .collect();
    assert_eq!(classes, [["high"; 4], ["low"; 4]].concat());
    let groups = clips.groups().unwrap();
    let groups: Vec<_> = (groups.of().iter())
        .map(|&group| groups.names()[group].as_str())
        .collect();
    assert_eq!(groups, ["0", "1", "2", "3"].repeat(2));

    ok(bench.run(&[
        "embed",
        "set/high",
        "set/low",
        "--backbone",
        "tiny",
        "-o",
        "rows.npy",
    ]));
    let rows: Array2<f32> = ndarray_npy::read_npy(bench.path("rows.npy")).unwrap();
    for clip in 0..8 {
        let windows = rows.slice_axis(ndarray::Axis(0), (9 * clip..9 * (clip + 1)).into());
        for (i, window) in windows.columns().into_iter().enumerate() {
            let largest = window.iter().fold(f32::MIN, |most, &x| most.max(x));
            let row = clips.windows(clip);
            assert!(
                (row[i] - window.sum() / 9.0).abs() < 1e-4,
                "mean {i} of {clip}"
            );
            assert!(
                (row[16 + i] - largest).abs() < 1e-4,
                "maximum {i} of {clip}"
            );
        }
    }
    let evaluate = [
        "evaluate",
        "--embeddings",
        "set.npz",
        "--test-groups",
        "3",
        "--head",
        "ncm",
    ];
    ok(bench.run(&[&evaluate[..], &["--json"]].concat()));
}

#[test]
fn whoever_stops_reading_is_no_error() {
    let bench = Bench::taught();
    let mut child = bench
        .command(&["predict", "low", "high"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn the_help_is_what_it_was() {
    let help = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command.args(arguments).arg("--help");
        // The help shows what the environment sets.
        for key in ["AFIELD_CACHE", "AFIELD_LEARNER", "AFIELD_PYTHON", "COLUMNS"] {
            command.env_remove(key);
        }
        String::from_utf8(ok(command.output().unwrap()).stdout).unwrap()
    };
    insta::assert_snapshot!("help", help(&[]));
    for command in [
        "demo", "init", "teach", "predict", "listen", "status", "memory", "embed", "evaluate",
        "model",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), help(&[command]));
    }
}
