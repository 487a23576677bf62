//! The errors that a user sees, with their hints.
//!
//! Each snapshot is a list of command lines that fail and what the program says to each of
//! them. A message names what is wrong and with which thing; a hint names one thing to do.

#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::path::Path;

use afield::head::HeadKind;
use ndarray::{Array1, Array2, array};
use ndarray_npy::{NpzWriter, WritableElement};
use rusqlite::Connection;

use crate::harness::listener::{ENDED, ListeningProcess, wait_until};
use crate::harness::{Run, Sandbox, folder, models, recording};

/// The command lines that were run, and what the program said to each of them.
struct Transcript<'a> {
    sandbox: &'a Sandbox,
    text: String,
}

impl<'a> Transcript<'a> {
    fn of(sandbox: &'a Sandbox) -> Self {
        Self {
            sandbox,
            text: String::new(),
        }
    }

    /// These fail while they run: with status 1, nothing on standard output, and two lines, an
    /// error and its hint. Notes may stand before them.
    #[track_caller]
    fn errors(mut self, lines: &[&str]) -> Self {
        let mut wrong = Vec::new();
        for line in lines {
            let run = self.sandbox.run(*line);
            let is_note = |line: &&str| line.starts_with("note: ");
            let said: Vec<&str> = run.stderr.lines().skip_while(is_note).collect();
            let right = run.code == Some(1)
                && run.stdout.is_empty()
                && said.len() == 2
                && said[0].starts_with("error: ")
                && said[1].starts_with("hint: ");
            if !right {
                wrong.push(run.to_string());
            }
            self.add(&run);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        self
    }

    /// These fail while they run, and have no hint yet.
    #[track_caller]
    fn errors_without_a_hint(mut self, lines: &[&str]) -> Self {
        for line in lines {
            let run = self.sandbox.run(*line).fails(1);
            assert!(run.stderr.starts_with("error: "), "{run}");
            self.add(&run);
        }
        self
    }

    /// These fail before they run: with status 2 and nothing on standard output.
    #[track_caller]
    fn usage_errors(mut self, lines: &[&str]) -> Self {
        for line in lines {
            let run = self.sandbox.run(*line).fails(2);
            self.add(&run);
        }
        self
    }

    /// One that is not run by a line alone.
    #[track_caller]
    fn error(mut self, run: &Run) -> Self {
        run.clone().refused();
        self.add(run);
        self
    }

    fn add(&mut self, run: &Run) {
        self.text += &masked(
            self.sandbox.root(),
            &format!("$ {}\n{}\n", run.line, run.stderr),
        );
    }
}

/// The text without what differs from run to run: folders and public keys.
fn masked(root: &Path, text: &str) -> String {
    let real = root.canonicalize().unwrap();
    let text = text
        .replace(models::cache().root().to_str().unwrap(), "[CACHE]")
        .replace(real.to_str().unwrap(), "[DIR]")
        .replace(root.to_str().unwrap(), "[DIR]");
    let mut parts = text.split("afield-key-");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let key = if digits == 64 {
            "[KEY]"
        } else {
            &part[..digits]
        };
        masked += &format!("afield-key-{key}{}", &part[digits..]);
    }
    masked
}

/// Compares what was said with the snapshot `name`.
macro_rules! assert_messages {
    ($name:literal, $transcript:expr) => {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!($name, $transcript.text)
        })
    };
}

/// A learner that knows no class, in the folder `name`.
fn fresh(sandbox: &Sandbox, name: &str, head: HeadKind) {
    drop(folder::create(&sandbox.path(name), head));
}

#[test]
fn a_learner_that_is_missing_or_knows_nothing() {
    let sandbox = Sandbox::taught();
    fresh(&sandbox, "fresh", HeadKind::LDA);
    let no_learner = Sandbox::new();
    let said = Transcript::of(&sandbox).errors(&[
        "status --learner nowhere",
        "predict low/0.wav --learner nowhere",
        "listen --source wav:low/0.wav --learner nowhere",
        "memory --learner low/0.wav",
        "doctor nowhere",
        "predict low/0.wav --learner fresh",
        "undo --learner fresh",
        "forget --class low --learner fresh",
        "export fresh --onnx fresh.onnx",
    ]);
    assert_messages!("learner_missing", said);
    let said = Transcript::of(&no_learner).usage_errors(&["status", "teach low low/0.wav"]);
    assert_messages!("learner_not_named", said);
}

#[test]
fn a_learner_that_cannot_be_made() {
    let sandbox = Sandbox::taught();
    sandbox.folder("cold");
    sandbox.write("file", "not a folder");
    // A cache of its own: messages list what the cache holds.
    let tiny = crate::root().join("tests/fixtures/tiny");
    let tiny = tiny.to_str().unwrap();
    let add = format!("model add {tiny}.onnx --card {tiny}.toml --cache-dir own");
    sandbox.run(add).ok();
    let said = Transcript::of(&sandbox)
        .errors(&[
            "init box --backbone tiny",
            "init file --backbone tiny",
            "init new --backbone tinny --cache-dir own",
            "init new --backbone speech-embedding --cache-dir cold",
            "init new --backbone tiny --head linear --rehearsal balanced:1B",
            "init new --backbone tiny --transform standardise",
            "init new --backbone tiny --transform l2 --calibrate low",
            "init new --backbone tiny --transform standardise --calibrate low/0.wav",
            "init new --backbone tiny --transform standardise --calibrate low/0.wav low/0.wav",
            "init new --backbone tiny --transform standardise --calibrate missing",
            "init new --backbone tiny --normalise low",
        ])
        .usage_errors(&[
            "init new --backbone tiny --head brain",
            "init new --backbone tiny --head linear+warp",
            "init new --backbone tiny --head ncm+adam",
            "init new --backbone tiny --pool median",
            "init new --backbone tiny --transform standardize",
            "init new --backbone tiny --rehearsal all",
        ]);
    assert!(!sandbox.path("new").exists());
    assert_messages!("learner_not_made", said);
}

#[test]
fn a_change_of_a_learner_that_cannot_be() {
    let sandbox = Sandbox::taught();
    fresh(&sandbox, "finetune", HeadKind::FINETUNE);
    fresh(&sandbox, "linear", HeadKind::LINEAR);
    for name in ["finetune", "linear"] {
        sandbox.run(["teach", "low", "low", "--learner", name]).ok();
    }
    sandbox.run("init l2 --backbone tiny --transform l2").ok();
    sandbox.run("init compacted --backbone tiny").ok();
    for label in ["low", "high"] {
        sandbox
            .run(["teach", label, label, "--learner", "compacted"])
            .ok();
    }
    sandbox.run("compact --keep 2 --learner compacted").ok();
    let said = Transcript::of(&sandbox)
        .errors(&[
            "rollback 999",
            "diff 1 999",
            "rollback 2 --learner compacted",
            "forget --class nobody",
            "forget --group nobody",
            "forget --clip xyz",
            "forget --clip missing.wav",
            "forget --class low --learner finetune",
            "forget --source low/0.wav --learner compacted",
            "compact",
            "compact --keep 1 --learner linear",
            "compact --max-disk 1MiB --learner linear",
            "merge box l2 -o new",
            "merge box nowhere -o new",
            "merge box box -o l2",
        ])
        .usage_errors(&[
            "forget",
            "forget --since yesterday",
            "rollback last",
            "compact --max-disk much",
            "compact --max-disk 1KiB",
            "merge box -o new",
        ]);
    assert!(!sandbox.path("new").exists());
    assert_messages!("learner_not_changed", said);
}

/// Changes the database of the learner `name`.
fn execute(sandbox: &Sandbox, name: &str, sql: &str) {
    let path = sandbox.folder(name).join("learner.sqlite");
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_learner_that_is_damaged_or_of_another_program() {
    let sandbox = Sandbox::taught();
    for name in ["later", "page", "row", "rotten"] {
        fresh(&sandbox, name, HeadKind::NCM);
    }
    execute(&sandbox, "later", "PRAGMA user_version = 999");
    execute(&sandbox, "songs", "CREATE TABLE songs (title TEXT)");
    sandbox.write("empty/learner.sqlite", "");
    sandbox.write("text/learner.sqlite", "not a database\n".repeat(500));
    sandbox.run("teach low low --learner row").ok();
    execute(
        &sandbox,
        "row",
        "UPDATE entries SET label = 'else' WHERE rowid = 2",
    );
    let cut = sandbox.path("page/learner.sqlite");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    execute(&sandbox, "rotten", "UPDATE identity SET contract = '{}'");
    // A copy made before the last revision.
    sandbox.run("init copy --backbone tiny").ok();
    let older = fs::read(sandbox.path("copy/learner.sqlite")).unwrap();
    sandbox.run("teach low low --learner copy").ok();
    sandbox.write("copy/learner.sqlite", older);
    let said = Transcript::of(&sandbox).errors(&[
        "status --learner later",
        "status --learner songs",
        "status --learner empty",
        "status --learner text",
        "status --learner row",
        "status --learner page",
        "status --learner rotten",
        "status --learner copy",
    ]);
    let mut said = said;
    let doctor = sandbox.run("doctor songs");
    assert!(doctor.stdout.contains("0 entries"), "{doctor}");
    assert!(doctor.stderr.contains("\nhint: "), "{doctor}");
    said.add(&doctor);
    assert_messages!("learner_damaged", said);
}

#[test]
fn recordings_that_cannot_be_read() {
    let sandbox = Sandbox::taught();
    sandbox.write("text.wav", "this is no sound at all\n".repeat(50));
    sandbox.write("empty.wav", "");
    sandbox.wav("none.wav", 16_000, &[]);
    sandbox.folder("nothing");
    let goldens = crate::root().join("tests/goldens/audio");
    for name in ["stereo.flac", "stereo.ogg", "stereo.mp3"] {
        let bytes = fs::read(goldens.join(name)).unwrap();
        sandbox.write(&format!("cut-{name}"), &bytes[..40]);
    }
    let said = Transcript::of(&sandbox).errors(&[
        "predict missing.wav",
        "predict text.wav",
        "predict empty.wav",
        "predict none.wav",
        "predict nothing",
        "predict cut-stereo.flac",
        "predict cut-stereo.ogg",
        "teach low missing.wav",
        "teach low text.wav",
        "teach low none.wav",
        "listen --source wav:missing.wav",
        "listen --source wav:text.wav",
        "listen --source wav:nothing",
        "embed text.wav --backbone tiny -o o.npy",
    ]);
    assert!(!sandbox.path("o.npy").exists());
    assert_messages!("recordings", said);
}

#[test]
fn labels_and_groups_that_are_not_usable() {
    let sandbox = Sandbox::taught();
    sandbox.wav("tones/anna_0.wav", 16_000, &[100; 8_000]);
    sandbox.wav("tones/x.wav", 16_000, &[100; 8_000]);
    let said = Transcript::of(&sandbox)
        .errors(&[
            "teach low tones/x.wav --group-pattern ^([a-z]+)_",
            "teach low tones --group-pattern anna",
            "teach low tones/anna_0.wav --group-pattern ^(z*)",
        ])
        .errors_without_a_hint(&["teach low tones --group-pattern ("])
        .usage_errors(&["teach low tones --group a --group-pattern (a)"]);
    let padded = sandbox.run(["teach", " padded ", "low/0.wav"]).fails(2);
    let empty = sandbox.run(["teach", "", "low/0.wav"]).fails(2);
    let blank = sandbox
        .run(["teach", "low", "tones", "--group", " "])
        .fails(2);
    let mut said = said;
    for run in [padded, empty, blank] {
        said.add(&run);
    }
    assert_messages!("labels_and_groups", said);
}

#[test]
fn sources_that_cannot_be_opened() {
    let sandbox = Sandbox::taught();
    sandbox.folder("nothing");
    sandbox.wav("loose/a.wav", 16_000, &[100; 8_000]);
    let said = Transcript::of(&sandbox)
        .errors(&[
            "listen --source dir:nothing",
            "listen --source dir:loose --learn",
            "listen --source wav:low/0.wav --learn",
            "listen --source stdin --learn",
            "listen --source wav:low/0.wav --for 2s",
            "listen --source serial:/dev/no-such-port",
            "listen --source csv:missing.csv",
            "listen --source mic --rate 8000",
            "listen --source wav:low/0.wav --columns a,b",
            "teach low low/0.wav --columns a,b",
            "predict low/0.wav --rate 50",
            "listen --source serial:/dev/ttyS0@fast",
            "ports --probe /dev/no-such-port",
            "ports --probe /dev/ttyS0@fast",
            "teach low --last 1s",
        ])
        .usage_errors(&[
            "listen --source microphone",
            "listen --source mic:",
            "listen --source wav:",
            "listen --source stdin --format mp3:1:1",
            "listen --source stdin --every 0",
            "listen --source stdin --every nan",
            "listen --source stdin --gate 0",
            "listen --source stdin --min-confidence 2",
            "teach low --last 0s",
            "teach low --last 31s",
            "teach low --last 1s low/0.wav",
        ]);
    assert_messages!("sources", said);
}

#[cfg(not(feature = "mic"))]
#[test]
fn microphones_in_a_program_without_them() {
    let sandbox = Sandbox::taught();
    let said = Transcript::of(&sandbox).errors(&[
        "listen --source mic",
        "listen --source mic:USB",
        "devices",
        "devices --json",
    ]);
    assert_messages!("microphones_not_built_in", said);
}

#[test]
fn a_listener_that_has_not_heard_enough() {
    let sandbox = Sandbox::taught();
    let mut listening =
        ListeningProcess::start(sandbox.afield("listen --source stdin").pipe_stdin());
    listening.read();
    // Its first bytes tell whether a header comes.
    let mut stdin = listening.child.stdin.take().unwrap();
    stdin.write_all(&[0; 4]).unwrap();
    wait_until("it lends what it hears", || {
        sandbox.path("box/listen.sock").exists()
    });
    let said = Transcript::of(&sandbox).errors(&["teach low --last 1s"]);
    drop(stdin);
    assert_eq!(listening.end().0.code(), Some(ENDED));
    assert_messages!("listener_heard_too_little", said);
}

#[test]
fn samples_of_sensors_that_do_not_fit() {
    let sandbox = Sandbox::cold().with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    let sound = recording::tone(16_000, 300.0, 0.5, 1);
    sandbox.wav("sound.wav", 16_000, &sound);
    sandbox.write("no-rate.csv", "a,b\n1,2\n");
    sandbox.write("text.csv", "neither a table nor a head");
    sandbox.write("empty.csv", "");
    let head = "ax [g],ay [g],az [g],wx [rad/s],wy [rad/s],wz [rad/s]";
    let rows = vec![vec![0.0; 6]; 300];
    sandbox.table("still.csv", head, 50, &rows);
    sandbox.table(
        "few.csv",
        "ax [g],ay [g],az [g]",
        50,
        &vec![vec![0.0; 3]; 300],
    );
    let units = "ax [V],ay [V],az [V],wx [rad/s],wy [rad/s],wz [rad/s]";
    sandbox.table("units.csv", units, 50, &rows);
    let no_times: String = (0..300).map(|_| "x,0,0,0,0,0,0\n").collect();
    sandbox.write("no-times.csv", format!("time [s],{head}\n{no_times}"));
    let said = Transcript::of(&sandbox)
        .errors(&[
            "teach x sound.wav",
            "teach x no-rate.csv",
            "teach x text.csv",
            "teach x empty.csv",
            "teach x missing.csv",
            "teach x few.csv",
            "teach x units.csv",
            "teach x still.csv --columns ax,ay,az,wx,wy,none",
            "teach x still.csv --columns ax=none",
            "predict still.csv",
            "teach x still.csv --columns =",
            "listen --source csv:no-rate.csv",
            "listen --source stdin",
            "listen --source mic",
            "listen --source stdin --gate --rate 50",
            "listen --source serial:nowhere --columns a",
            "init new --backbone imu --normalise still.csv",
        ])
        .usage_errors(&["teach x still.csv --rate 0", "teach x still.csv --cut 0"]);
    let lines = sandbox
        .afield("listen --source stdin --rate 50")
        .stdin("{\"ax\":\n")
        .run();
    let said = said.error(&lines);
    // This one has a note of the rows that were skipped before its error.
    let no_times = sandbox.run("teach x no-times.csv");
    assert_messages!("sensors", said.error(&no_times));
}

#[test]
fn models_that_cannot_be_had() {
    let sandbox = Sandbox::cold();
    sandbox.write("other.onnx", "other");
    sandbox.write("broken.toml", "name = 3\n");
    sandbox.write("cache/cards/mine.toml", "name = 3\n");
    sandbox.wav("tone.wav", 16_000, &[100; 8_000]);
    sandbox.folder("folder");
    let damaged = afield::model::Card::built_in()[1].origin.sha256();
    let lines = [
        "model show speach-embeding",
        "model check speech-embedding",
        "model get yamnet-256",
        "model get speech-embedding --python /nonexistent/python",
        "model add other.onnx --card yamnet",
        "embed tone.wav --backbone speech-embedding -o o.npy",
        "embed tone.wav --backbone tinny -o o.npy",
    ];
    let said = Transcript::of(&sandbox)
        .errors(&lines)
        .errors_without_a_hint(&[
            "model check mine",
            "model add missing.onnx --card yamnet",
            "model add other.onnx --card nowhere.toml",
            "model add other.onnx --card broken.toml",
        ]);
    sandbox.write(&format!("cache/models/{damaged}.onnx"), "rot");
    let said = said
        .errors(&[
            "model check speech-embedding",
            "embed tone.wav --backbone speech-embedding -o o.npy",
        ])
        .usage_errors(&["model get"]);
    assert_messages!("models", said);

    models::fixture("padded");
    let sandbox = Sandbox::taught();
    sandbox.folder("nothing");
    let said = Transcript::of(&sandbox)
        .errors(&[
            "embed low/0.wav --backbone padded --mode streaming -o o.npy",
            "embed low/0.wav --backbone tiny -o nowhere/o.npy",
            "embed low/0.wav --backbone tiny -o nothing",
        ])
        .usage_errors(&["embed low --backbone tiny -o o.npy --mode fast"]);
    assert!(!sandbox.path("o.npy").exists());
    assert_messages!("embeddings", said);
}

#[test]
fn bundles_and_keys_that_are_not_accepted() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::taught();
    let said = Transcript::of(&sandbox).errors(&[
        "key show",
        "export box -o box.afield",
        "key new ../escape",
        "key show nobody",
    ]);
    sandbox.run("key new").ok();
    let key = sandbox.run("key show").ok().stdout;
    let trust = format!("--trust {}", key.trim());
    sandbox.run("export box -o old.afield --with-examples").ok();
    sandbox.run("teach low high/0.wav").ok();
    sandbox.run("export box -o new.afield --with-examples").ok();
    let whole = fs::read(sandbox.path("new.afield")).unwrap();
    sandbox.write("cut.afield", &whole[..whole.len() - 1]);
    sandbox.write("head.afield", &whole[..40]);
    sandbox.write("long.afield", [&whole[..], &[0]].concat());
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    sandbox.write("changed.afield", changed);
    sandbox.write("text.afield", "no bundle\n".repeat(50));
    let said = said.errors(&[
        "key new",
        "export box -o nowhere/box.afield",
        "export box --onnx no/folder/x.onnx",
        "export box -o new.afield --key nobody",
        "import missing.afield new",
        "import text.afield new",
        "import head.afield new",
        "import cut.afield new",
        "import long.afield new",
        "import changed.afield new",
        "import new.afield box",
        "import new.afield new --keys elsewhere",
    ]);
    let said = said.usage_errors(&["import new.afield new --trust me"]);
    sandbox
        .run(format!("import new.afield first --keys other {trust}"))
        .ok();
    let said = said.errors(&[&format!("import old.afield new --keys other {trust}")]);
    let secret = sandbox.path("keys/default.secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let said = said.errors(&["export box -o again.afield"]);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.write("keys/default.secret", "no key");
    let said = said.errors(&["export box -o again.afield"]);
    assert!(!sandbox.path("new").exists());
    assert_messages!("bundles", said);
}

/// Writes an archive of two arrays.
fn npz<T: WritableElement, U: WritableElement>(
    sandbox: &Sandbox,
    name: &str,
    x: (&str, &Array2<T>),
    y: (&str, &Array1<U>),
) {
    let mut npz = NpzWriter::new(fs::File::create(sandbox.path(name)).unwrap());
    npz.add_array(x.0, x.1).unwrap();
    npz.add_array(y.0, y.1).unwrap();
    npz.finish().unwrap();
}

#[test]
fn evaluations_that_cannot_be_run() {
    let sandbox = Sandbox::taught();
    let x = Array2::from_shape_fn((40, 2), |(i, j)| (i % 2 + j) as f32);
    let y = Array1::from_shape_fn(40, |i| (i % 2) as i64);
    npz(&sandbox, "x.npz", ("X", &x), ("y", &y));
    npz(&sandbox, "no-x.npz", ("x", &x), ("y", &y));
    npz(&sandbox, "no-y.npz", ("X", &x), ("label", &y));
    npz(&sandbox, "short.npz", ("X", &x), ("y", &array![0_i64, 1]));
    npz(
        &sandbox,
        "dtype.npz",
        ("X", &x.mapv(|v| v > 0.0)),
        ("y", &y),
    );
    npz(&sandbox, "nan.npz", ("X", &x.mapv(|v| v / 0.0)), ("y", &y));
    sandbox.write("text.npz", "no archive");
    sandbox.wav("set/loose.wav", 16_000, &[100; 8_000]);
    sandbox.folder("nothing");
    sandbox.write("columns.csv", "path,class\na.wav,low\n");
    sandbox.write("fields.csv", "path,label\na.wav,low,more\n");
    sandbox.write("unknown.csv", "path,label,colour\na.wav,low,red\n");
    sandbox.write("absent.csv", "path,label\nabsent.wav,low\n");
    let of_x = "evaluate --embeddings x.npz";
    let said = Transcript::of(&sandbox)
        .errors(&[
            "evaluate --embeddings text.npz",
            "evaluate --embeddings no-x.npz",
            "evaluate --embeddings no-y.npz",
            "evaluate --embeddings dtype.npz",
            "evaluate --embeddings nan.npz",
            &format!("{of_x} --test-groups each"),
            &format!("{of_x} --test-groups 7"),
            &format!("{of_x} --protocol drift"),
            &format!("{of_x} --protocol domain-incremental"),
            &format!("{of_x} --seed 18446744073709551615 --seeds 2"),
            "evaluate --data low",
            "evaluate --data nowhere --backbone tiny",
            "evaluate --data nothing --backbone tiny",
            "evaluate --data set --backbone tiny",
            "evaluate --manifest columns.csv --backbone tiny",
            "evaluate --manifest fields.csv --backbone tiny",
            "evaluate --manifest unknown.csv --backbone tiny",
            "embed set --labelled --backbone tiny -o o.npz",
            "demo --data nowhere/at-all",
            "data get nowhere",
            "data show nowhere",
        ])
        .errors_without_a_hint(&[
            "evaluate --embeddings absent.npz",
            "evaluate --embeddings short.npz",
            "evaluate --manifest missing.csv --backbone tiny",
            "evaluate --manifest absent.csv --backbone tiny",
        ])
        .usage_errors(&[
            "evaluate",
            "evaluate --embeddings x.npz --data .",
            &format!("{of_x} --head svm"),
            &format!("{of_x} --rehearsal all"),
            &format!("{of_x} --protocol random"),
            &format!("{of_x} --transform sqrt"),
            &format!("{of_x} --label-noise 1.5"),
            &format!("{of_x} --imbalance 0.5"),
            &format!("{of_x} --seeds 0"),
        ]);
    assert!(!sandbox.path("o.npz").exists());
    assert_messages!("evaluations", said);
}
