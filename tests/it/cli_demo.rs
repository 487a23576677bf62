//! `afield demo` on a few spoken digits of the shared data.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Run, Sandbox, models, shared_data};

/// The backbone for words: one speaker is taught, and another tested.
const BACKBONE: &str = "--backbone speech-embedding";

/// Four digits, eight clips of each of two speakers.
struct Digits(Sandbox);

impl Digits {
    /// `None` where the data or the model cannot be had.
    fn collect(test: &str) -> Option<Self> {
        let shared = shared_data::folder(test)?;
        models::real("speech-embedding", test)?;
        let sandbox = Sandbox::new();
        for digit in ["0", "1", "2", "3"] {
            let to = sandbox.folder(&format!("digits/{digit}"));
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
        Some(Self(sandbox))
    }

    fn afield(&self, command: &str, arguments: &str) -> Run {
        let program = self.0.afield(command);
        let data = "--data digits --group-pattern ^([a-z]+)_";
        program.args(data).args(arguments).run().ok()
    }
}

/// All of a report but what a clock or the system says.
fn untimed(run: &Run) -> Value {
    let mut report = run.json();
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
fn the_demo_shows_that_finetune_forgets_and_lda_remembers() {
    let test = "the_demo_shows_that_finetune_forgets_and_lda_remembers";
    let Some(digits) = Digits::collect(test) else {
        return;
    };
    let shown = digits.afield("demo", BACKBONE);
    let text = &shown.stdout;
    assert!(!text.contains('\x1b'), "colours without a terminal");
    let lines: Vec<&str> = text.lines().collect();
    let first = (lines.iter().position(|line| line.starts_with("  1  "))).unwrap();
    assert!(lines[first].matches("100 %").count() == 8, "{text}");
    assert!(lines[first + 3].starts_with("  4  "), "{text}");
    assert!(text.contains("joint, offline"), "{text}");
    assert!(text.contains("finetune names"), "{text}");

    let page = fs::read_to_string(digits.0.path("afield-demo.html")).unwrap();
    assert!(page.contains("<svg"));
    assert!(shown.stderr.contains("afield-demo.html"), "{shown}");
}

#[test]
fn the_demo_gives_the_same_report_as_evaluate() {
    let Some(digits) = Digits::collect("the_demo_gives_the_same_report_as_evaluate") else {
        return;
    };
    let report = untimed(&digits.afield("demo", &format!("--json --report other.html {BACKBONE}")));
    let final_accuracy = |name: &str| {
        let heads = report["heads"].as_array().unwrap();
        let head = heads.iter().find(|head| head["head"] == name).unwrap();
        head["final_accuracy"].as_f64().unwrap()
    };
    assert!(final_accuracy("finetune") < 0.6, "{report}");
    assert!(final_accuracy("lda") > 0.75, "{report}");
    assert!(digits.0.path("other.html").exists());

    // The same object, once the heads stand in the same order.
    let evaluate = format!("{BACKBONE} --head finetune,linear,ncm,lda --json");
    assert_eq!(untimed(&digits.afield("evaluate", &evaluate)), report);
}

#[test]
fn missing_data_are_an_error_with_a_hint() {
    let sandbox = Sandbox::cold();
    let said = sandbox.run("demo --data nowhere/at-all").refused();
    assert!(said.contains("nowhere/at-all"), "{said}");
    assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 0);
}

#[test]
fn the_fault_of_a_simulated_pump_is_found_and_the_healthy_pump_is_not_alarming() {
    let sandbox = Sandbox::cold();
    let short = "--taught-hours 2 --healthy-days 0.15 --fault-days 0.2 --fault-doubles 0.8";
    let demo = sandbox.afield("demo pump --json --report pump.html");
    let report = demo.args(short).run().ok().json();
    // Fifteen minutes a false alarm would be a hundred a day.
    assert!(report["false_alarms"].as_u64().unwrap() <= 3, "{report}");
    assert!(report["found_hours"].as_f64().unwrap() < 4.5, "{report}");
    let page = fs::read_to_string(sandbox.path("pump.html")).unwrap();
    for word in ["<svg", "simulated", "onset of the fault"] {
        assert!(page.contains(word), "{word}");
    }
    let text = sandbox.afield("demo pump").args(short).run().ok().stdout;
    for word in ["simulated", "false alarms in", "lasting alarm", "<- onset"] {
        assert!(text.contains(word), "{text}");
    }
    let refused = sandbox.run("demo pump --data watch").refused();
    assert!(refused.contains("--data"), "{refused}");
    let refused = sandbox.run("demo imu --fault-days 1").refused();
    assert!(refused.contains("demo pump"), "{refused}");
}
