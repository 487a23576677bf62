//! Measures the cost of a front end or a backbone, hop by hop. It is Afield's side of
//! `benches/peers/streaming.py`.
//!
//! `hop_costs frontend CARD.toml SAMPLES.npy FRAMES.npy SECONDS` or
//! `hop_costs backbone CARD.toml MODEL.onnx MODE FRAMES.npy EMBEDDINGS.npy SECONDS`,
//! with float32 arrays: samples `[n]`, frames `[n, bands]`, embeddings `[n, size]`.
//! The signal is repeated for SECONDS seconds, one hop at a time, as live sound arrives. Prints one
//! JSON object: the hops of one pass, and the CPU microseconds a hop of every pass.

use std::path::Path;
use std::time::Instant;

use afield::backbone::Backbone;
use afield::frontend::LogMelFrontend;
use afield::model::Card;
use anyhow::{Context, Result, bail};
use cpu_time::ProcessTime;
use ndarray::{Array1, Array2};
use ndarray_npy::{read_npy, write_npy};
use serde_json::json;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["frontend", card, samples, frames, seconds] => {
            frontend(&Card::read(card)?, samples, frames, seconds.parse()?)
        }
        ["backbone", card, model, mode, frames, embeddings, seconds] => {
            let card = Card::read(card)?;
            let backbone = Backbone::load(Path::new(model), &card, mode.parse()?)?;
            run(&card, &backbone, frames, embeddings, seconds.parse()?)
        }
        _ => bail!("see the head of examples/hop_costs.rs"),
    }
}

fn frontend(card: &Card, samples: &str, frames: &str, seconds: f64) -> Result<()> {
    let samples: Array1<f32> = read_npy(samples)?;
    let samples = samples.to_vec();
    let hop = card.hop_samples();
    let mut out = Vec::new();
    let passes = repeat(seconds, samples.len() / hop, || {
        let mut frontend = LogMelFrontend::new(
            card.log_mel().context("a card for sound is needed")?,
            card.sample_rate,
        )?;
        out.clear();
        for samples in samples.chunks(hop) {
            frontend.push(samples, &mut out);
        }
        Ok(())
    })?;
    let rows = out.len() / card.bands();
    write_npy(frames, &Array2::from_shape_vec((rows, card.bands()), out)?)?;
    println!("{}", json!({"hops": samples.len() / hop, "cpu_us": passes}));
    Ok(())
}

fn run(card: &Card, backbone: &Backbone, frames: &str, to: &str, seconds: f64) -> Result<()> {
    let frames: Array2<f32> = read_npy(frames)?;
    let frames = frames.as_standard_layout();
    let frames = frames.as_slice().context("frames out of order")?;
    let hop = card.embedding.hop_frames * card.bands();
    let mut out = Vec::new();
    let hops = frames.len() / hop;
    let passes = repeat(seconds, hops, || {
        let mut stream = backbone.stream()?;
        out.clear();
        for frames in frames.chunks(hop) {
            stream.push(frames, &mut out)?;
        }
        Ok(stream.finish(&mut out)?)
    })?;
    let rows = out.len() / card.embedding.size;
    write_npy(
        to,
        &Array2::from_shape_vec((rows, card.embedding.size), out)?,
    )?;
    println!(
        "{}",
        json!({"hops": hops, "rows": rows, "cpu_us": passes, "execution": backbone.execution().to_string()})
    );
    Ok(())
}

/// CPU microseconds a hop of each pass, for about `seconds` seconds, after one warm-up pass.
fn repeat(seconds: f64, hops: usize, mut pass: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    pass()?;
    let begun = Instant::now();
    let mut passes = Vec::new();
    while passes.is_empty() || begun.elapsed().as_secs_f64() < seconds {
        let started = ProcessTime::now();
        pass()?;
        passes.push(started.elapsed().as_secs_f64() * 1e6 / hops.max(1) as f64);
    }
    Ok(passes)
}
