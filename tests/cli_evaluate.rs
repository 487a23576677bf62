//! `afield evaluate`, run as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

use ndarray::{Array1, Array2};
use ndarray_npy::NpzWriter;
use serde_json::Value;

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
    let mut npz = NpzWriter::new(std::fs::File::create(path).unwrap());
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

fn afield(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_afield"))
        .arg("evaluate")
        .args(args)
        .output()
        .unwrap()
}

/// What a run that must fail said about it.
fn failure(args: &[&str]) -> String {
    let output = afield(args);
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

fn success(args: &[&str]) -> Output {
    let output = afield(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    output
}

fn json(args: &[&str]) -> Value {
    let text = String::from_utf8(success(&[args, &["--json"]].concat()).stdout).unwrap();
    assert_eq!(
        text.lines().count(),
        1,
        "one object and nothing else: {text}"
    );
    serde_json::from_str(&text).unwrap()
}

fn data(spread: f32, with_test: bool) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    write_npz(&path, spread, with_test);
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
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
    let (_folder, path) = data(1.0, true);
    let report = json(&["--embeddings", &path, "--head", "ncm,lda,linear,finetune"]);
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
    let (_folder, path) = data(1.0, true);
    let report = json(&["--embeddings", &path, "--rehearsal", "balanced:100"]);
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
fn one_seed_gives_one_report_and_other_data_another() {
    let (_folder, path) = data(2.0, true);
    let run = |seed| {
        untimed(json(&[
            "--embeddings",
            &path,
            "--head",
            "linear",
            "--seed",
            seed,
        ]))
    };
    assert_eq!(run("3"), run("3"));
    assert_ne!(run("3"), run("4"));
    let (_other_folder, other) = data(3.0, true);
    let blurred = untimed(json(&[
        "--embeddings",
        &other,
        "--head",
        "linear",
        "--seed",
        "3",
    ]));
    assert!(blurred["upper_bound"].as_f64() < run("3")["upper_bound"].as_f64());
}

#[test]
fn each_protocol_cuts_the_stream_its_own_way() {
    let (_folder, path) = data(1.0, true);
    for (protocol, tasks) in [
        ("class-incremental", 5),
        ("domain-incremental", 3),
        ("iid", 10),
    ] {
        let report = json(&[
            "--embeddings",
            &path,
            "--head",
            "ncm",
            "--protocol",
            protocol,
        ]);
        assert_eq!(
            report["tasks"].as_array().unwrap().len(),
            tasks,
            "{protocol}"
        );
        assert_eq!(report["train"], 300);
    }
}

#[test]
fn groups_choose_the_test_side() {
    let (_folder, path) = data(1.0, false);
    let report = json(&[
        "--embeddings",
        &path,
        "--head",
        "ncm",
        "--test-groups",
        "0,2",
    ]);
    assert_eq!(
        (&report["train"], &report["test"]),
        (&200.into(), &200.into())
    );
    let stderr = failure(&["--embeddings", &path, "--test-groups", "7"]);
    assert!(stderr.contains("no group '7'") && stderr.contains("hint: the groups are 0, 1, 2, 3"));
    let stderr =
        String::from_utf8(success(&["--embeddings", &path, "--head", "ncm"]).stderr).unwrap();
    assert!(
        stderr.contains("100 of 400 clips are held out (whole groups: "),
        "{stderr}"
    );
}

#[test]
fn the_table_goes_to_stdout_and_the_page_to_its_file() {
    let (folder, path) = data(1.0, true);
    let page = folder.path().join("out.html");
    let page_arg = page.to_str().unwrap();
    let output = success(&[
        "--embeddings",
        &path,
        "--head",
        "ncm,lda",
        "--report",
        page_arg,
    ]);
    let table = String::from_utf8(output.stdout).unwrap();
    for said in [
        "ncm",
        "lda",
        "joint, offline",
        "forgetting",
        "class-incremental, seed 0",
    ] {
        assert!(table.contains(said), "{said}: {table}");
    }
    assert!(output.stderr.is_empty());
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("<svg") && html.contains("--report") && html.ends_with("</html>\n"));
}

#[test]
fn input_is_asked_for_once_and_named_when_it_is_wrong() {
    let (_folder, path) = data(1.0, true);
    failure(&[]);
    failure(&["--embeddings", &path, "--data", "."]);
    let stderr = failure(&["--embeddings", "absent.npz"]);
    assert!(
        stderr.contains("--embeddings") && stderr.contains("absent.npz"),
        "{stderr}"
    );
    for (flag, value) in [
        ("--head", "svm"),
        ("--rehearsal", "all"),
        ("--protocol", "random"),
    ] {
        let stderr = failure(&["--embeddings", &path, flag, value]);
        assert!(stderr.contains(flag) && stderr.contains(value), "{stderr}");
    }
}
