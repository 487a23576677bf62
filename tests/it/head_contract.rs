//! The contract of every head, checked on every head through the learner.

use std::collections::BTreeMap;

use afield::head::{HeadError, HeadKind};
use afield::learner::{
    Contract, EmbeddingSpace, Example, LearnError, Learner, Pool, Settings, Transform,
};
use afield::rehearsal::{Capacity, Origin};
use afield::signal::{ErrorKind, Label};
use proptest::prelude::*;

use crate::harness::heads;

const WIDTH: usize = 24;
const LINEAR: HeadKind = HeadKind::LINEAR;

fn contract() -> Contract {
    Contract::new(
        EmbeddingSpace::new("toy", WIDTH, 8.0)
            .file_sha256("00")
            .frontend("mel"),
        Pool::Mean,
        Transform::None,
    )
    .unwrap()
}

fn settings(head: HeadKind) -> Settings {
    Settings {
        head,
        rehearsal: Capacity::Examples(40).into(),
        seed: 7,
    }
}

fn learner(head: HeadKind) -> Learner {
    Learner::new(contract(), settings(head)).unwrap()
}

fn label(class: usize) -> Label {
    Label::new(format!("class {class}")).unwrap()
}

/// Deterministic, class-dependent features with correlated noise.
fn features(class: usize, i: usize) -> Vec<f32> {
    let noise = |j: usize| {
        let mixed = (class * 7919 + i * 104_729 + j * 1_299_709 + 17) as u64;
        let mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..WIDTH)
        .map(|j| noise(j) + 0.5 * noise(j / 4) + if j % 5 == class { 1.0 } else { 0.0 })
        .collect()
}

fn stream(classes: usize, per_class: usize) -> Vec<(usize, usize)> {
    (0..classes)
        .flat_map(|class| (0..per_class).map(move |i| (class, i)))
        .collect()
}

fn teach(learner: &mut Learner, stream: &[(usize, usize)]) {
    for &(class, i) in stream {
        let example = learner.encode(&features(class, i)).unwrap();
        learner.learn_one(&example, &label(class)).unwrap();
    }
}

fn taught(head: HeadKind) -> Learner {
    let mut learner = learner(head);
    teach(&mut learner, &stream(4, 20));
    learner
}

/// Bits of every probability by label, over a few probes.
fn predictions(learner: &Learner) -> Vec<BTreeMap<Label, u32>> {
    (0..12)
        .map(|i| {
            let probe = learner.encode(&features(i % 4, 1000 + i)).unwrap();
            let scores = learner.predict_one(&probe).unwrap().0;
            let bits = scores.into_iter().map(f32::to_bits);
            learner.classes().iter().cloned().zip(bits).collect()
        })
        .collect()
}

fn shuffled(mut stream: Vec<(usize, usize)>, mut seed: u64) -> Vec<(usize, usize)> {
    for i in (1..stream.len()).rev() {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        stream.swap(i, (seed >> 33) as usize % (i + 1));
    }
    stream
}

#[test]
fn no_class_gives_no_scores() {
    for head in heads::every() {
        let learner = learner(head);
        learner.solve();
        let probe = learner.encode(&features(0, 0)).unwrap();
        assert!(learner.predict_one(&probe).unwrap().0.is_empty(), "{head}");
        assert_eq!(learner.examples(), 0);
    }
}

#[test]
fn probabilities_are_finite_and_sum_to_one() {
    for head in heads::every() {
        let mut learner = learner(head);
        for (class, i) in stream(5, 6) {
            teach(&mut learner, &[(class, i)]);
            let extreme: Vec<f32> = (0..WIDTH).map(|j| [1e9, -1e9][j % 2]).collect();
            for probe in [features(class, 99), vec![0.0; WIDTH], extreme] {
                let probe = learner.encode(&probe).unwrap();
                let p = learner.predict_one(&probe).unwrap().0;
                assert_eq!(p.len(), learner.classes().len());
                assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{head} {p:?}");
                assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{head} {p:?}");
            }
        }
    }
}

#[test]
fn every_head_but_the_baselines_learns_what_it_is_taught() {
    for head in heads::every() {
        let mut learner = learner(head);
        // Mixed, so that even the head that forgets can learn it.
        teach(&mut learner, &shuffled(stream(4, 20), 3));
        let right = (stream(4, 25).into_iter())
            .filter(|&(class, i)| {
                let probe = learner.encode(&features(class, 500 + i)).unwrap();
                let (best, _) = learner.predict_one(&probe).unwrap().best().unwrap();
                learner.classes()[best] == label(class)
            })
            .count();
        assert!(right >= 90, "{head}: {right} of 100");
    }
}

#[test]
fn one_example_of_one_class_is_enough() {
    for head in heads::every() {
        let mut learner = learner(head);
        teach(&mut learner, &[(0, 0)]);
        let probe = learner.encode(&features(1, 1)).unwrap();
        assert_eq!(learner.predict_one(&probe).unwrap().0, [1.0], "{head}");
        // Then one each, and duplicates only.
        teach(&mut learner, &[(1, 0), (0, 0), (1, 0), (1, 0)]);
        for class in 0..2 {
            let probe = learner.encode(&features(class, 0)).unwrap();
            let scores = learner.predict_one(&probe).unwrap();
            if !head.is_baseline() {
                assert_eq!(scores.best().unwrap().0, class, "{head} {scores:?}");
            }
        }
    }
}

#[test]
fn predicting_changes_no_state() {
    for head in heads::every() {
        let learner = taught(head);
        let before = learner.save();
        let first = predictions(&learner);
        assert_eq!(predictions(&learner), first, "{head}");
        assert_eq!(learner.save(), before, "{head}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for head in heads::every() {
        assert_eq!(taught(head).save(), taught(head).save(), "{head}");
        let bytes = taught(head).save();
        assert_eq!(bytes.len(), taught(head).state_bytes(), "{head}");
    }
}

#[test]
fn another_seed_rehearses_other_examples() {
    let mut other = settings(LINEAR);
    other.seed += 1;
    let mut other = Learner::new(contract(), other).unwrap();
    teach(&mut other, &stream(4, 20));
    assert_ne!(predictions(&other), predictions(&taught(LINEAR)));
}

#[test]
fn a_loaded_learner_equals_the_saved_one_and_learns_the_same() {
    for head in heads::every() {
        let mut saved = taught(head);
        let bytes = saved.save();
        let mut loaded = Learner::load(contract(), settings(head), &bytes).unwrap();
        assert_eq!(loaded.save(), bytes, "{head}");
        assert_eq!(predictions(&loaded), predictions(&saved), "{head}");
        teach(&mut saved, &stream(6, 3));
        teach(&mut loaded, &stream(6, 3));
        assert_eq!(loaded.save(), saved.save(), "{head}");
    }
}

#[test]
fn another_contract_or_setting_is_refused_and_named() {
    let bytes = taught(HeadKind::LDA).save();
    let mut contract = contract();
    contract.backbone = "other".into();
    let error = Learner::load(contract, settings(HeadKind::LDA), &bytes).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("backbone is other here and toy there"),
        "{error}"
    );
    let error = Learner::load(self::contract(), settings(HeadKind::NCM), &bytes).unwrap_err();
    assert!(error.to_string().contains("head lda, not ncm"), "{error}");
}

#[test]
fn values_that_are_not_finite_are_refused_and_change_nothing() {
    for head in heads::every() {
        let learner = taught(head);
        let before = learner.save();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut windows = features(0, 0);
            windows[3] = bad;
            let error = learner.encode(&windows).unwrap_err();
            assert_eq!(error, LearnError::NotFinite { index: 3 });
        }
        assert!(learner.encode(&[]).is_err());
        assert!(learner.encode(&[0.0; WIDTH + 1]).is_err());
        assert_eq!(learner.save(), before, "{head}");
    }
}

#[test]
fn another_width_is_refused_and_changes_nothing() {
    for head in heads::every() {
        let mut learner = taught(head);
        let before = learner.save();
        for width in [0, WIDTH - 1, WIDTH + 1] {
            let example = Example::from_fixed(vec![1; width]);
            let expected = LearnError::Width {
                expected: WIDTH,
                actual: width,
            };
            assert_eq!(
                learner.learn_one(&example, &label(0)),
                Err(expected.clone())
            );
            assert_eq!(
                learner.unlearn_one(&example, &label(0)),
                Err(expected.clone())
            );
            assert_eq!(learner.predict_one(&example), Err(expected));
        }
        assert_eq!(learner.save(), before, "{head}");
    }
}

#[test]
fn unlearning_an_example_that_was_not_taught_is_refused() {
    for head in heads::every() {
        let mut learner = taught(head);
        let before = learner.save();
        let example = learner.encode(&features(0, 0)).unwrap();
        assert!(matches!(
            learner.unlearn_one(&example, &label(9)),
            Err(LearnError::UnknownLabel { .. })
        ));
        // Far beyond the sum of what the class was taught.
        teach(&mut learner, &[(5, 0)]);
        let with_single = learner.save();
        let stranger = learner.encode(&[-7.0; WIDTH]).unwrap();
        assert!(learner.unlearn_one(&stranger, &label(5)).is_err(), "{head}");
        assert_eq!(learner.save(), with_single, "{head}");
        assert_ne!(with_single, before);
    }
}

#[test]
fn exact_heads_unlearn_to_the_bit() {
    for head in heads::exact() {
        // A known class, and one that is new with this example.
        for class in [1, 8] {
            let mut learner = taught(head);
            let (before, seen) = (learner.save(), predictions(&learner));
            teach(&mut learner, &[(class, 777)]);
            assert_ne!(learner.save(), before);
            learner.solve();
            let example = learner.encode(&features(class, 777)).unwrap();
            learner.unlearn_one(&example, &label(class)).unwrap();
            assert_eq!(learner.save(), before, "{head}");
            assert_eq!(predictions(&learner), seen, "{head}");
        }
    }
}

#[test]
fn an_emptied_class_leaves_no_trace_in_the_state() {
    for head in [HeadKind::NCM, HeadKind::LDA] {
        let mut learner = taught(head);
        for i in 0..20 {
            let example = learner.encode(&features(1, i)).unwrap();
            learner.unlearn_one(&example, &label(1)).unwrap();
        }
        assert_eq!(learner.classes(), [label(0), label(2), label(3)]);
        let mut without = self::learner(head);
        let rest: Vec<_> = stream(4, 20).into_iter().filter(|(c, _)| *c != 1).collect();
        teach(&mut without, &rest);
        assert_eq!(learner.save(), without.save(), "{head}");
    }
}

#[test]
fn heads_with_rehearsal_unlearn_by_refitting_from_their_memory() {
    let heads = heads::every().into_iter();
    for head in heads.filter(|head| head.keeps_rehearsal()) {
        let mut learner = learner(head);
        teach(&mut learner, &stream(3, 8));
        let example = learner.encode(&features(1, 4)).unwrap();
        learner.unlearn_one(&example, &label(1)).unwrap();
        let rehearsal = learner.rehearsal().unwrap();
        assert_eq!((rehearsal.len(), learner.counts()), (23, vec![8, 7, 8]));
        assert!(rehearsal.examples(1).all(|held| held != example.features()));
        // Held completely and not among them any more: taken back only once.
        let again = learner.unlearn_one(&example, &label(1));
        assert_eq!(again, Err(HeadError::NeverLearned.into()));
        for class in 0..3 {
            let probe = learner.encode(&features(class, 300)).unwrap();
            let best = learner.predict_one(&probe).unwrap().best().unwrap().0;
            assert_eq!(best, class, "{head}");
        }
        // A whole class, from the middle.
        for i in (0..8).filter(|&i| i != 4) {
            let example = learner.encode(&features(1, i)).unwrap();
            learner.unlearn_one(&example, &label(1)).unwrap();
        }
        assert_eq!(learner.classes(), [label(0), label(2)]);
        let probe = learner.encode(&features(2, 300)).unwrap();
        let best = learner.predict_one(&probe).unwrap().best().unwrap().0;
        assert_eq!(best, 1, "{head}");
        let bytes = learner.save();
        let loaded = Learner::load(contract(), settings(head), &bytes).unwrap();
        assert_eq!(predictions(&loaded), predictions(&learner), "{head}");
        // And on it goes, from either.
        let mut learners = [learner, loaded];
        for learner in &mut learners {
            teach(learner, &stream(4, 2));
        }
        assert_eq!(learners[0].save(), learners[1].save(), "{head}");
    }
}

#[test]
fn a_class_with_one_example_is_predicted_beside_large_classes() {
    let heads = heads::every().into_iter();
    for head in heads.filter(|head| !head.is_baseline()) {
        let mut learner = taught(head);
        teach(&mut learner, &[(4, 0)]);
        // Rehearsed beside what comes after it.
        teach(&mut learner, &stream(4, 5));
        let probe = learner.encode(&features(4, 0)).unwrap();
        let scores = learner.predict_one(&probe).unwrap();
        assert_eq!(scores.best().unwrap().0, 4, "{head} {scores:?}");
    }
}

#[test]
fn an_unknown_head_or_option_is_an_error_that_lists_the_valid_ones() {
    for (text, expected) in [
        ("svm", "one of ncm, lda, "),
        ("linear:lion", "sgd or adam"),
        ("mlp:adam+sgd", "replay or er-ace"),
        ("knn:many", "a whole number from 1 to 255"),
        ("ewc:2", "`ewc` has no options"),
    ] {
        let error = text.parse::<HeadKind>().unwrap_err().to_string();
        let (_, shown) = error.split_once("; expected ").unwrap();
        assert!(shown.contains(expected), "{error}");
    }
}

#[test]
fn the_memory_keeps_the_origin_of_each_example() {
    let origin = Origin {
        group: 7,
        at_unix_ms: 99,
    };
    let mut learner = learner(LINEAR);
    let example = learner.encode(&features(0, 0)).unwrap();
    learner.learn_from(&example, &label(0), origin).unwrap();
    let example = learner.encode(&features(0, 1)).unwrap();
    learner.learn_one(&example, &label(0)).unwrap();
    let bytes = learner.save();
    let loaded = Learner::load(contract(), settings(LINEAR), &bytes).unwrap();
    for learner in [learner, loaded] {
        let class = &learner.rehearsal().unwrap().statistics().classes[0];
        let mut groups: Vec<u64> = class.groups.iter().map(|group| group.group).collect();
        groups.sort_unstable();
        assert_eq!(groups, [0, 7]);
        assert_eq!(class.oldest_unix_ms, Some(99));
    }
}

#[test]
fn baselines_say_that_they_cannot_unlearn() {
    let baselines = [
        HeadKind::FINETUNE,
        HeadKind::EWC,
        HeadKind::LWF,
        HeadKind::L2SP,
    ];
    for head in baselines {
        assert!(head.is_baseline() && !head.keeps_rehearsal());
        let mut learner = taught(head);
        assert!(learner.rehearsal().is_none());
        let before = learner.save();
        let example = learner.encode(&features(0, 0)).unwrap();
        let error = learner.unlearn_one(&example, &label(0)).unwrap_err();
        assert!(matches!(
            error,
            LearnError::Head(HeadError::CannotUnlearn { .. })
        ));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(learner.save(), before, "{head}");
    }
}

#[test]
fn networks_without_a_memory_say_that_they_cannot_unlearn() {
    let heads = heads::every().into_iter();
    for head in heads.filter(|head| head.keeps_rehearsal() && head.name() != "knn") {
        let settings = Settings {
            rehearsal: Capacity::None.into(),
            ..settings(head)
        };
        let mut learner = Learner::new(contract(), settings).unwrap();
        teach(&mut learner, &stream(2, 5));
        let before = learner.save();
        let example = learner.encode(&features(0, 0)).unwrap();
        let error = learner.unlearn_one(&example, &label(0)).unwrap_err();
        assert!(
            matches!(error, LearnError::Head(HeadError::CannotUnlearn { .. })),
            "{error}"
        );
        assert_eq!(learner.save(), before);
    }
}

#[test]
fn neighbours_without_a_memory_predict_without_error() {
    let head = "knn:5".parse().unwrap();
    let settings = Settings {
        rehearsal: Capacity::None.into(),
        ..settings(head)
    };
    let mut learner = Learner::new(contract(), settings).unwrap();
    teach(&mut learner, &stream(4, 5));
    let probe = learner.encode(&features(0, 0)).unwrap();
    assert_eq!(learner.predict_one(&probe).unwrap().0, [0.25; 4]);
}

#[test]
fn exact_heads_predict_the_same_bits_for_every_order_of_teaching() {
    for head in heads::exact() {
        // Uneven counts, and two classes that are equal to the last bit.
        let mut all: Vec<_> = stream(4, 20)
            .into_iter()
            .filter(|(c, i)| i % (c + 1) == 0)
            .collect();
        all.extend(stream(3, 5));
        let teach_twins = |stream: &[(usize, usize)]| {
            let mut learner = learner(head);
            for &(class, i) in stream {
                teach(&mut learner, &[(class, i)]);
                if class == 2 {
                    let example = learner.encode(&features(2, i)).unwrap();
                    learner.learn_one(&example, &label(70 + i % 2)).unwrap();
                    learner.learn_one(&example, &label(71 - i % 2)).unwrap();
                }
            }
            learner
        };
        let reference = teach_twins(&all);
        for seed in 0..20 {
            let other = teach_twins(&shuffled(all.clone(), seed));
            assert_eq!(
                predictions(&other),
                predictions(&reference),
                "{head} {seed}"
            );
        }
    }
}

#[test]
fn a_new_class_never_moves_an_old_mean() {
    let mut learner = learner(HeadKind::NCM);
    teach(&mut learner, &stream(2, 20));
    let (probe, scores) = (learner.encode(&features(0, 50)).unwrap(), |l: &Learner| {
        let probe = l.encode(&features(0, 50)).unwrap();
        l.predict_one(&probe).unwrap()
    });
    let before = scores(&learner);
    teach(&mut learner, &stream(4, 20)[40..]);
    let after = learner.predict_one(&probe).unwrap();
    assert_eq!(before.best().unwrap().0, after.best().unwrap().0);
    for class in 2..4 {
        for i in 0..20 {
            let example = learner.encode(&features(class, i)).unwrap();
            learner.unlearn_one(&example, &label(class)).unwrap();
        }
    }
    assert_eq!(scores(&learner), before);
}

/// The bytes with their checksum made right, so that what lies behind it is
/// reached.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let body = bytes.len() - 32;
    let checksum = Sha256::digest(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_bytes_never_panic(
        head in proptest::sample::select(heads::every()),
        at in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let mut learner = learner(head);
        teach(&mut learner, &stream(3, 4));
        let good = learner.save();
        let load = |bytes: &[u8]| Learner::load(contract(), settings(head), bytes);
        let mut bytes = good.clone();
        let at = at.index(bytes.len());
        if bytes[at] != value {
            bytes[at] = value;
            prop_assert!(load(&bytes).is_err());
        }
        prop_assert!(load(&good[..cut.index(good.len())]).is_err());
        // A flaw that the checksum vouches for: an error, or a learner that works.
        if let Ok(mut learner) = load(&resealed(bytes.clone())) {
            prop_assert_eq!(learner.save(), resealed(bytes));
            let probe = learner.encode(&features(0, 0)).unwrap();
            let p = learner.predict_one(&probe).unwrap().0;
            prop_assert!(p.iter().all(|p| p.is_finite()), "{:?}", p);
            teach(&mut learner, &stream(4, 2));
            let example = learner.encode(&features(0, 0)).unwrap();
            let _ = learner.unlearn_one(&example, &label(0));
        }
        let cut = cut.index(good.len()).max(33);
        let _ = load(&resealed(good[..cut].to_vec()));
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for head in heads::every() {
            prop_assert!(Learner::load(contract(), settings(head), &bytes).is_err());
        }
    }
}

#[test]
fn a_learner_works_after_unlearning_its_only_example() {
    for head in heads::every() {
        if head.is_baseline() {
            continue;
        }
        let mut learner = learner(head);
        let example = learner.encode(&features(0, 0)).unwrap();
        learner.learn_one(&example, &label(0)).unwrap();
        learner.unlearn_one(&example, &label(0)).unwrap();
        assert_eq!(learner.examples(), 0, "{head}");
        let p = learner.predict_one(&example).unwrap().0;
        assert!(p.iter().all(|p| p.is_finite()), "{head}: {p:?}");
        teach(&mut learner, &shuffled(stream(2, 20), 3));
        let probe = learner.encode(&features(1, 900)).unwrap();
        let (best, _) = learner.predict_one(&probe).unwrap().best().unwrap();
        assert_eq!(learner.classes()[best], label(1), "{head}");
    }
}

/// Two classes that no line divides: the corners of a square, crosswise.
fn crosswise(class: usize, i: usize) -> Vec<f32> {
    let side = if i.is_multiple_of(2) { 2.0 } else { -2.0 };
    let other = if class == 0 { side } else { -side };
    let mut x = features(9, 10 * i + class);
    (x[0], x[1]) = (side + x[0] * 0.1, other + x[1] * 0.1);
    x
}

fn teach_rows(learner: &mut Learner, rows: impl Iterator<Item = (Vec<f32>, usize, u64)>) {
    for (row, class, group) in rows {
        let example = learner.encode(&row).unwrap();
        let origin = Origin {
            group,
            ..Origin::default()
        };
        learner.learn_from(&example, &label(class), origin).unwrap();
    }
}

fn right(learner: &Learner, rows: impl Iterator<Item = (Vec<f32>, usize)>) -> f64 {
    let answers: Vec<bool> = rows
        .map(|(row, class)| {
            let example = learner.encode(&row).unwrap();
            let scores = learner.predict_one(&example).unwrap();
            scores.best().map(|(best, _)| &learner.classes()[best]) == Some(&label(class))
        })
        .collect();
    answers.iter().filter(|&&right| right).count() as f64 / answers.len() as f64
}

#[test]
fn auto_replaces_lda_only_by_a_better_head() {
    let mut gaussian = learner(HeadKind::AUTO);
    assert_eq!(gaussian.selection().unwrap().compared_at, 0);
    teach(&mut gaussian, &stream(4, 40));
    let selection = gaussian.selection().unwrap();
    println!("{selection}");
    assert_eq!((selection.head, selection.since), (HeadKind::LDA, 0));
    assert!(selection.compared_at > 100 && selection.rows >= 20);

    let mut crossed = learner(HeadKind::AUTO);
    let rows = (0..60).flat_map(|i| (0..2).map(move |c| (crosswise(c, i), c, 0)));
    teach_rows(&mut crossed, rows);
    let selection = crossed.selection().unwrap();
    println!("{selection}");
    assert_ne!(selection.head, HeadKind::LDA);
    assert!(selection.since >= 20 && selection.since <= 101);
    let probes = || (900..960).flat_map(|i| (0..2).map(move |c| (crosswise(c, i), c)));
    let mut lda = learner(HeadKind::LDA);
    let rows = (0..60).flat_map(|i| (0..2).map(move |c| (crosswise(c, i), c, 0)));
    teach_rows(&mut lda, rows);
    let (auto, lda) = (right(&crossed, probes()), right(&lda, probes()));
    println!("auto {auto}, lda {lda}");
    assert!(auto > lda + 0.2);
}

/// Each group lies elsewhere, and twice: once as class 0 and once as class 1.
/// Who has seen a group knows its places; a new group has others.
fn placed(group: u64, class: usize, i: usize) -> Vec<f32> {
    let mut x = features(9, 100 * group as usize + 10 * i + class);
    for (j, value) in x.iter_mut().enumerate().skip(1) {
        let place = ((group as usize * 31 + class * 17 + j * 7) % 13) as f32 - 6.0;
        *value = *value * 0.2 + place * 0.5;
    }
    x[0] = x[0] * 0.2 + class as f32;
    x
}

#[test]
fn auto_holds_out_whole_groups() {
    let shares = [true, false].map(|told| {
        let mut learner = learner(HeadKind::AUTO);
        let rows = (0..96).map(|n| {
            let (group, class, i) = (1 + n as u64 % 4, n / 4 % 2, n / 8);
            (placed(group, class, i), class, if told { group } else { 0 })
        });
        teach_rows(&mut learner, rows);
        let selection = learner.selection().unwrap().clone();
        println!("{selection}");
        assert_eq!(selection.groups, if told { 4 } else { 0 });
        let knn = selection.scores.iter().find(|s| s.head == HeadKind::KNN);
        knn.unwrap().correct as f64 / selection.rows as f64
    });
    // Neighbours know the places of groups that they have seen.
    assert!(shares[1] > shares[0] + 0.2, "{shares:?}");
}

#[test]
fn auto_reports_when_it_has_too_little_to_compare() {
    let settings = Settings {
        rehearsal: Capacity::None.into(),
        ..settings(HeadKind::AUTO)
    };
    let mut learner = Learner::new(contract(), settings).unwrap();
    teach(&mut learner, &stream(4, 20));
    let text = learner.selection().unwrap().to_string();
    assert_eq!(text, "lda from the start, compared with nothing yet");
    // One class alone is nothing to be right or wrong about.
    let mut one = self::learner(HeadKind::AUTO);
    teach(&mut one, &stream(1, 70));
    assert_eq!(one.selection().unwrap().compared_at, 0);
    // An unlearned example had a part in what was compared.
    let mut taught = taught(HeadKind::AUTO);
    assert!(!taught.selection().unwrap().scores.is_empty());
    let example = taught.encode(&features(1, 19)).unwrap();
    taught.unlearn_one(&example, &label(1)).unwrap();
    assert!(taught.selection().unwrap().scores.is_empty());
}
