//! Teaches saved streams to one head and times each call. It is Afield's side of `benches/peers`.
//!
//! `cargo run --release --example stream_costs -- SPEC.json` reads which
//! embeddings, which head and which streams (of `afield evaluate --save-stream`)
//! from a file and prints one JSON object. `benches/peers/worker.py` reads the same
//! file and prints the same object for every peer; keep the two alike.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use afield::engine::Solver;
use afield::head::HeadKind;
use afield::learner::{Example, Learner, Pool, Settings, Transform};
use afield::signal::Label;
use afield_lab::data::{Clips, Dataset, Names, TestSide, read_npz};
use afield_lab::evaluate::{Percentiles, contract_for, peak_rss_bytes};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Longest time for measuring predictions right after learning.
const AFTER_LEARN_LIMIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Spec {
    data: PathBuf,
    method: String,
    rehearsal: String,
    cells: Vec<Cell>,
    after_learn: usize,
    run_seconds: f64,
}

#[derive(Deserialize)]
struct Cell {
    name: String,
    seed: u64,
    /// Embeddings of this cell, if they differ from those of the other cells.
    data: Option<PathBuf>,
    stream: PathBuf,
    /// Counted from 0; the cells of a round are all run or none.
    round: usize,
}

/// A saved stream. Other readers use the other fields.
#[derive(Deserialize)]
struct Stream {
    classes: Vec<String>,
    tasks: Vec<Task>,
    test: Vec<usize>,
    truth: Vec<usize>,
}

#[derive(Deserialize)]
struct Task {
    clips: Vec<usize>,
    labels: Vec<usize>,
    tested: Vec<usize>,
}

#[derive(Serialize)]
struct Outcome {
    cells: Vec<CellOutcome>,
    learn_us: Percentiles,
    predict_us: Percentiles,
    solve_us: Percentiles,
    predict_after_learn_us: Percentiles,
    after_learn: usize,
    /// The same without waiting for the solve, and by how many examples it lagged.
    predict_now_after_learn_us: Percentiles,
    lag: u64,
    state_bytes: usize,
    /// After the first cell.
    peak_rss_bytes: Option<u64>,
}

#[derive(Serialize)]
struct CellOutcome {
    name: String,
    seed: u64,
    accuracy_after: Vec<f64>,
    share: f64,
    seconds: f64,
}

#[derive(Default)]
struct Times {
    learn: Vec<f64>,
    predict: Vec<f64>,
    solve: Vec<f64>,
    after_learn: Vec<f64>,
    after_learn_now: Vec<f64>,
}

fn main() -> Result<()> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("--heads") {
        let names: Vec<String> = HeadKind::ALL.iter().map(ToString::to_string).collect();
        println!("{}", names.join(" "));
        return Ok(());
    }
    let path = argument.context("usage: stream_costs SPEC.json | --heads")?;
    let spec: Spec = read_json(Path::new(&path))?;
    let mut times = Times::default();
    let mut outcome = Outcome {
        cells: Vec::new(),
        learn_us: Percentiles::default(),
        predict_us: Percentiles::default(),
        solve_us: Percentiles::default(),
        predict_after_learn_us: Percentiles::default(),
        after_learn: 0,
        predict_now_after_learn_us: Percentiles::default(),
        lag: 0,
        state_bytes: 0,
        peak_rss_bytes: None,
    };
    let mut round = 0;
    for cell in &spec.cells {
        if cell.round != round {
            // Like worker.py: no round begins that would not end in time.
            let each =
                outcome.cells.iter().map(|cell| cell.seconds).sum::<f64>() / cell.round as f64;
            if each * (cell.round + 1) as f64 > spec.run_seconds {
                break;
            }
            round = cell.round;
        }
        let first = outcome.cells.is_empty();
        run_cell(&spec, cell, first, &mut times, &mut outcome)
            .with_context(|| format!("{} on {}", spec.method, cell.name))?;
    }
    outcome.after_learn = times.after_learn.len();
    outcome.learn_us = Percentiles::of(&mut times.learn);
    outcome.predict_us = Percentiles::of(&mut times.predict);
    outcome.solve_us = Percentiles::of(&mut times.solve);
    outcome.predict_after_learn_us = Percentiles::of(&mut times.after_learn);
    outcome.predict_now_after_learn_us = Percentiles::of(&mut times.after_learn_now);
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn run_cell(
    spec: &Spec,
    cell: &Cell,
    first: bool,
    times: &mut Times,
    outcome: &mut Outcome,
) -> Result<()> {
    let stream: Stream = read_json(&cell.stream)?;
    let clips = read_npz(cell.data.as_ref().unwrap_or(&spec.data))?;
    let labels = stream.classes.iter().map(Label::new);
    let labels = labels.collect::<Result<Vec<_>, _>>()?;
    if clips.classes() != labels.as_slice() || clips.labels() != stream.truth {
        bail!("the stream was not saved from these embeddings");
    }
    let dataset = with_test_side(&clips, &stream.test)?;
    let contract = contract_for(&dataset, Pool::Mean, Transform::None)?;
    let mut settings = Settings {
        head: spec.method.parse()?,
        rehearsal: spec.rehearsal.parse()?,
        ..Settings::default()
    };
    settings.seed = cell.seed;
    let mut learner = Learner::new(contract, settings)?;
    let examples = (0..clips.len())
        .map(|clip| learner.encode(clips.windows(clip)))
        .collect::<Result<Vec<Example>, _>>()?;

    let begin = Instant::now();
    let mut accuracy_after = Vec::new();
    for task in &stream.tasks {
        for (&clip, &label) in task.clips.iter().zip(&task.labels) {
            let start = Instant::now();
            learner.learn_from(&examples[clip], &labels[label], clips.origin(clip))?;
            times.learn.push(microseconds_since(start));
        }
        let start = Instant::now();
        learner.solve();
        times.solve.push(microseconds_since(start));
        let mut right = 0;
        for &clip in &task.tested {
            let start = Instant::now();
            let scores = learner.predict_one(&examples[clip])?;
            let answer = scores.best().map(|(class, _)| class);
            times.predict.push(microseconds_since(start));
            let answer = answer.and_then(|class| learner.classes().get(class));
            right += usize::from(answer == labels.get(stream.truth[clip]));
        }
        accuracy_after.push(right as f64 / task.tested.len().max(1) as f64);
    }
    outcome.cells.push(CellOutcome {
        name: cell.name.clone(),
        seed: cell.seed,
        accuracy_after,
        share: 1.0,
        seconds: begin.elapsed().as_secs_f64(),
    });
    if first {
        outcome.state_bytes = learner.state_bytes();
        outcome.peak_rss_bytes = peak_rss_bytes();
        let after = AfterLearning {
            stream: &stream,
            examples: &examples,
            labels: &labels,
            times: spec.after_learn,
        };
        times.after_learn = after.waiting(&mut learner)?;
        (times.after_learn_now, outcome.lag) = after.not_waiting(&mut learner)?;
    }
    Ok(())
}

/// One prediction right after each of several further examples.
struct AfterLearning<'a> {
    stream: &'a Stream,
    examples: &'a [Example],
    labels: &'a [Label],
    times: usize,
}

impl AfterLearning<'_> {
    /// Every taught example, repeated, each with a test clip to predict.
    fn pairs(&self) -> impl Iterator<Item = (&Example, &Label, &Example)> {
        let taught = (self.stream.tasks.iter())
            .flat_map(|task| task.clips.iter().zip(&task.labels))
            .cycle();
        let asked = self.stream.test.iter().cycle();
        let begin = Instant::now();
        (taught.zip(asked).take(self.times))
            .take_while(move |_| begin.elapsed() < AFTER_LEARN_LIMIT)
            .map(|((&clip, &label), &asked)| {
                let examples = self.examples;
                (&examples[clip], &self.labels[label], &examples[asked])
            })
    }

    /// The exact answer, which waits for the solve.
    fn waiting(&self, learner: &mut Learner) -> Result<Vec<f64>> {
        let mut micros = Vec::with_capacity(self.times);
        for (example, label, asked) in self.pairs() {
            learner.learn_one(example, label)?;
            let start = Instant::now();
            std::hint::black_box(learner.predict_one(asked)?.best());
            micros.push(microseconds_since(start));
        }
        Ok(micros)
    }

    /// The immediate answer, while a second thread solves, as in `afield listen`. Also returns by
    /// how many examples an answer lagged at most.
    fn not_waiting(&self, learner: &mut Learner) -> Result<(Vec<f64>, u64)> {
        let (mut micros, mut lag) = (Vec::with_capacity(self.times), 0);
        learner.solve();
        let mut solver = Solver::start();
        for (example, label, asked) in self.pairs() {
            learner.learn_one(example, label)?;
            solver.tend(learner);
            let start = Instant::now();
            let (scores, behind) = learner.predict_now(asked)?;
            std::hint::black_box(scores.best());
            micros.push(microseconds_since(start));
            lag = lag.max(behind);
        }
        Ok((micros, lag))
    }
}

/// The same clips, with `test` on the test side and all others on the training side.
fn with_test_side(clips: &Clips, test: &[usize]) -> Result<Dataset> {
    let mut marks = vec![false; clips.len()];
    for &clip in test {
        *marks
            .get_mut(clip)
            .context("a test clip that is not there")? = true;
    }
    let windows = (0..clips.len()).flat_map(|clip| clips.windows(clip).iter().copied());
    let names: Vec<&str> = (clips.labels().iter())
        .map(|&class| clips.classes()[class].as_str())
        .collect();
    let names = Names::from_text(&names);
    let marked = Clips::of_rows(clips.size(), windows.collect(), names, None, Some(marks))?;
    Ok(Dataset::new(marked, &TestSide::Marked)?)
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let parsed = serde_json::from_reader(BufReader::new(file));
    parsed.with_context(|| {
        fs::canonicalize(path)
            .unwrap_or_default()
            .display()
            .to_string()
    })
}

fn microseconds_since(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64 / 1e3
}
