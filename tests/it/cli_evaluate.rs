//! `afield evaluate`, run as a user runs it.

use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2};
use ndarray_npy::NpzWriter;
use serde_json::Value;

use crate::harness::recording::tone;
use crate::harness::{Run, Sandbox};

/// Five classes in eight dimensions, four groups; `spread` blurs the classes.
fn write_npz(path: &Path, spread: f32, with_test: bool) {
    let mut state = 11_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * spread
    };
    let x = Array2::from_shape_fn((400, 8), |(i, j)| {
        noise() + if i % 5 == j { 1.0 } else { 0.0 } + (i / 5 % 4) as f32 * 0.05
    });
    let mut npz = NpzWriter::new(fs::File::create(path).unwrap());
    npz.add_array("X", &x).unwrap();
    npz.add_array("y", &Array1::from_shape_fn(400, |i| (i % 5) as i64))
        .unwrap();
    npz.add_array("group", &Array1::from_shape_fn(400, |i| (i / 5 % 4) as i64))
        .unwrap();
    if with_test {
        npz.add_array("test", &Array1::from_shape_fn(400, |i| i / 5 % 4 == 3))
            .unwrap();
    }
    npz.finish().unwrap();
}

/// A folder with the embeddings `x.npz`.
struct Data(Sandbox);

impl Data {
    fn new(spread: f32, with_test: bool) -> Self {
        let sandbox = Sandbox::cold();
        write_npz(&sandbox.path("x.npz"), spread, with_test);
        Self(sandbox)
    }

    /// `afield evaluate` on these embeddings.
    fn evaluate(&self, arguments: &str) -> Run {
        let program = self.0.afield("evaluate --embeddings x.npz");
        program.args(arguments).run()
    }

    /// Its report: one object and nothing else.
    fn json(&self, arguments: &str) -> Value {
        self.evaluate(&format!("{arguments} --json")).ok().json()
    }
}

/// The report without what depends on the clock.
fn untimed(mut report: Value) -> Value {
    report["peak_rss_bytes"] = Value::Null;
    report["encode_us"] = Value::Null;
    report["upper_bound_fit"]["seconds"] = Value::Null;
    for head in report["heads"].as_array_mut().unwrap() {
        for key in ["learn_us", "predict_us", "solve_us"] {
            head[key] = Value::Null;
        }
    }
    report
}

#[test]
fn the_json_holds_every_promised_key() {
    let report = Data::new(1.0, true).json("--head ncm,lda,linear,finetune");
    let share = |value: &Value| (0.0..=1.0).contains(&value.as_f64().unwrap());
    assert!(share(&report["upper_bound"]));
    assert!(report["peak_rss_bytes"].as_u64().unwrap() > 1 << 20);
    let heads = report["heads"].as_array().unwrap();
    let names: Vec<&str> = heads
        .iter()
        .map(|head| head["head"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ncm", "lda", "linear", "finetune"]);
    for head in heads {
        assert!(share(&head["final_accuracy"]) && share(&head["average_incremental_accuracy"]));
        assert!(head["forgetting"].is_number() && head["backward_transfer"].is_number());
        for timing in ["learn_us", "predict_us"] {
            let (p50, p95) = (head[timing]["p50"].as_f64(), head[timing]["p95"].as_f64());
            assert!(p50.unwrap() > 0.0 && p95 >= p50, "{timing}: {head}");
        }
        assert!(head["state_bytes"].as_u64().unwrap() > 0);
        assert_eq!(head["accuracy_after"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn finetune_forgets_what_the_others_and_the_joint_fit_know() {
    let report = Data::new(1.0, true).json("--rehearsal balanced:100");
    let heads = report["heads"].as_array().unwrap();
    let head = |name: &str| heads.iter().find(|head| head["head"] == name).unwrap();
    let accuracy = |name| head(name)["final_accuracy"].as_f64().unwrap();
    assert!(report["upper_bound"].as_f64().unwrap() > 0.9, "{report}");
    for name in ["ncm", "lda", "ridge", "linear"] {
        assert!(accuracy(name) > 0.8, "{name}: {report}");
    }
    assert!(accuracy("finetune") < accuracy("ncm") - 0.4, "{report}");
    assert!(
        head("finetune")["forgetting"].as_f64().unwrap() > 0.5,
        "{report}"
    );
}

#[test]
fn the_report_depends_only_on_the_seed_and_the_data() {
    let data = Data::new(2.0, true);
    let run = |seed: u64| untimed(data.json(&format!("--head linear --seed {seed}")));
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
    let blurred = untimed(Data::new(3.0, true).json("--head linear --seed 3"));
    assert!(blurred["upper_bound"].as_f64() < run(3)["upper_bound"].as_f64());
}

#[test]
fn each_protocol_divides_the_stream_into_its_tasks() {
    let data = Data::new(1.0, true);
    for (protocol, tasks) in [
        ("class-incremental", 5),
        ("domain-incremental", 3),
        ("iid", 10),
        ("bursty", 10),
        ("drift", 10),
    ] {
        let report = data.json(&format!("--head ncm --protocol {protocol}"));
        assert_eq!(
            report["tasks"].as_array().unwrap().len(),
            tasks,
            "{protocol}"
        );
        assert_eq!(report["train"], 300);
    }
}

#[test]
fn test_groups_are_held_out_of_training() {
    let data = Data::new(1.0, false);
    let report = data.json("--head ncm --test-groups 0,2");
    assert_eq!(
        (&report["train"], &report["test"]),
        (&200.into(), &200.into())
    );
    let unknown = data.evaluate("--test-groups 7").fails(1);
    unknown.says(["no group '7'", "hint: the groups are 0, 1, 2, 3"]);
    let drawn = data.evaluate("--head ncm").ok();
    drawn.says(["100 of 400 clips are held out (whole groups: "]);
}

#[test]
fn the_table_is_printed_and_the_page_written_to_its_file() {
    let data = Data::new(1.0, true);
    let run = data.evaluate("--head ncm,lda --report out.html").ok();
    assert!(run.stderr.is_empty(), "{run}");
    run.prints([
        "ncm",
        "lda",
        "joint, offline",
        "forgetting",
        "class-incremental, seed 0",
    ]);
    let html = fs::read_to_string(data.0.path("out.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("--report") && html.ends_with("</html>\n"));
}

#[test]
fn wrong_or_missing_input_is_an_error_that_names_it() {
    let data = Data::new(1.0, true);
    assert_ne!(data.0.run("evaluate").code, Some(0));
    assert_ne!(data.evaluate("--data .").code, Some(0));
    let absent = data.0.run("evaluate --embeddings absent.npz").fails(1);
    absent.says(["--embeddings", "absent.npz"]);
    for (flag, value) in [
        ("--head", "svm"),
        ("--rehearsal", "all"),
        ("--protocol", "random"),
    ] {
        let run = data.evaluate(&format!("{flag} {value}")).fails(2);
        run.says([flag, value]);
    }
}

/// A share of the runs' reports: the mean, and half of Student's interval.
fn by_hand(runs: &[Value], of: impl Fn(&Value) -> f64, t: f64) -> (f64, f64) {
    let values: Vec<f64> = runs.iter().map(of).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, t * (variance / n).sqrt())
}

#[test]
fn seeds_and_held_out_groups_multiply_and_are_summed_up() {
    let data = Data::new(3.0, false);
    let args = "--head ncm,linear --protocol iid --test-groups each --seeds 3 --seed 5";
    let series = data.json(&format!("{args} --report out.html"));
    let runs = series["runs"].as_array().unwrap();
    let which: Vec<(u64, &str)> = runs
        .iter()
        .map(|run| {
            let groups = run["test_groups"].as_array().unwrap();
            assert_eq!(groups.len(), 1);
            (run["seed"].as_u64().unwrap(), groups[0].as_str().unwrap())
        })
        .collect();
    let expected = (5..8).flat_map(|seed| ["0", "1", "2", "3"].map(|group| (seed, group)));
    assert_eq!(which, expected.collect::<Vec<_>>());
    let summary = &series["summary"];
    assert_eq!(
        (&summary["runs"], summary["seeds"].to_string()),
        (&12.into(), "[5,6,7]".into())
    );
    for head in 0..2 {
        let accuracy = |run: &Value| run["heads"][head]["final_accuracy"].as_f64().unwrap();
        // t(0.975, 11)
        let (mean, half) = by_hand(runs, accuracy, 2.200985);
        let found = &summary["heads"][head]["final_accuracy"];
        assert!(
            (found["mean"].as_f64().unwrap() - mean).abs() < 1e-9,
            "{found}"
        );
        assert!(
            (found["ci95"].as_f64().unwrap() - half).abs() < 1e-6,
            "{found}"
        );
        assert!(half > 0.0);
    }
    let html = fs::read_to_string(data.0.path("out.html")).unwrap();
    assert!(html.contains("<polygon") && html.contains("12 runs (3 seeds x 4 folds)"));

    data.evaluate(args).ok().prints([
        "12 runs (3 seeds x 4 folds)",
        " \u{b1} .",
        "Student t",
        "joint, offline",
    ]);
}

#[test]
fn a_run_of_a_series_equals_the_same_run_alone() {
    let data = Data::new(3.0, false);
    let args = "--head linear,best --protocol bursty";
    let series = data.json(&format!("{args} --test-groups each --seeds 2"));
    let alone = data.json(&format!("{args} --test-groups 2 --seed 1"));
    assert_eq!(untimed(series["runs"][6].clone()), untimed(alone));
}

#[test]
fn the_saved_stream_is_the_one_that_was_taught() {
    let data = Data::new(1.0, true);
    let args = "--head ncm --protocol drift --label-noise 0.1 --no-upper-bound \
                --save-stream stream.json";
    let report = data.json(args);
    assert_eq!(report["upper_bound"], Value::Null);
    let saved = || -> Value {
        {
            let file = fs::read(data.0.path("stream.json")).unwrap();
            serde_json::from_slice(&file).unwrap()
        }
    };
    let stream = saved();
    assert_eq!(
        (&stream["version"], &stream["protocol"]),
        (&1.into(), &"drift".into())
    );
    let tasks = stream["tasks"].as_array().unwrap();
    let names: Vec<&Value> = tasks.iter().map(|task| &task["name"]).collect();
    assert_eq!(
        names,
        report["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .collect::<Vec<_>>()
    );
    let truth = stream["truth"].as_array().unwrap();
    let (mut taught, mut wrong) = (0, 0);
    for task in tasks {
        let (clips, labels) = (
            task["clips"].as_array().unwrap(),
            task["labels"].as_array().unwrap(),
        );
        assert_eq!(clips.len(), labels.len());
        taught += clips.len();
        wrong += clips
            .iter()
            .zip(labels)
            .filter(|(clip, label)| truth[clip.as_u64().unwrap() as usize] != **label)
            .count();
    }
    assert_eq!((taught, wrong), (300, 30));
    assert_eq!(stream["train"].as_array().unwrap().len(), 300);
    let drift = &report["heads"][0]["drift"];
    assert_eq!(drift["drifted_after"].as_array().unwrap().len(), 10);
    assert!(drift["rest"].as_f64().unwrap() > 0.9, "{report}");

    data.evaluate(&format!("{args} --seeds 2")).ok();
    assert_eq!(saved().as_array().unwrap().len(), 2);
}

#[test]
fn imbalance_label_noise_and_bursts_show_in_the_report() {
    let data = Data::new(1.0, true);
    let run = |more: &str| data.json(&format!("--no-upper-bound --protocol {more}"));
    let thinned = run("iid --imbalance 20 --head ncm");
    // 60 times 20^(-k/4), rounded
    assert_eq!(thinned["train"], 60 + 28 + 13 + 6 + 3);
    assert_eq!(
        (&thinned["test"], &thinned["imbalance"]),
        (&100.into(), &20.0.into())
    );
    let accuracy = |report: &Value| report["heads"][0]["final_accuracy"].as_f64().unwrap();
    let clean = run("iid --head finetune");
    let noisy = run("iid --head finetune --label-noise 0.6");
    assert!(accuracy(&noisy) < accuracy(&clean) - 0.05, "{noisy}");
    let bursty = run("bursty --head ncm");
    let examples = bursty["examples"].as_u64().unwrap();
    assert!(
        (700..=1100).contains(&examples) && bursty["train"] == 300,
        "{bursty}"
    );
}

#[test]
fn the_report_names_the_chosen_head_and_all_that_were_tried() {
    let data = Data::new(2.0, true);
    let args = "--head ncm,best --transform auto";
    let report = data.json(args);
    assert_eq!(report["transform"], "auto");
    let name = |row: usize| report["heads"][row]["head"].as_str().unwrap();
    assert!(name(0).starts_with("ncm after "), "{}", name(0));
    assert!(
        name(1).starts_with("best (") && name(1).contains(" after "),
        "{}",
        name(1)
    );
    let tried = report["tried"].as_array().unwrap();
    assert!(tried.len() >= 9 && tried[0]["head"] == "ncm");
    let of = |head: &str| tried.iter().any(|tried| tried["head"] == head);
    assert!(
        of("ridge") && of("lda") && !of("linear"),
        "trained heads are flattered"
    );
    assert!(report["upper_bound_fit"]["tried"].as_array().unwrap().len() >= 3);
    let text = data.evaluate(args).ok();
    text.prints(["tried on the training side"]);
    for transform in ["none", "l2", "signed-sqrt", "standardise"] {
        let of = |list: &Value| {
            let list = list.as_array().unwrap();
            list.iter().any(|tried| tried["transform"] == transform)
        };
        let joint = &report["upper_bound_fit"]["tried"];
        assert!(of(&report["tried"]) && of(joint), "{transform}");
    }
}

#[test]
fn a_named_transform_is_used_without_a_choice() {
    let data = Data::new(2.0, true);
    let named = data.json("--head ncm --transform standardise");
    assert_eq!(
        (&named["transform"], &named["saturated"]),
        (&"standardise".into(), &0.0.into())
    );
    assert!(named["heads"][0]["final_accuracy"].as_f64().unwrap() > 0.5);
    let plain = data.json("--head ncm");
    assert_eq!(plain["heads"][0]["head"], "ncm");
    assert_eq!(plain["tried"], Value::Null);
}

#[test]
fn values_outside_their_range_are_refused_with_a_hint() {
    let data = Data::new(1.0, true);
    for (flag, value, advice) in [
        ("--label-noise", "1.5", "hint: "),
        ("--label-noise", "-0.1", "hint: "),
        ("--label-noise", "many", "hint: "),
        ("--imbalance", "0.5", "hint: "),
        ("--imbalance", "inf", "hint: "),
        (
            "--transform",
            "sqrt",
            "expected one of none, l2, signed-sqrt, signed-sqrt+l2, standardise, or auto",
        ),
    ] {
        let run = data.evaluate(&format!("{flag}={value}")).fails(2);
        run.says([flag, value, advice]);
    }
    data.evaluate("--seeds 0").fails(2);
    let seeds = format!("--seed {} --seeds 2", u64::MAX);
    let refused = data.evaluate(&seeds).refused();
    assert!(refused.contains("hint: the largest seed"), "{refused}");
}

#[test]
fn protocols_need_enough_classes_and_groups() {
    let data = Data(Sandbox::cold());
    let mut npz = NpzWriter::new(fs::File::create(data.0.path("x.npz")).unwrap());
    let x = Array2::from_shape_fn((40, 2), |(i, j)| (i % 2 + j) as f32);
    npz.add_array("X", &x).unwrap();
    let y = Array1::from_shape_fn(40, |i| (i % 2) as i64);
    npz.add_array("y", &y).unwrap();
    npz.finish().unwrap();
    for (arguments, words) in [
        ("--protocol drift", "at least 3 classes"),
        (
            "--test-groups each",
            "--test-groups each: the test side needs groups",
        ),
    ] {
        let refused = data.evaluate(arguments).refused();
        assert!(refused.contains(words), "{refused}");
    }
}

/// Clips of four classes in two groups: one sounds throughout, the others for half a second.
fn field_clips() -> Sandbox {
    let sandbox = Sandbox::new();
    for (class, hz, seconds) in [
        ("hum", 300.0, 5.0),
        ("beep", 900.0, 0.5),
        ("whistle", 2_500.0, 0.5),
        ("buzz", 5_000.0, 0.5),
    ] {
        for (group, clip) in [(1, 0), (1, 1), (1, 2), (2, 3), (2, 4)] {
            let mut samples = vec![0; 16_000];
            samples.extend(tone(
                16_000,
                hz + 5.0 * f64::from(clip),
                seconds,
                clip as u64,
            ));
            samples.extend([0; 16_000]);
            if class == "hum" {
                samples.retain(|&sample| sample != 0);
            }
            let name = format!("clips/{class}/{group}-{clip}.wav");
            sandbox.wav(&name, 16_000, &samples);
        }
    }
    sandbox
}

const FIELD: &str = "evaluate --data clips --backbone tiny --protocol field --group-pattern ^(.)- \
                     --test-groups 2 --known 2 --minutes 4";

#[test]
fn days_in_the_field_are_reported_and_drawn() {
    let sandbox = field_clips();
    let more = "--seeds 2 --json --report page.html --picture day.svg";
    let report = sandbox.afield(FIELD).args(more).run().ok().json();
    let again = sandbox.afield(FIELD).args(more).run().ok().json();
    assert_eq!(report, again);
    assert_eq!(report["protocol"], "field");
    assert_eq!(report["recordings"], 20);
    let days = report["days"].as_array().unwrap();
    assert_eq!(days.len(), 2);
    for day in days {
        assert_eq!(day["soundscape"], "hum");
        assert_eq!(day["events"].as_array().unwrap().len(), 26);
    }
    assert_ne!(days[0]["events"], days[1]["events"]);
    for variant in report["variants"].as_array().unwrap() {
        let f1 = &variant["summary"]["event_f1"];
        assert!((0.0..=1.0).contains(&f1["mean"].as_f64().unwrap()));
        assert!(f1["deviation"].as_f64().is_some());
        assert_eq!(variant["found"].as_array().unwrap().len(), 2);
    }
    let page = fs::read_to_string(sandbox.path("page.html")).unwrap();
    let picture = fs::read_to_string(sandbox.path("day.svg")).unwrap();
    assert!(page.contains(&picture) && page.contains("made on 20 recordings"));
    let table = sandbox.run(FIELD).ok().stdout;
    for said in [
        "event F1",
        "clips, single decisions",
        "2 classes taught, 1 never taught",
    ] {
        assert!(table.contains(said), "{said}");
    }
}

#[test]
fn what_does_not_apply_to_days_in_the_field_is_refused() {
    let sandbox = field_clips();
    for (more, said) in [
        (
            "--minutes 2",
            "--minutes: 26 events do not fit into 2 minutes\nhint: --minutes 4",
        ),
        (
            "--soundscape-class wind",
            "hint: the classes are beep, buzz, hum, whistle",
        ),
        (
            "--label-noise 0.1",
            "--label-noise has no effect on --protocol field\nhint: leave it out",
        ),
        (
            "--head ncm,lda",
            "--head: --protocol field teaches one head\nhint: name one",
        ),
        (
            "--transform auto",
            "--transform: --protocol field takes a fixed transform",
        ),
    ] {
        let error = sandbox
            .afield(FIELD.replace("--minutes 4", ""))
            .args(more)
            .run()
            .fails(1);
        assert!(error.stderr.contains(said), "{error}");
    }
    let of_stream = sandbox
        .run("evaluate --data clips --backbone tiny --minutes 4")
        .fails(1);
    assert!(
        of_stream
            .stderr
            .contains("--minutes is for days of sound\nhint: add --protocol field")
    );
    let embeddings = Data::new(1.0, true).evaluate("--protocol field").fails(1);
    assert!(
        embeddings
            .stderr
            .contains("--embeddings: --protocol field needs recordings")
    );
    let sides = sandbox
        .run("evaluate --data clips --backbone tiny --protocol field")
        .fails(1);
    assert!(
        sides
            .stderr
            .contains("--test-groups: the test side of the split is empty\nhint:")
    );
}

const UNKNOWN: &str = "evaluate --data clips --backbone tiny --protocol unknown \
                       --group-pattern ^(.)- --test-groups each";

#[test]
fn classes_are_left_out_and_all_are_asked_about() {
    let sandbox = field_clips();
    let more = "--json --report page.html";
    let report = sandbox.afield(UNKNOWN).args(more).run().ok().json();
    let again = sandbox.afield(UNKNOWN).args(more).run().ok().json();
    assert_eq!(report, again);
    assert_eq!(report["protocol"], "unknown");
    assert_eq!(
        (&report["recordings"], &report["clips"]),
        (&20.into(), &20.into())
    );
    assert_eq!(report["folds"].as_array().unwrap().len(), 2);
    let draws = report["draws"].as_array().unwrap();
    assert_eq!(draws.len(), 5, "five draws without --seeds");
    for draw in draws {
        assert_eq!(draw["never_taught"].as_array().unwrap().len(), 1);
    }
    for teaching in report["teachings"].as_array().unwrap() {
        for score in ["auroc", "auroc_of_confidence", "accuracy", "ece"] {
            let spread = &teaching["summary"][score];
            assert!(
                (0.0..=1.0).contains(&spread["mean"].as_f64().unwrap()),
                "{score}"
            );
            assert!(spread["deviation"].as_f64().is_some(), "{score}");
        }
        // Pure tones are far from each other.
        let auroc = teaching["summary"]["auroc"]["mean"].as_f64().unwrap();
        assert!(auroc > 0.9, "{auroc}");
        assert_eq!(teaching["scores"].as_array().unwrap().len(), 5);
    }
    let page = fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page.contains("AUROC of novelty") && page.contains("made on 20 recordings"));
    let table = sandbox
        .afield(UNKNOWN)
        .args("--seeds 1 --seed 3")
        .run()
        .ok()
        .stdout;
    for said in [
        "unknown, seed 3, 2 groups held out in turn: 3 of 4 classes taught, 1 never taught",
        "AUROC of the highest probability",
        "never taught, seed 3: ",
    ] {
        assert!(table.contains(said), "{said}\n{table}");
    }
}

#[test]
fn what_does_not_apply_to_classes_left_out_is_refused() {
    let sandbox = field_clips();
    for (more, said) in [
        (
            "--imbalance 10",
            "--imbalance has no effect on --protocol unknown\nhint: leave it out",
        ),
        (
            "--head ncm,lda",
            "--head: --protocol unknown teaches one head\nhint: name one",
        ),
        (
            "--minutes 4",
            "--minutes is for days of sound\nhint: add --protocol field",
        ),
    ] {
        let error = sandbox.afield(UNKNOWN).args(more).run().fails(1);
        assert!(error.stderr.contains(said), "{error}");
    }
    for class in ["buzz", "whistle"] {
        fs::remove_dir_all(sandbox.path(&format!("clips/{class}"))).unwrap();
    }
    let few = sandbox.run(UNKNOWN).fails(1);
    assert!(
        few.stderr
            .contains("at least 3 classes are needed to leave one out, the data hold 2\nhint:"),
        "{few}"
    );
}

const ADAPT: &str = "evaluate --data clips --backbone tiny --protocol adapt \
                     --group-pattern ^(.)- --test-groups each";

#[test]
fn half_of_the_held_out_recordings_are_heard_without_labels() {
    let sandbox = field_clips();
    let more = "--json --report page.html";
    let report = sandbox.afield(ADAPT).args(more).run().ok().json();
    let again = sandbox.afield(ADAPT).args(more).run().ok().json();
    assert_eq!(report, again);
    assert_eq!(report["protocol"], "adapt");
    assert_eq!(report["recordings"], 20);
    assert_eq!(report["folds"].as_array().unwrap().len(), 2);
    assert_eq!(report["seeds"].as_array().unwrap().len(), 5);
    let cases = report["cases"].as_array().unwrap();
    let names: Vec<&str> = (cases.iter())
        .map(|case| case["case"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "all taught",
            "one class never taught",
            "a quarter never taught"
        ]
    );
    for (case, never_taught) in cases.iter().zip([0, 1, 1]) {
        let learners = case["learners"].as_array().unwrap();
        assert_eq!(learners.len(), 10, "one a seed and group");
        for learner in learners {
            assert_eq!(learner["held_out"].as_array().unwrap().len(), 1);
            let never = learner["never_taught"].as_array().unwrap();
            assert_eq!(never.len(), never_taught);
            let count = |name: &str| learner["counts"][name].as_u64().unwrap();
            assert!(count("wrong") <= count("learned") && count("learned") <= count("sure"));
            assert!(count("sure") <= count("heard"));
            // Pure tones are far from each other.
            assert_eq!(count("right_before"), count("known"));
            let unknown = count("unknown");
            assert_eq!(unknown > 0, never_taught > 0);
        }
        let accuracy = &case["summary"]["accuracy_before"];
        assert_eq!(
            (&accuracy["mean"], &accuracy["deviation"]),
            (&1.0.into(), &0.0.into())
        );
    }
    let page = fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page.contains("Learning without labels") && page.contains("made on 20 recordings"));
    let table = sandbox.afield(ADAPT).args("--seeds 1").run().ok().stdout;
    for said in [
        "adapt, seed 0, 2 groups held out in turn: 4 classes, 20 clips; tiny, lda",
        "of the learned, wrong label",
        "never taught, called unknown after",
    ] {
        assert!(table.contains(said), "{said}\n{table}");
    }
}

#[test]
fn what_does_not_apply_to_recordings_without_labels_is_refused() {
    let sandbox = field_clips();
    let noise = sandbox
        .afield(ADAPT)
        .args("--label-noise 0.1")
        .run()
        .fails(1);
    noise.says(["--label-noise has no effect on --protocol adapt\nhint: leave it out"]);
    for class in ["buzz", "whistle"] {
        fs::remove_dir_all(sandbox.path(&format!("clips/{class}"))).unwrap();
    }
    let few = sandbox.run(ADAPT).fails(1);
    few.says(["at least 3 classes are needed to leave one out, the data hold 2\nhint:"]);
}
