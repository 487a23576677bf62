//! Measures the cost of learning, predicting and the deferred solve, at 50 classes.
//!
//! `cargo bench --bench learn`. The examples are dense, which is the worst case for the exact
//! heads: they skip zeros.

mod toy;

use afield::head::HeadKind;
use afield::learner::{Example, Learner};
use divan::{Bencher, black_box};

use toy::{CLASSES, label};

const WIDTHS: [usize; 3] = [96, 1024, 2048];

fn main() {
    divan::main();
}

fn example(width: usize, i: usize) -> Example {
    let value = |j: usize| {
        let mixed = ((i * 65_537 + j) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Odd, so never zero.
        ((mixed >> 48) as i16 / 4) | 1
    };
    Example::from_fixed((0..width).map(value).collect())
}

fn taught(head: HeadKind, width: usize) -> Learner {
    let mut learner = toy::learner(head, width);
    for i in 0..4 * CLASSES {
        let example = example(width, i);
        learner.learn_one(&example, &label(i)).expect("learns");
    }
    learner
}

macro_rules! heads {
    ($($name:ident: $kind:expr),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[divan::bench(args = WIDTHS)]
            fn learn_one(bencher: Bencher, width: usize) {
                let mut learner = taught($kind, width);
                let examples: Vec<_> = (0..64).map(|i| (example(width, i), label(i))).collect();
                let mut i = 0;
                bencher.bench_local(|| {
                    let (example, label) = &examples[i % 64];
                    i += 1;
                    learner.learn_one(black_box(example), label)
                });
            }

            #[divan::bench(args = WIDTHS)]
            fn predict_one(bencher: Bencher, width: usize) {
                let learner = taught($kind, width);
                learner.solve();
                let probe = example(width, 9999);
                bencher.bench_local(|| learner.predict_one(black_box(&probe)));
            }

            #[divan::bench(args = WIDTHS, sample_count = 10, sample_size = 1)]
            fn solve(bencher: Bencher, width: usize) {
                let mut learner = taught($kind, width);
                let (example, label) = (example(width, 1), label(1));
                bencher
                    // Learning makes the next solve necessary.
                    .with_inputs(|| ())
                    .bench_local_values(|()| {
                        learner.learn_one(&example, &label).ok();
                        learner.solve();
                    });
            }
        }
    )*};
}

fn head(text: &str) -> HeadKind {
    text.parse().expect("a head")
}

heads!(
    ncm: HeadKind::NCM,
    lda: HeadKind::LDA,
    ridge: HeadKind::RIDGE,
    linear: HeadKind::LINEAR,
    linear_adam_er_ace: head("linear:adam+er-ace+balanced"),
    mlp: HeadKind::MLP,
    mlp_sgd: head("mlp:sgd"),
    knn: head("knn"),
    auto: HeadKind::AUTO,
    finetune: HeadKind::FINETUNE,
    ewc: HeadKind::EWC,
    lwf: HeadKind::LWF,
    l2sp: HeadKind::L2SP,
);
