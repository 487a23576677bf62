//! Learners of decision windows: clips of several rows.

use std::num::NonZeroUsize;

use super::{Contract, EmbeddingSpace, Example, LearnError, Learner, Pool, Settings, Transform};
use crate::head::{Evidence, HeadKind};
use crate::signal::Label;

const SIZE: usize = 6;

fn contract() -> Contract {
    let space = EmbeddingSpace::new("toy", SIZE, 8.0)
        .file_sha256("00")
        .frontend("mel");
    let contract = Contract::new(space, Pool::Mean, Transform::SignedSqrtL2).unwrap();
    contract.windowed(NonZeroUsize::MIN)
}

fn learner(head: HeadKind) -> Learner {
    let settings = Settings {
        head,
        ..Settings::default()
    };
    Learner::new(contract(), settings).unwrap()
}

fn label(class: usize) -> Label {
    Label::new(format!("class {class}")).unwrap()
}

/// A clip of 1 to 5 embeddings.
fn clip(learner: &Learner, class: usize, seed: usize) -> Example {
    let rows = 1 + seed % 5;
    let value = |at: usize| {
        let mixed = (class * 7919 + seed * 104_729 + at * 1_299_709 + 17) as u64;
        let noise = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 24) as f32;
        noise + 2.0 * f32::from(u8::from(at % SIZE == class))
    };
    let embeddings: Vec<f32> = (0..rows * SIZE).map(value).collect();
    learner.encode(&embeddings).unwrap()
}

#[test]
fn clips_are_one_two_or_four_rows_and_count_once() {
    for head in [HeadKind::LDA, HeadKind::NCM, HeadKind::RIDGE] {
        let mut learner = learner(head);
        for seed in 0..10 {
            let clip = clip(&learner, seed % 2, seed);
            let rows = clip.features().len() / SIZE;
            assert_eq!(rows, [1, 2, 2, 4, 4][seed % 5]);
            learner.learn_one(&clip, &label(seed % 2)).unwrap();
        }
        assert_eq!(learner.counts(), [5, 5], "{head}");
        assert_eq!(learner.examples(), 10);
    }
}

#[test]
fn states_are_equal_to_the_bit_after_any_order_unlearning_and_merging() {
    for head in [HeadKind::LDA, HeadKind::NCM, HeadKind::RIDGE] {
        let teach = |order: &mut dyn Iterator<Item = usize>| {
            let mut learner = learner(head);
            for seed in order {
                let clip = clip(&learner, seed % 3, seed);
                learner.learn_one(&clip, &label(seed % 3)).unwrap();
            }
            learner
        };
        let expected = teach(&mut (0..20)).save();
        assert_eq!(teach(&mut (0..20).rev()).save(), expected, "{head}");
        let mut more = teach(&mut (0..31));
        for seed in 20..31 {
            let clip = clip(&more, seed % 3, seed);
            more.unlearn_one(&clip, &label(seed % 3)).unwrap();
        }
        assert_eq!(more.save(), expected, "{head}");
        let mut part = teach(&mut (0..9));
        part.merge(&teach(&mut (9..20))).unwrap();
        assert_eq!(part.save(), expected, "{head}");
        let loaded = Learner::load(contract(), *part.settings(), &expected).unwrap();
        assert_eq!(loaded.counts().iter().sum::<u64>(), 20);
    }
}

#[test]
fn a_clip_that_was_never_learned_is_refused_and_changes_nothing() {
    // The sums of an exact head prove it only if the class has few clips.
    for (head, clips) in [
        ("lda", 2),
        ("ncm", 2),
        ("ridge:8", 2),
        ("linear", 12),
        ("knn", 12),
    ] {
        let mut learner = learner(head.parse().unwrap());
        for seed in 0..clips {
            let clip = clip(&learner, seed % 2, seed);
            learner.learn_one(&clip, &label(seed % 2)).unwrap();
        }
        let before = learner.save();
        let extreme = Example::from_fixed(vec![i16::MAX; 4 * SIZE]);
        assert!(learner.unlearn_one(&extreme, &label(0)).is_err(), "{head}");
        assert_eq!(learner.save(), before, "{head}");
        // Part of a clip that was learned, then something else.
        let known = clip(&learner, 0, if clips > 4 { 4 } else { 0 });
        if clips <= 4 {
            learner.unlearn_one(&known, &label(0)).unwrap();
            continue;
        }
        let mut features = known.features().to_vec();
        features.truncate(3 * SIZE);
        features.extend([i16::MIN; SIZE]);
        let mixed = Example::from_fixed(features);
        assert!(learner.unlearn_one(&mixed, &label(0)).is_err(), "{head}");
        assert_eq!(learner.save(), before, "{head}");
        learner.unlearn_one(&known, &label(0)).unwrap();
    }
}

#[test]
fn a_class_disappears_with_its_only_clip() {
    for head in ["lda", "linear", "knn", "auto"] {
        let mut learner = learner(head.parse().unwrap());
        for class in 0..3 {
            let clip = clip(&learner, class, 4);
            learner.learn_one(&clip, &label(class)).unwrap();
        }
        let gone = clip(&learner, 1, 4);
        learner.unlearn_one(&gone, &label(1)).unwrap();
        assert_eq!(learner.classes(), [label(0), label(2)], "{head}");
        assert_eq!(learner.counts().len(), 2, "{head}");
    }
}

#[test]
fn evidence_for_a_clip_is_the_mean_of_its_rows() {
    let mut learner = learner(HeadKind::LDA);
    for seed in 0..12 {
        let clip = clip(&learner, seed % 2, seed);
        learner.learn_one(&clip, &label(seed % 2)).unwrap();
    }
    let probe = clip(&learner, 0, 34);
    let mut whole = Evidence::with_distances();
    learner.evidence_into(&probe, &mut whole).unwrap();
    let mut sums = [0.0; 4];
    let rows = probe.features().chunks_exact(SIZE);
    let count = rows.len() as f32;
    for row in rows {
        let mut evidence = Evidence::with_distances();
        let row = Example::from_fixed(row.to_vec());
        learner.evidence_into(&row, &mut evidence).unwrap();
        let distances = evidence.squared_distances().unwrap();
        let values = evidence.scores().iter().chain(distances);
        sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
    }
    let distances = whole.squared_distances().unwrap();
    for (mean, sum) in whole.scores().iter().chain(distances).zip(sums) {
        assert!((mean - sum / count).abs() < 1e-3, "{mean} {}", sum / count);
    }
}

#[test]
fn rows_that_are_no_clip_are_refused() {
    let mut windowed = learner(HeadKind::LDA);
    for rows in [0, 3, 5, 32] {
        let example = Example::from_fixed(vec![1; rows * SIZE]);
        let error = windowed.learn_one(&example, &label(0)).unwrap_err();
        assert!(matches!(error, LearnError::Width { .. }), "{rows}");
    }
    let space = EmbeddingSpace::new("toy", SIZE, 8.0);
    let whole = Contract::new(space, Pool::Mean, Transform::None).unwrap();
    let mut whole = Learner::new(whole, Settings::default()).unwrap();
    let two = Example::from_fixed(vec![1; 2 * SIZE]);
    assert!(whole.learn_one(&two, &label(0)).is_err());
}

#[test]
fn the_contract_of_windows_is_another_and_is_pinned() {
    // Saved states contain this digest: a change here is a change of format.
    let contract = contract();
    assert_eq!(
        serde_json::to_string(&contract).unwrap(),
        r#"{"backbone":"toy","backbone-sha256":"00","frontend":"mel","embedding-size":6,"window-rows":1,"pool":"mean","stages":["signed-sqrt","l2"],"fixed-point":{"width":6,"exponents":[15]}}"#
    );
    let read: Contract = serde_json::from_str(&serde_json::to_string(&contract).unwrap()).unwrap();
    assert_eq!(read, contract);
    let whole = Contract {
        window_rows: None,
        ..contract.clone()
    };
    let difference = contract.difference(&whole).unwrap();
    assert_eq!(difference.field, "window-rows");
    assert_eq!(difference.theirs, "all of a clip");
}

#[test]
fn every_head_with_a_memory_has_distances_and_leaves_clips_out() {
    use crate::head::LeftOutEvidence;
    for head in HeadKind::ALL {
        let mut learner = learner(head);
        for seed in 0..40 {
            let clip = clip(&learner, seed % 3, seed);
            learner.learn_one(&clip, &label(seed % 3)).unwrap();
        }
        let (known, never) = (clip(&learner, 1, 4), clip(&learner, 5, 90));
        let mut evidence = Evidence::with_distances();
        let mut nearest = |example: &Example| {
            learner.evidence_into(example, &mut evidence).unwrap();
            let distances = evidence.squared_distances();
            distances.map(|all| all.iter().copied().fold(f32::INFINITY, f32::min))
        };
        let (near, far) = (nearest(&known), nearest(&never));
        assert_eq!(near.is_some(), head.judges_novelty(), "{head}");
        assert!(near.is_none() || near < far, "{head}: {near:?} {far:?}");
        let mut left_out = LeftOutEvidence::default();
        let is_known = (learner.left_out_into(&known, &label(1), &mut left_out)).unwrap();
        assert_eq!(is_known, head.judges_novelty(), "{head}");
        if !is_known {
            continue;
        }
        let rows = known.features().len() / SIZE;
        assert_eq!(left_out.squared_distances.len(), 3 * rows);
        let own: f32 = left_out.squared_distances.chunks(3).map(|d| d[1]).sum();
        assert!(own / rows as f32 > near.unwrap(), "{head}");
        // Only the head that answers gives scores.
        let answers = !head.measures_by_memory();
        assert_eq!(!left_out.log_scores.is_empty(), answers, "{head}");
        // A change is measured, too.
        let before = nearest(&never);
        learner.learn_one(&never, &label(5)).unwrap();
        learner.evidence_into(&never, &mut evidence).unwrap();
        assert_eq!(evidence.squared_distances().unwrap().len(), 4, "{head}");
        assert!(evidence.squared_distances().unwrap()[3] < before.unwrap());
        learner.unlearn_one(&never, &label(5)).unwrap();
        learner.evidence_into(&never, &mut evidence).unwrap();
        assert_eq!(evidence.squared_distances().unwrap().len(), 3, "{head}");
    }
}
