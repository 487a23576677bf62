//! The transform `standardise`: recordings calibrate a learner once, and its contract keeps the
//! result.

use std::fs;
use std::path::Path;

use afield::engine::backbone_contract;
use afield::head::HeadKind;
use afield::learner::{
    Contract, EmbeddingSpace, LearnError, Learner, Pool, Settings, Standardisation, Transform,
};
use afield::signal::Label;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Sandbox, models, recording};

/// Recordings `tones/{0..6}.wav`, from low to high.
fn with_tones() -> Sandbox {
    let sandbox = Sandbox::new();
    for i in 0..6_u32 {
        let samples = recording::tone(16_000, 300.0 * f64::from(i + 1), 0.4, i.into());
        sandbox.wav(&format!("tones/{i}.wav"), 16_000, &samples);
    }
    sandbox
}

const INIT: &str = "init box --backbone tiny --transform";

/// Makes the learner `dir`, calibrated by `files`.
fn init(sandbox: &Sandbox, dir: &str, files: &str) {
    let init = format!("init {dir} --backbone tiny --transform standardise --calibrate {files}");
    sandbox.run(init).ok();
}

fn contract(sandbox: &Sandbox, dir: &str) -> Contract {
    sandbox.open(dir).learner().contract().clone()
}

#[test]
fn calibration_depends_on_the_recordings_but_not_on_their_order_or_names() {
    let sandbox = with_tones();
    init(&sandbox, "box", "tones");
    let by_folder = contract(&sandbox, "box");
    assert_eq!(by_folder.transform_name(), "standardise");
    assert_eq!(by_folder.standardisation().unwrap().width(), 32);
    for i in 0..6_u32 {
        fs::copy(
            sandbox.path(&format!("tones/{i}.wav")),
            sandbox.path(&format!("{}.wav", 9 - i)),
        )
        .unwrap();
    }
    let files = "4.wav 9.wav 5.wav 7.wav 8.wav";
    init(&sandbox, "other", &format!("6.wav {files}"));
    assert_eq!(contract(&sandbox, "other"), by_folder);
    init(&sandbox, "fewer", files);
    assert_ne!(contract(&sandbox, "fewer").digest(), by_folder.digest());

    // Calibrating teaches nothing.
    let status = sandbox.run("status --json --learner box").ok().json();
    assert_eq!(
        (&status["examples"], &status["operations"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(status["transform"], "standardise");
}

#[test]
fn features_of_the_calibration_recordings_have_mean_zero_and_are_learned() {
    let sandbox = with_tones();
    init(&sandbox, "box", "tones");
    for (label, files) in [
        ("low", "tones/0.wav tones/1.wav tones/2.wav"),
        ("high", "tones/3.wav tones/4.wav tones/5.wav"),
    ] {
        let teach = format!("teach {label} --learner box {files}");
        sandbox.run(teach).ok();
    }
    let session = sandbox.open("box");
    let taught = session.clips(&Default::default()).unwrap();
    for component in 0..32 {
        let values = taught
            .iter()
            .map(|taught| f64::from(taught.features[component]) / 2048.0);
        let mean = values.sum::<f64>() / 6.0;
        assert!(mean.abs() < 1e-3, "component {component}: {mean}");
    }
    let predicted = sandbox.run("predict tones --learner box").ok().json_lines();
    let labels: Vec<&Value> = predicted.iter().map(|line| &line["label"]).collect();
    assert_eq!(labels, ["low", "low", "low", "high", "high", "high"]);
}

#[test]
fn learners_with_different_calibrations_are_not_merged() {
    let sandbox = with_tones();
    init(&sandbox, "a", "tones");
    init(&sandbox, "b", "tones");
    init(&sandbox, "c", "tones/0.wav tones/5.wav");
    sandbox.run("teach low tones/0.wav --learner a").ok();
    sandbox.run("teach high tones/5.wav --learner b").ok();
    sandbox.run("merge a b -o ab").ok();
    assert_eq!(contract(&sandbox, "ab"), contract(&sandbox, "a"));
    let said = sandbox.run("merge a c -o ac").refused();
    assert!(said.contains("standardisation is by "), "{said}");
    assert!(!sandbox.path("ac").exists());
}

#[test]
fn a_refused_calibration_makes_no_learner() {
    let sandbox = with_tones();
    sandbox.write("text.wav", "no sound at all\n".repeat(50));
    for (rest, words) in [
        ("standardise", "--calibrate"),
        (
            "l2 --calibrate tones",
            "add --transform standardise, or leave --calibrate out",
        ),
        (
            "none --calibrate tones",
            "add --transform standardise, or leave --calibrate out",
        ),
        ("standardise --calibrate tones/0.wav", "one clip"),
        (
            "standardise --calibrate tones/0.wav tones/0.wav",
            "2 clips that are all alike",
        ),
        ("standardise --calibrate missing", "missing"),
        ("standardise --calibrate text.wav tones", "text.wav"),
    ] {
        let said = sandbox.run(format!("{INIT} {rest}")).refused();
        assert!(said.contains(words), "{said}");
        assert!(!sandbox.path("box").exists());
    }
    sandbox.run(format!("{INIT} standardize")).fails(2);
    let said = sandbox.run("init box --backbone tiny --calibrate tones");
    let said = said.refused();
    assert!(
        said.contains("add --transform standardise, or leave --calibrate out"),
        "{said}"
    );
}

/// Replaces the contract in the learner's file, and its digest with it.
fn tamper(dir: &Path, change: impl Fn(&mut Value)) {
    let db = Connection::open(dir.join("learner.sqlite")).unwrap();
    let text: String = db
        .query_row("SELECT contract FROM identity", [], |row| row.get(0))
        .unwrap();
    let mut contract: Value = serde_json::from_str(&text).unwrap();
    change(&mut contract);
    // As the learner itself would write it, where it can.
    let text = match serde_json::from_value::<Contract>(contract.clone()) {
        Ok(contract) => serde_json::to_string(&contract).unwrap(),
        Err(_) => contract.to_string(),
    };
    let digest: String = (Sha256::digest(&text).iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let columns = "SELECT settings, card, created_unix_ms FROM identity";
    let (settings, card, created): (String, String, i64) = db
        .query_row(columns, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    // As docs/DURABILITY.md says.
    let mut row = Sha256::new();
    for part in ["identity", &text, &digest, &settings, &card] {
        row.update((part.len() as u64).to_le_bytes());
        row.update(part);
    }
    row.update(8_u64.to_le_bytes());
    row.update(created.to_le_bytes());
    db.execute(
        "UPDATE identity SET contract = ?1, contract_digest = ?2, digest = ?3",
        (text, digest, &row.finalize()[..16]),
    )
    .unwrap();
}

#[test]
fn a_contract_with_unusable_numbers_is_an_error() {
    let sandbox = with_tones();
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 9] = [
        (
            |c| c["standardisation"]["deviations"][3] = json!(0.0),
            "a deviation of 0",
        ),
        (
            |c| c["standardisation"]["deviations"][3] = json!(-1.0),
            "a deviation of -1",
        ),
        (
            |c| c["standardisation"]["deviations"][3] = json!(1e300),
            "a deviation of inf",
        ),
        (
            |c| c["standardisation"]["means"][3] = json!(-1e300),
            "a mean of -inf",
        ),
        (
            |c| c["standardisation"]["means"][3] = Value::Null,
            "damaged",
        ),
        (
            |c| drop(c["standardisation"]["means"].as_array_mut().unwrap().pop()),
            "31 means and 32 deviations",
        ),
        (
            |c| {
                for part in ["means", "deviations"] {
                    c["standardisation"][part].as_array_mut().unwrap().pop();
                }
            },
            "means and deviations for 31 features",
        ),
        (
            |c| drop(c.as_object_mut().unwrap().remove("standardisation")),
            "without means and deviations",
        ),
        (|c| c["transform"] = json!("none"), "for the transform none"),
    ];
    for (at, (change, words)) in cases.into_iter().enumerate() {
        let dir = format!("box-{at}");
        init(&sandbox, &dir, "tones");
        tamper(&sandbox.path(&dir), change);
        let run = sandbox.run(["status", "--learner", &dir]).fails(1);
        assert!(!run.stderr.contains("panicked"), "{run}");
        run.says([words]);
    }
}

#[test]
fn contracts_without_statistics_keep_their_digest() {
    let (card, _) = models::fixture("tiny");
    let contract = backbone_contract(&card, None, None).unwrap();
    let json = serde_json::to_string(&contract).unwrap();
    assert!(!json.contains("standardisation"), "{json}");
    // The digest that format 1 of the store was made with.
    let fixture = crate::root().join("tests/fixtures/format-1.sqlite");
    let copy = tempfile::tempdir().unwrap();
    fs::copy(fixture, copy.path().join("learner.sqlite")).unwrap();
    let db = Connection::open(copy.path().join("learner.sqlite")).unwrap();
    let digest: String = db
        .query_row("SELECT contract_digest FROM identity", [], |row| row.get(0))
        .unwrap();
    assert_eq!(contract.digest(), digest);
}

const SIZE: usize = 4;

fn windows() -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec(prop::collection::vec(-100.0_f32..100.0, SIZE), 4..20)
}

fn standardising(rows: &[Vec<f32>]) -> Contract {
    Contract::new(
        EmbeddingSpace::new("toy", SIZE, 128.0)
            .file_sha256("00")
            .frontend("mel"),
        Pool::Mean,
        Transform::None,
    )
    .and_then(|contract| contract.standardised(Standardisation::of(rows)?))
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_saved_learner_loads_only_with_its_own_statistics(
        rows in windows(),
        head in prop::sample::select(&[HeadKind::NCM, HeadKind::LDA, HeadKind::RIDGE][..]),
    ) {
        let contract = standardising(&rows);
        let settings = Settings { head, ..Settings::default() };
        let mut learner = Learner::new(contract.clone(), settings).unwrap();
        for (i, row) in rows.iter().enumerate() {
            let label = Label::new(["a", "b"][i % 2]).unwrap();
            let example = learner.encode(row).unwrap();
            prop_assert_eq!(example.saturated(), 0);
            learner.learn_one(&example, &label).unwrap();
        }
        let bytes = learner.save();
        let loaded = Learner::load(contract, settings, &bytes).unwrap();
        prop_assert!(loaded.save() == bytes);
        let probe = learner.encode(&rows[0]).unwrap();
        let scores = learner.predict_one(&probe).unwrap();
        prop_assert_eq!(loaded.predict_one(&probe).unwrap(), scores);

        let mut moved = rows.clone();
        moved[0][0] += 50.0;
        let other = standardising(&moved);
        let refused = Learner::load(other.clone(), settings, &bytes);
        let Err(LearnError::OtherContract(difference)) = refused else {
            panic!("opened under other statistics");
        };
        prop_assert_eq!(difference.field, "standardisation");
        let other = Learner::new(other, settings).unwrap();
        prop_assert!(learner.merge(&other).is_err());
    }

    #[test]
    fn scaling_and_shifting_a_component_changes_no_feature(
        rows in windows(),
        shift in -50.0_f32..50.0,
        power in -3_i32..4,
    ) {
        let other: Vec<Vec<f32>> = (rows.iter())
            .map(|row| row.iter().map(|x| (x + shift) * 2_f32.powi(power)).collect())
            .collect();
        let [ours, theirs] = [&rows, &other].map(|rows| {
            Learner::new(standardising(rows), Settings::default()).unwrap()
        });
        for (row, moved) in rows.iter().zip(&other) {
            let (one, two) = (ours.encode(row).unwrap(), theirs.encode(moved).unwrap());
            for (x, y) in one.features().iter().zip(two.features()) {
                // A step for the rounding, and single precision's own.
                prop_assert!((x - y).abs() <= 2, "{one:?} {two:?}");
            }
        }
    }
}
