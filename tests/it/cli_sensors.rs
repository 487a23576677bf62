//! Sensors from the command line: tables and JSON lines, on the backbone that is part of the
//! program, with no network and an empty cache.

use crate::watch;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A movement: a tilt of gravity, and turns about one axis.
#[derive(Clone, Copy)]
struct Movement {
    tilt: f64,
    hz: f64,
    axis: usize,
}

const ROW: Movement = Movement {
    tilt: 0.2,
    hz: 0.6,
    axis: 3,
};
const LIFT: Movement = Movement {
    tilt: 1.2,
    hz: 1.1,
    axis: 5,
};

impl Movement {
    /// Six values `seconds` into it, done a little differently by each `who`.
    fn at(self, seconds: f64, who: f64) -> [f64; 6] {
        let phase = std::f64::consts::TAU * self.hz * (1.0 + 0.05 * who) * seconds;
        let angle = self.tilt + 0.5 * phase.sin() + 0.05 * who;
        let mut values = [angle.cos(), angle.sin(), 0.1 * who, 0.0, 0.0, 0.0];
        values[self.axis] = (2.0 + 0.2 * who) * phase.cos();
        values
    }
}

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command
            .args(arguments)
            .env("AFIELD_CACHE", self.path("cache"))
            .env("AFIELD_LEARNER", self.path("box"))
            .current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// stdout of a run that succeeds.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A table with a head of its own making, its rows kept where `kept` says so.
    fn table(&self, name: &str, head: &str, hz: u32, rows: &[Vec<f64>]) {
        let mut text = format!("# rate: {hz} Hz\n{head}\n");
        for row in rows {
            let row: Vec<String> = row.iter().map(f64::to_string).collect();
            writeln!(text, "{}", row.join(",")).unwrap();
        }
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Twelve seconds of a movement.
    fn movement(&self, name: &str, movement: Movement, who: f64, hz: u32) {
        let rows: Vec<Vec<f64>> = (0..12 * hz)
            .map(|i| movement.at(f64::from(i) / f64::from(hz), who).to_vec())
            .collect();
        self.table(name, HEAD, hz, &rows);
    }

    fn taught(&self) {
        self.succeed(&["init", "box"]);
        for who in [0, 1, 2] {
            self.movement(&format!("row/{who}.csv"), ROW, f64::from(who), 50);
            self.movement(&format!("lift/{who}.csv"), LIFT, f64::from(who), 50);
        }
        self.succeed(&["teach", "row", "row", "--cut", "3:1.5"]);
        self.succeed(&["teach", "lift", "lift", "--cut", "3:1.5"]);
    }
}

const HEAD: &str = "ax [g],ay [g],az [g],wx [rad/s],wy [rad/s],wz [rad/s]";

fn lines(stdout: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap();
    stdout.lines().map(parse).collect()
}

#[test]
fn without_a_network_a_learner_is_made_taught_and_right() {
    let learner = Bench::new();
    let made = learner.run(&["init", "box"]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(said.contains("lda on imu, pool mean+std+max"), "{said}");
    fs::remove_dir_all(learner.path("box")).unwrap();
    learner.taught();
    for (movement, label) in [(ROW, "row"), (LIFT, "lift")] {
        // Of another rate, in other units, under other names, beside other columns.
        let rows: Vec<Vec<f64>> = (0..1_248)
            .map(|i| {
                let v = movement.at(f64::from(i) / 104.0, 0.5);
                let degrees = |x: f64| x.to_degrees();
                let turns = [degrees(v[3]), degrees(v[4]), degrees(v[5])];
                let metres = [v[0] * 9.80665, v[1] * 9.80665, v[2] * 9.80665];
                [&[f64::from(i) / 0.104][..], &turns, &[20.0], &metres].concat()
            })
            .collect();
        let head = "t [ms],gx [dps],gy [dps],gz [dps],celsius,x [m/s2],y [m/s2],z [m/s2]";
        learner.table("new.csv", head, 104, &rows);
        let columns = "ax=x,ay=y,az=z,wx=gx,wy=gy,wz=gz";
        let answer = lines(&learner.succeed(&["predict", "new.csv", "--columns", columns]));
        assert_eq!(answer[0]["label"], label, "{answer:?}");
    }
    let error = learner.fail(&["predict", "new.csv"]);
    assert!(
        error.contains("--columns") && error.contains("hint: "),
        "{error}"
    );
    assert!(!learner.path("cache").join("models").exists());
}

#[test]
fn json_lines_give_the_decisions_of_the_table() {
    let learner = Bench::new();
    learner.taught();
    learner.movement("new.csv", LIFT, 0.5, 50);
    let listen = ["listen", "--window", "3", "--every", "1", "--source"];
    let file = lines(&learner.succeed(&[&listen[..], &["csv:new.csv"]].concat()));
    let text: String = (0..600)
        .map(|i| {
            let [ax, ay, az, wx, wy, wz] = LIFT.at(f64::from(i) / 50.0, 0.5);
            format!("{{\"ax\":{ax},\"ay\":{ay},\"az\":{az},\"wx\":{wx},\"wy\":{wy},\"wz\":{wz}}}\n")
        })
        .collect();
    let mut child = learner
        .command(&[&listen[..], &["stdin", "--rate", "50"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let piped = lines(&String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap());
    assert!(file.len() >= 8, "{file:?}");
    assert_eq!(file.len(), piped.len());
    for (a, b) in file.iter().zip(&piped) {
        assert_eq!((&a["time"], &a["label"]), (&b["time"], &b["label"]));
        assert_eq!(a["label"], "lift");
    }
}

#[test]
fn no_decision_looks_across_missing_samples() {
    let learner = Bench::new();
    learner.taught();
    // Five seconds of one movement, two lost, five of another.
    let rows: Vec<Vec<f64>> = (0..600)
        .filter(|i| !(250..350).contains(i))
        .map(|i| {
            let seconds = f64::from(i) / 50.0;
            let movement = if i < 250 { ROW } else { LIFT };
            [&[seconds][..], &movement.at(seconds, 0.5)].concat()
        })
        .collect();
    learner.table("gap.csv", &format!("time [s],{HEAD}"), 50, &rows);
    let listen = [
        "listen",
        "--window",
        "3",
        "--every",
        "0.5",
        "--source",
        "csv:gap.csv",
    ];
    let events = lines(&learner.succeed(&listen));
    let (mut before, mut after) = (0, 0);
    for event in &events {
        let (start, end) = (
            event["start"].as_f64().unwrap(),
            event["time"].as_f64().unwrap(),
        );
        if end <= 5.0 {
            before += 1;
            assert_eq!(event["label"], "row", "{event}");
        } else {
            after += 1;
            assert!(start >= 7.0, "looks across the gap: {event}");
            assert_eq!(event["label"], "lift", "{event}");
        }
    }
    assert!(before >= 3 && after >= 3, "{events:?}");
}

#[test]
fn tables_are_embedded_and_evaluated_in_pieces() {
    let learner = Bench::new();
    for who in [0, 1, 2] {
        learner.movement(&format!("data/row/{who}-a.csv"), ROW, f64::from(who), 50);
        learner.movement(&format!("data/lift/{who}-a.csv"), LIFT, f64::from(who), 50);
    }
    let input = [
        "--backbone",
        "imu",
        "--cut",
        "3:1.5",
        "--group-pattern",
        r"^(\d)-",
    ];
    let said =
        learner.succeed(&[&["embed", "data", "--labelled", "-o", "x.npz"], &input[..]].concat());
    let embedded: Value = serde_json::from_str(&said).unwrap();
    let imu = afield::model::built_in()
        .iter()
        .find(|card| card.name == "imu");
    let features = 3 * imu.unwrap().embedding.size;
    // Of each of six recordings: every 1.5 s but for the last piece, and to the hop.
    let clips = embedded["clips"].as_u64().unwrap();
    assert!(clips == 36 || clips == 42, "{embedded}");
    assert_eq!(
        embedded["features"], features,
        "mean, deviation and maximum"
    );
    let evaluate = [
        "evaluate",
        "--data",
        "data",
        "--test-groups",
        "2",
        "--head",
        "lda",
        "--json",
    ];
    let report: Value =
        serde_json::from_str(&learner.succeed(&[&evaluate[..], &input].concat())).unwrap();
    assert_eq!(report["heads"][0]["final_accuracy"], 1.0, "{report}");
}

#[test]
fn sound_and_sensors_are_not_taken_for_each_other() {
    let learner = Bench::new();
    learner.succeed(&["init", "box"]);
    let said = learner.succeed(&["doctor"]);
    assert!(said.contains("imu is the one"), "{said}");
    let goldens = crate::root().join("tests/goldens/audio/stereo.wav");
    let error = learner.fail(&["teach", "x", goldens.to_str().unwrap()]);
    assert!(
        error.contains("ax, ay, az") && error.contains("sound"),
        "{error}"
    );
    fs::write(learner.path("odd.csv"), "a,b\n1,2\n").unwrap();
    let error = learner.fail(&["teach", "x", "odd.csv"]);
    assert!(
        error.contains("--rate") && error.contains("hint: "),
        "{error}"
    );
    let error = learner.fail(&["listen", "--source", "serial:nowhere", "--columns", "a"]);
    assert!(
        error.contains("--columns") && error.contains("hint: "),
        "{error}"
    );
}

#[test]
fn the_demo_learns_exercises_of_people_it_never_saw() {
    let Some(cache) = watch::cache("the_demo_learns_exercises_of_people_it_never_saw") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_afield"))
        .args(["demo", "imu", "--json", "--head", "finetune,lda"])
        .env("AFIELD_CACHE", &cache)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let reports = lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(
        reports.len(),
        2,
        "exercise after exercise, person after person"
    );
    let accuracy =
        |report: &Value, head: usize| report["heads"][head]["final_accuracy"].as_f64().unwrap();
    // Of seven exercises: forgotten and kept.
    assert!(accuracy(&reports[0], 0) < 0.4, "{}", reports[0]);
    assert!(accuracy(&reports[0], 1) > 0.75, "{}", reports[0]);
    assert!(accuracy(&reports[1], 1) > 0.75, "{}", reports[1]);
    assert!(folder.path().join("afield-demo.html").exists());
}

#[test]
fn channels_normalised_by_recordings_stay_so_in_the_contract() {
    let learner = Bench::new();
    learner.taught();
    let usual = learner.succeed(&["status", "--json"]);
    let contract = |said: &str| {
        let status: Value = serde_json::from_str(said).unwrap();
        status["contract"].as_str().unwrap().to_owned()
    };
    // A sensor a hundred times as strong, which all but drowns otherwise.
    for (name, movement, who) in [("a", ROW, 0.0), ("b", LIFT, 1.0), ("c", LIFT, 2.0)] {
        let rows: Vec<Vec<f64>> = (0..600)
            .map(|i| {
                movement
                    .at(f64::from(i) / 50.0, who)
                    .map(|x| x * 100.0)
                    .to_vec()
            })
            .collect();
        learner.table(&format!("strong/{name}.csv"), HEAD, 50, &rows);
    }
    let init = [
        "init",
        "strong-box",
        "--normalise",
        "strong",
        "--backbone",
        "imu",
    ];
    let error = learner.fail(&init);
    assert!(error.contains("never moves"), "{error}");
    let rows: Vec<Vec<f64>> = (0..600).map(|i| vec![f64::from(i % 7); 6]).collect();
    learner.table("strong/noise.csv", HEAD, 50, &rows);
    learner.succeed(&init);
    let to = ["--learner", "strong-box"];
    learner.succeed(&[&["teach", "row", "strong/a.csv"][..], &to].concat());
    learner.succeed(&[&["teach", "lift", "strong/b.csv"][..], &to].concat());
    let said = learner.succeed(&[&["predict", "strong/c.csv"][..], &to].concat());
    assert_eq!(lines(&said)[0]["label"], "lift", "{said}");
    let strong = learner.succeed(&[&["status", "--json"][..], &to].concat());
    assert_ne!(contract(&usual), contract(&strong));
}
