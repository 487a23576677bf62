//! The bytes of contracts. Saved states, stores and bundles hold contracts as JSON and name
//! them by digest: what a contract was written as, it must stay.

use std::fmt::Write as _;

use afield::engine::backbone_contract;
use afield::learner::{Contract, EmbeddingSpace, Nuisance, Pool, Standardisation, Transform};
use afield::model::Cache;

/// One line a contract: its digest, a space, its JSON.
const WRITTEN: &str = include_str!("../fixtures/contracts.txt");

fn toy(pool: Pool, transform: Transform) -> Contract {
    Contract::new(
        EmbeddingSpace::new("toy", 3, 64.0)
            .file_sha256("00ff")
            .frontend("mel"),
        pool,
        transform,
    )
    .unwrap()
}

fn statistics(width: usize) -> Standardisation {
    let row = |at: f32| -> Vec<f32> { (0..width).map(|i| at * (i as f32 + 0.1)).collect() };
    Standardisation::of(&[row(-1.0), row(0.3), row(2.0)]).unwrap()
}

fn nuisance(width: usize) -> Nuisance {
    let direction = |by: f32| -> Vec<f32> {
        let length = (width as f32).sqrt();
        (0..width)
            .map(|i| by * (-1_f32).powi(i as i32) / length)
            .collect()
    };
    Nuisance::new(vec![direction(0.3), direction(-0.9)]).unwrap()
}

/// Contracts of every kind that the fixture was written from.
fn contracts() -> Vec<Contract> {
    let mut all = Vec::new();
    for pool in [Pool::Mean, Pool::MeanMax, Pool::MeanStdMax] {
        let width = pool.width(3);
        for transform in [Transform::None, Transform::L2, Transform::SignedSqrt] {
            let plain = toy(pool, transform);
            all.push(plain.clone());
            all.push(plain.clone().damped(nuisance(width)).unwrap());
            all.push(plain.standardised(statistics(width)).unwrap());
        }
        let standardised = toy(pool, Transform::None).standardised(statistics(width));
        all.push(standardised.unwrap().damped(nuisance(width)).unwrap());
    }
    let cache = Cache::at("/nowhere");
    for name in ["speech-embedding", "yamnet", "yamnet-256", "imu"] {
        let card = cache.find(name).unwrap();
        all.push(backbone_contract(&card, None, None).unwrap());
        let asked = backbone_contract(&card, Some(Pool::Mean), Some(Transform::L2));
        all.push(asked.unwrap());
    }
    all
}

#[test]
fn contracts_keep_their_json_and_digest() {
    let written = contracts()
        .iter()
        .fold(String::new(), |mut text, contract| {
            let json = serde_json::to_string(contract).unwrap();
            let _ = writeln!(text, "{} {json}", contract.digest());
            text
        });
    assert_eq!(written.lines().count(), 38);
    for (now, before) in written.lines().zip(WRITTEN.lines()) {
        assert_eq!(now, before);
    }
    assert_eq!(written, WRITTEN);
}

#[test]
fn written_contracts_are_read_as_they_were() {
    let made = contracts();
    for (line, made) in WRITTEN.lines().zip(&made) {
        let (digest, json) = line.split_once(' ').unwrap();
        let read: Contract = serde_json::from_str(json).unwrap();
        assert_eq!(read.digest(), digest);
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert_eq!(read, *made);
    }
}
