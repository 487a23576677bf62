//! Classes that a backbone was published with, beside those that are taught: read from the file,
//! named by `predict` and `listen`, and corrected.

use std::fs;
use std::path::PathBuf;

use afield::backbone::PublishedClasses;
use afield::model::{Cache, Card};
use afield::signal::Label;
use ndarray::Array2;
use serde_json::Value;

use crate::harness::listener::number;
use crate::harness::{Sandbox, models};

const HZ: u32 = 16_000;
/// What `classed` names tones of 300 Hz and of 3 kHz.
const LOW: &str = "Quartus_Fourth";
const HIGH: &str = "Quintus_Fifth";

fn labels(count: usize) -> Vec<Label> {
    let names = (0..count).map(|n| format!("class {n}"));
    names.map(|name| Label::new(name).unwrap()).collect()
}

/// The card of the fixture `classed`, with its model and labels in the cache.
fn classed() -> Card {
    let (card, _) = models::fixture("classed");
    let file = crate::root().join("tests/fixtures/classed.txt");
    models::cache().add_labels(&file, &card).unwrap();
    card
}

/// A sandbox with the learner `garden` on `classed` and its classes, and three recordings.
fn garden() -> Sandbox {
    classed();
    let sandbox = Sandbox::new().with_learner("garden");
    sandbox
        .run("init garden --backbone classed --with-classes")
        .ok();
    for (name, hz) in [("low", 300.0), ("high", 3_000.0)] {
        sandbox.wav(&format!("{name}.wav"), HZ, &tone(hz));
    }
    sandbox.wav("quiet.wav", HZ, &quiet(0.5));
    sandbox
}

/// Half a second of a tone in faint noise.
fn tone(hz: f64) -> Vec<i16> {
    let tone = |n: usize| (std::f64::consts::TAU * hz * n as f64 / f64::from(HZ)).sin();
    let noise = quiet(0.5).into_iter().enumerate();
    noise.map(|(n, x)| x + (9_830.0 * tone(n)) as i16).collect()
}

/// Faint noise.
fn quiet(seconds: f64) -> Vec<i16> {
    let mut state = 7_u32;
    let samples = (0..(seconds * f64::from(HZ)) as usize).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 26) as i16 - 32
    });
    samples.collect()
}

fn predicted(sandbox: &Sandbox, name: &str) -> Value {
    sandbox.run(["predict", name]).ok().json()
}

#[test]
fn classes_of_a_tflite_file_score_as_litert_does() {
    let folder = crate::root().join("tests/goldens/tflite");
    let text = fs::read_to_string(crate::root().join("tests/fixtures/classed.toml")).unwrap();
    let text = text
        .replace("shape = [1, 1, 1, 16]", "shape = [1, 20]")
        .replace("size = 16", "size = 20")
        .replace("\"embedding\"", "\"pooled\"")
        .replace("\"logits\"", "\"classes\"")
        .replace("count = 6", "count = 7");
    let card = Card::parse(&text, "branches.toml").unwrap();
    let bytes = fs::read(folder.join("branches.tflite")).unwrap();
    let classes = PublishedClasses::from_bytes(&bytes, &card, labels(7));
    let classes = classes.unwrap().expect("the card names classes");
    let rows: Array2<f32> = ndarray_npy::read_npy(folder.join("branches.out.npy")).unwrap();
    let mut scorer = classes.scorer().unwrap();
    assert_eq!(scorer.best(), None);
    for row in rows.rows() {
        let row = row.to_vec();
        let (pooled, logits) = row.split_at(20);
        let scores = scorer.score(pooled).unwrap().to_vec();
        for (score, logit) in scores.iter().zip(logits) {
            let expected = 1.0 / (1.0 + (-logit).exp());
            assert!((score - expected).abs() < 1e-5, "{score} {expected}");
        }
        let best = scores.iter().copied().fold(0.0, f32::max);
        assert_eq!(scorer.best().unwrap().1, best);
    }
}

#[test]
fn birdnets_classes_score_as_numpy_computes_them() {
    let test = "birdnets_classes_score_as_numpy_computes_them";
    let Some((card, path)) = models::real("birdnet", test) else {
        return;
    };
    let labels = models::cache().class_labels(&card).unwrap();
    assert_eq!(labels.len(), 6_522);
    assert!(
        labels
            .iter()
            .any(|label| label.as_str() == "Cossypha semirufa_Rüppell's Robin-Chat")
    );
    let bytes = fs::read(path).unwrap();
    let classes = PublishedClasses::from_bytes(&bytes, &card, labels).unwrap();
    let classes = classes.expect("the card names classes");
    let mut scorer = classes.scorer().unwrap();
    // The product with the weights in the file, in double precision.
    for (scale, expected) in [
        (0.25, [(6265, 0.036083), (6235, 0.02952), (3399, 0.029318)]),
        (0.1, [(2648, 0.187519), (3399, 0.186714), (879, 0.184721)]),
    ] {
        let embedding: Vec<f32> = (0..1024)
            .map(|i| scale * (i * 7_919 % 1_000) as f32 / 1_000.0)
            .collect();
        let scores = scorer.score(&embedding).unwrap();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        for ((class, p), found) in expected.into_iter().zip(order) {
            assert_eq!(found, class);
            assert!((scores[class] - p).abs() < 2e-5, "{} {p}", scores[class]);
        }
    }
}

#[test]
fn a_published_class_is_named_until_the_sound_is_taught() {
    let sandbox = garden();
    let before = predicted(&sandbox, "low.wav");
    assert_eq!(before["label"], LOW, "{before}");
    assert_eq!(before["from"], "published");
    let top = before["published"].as_object().unwrap();
    assert_eq!(top.len(), 5);
    assert_eq!(top[LOW], before["confidence"]);
    let high = predicted(&sandbox, "high.wav");
    assert_eq!(
        (&high["label"], &high["from"]),
        (&HIGH.into(), &"published".into())
    );
    let unknown = predicted(&sandbox, "quiet.wav");
    assert_eq!(unknown["label"], Value::Null, "{unknown}");
    assert_eq!(unknown["unknown"], true);
    let run = sandbox.run("predict quiet.wav --min-confidence 0.1").ok();
    assert_eq!(run.json()["from"], "published");

    // One example is enough, and is undone.
    sandbox.run("teach kettle low.wav").ok();
    let taught = predicted(&sandbox, "low.wav");
    assert_eq!(taught["label"], "kettle", "{taught}");
    assert_eq!(taught["from"], "taught");
    assert_eq!(taught["published"], serde_json::json!({}));
    assert_eq!(predicted(&sandbox, "high.wav"), {
        let mut high = high.clone();
        high["scores"] = serde_json::json!({"kettle": 1.0});
        high
    });
    sandbox.run("undo").ok();
    assert_eq!(predicted(&sandbox, "low.wav")["label"], LOW);

    // A label may be taught and published.
    sandbox.run(["teach", LOW, "quiet.wav"]).ok();
    let quiet = predicted(&sandbox, "quiet.wav");
    assert_eq!(
        (&quiet["label"], &quiet["from"]),
        (&before["label"], &"taught".into())
    );
    assert_eq!(predicted(&sandbox, "low.wav")["label"], before["label"]);

    let status = sandbox.status();
    assert_eq!(status["published"]["classes"], 6, "{status}");
    sandbox
        .run("status")
        .ok()
        .prints(["6 classes of the backbone"]);
}

#[test]
fn events_name_published_classes_and_a_correction_counts_at_once() {
    let sandbox = garden();
    let parts = [
        quiet(1.0),
        tone(300.0),
        quiet(1.0),
        tone(3_000.0),
        quiet(1.0),
    ];
    sandbox.wav("day.wav", HZ, &parts.concat());
    let events = |more: &str| {
        let listen = "listen --every 0.04 --source wav:day.wav";
        let run = sandbox.afield(listen).args(more).run();
        run.ok().json_lines()
    };
    // The middle of the longest event of this label and origin.
    let middle = |events: &[Value], label: &str, from: &str| {
        let length = |event: &&Value| number(event, "end") - number(event, "start");
        let of = events.iter().filter(|event| event["label"] == label);
        let longest = of.max_by(|a, b| length(a).total_cmp(&length(b)))?;
        assert_eq!(longest["from"], from, "{longest}");
        assert_eq!(longest["kind"], "known");
        Some(number(longest, "start").midpoint(number(longest, "end")))
    };
    let is_near = |at: Option<f64>, second: f64| at.is_some_and(|at| (at - second).abs() < 0.2);
    let found = events("");
    assert!(is_near(middle(&found, LOW, "published"), 1.25), "{found:?}");
    assert!(
        is_near(middle(&found, HIGH, "published"), 2.75),
        "{found:?}"
    );
    let is_tone = |event: &Value| (0.8..3.2).contains(&number(event, "start"));
    assert!(found.iter().all(is_tone), "quiet is no event: {found:?}");
    assert!(found.iter().all(|event| event["kind"] == "known"));

    sandbox.run("teach kettle low.wav").ok();
    let found = events("");
    assert!(
        is_near(middle(&found, "kettle", "taught"), 1.25),
        "{found:?}"
    );
    assert!(
        is_near(middle(&found, HIGH, "published"), 2.75),
        "{found:?}"
    );
    let windows = events("--windows");
    for from in ["taught", "published"] {
        assert!(
            windows.iter().any(|window| window["from"] == from),
            "{from}"
        );
    }
    assert!(windows.iter().any(|window| window["label"] == Value::Null));
    sandbox.run("undo").ok();

    // It was nothing.
    sandbox.run("teach background low.wav").ok();
    let found = events("");
    let low = middle(&found, LOW, "published");
    assert!(!is_near(low, 1.25), "{found:?}");
    assert!(
        is_near(middle(&found, HIGH, "published"), 2.75),
        "{found:?}"
    );
    assert!(found.iter().all(|event| event["label"] != "background"));
}

#[test]
fn learners_use_published_classes_only_if_asked_for() {
    let sandbox = garden();
    sandbox.run("init plain --backbone classed").ok();
    let digest = |name: &str| sandbox.open(name).learner().contract().digest();
    assert_eq!(digest("plain"), digest("garden"));
    assert!(sandbox.open("plain").card().classes.is_none());
    assert!(sandbox.open("garden").card().classes.is_some());
    let said = sandbox.run("predict low.wav --learner plain").refused();
    assert!(said.contains("knows no class yet"), "{said}");
    let said = sandbox
        .run("predict low.wav --learner plain --min-confidence 0.5")
        .refused();
    assert!(
        said.contains("no published classes") && said.contains("hint: "),
        "{said}"
    );
    let said = sandbox
        .run("init other --backbone tiny --with-classes")
        .refused();
    assert!(
        said.contains("--with-classes") && said.contains("hint: "),
        "{said}"
    );
}

#[test]
fn labels_are_added_beside_a_model_and_missing_ones_are_named() {
    let sandbox = Sandbox::cold();
    let fixtures = crate::root().join("tests/fixtures");
    let file = |name: &str| -> PathBuf { fixtures.join(name) };
    let add = |labels: &[&str]| {
        let add = sandbox
            .afield("model add")
            .args([file("classed.onnx"), "--card".into()]);
        add.args([file("classed.toml")]).args(labels).run()
    };
    add(&[])
        .ok()
        .says(["lacks the labels of its classes", "--labels FILE"]);
    let said = sandbox
        .run("init garden --backbone classed --with-classes")
        .refused();
    assert!(said.contains("--labels FILE"), "{said}");
    sandbox.run("init plain --backbone classed").ok();
    let wrong = file("classed.toml");
    let said = add(&["--labels", wrong.to_str().unwrap()]).refused();
    assert!(
        said.contains("--labels") && said.contains("sha256"),
        "{said}"
    );
    let right = file("classed.txt");
    add(&["--labels", right.to_str().unwrap()]).ok();
    sandbox
        .run("init garden --backbone classed --with-classes")
        .ok();
    sandbox
        .run("model show classed")
        .ok()
        .prints(["6 published, sigmoid", "labels cached"]);
    sandbox
        .run("model check classed")
        .ok()
        .prints(["classes    ok, 6 labels"]);

    let tiny = sandbox
        .afield("model add")
        .args([file("tiny.onnx"), "--card".into()]);
    let tiny = tiny.args([file("tiny.toml"), "--labels".into(), right]);
    let said = tiny.run().refused();
    assert!(said.contains("no published classes"), "{said}");
}

#[test]
fn a_card_whose_classes_contradict_its_model_is_refused() {
    let card = classed();
    let bytes = models::cache().model_bytes(&card).unwrap();
    let text = fs::read_to_string(crate::root().join("tests/fixtures/classed.toml")).unwrap();
    let parse = |old: &str, new: &str| Card::parse(&text.replace(old, new), "classed.toml");
    for (old, new, expected) in [
        ("count = 6", "count = 7", "[1, 7]"),
        ("\"logits\"", "\"lost\"", "lost"),
    ] {
        let card = parse(old, new).unwrap();
        let error = PublishedClasses::from_bytes(&bytes, &card, labels(6)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (old, new, key) in [
        ("name = \"logits\"", "name = \"embedding\"", "classes.name"),
        ("name = \"embedding\"\n", "", "output.name"),
        ("count = 6", "count = 1", "classes.count"),
        ("\"classed.txt\"", "\"../classed.txt\"", "classes.labels"),
        (
            "min-confidence = 0.7",
            "min-confidence = 0.0",
            "classes.min-confidence",
        ),
        (
            "activation = \"sigmoid\"",
            "activation = \"relu\"",
            "activation",
        ),
        ("count = 6", "count = 6\nbeta = 1.0", "beta"),
    ] {
        let error = parse(old, new).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let cold = tempfile::tempdir().unwrap();
    let error = Cache::at(cold.path()).class_labels(&card).unwrap_err();
    assert!(error.to_string().contains("lacks the labels"), "{error}");
}
