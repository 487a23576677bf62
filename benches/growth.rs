//! Measures the cost of learning, predicting and predicting right after learning as the number of
//! examples grows. Prints CSV.
//!
//! `cargo bench --bench growth [-- MOST [SECONDS]]`. MOST is the number of examples at 50 classes,
//! 10^5 by default. A power of ten is skipped if it would end after SECONDS (300 by default) of a
//! head's time. Durations are microseconds of wall-clock time, one call each, over the last 200
//! examples (400 for learning) before each power of ten. `after` is `predict_now` directly after
//! `learn_one`, with a background thread that solves, as in `afield listen`. `lag` is the largest
//! number of examples that those answers lacked.

mod toy;

use std::time::{Duration, Instant};

use afield::engine::Solver;
use afield::head::HeadKind;
use afield::learner::{Example, Learner};

use toy::CLASSES;

const TIMED: usize = 200;

fn main() {
    // `cargo bench` adds its own flag.
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<f64>().ok());
    let most = numbers.next().unwrap_or(1e5) as usize;
    let limit = Duration::from_secs_f64(numbers.next().unwrap_or(300.0));
    println!(
        "head,features,examples,learn_p50,learn_p95,predict_p50,predict_p95,after_p50,after_p95,after_max,lag,state_bytes"
    );
    for (head, width) in [
        (HeadKind::NCM, 96),
        (HeadKind::LDA, 96),
        (HeadKind::RIDGE, 96),
        (HeadKind::LINEAR, 96),
        (HeadKind::NCM, 1024),
        (HeadKind::LDA, 1024),
        (HeadKind::RIDGE, 1024),
        (HeadKind::LINEAR, 1024),
    ] {
        grow(head, width, most, limit);
    }
}

fn grow(head: HeadKind, width: usize, most: usize, limit: Duration) {
    let begin = Instant::now();
    let mut learner = toy::learner(head, width);
    let labels: Vec<_> = (0..CLASSES).map(toy::label).collect();
    let mut at = 0;
    let mut next = || {
        at += 1;
        (example(width, at), at % CLASSES)
    };
    let mut learn = |learner: &mut Learner| {
        let (example, class) = next();
        let begin = Instant::now();
        learner.learn_one(&example, &labels[class]).expect("learns");
        micros(begin)
    };
    let mut seen = 0;
    let mut goal = 100;
    while goal <= most {
        // Time a third of the new examples, at most 200.
        let pairs = TIMED.min((goal - seen) / 3);
        let mut learned = Vec::new();
        for left in (pairs..goal - seen).rev() {
            let took = learn(&mut learner);
            if left < pairs + 2 * TIMED {
                learned.push(took);
            }
        }
        learner.solve();
        let mut predicted = Vec::new();
        for i in 0..TIMED {
            let probe = example(width, usize::MAX / 2 - i);
            let begin = Instant::now();
            learner.predict_one(&probe).expect("predicts");
            predicted.push(micros(begin));
        }
        let (mut after, mut most_lag) = (Vec::new(), 0);
        let mut solver = Solver::start();
        for i in 0..pairs {
            learn(&mut learner);
            solver.tend(&mut learner);
            let probe = example(width, usize::MAX / 3 - i);
            let begin = Instant::now();
            let (_, lag) = learner.predict_now(&probe).expect("predicts");
            after.push(micros(begin));
            most_lag = lag.max(most_lag);
        }
        seen = goal;
        let (learned, predicted, after) = (sorted(learned), sorted(predicted), sorted(after));
        let of = |sorted: &[f64], share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        println!(
            "{head},{width},{goal},{:.2},{:.2},{:.2},{:.2},{:.2},{:.2},{:.2},{most_lag},{}",
            of(&learned, 0.5),
            of(&learned, 0.95),
            of(&predicted, 0.5),
            of(&predicted, 0.95),
            of(&after, 0.5),
            of(&after, 0.95),
            of(&after, 1.0),
            learner.state_bytes()
        );
        goal *= 10;
        // A tenth of the examples took this long, and no example takes longer than another.
        if begin.elapsed() * 10 > limit {
            break;
        }
    }
}

fn micros(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64 / 1e3
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Dense features around the centre of their class.
fn example(width: usize, i: usize) -> Example {
    let value = |j: usize| {
        let mixed = ((i.wrapping_mul(65_537) + j) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = ((i % CLASSES * 31 + j * 17) % 13) as i16 * 200;
        (((mixed >> 48) as i16 / 8) + place) | 1
    };
    Example::from_fixed((0..width).map(value).collect())
}
