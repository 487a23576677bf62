//! The state of an exact head depends only on the examples it was taught: to the bit, whatever their
//! order, corrections and partition into learners.

use afield::head::HeadKind;
use afield::learner::{Contract, EmbeddingSpace, Example, Learner, Pool, Settings, Transform};
use afield::signal::Label;
use proptest::prelude::*;

const WIDTH: usize = 6;

fn exact() -> impl Iterator<Item = HeadKind> {
    HeadKind::ALL.into_iter().filter(|head| head.is_exact())
}

fn learner(head: HeadKind) -> Learner {
    let contract = Contract::new(
        EmbeddingSpace::new("toy", WIDTH, 8.0)
            .file_sha256("00")
            .frontend("mel"),
        Pool::Mean,
        Transform::None,
    );
    let settings = Settings {
        head,
        ..Settings::default()
    };
    Learner::new(contract.unwrap(), settings).unwrap()
}

fn label(class: usize) -> Label {
    Label::new(format!("class {class}")).unwrap()
}

type Taught = (Vec<i16>, usize);

fn learn(learner: &mut Learner, taught: &Taught) {
    let example = Example::from_fixed(taught.0.clone());
    learner.learn_one(&example, &label(taught.1)).unwrap();
}

fn of(head: HeadKind, all: &[Taught]) -> Learner {
    let mut learner = learner(head);
    all.iter()
        .for_each(|taught| self::learn(&mut learner, taught));
    learner
}

/// State, and the bits of every label's probability for some probes.
fn knowledge(learner: &Learner) -> (Vec<u8>, Vec<Vec<(Label, u32)>>) {
    let probes = [
        [0; WIDTH],
        [i16::MAX; WIDTH],
        [i16::MIN, 5, -7, 900, 0, 20_000],
    ];
    let predicted = probes.map(|probe| {
        let scores = learner
            .predict_one(&Example::from_fixed(probe.to_vec()))
            .unwrap();
        assert!(scores.0.iter().all(|p| p.is_finite()));
        let bits = scores.0.into_iter().map(f32::to_bits);
        let mut by_label: Vec<_> = learner.classes().iter().cloned().zip(bits).collect();
        by_label.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        by_label
    });
    (learner.save(), predicted.to_vec())
}

/// Ordinary and extreme values, some repeated.
fn examples() -> impl Strategy<Value = Vec<Taught>> {
    let value = prop_oneof![
        3 => any::<i16>(),
        1 => Just(i16::MAX),
        1 => Just(i16::MIN),
        2 => -40_i16..40,
        1 => Just(0),
    ];
    let example = (
        proptest::collection::vec(value, WIDTH),
        0_usize..4,
        1_usize..3,
    );
    proptest::collection::vec(example, 1..24).prop_map(|rows| {
        let repeat = |(x, class, times)| std::iter::repeat_n((x, class), times);
        rows.into_iter().flat_map(repeat).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_order_partition_and_corrections_give_the_same_bits(
        (all, shuffled) in examples().prop_flat_map(|all| {
            let shuffled = Just(all.clone()).prop_shuffle();
            (Just(all), shuffled)
        }),
        detour in examples(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 3),
    ) {
        for head in exact() {
            let expected = knowledge(&of(head, &all));
            prop_assert_eq!(&knowledge(&of(head, &shuffled)), &expected, "order, {}", head);

            // Split at random places, merged right to left.
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len() + 1)).collect();
            places.extend([0, all.len()]);
            places.sort_unstable();
            let mut parts: Vec<Learner> =
                places.windows(2).map(|at| of(head, &shuffled[at[0]..at[1]])).collect();
            while let Some(last) = parts.pop() {
                match parts.last_mut() {
                    Some(before) => before.merge(&last).unwrap(),
                    None => prop_assert_eq!(&knowledge(&last), &expected, "merged, {}", head),
                }
            }

            // Strangers taught in between and taken back, with solves, deferred
            // answers and a reload on the way.
            let mut learner = learner(head);
            for (i, taught) in shuffled.iter().enumerate() {
                if let Some(stranger) = detour.get(i) {
                    learn(&mut learner, stranger);
                }
                learn(&mut learner, taught);
                match i % 4 {
                    0 => learner.solve(),
                    1 => drop(learner.predict_now(&Example::from_fixed(taught.0.clone())).unwrap()),
                    2 => {
                        if let Some(job) = learner.job() {
                            learner.adopt(job.run());
                        }
                    }
                    _ => {
                        let bytes = learner.save();
                        let (contract, settings) =
                            (learner.contract().clone(), *learner.settings());
                        learner = Learner::load(contract, settings, &bytes).unwrap();
                    }
                }
            }
            for stranger in detour.iter().take(shuffled.len()) {
                let example = Example::from_fixed(stranger.0.clone());
                learner.unlearn_one(&example, &label(stranger.1)).unwrap();
            }
            prop_assert_eq!(&knowledge(&learner), &expected, "detour, {}", head);
        }
    }
}

#[test]
fn a_deferred_solution_is_close_to_the_exact_one_and_its_lag_is_bounded() {
    for head in [HeadKind::LDA, HeadKind::RIDGE] {
        let row = |i: usize| -> Taught {
            let value = |j: usize| {
                let mixed = ((i * 31 + j) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                (mixed >> 52) as i16 + if i % 4 == j { 6000 } else { 0 }
            };
            ((0..WIDTH).map(value).collect(), i % 4)
        };
        let rows: Vec<Taught> = (0..600).map(row).collect();
        let mut learner = of(head, &rows[..200]);
        learner.solve();
        let (mut lags, mut agreed) = (Vec::new(), 0);
        for (i, taught) in rows[200..].iter().enumerate() {
            learn(&mut learner, taught);
            let probe = Example::from_fixed(rows[(i * 7) % 600].0.clone());
            let (now, lag) = learner.predict_now(&probe).unwrap();
            lags.push(lag);
            let exact = of(head, &rows[..201 + i]).predict_one(&probe).unwrap();
            agreed += usize::from(now.best().unwrap().0 == exact.best().unwrap().0);
        }
        assert_eq!(lags[0], 1);
        assert!(
            lags.iter().all(|&lag| lag <= 256) && lags.contains(&256),
            "{lags:?}"
        );
        assert!(agreed >= 396, "{head}: {agreed} of 400");
        // A solution that comes late still shortens the lag; then it is exact.
        learner.solve();
        learn(&mut learner, &rows[0]);
        let job = learner.job().unwrap();
        learn(&mut learner, &rows[1]);
        learner.adopt(job.run());
        let probe = Example::from_fixed(rows[9].0.clone());
        assert_eq!(learner.predict_now(&probe).unwrap().1, 1);
        let job = learner.job().unwrap();
        learner.adopt(job.run());
        let (now, lag) = learner.predict_now(&probe).unwrap();
        assert_eq!((now, lag), (learner.predict_one(&probe).unwrap(), 0));
        assert!(learner.job().is_none());
    }
}
