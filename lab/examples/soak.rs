//! Processes hours of sound faster than real time, with teaching, forgetting, undoing and restarts,
//! to show whether any resource grows.
//!
//! `soak CARD.toml MODEL.onnx MINUTES OUTPUT` runs for MINUTES minutes of wall-clock time and
//! writes OUTPUT.md and OUTPUT.svg: resident memory, open handles and bytes on disk over hours of
//! sound. It teaches a clip every half minute of sound. Now and then it forgets a class or undoes a
//! command. Every ten minutes it closes and opens the learner. The learner's disk use is limited to
//! 1 MiB.

use std::fs;
use std::path::Path;
use std::time::Instant;

use afield::backbone::{Backbone, Mode};
use afield::decision::Threshold;
use afield::engine::{Session, backbone_contract, diagnose, embed};
use afield::learner::Settings;
use afield::model::Card;
use afield::pipeline::{Decider, Embedder, Window};
use afield::signal::{Chunk, Label, Micros, SOUND, SampleRate};
use afield::source::Source;
use afield::store::ClipFilter;
use anyhow::{Context, Result, bail, ensure};
use plotters::prelude::*;
use synthetic::{Segment, Sound, Synthetic};

#[path = "../../tests/it/harness/synthetic.rs"]
mod synthetic;

const RATE: u32 = 16_000;
const MAX_DISK: u64 = 1 << 20;
const CLASSES: u64 = 6;

/// The measurements after some hours of sound.
struct Sample {
    hours: f64,
    resident_mib: f64,
    handles: usize,
    disk_kib: f64,
}

#[derive(Default)]
struct Counts {
    decisions: u64,
    taught: u64,
    forgotten: u64,
    undone: u64,
    restarts: u64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [card, model, minutes, output] = &arguments[..] else {
        bail!("see the head of examples/soak.rs");
    };
    let card = Card::read(card)?;
    let backbone = Backbone::load(Path::new(model), &card, Mode::Auto)?;
    let root = tempfile::tempdir()?;
    let dir = root.path().join("box");
    let contract = backbone_contract(&card, None, None)?;
    let mut made = Session::create(&dir, card.clone(), contract, Settings::default(), 0)?;
    made.set_max_disk(Some(MAX_DISK), 0)?;
    made.close()?;

    let (began, seconds) = (Instant::now(), 60.0 * minutes.parse::<f64>()?);
    let (mut counts, mut samples, mut hour) = (Counts::default(), Vec::new(), 0.0);
    let mut part = 0;
    while began.elapsed().as_secs_f64() < seconds {
        hour += listen(&dir, &card, &backbone, part, &mut counts)? / 3600.0;
        part += 1;
        counts.restarts += 1;
        samples.push(Sample {
            hours: hour,
            resident_mib: resident_mib()?,
            handles: fs::read_dir("/proc/self/fd")?.count(),
            disk_kib: disk_bytes(&dir)? as f64 / 1024.0,
        });
    }
    let findings = diagnose(&dir)?.findings;
    ensure!(findings.is_empty(), "{findings:?}");
    let took = began.elapsed().as_secs_f64();
    fs::write(format!("{output}.svg"), plot(&samples)?)?;
    let text = report(&samples, &counts, took, output)?;
    fs::write(format!("{output}.md"), &text)?;
    print!("{text}");
    Ok(())
}

/// Processes ten minutes of sound with one opening of the learner. Returns the seconds of sound.
fn listen(
    dir: &Path,
    card: &Card,
    backbone: &Backbone,
    part: u64,
    counts: &mut Counts,
) -> Result<f64> {
    let rate = SampleRate::new(RATE)?;
    let mut session = Session::open(dir)?;
    let mut embedder = Embedder::new(card, backbone, rate, &SOUND)?;
    let mut decider = Decider::new(Window::spanning(card, 1.0, 0.5), Threshold::new(0.5));
    let mut sound = Synthetic::new(rate, segments(part), 8_000, part);
    let (mut chunk, mut events) = (Chunk::default(), Vec::new());
    let mut heard_samples = 0;
    while sound.read(&mut chunk)? {
        // One minute of sound counts as one day of wall-clock time.
        let now = (part * 600 + heard_samples / u64::from(RATE)) as i64 * 1_440_000;
        session.step(&mut embedder, &mut decider, &chunk, &mut events)?;
        counts.decisions += events.len() as u64;
        (events.drain(..)).for_each(|event| decider.recycle(event));
        let before = heard_samples / (30 * u64::from(RATE));
        heard_samples += chunk.samples.len() as u64;
        let half_minute = heard_samples / (30 * u64::from(RATE));
        if half_minute > before {
            let step = part * 20 + half_minute;
            teach(&mut session, card, backbone, step, now)?;
            counts.taught += 1;
            if step.is_multiple_of(97) {
                session.undo(now)?;
                counts.undone += 1;
            }
            if step.is_multiple_of(641) {
                let which = ClipFilter {
                    label: Some(label(step)?),
                    ..ClipFilter::default()
                };
                session.forget(&which, now)?;
                counts.forgotten += 1;
            }
        }
    }
    session.finish(&mut embedder, &mut decider, &mut events)?;
    session.close()?;
    Ok(Micros::from_samples(heard_samples, rate).as_secs_f64())
}

fn label(step: u64) -> Result<Label> {
    Ok(Label::new(format!("class {}", step % CLASSES))?)
}

/// Teaches a new clip of one second. The classes take turns.
fn teach(
    session: &mut Session,
    card: &Card,
    backbone: &Backbone,
    step: u64,
    now: i64,
) -> Result<()> {
    let rate = SampleRate::new(RATE)?;
    let tone = Segment {
        sound: Sound::Tone {
            hz: 200.0 * (1 + step % CLASSES) as f64 + (step % 89) as f64,
            amplitude: 0.4,
        },
        samples: u64::from(RATE) / 2,
    };
    let noise = Segment {
        sound: Sound::Noise { amplitude: 0.1 },
        ..tone
    };
    let mut clip = Synthetic::new(rate, vec![tone, noise], 8_000, step);
    let heard = embed(&mut clip, card, backbone)?;
    session.teach(&label(step)?, &heard, "soak", now)?;
    Ok(())
}

/// Ten minutes of tones, chirps, noise and silence.
fn segments(part: u64) -> Vec<Segment> {
    let of = |i: u64| match i % 4 {
        0 => Sound::Tone {
            hz: 200.0 + (part * 31 + i * 17) as f64 % 3_000.0,
            amplitude: 0.5,
        },
        1 => Sound::Noise { amplitude: 0.2 },
        2 => Sound::Chirp {
            from_hz: 300.0,
            to_hz: 300.0 + (i * 53 % 4_000) as f64,
            amplitude: 0.4,
        },
        _ => Sound::Silence,
    };
    let segment = |i| Segment {
        sound: of(i),
        samples: 5 * u64::from(RATE),
    };
    (0..120).map(segment).collect()
}

fn resident_mib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
    Ok(kib.parse::<f64>()? / 1024.0)
}

fn disk_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(dir)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

fn report(samples: &[Sample], counts: &Counts, took: f64, output: &str) -> Result<String> {
    let (first, last) = (samples.first(), samples.last());
    let (Some(first), Some(last)) = (first, last) else {
        bail!("too short for a single part");
    };
    let quarter = |from: usize, of: fn(&Sample) -> f64| {
        let part = &samples[from * samples.len() / 4..((from + 1) * samples.len() / 4).max(1)];
        part.iter().map(of).sum::<f64>() / part.len().max(1) as f64
    };
    let row = |what: &str, of: fn(&Sample) -> f64| {
        let most = samples.iter().map(of).fold(0.0, f64::max);
        format!(
            "| {what} | {:.1} | {:.1} | {:.1} | {:.1} | {most:.1} |\n",
            of(first),
            quarter(1, of),
            quarter(3, of),
            of(last)
        )
    };
    let Counts {
        decisions,
        taught,
        forgotten,
        undone,
        restarts,
    } = counts;
    let name = Path::new(output)
        .file_name()
        .context("a name")?
        .to_string_lossy();
    Ok(format!(
        "# Soak\n\n`cargo run --release -p afield-lab --example soak` writes this page. The \
         comment at the top of `lab/examples/soak.rs` says what it does.\n\n\
         {:.1} hours of sound in {:.1} minutes: {decisions} decisions, {taught} clips taught, {forgotten} \
         times a class forgotten, {undone} commands undone, {restarts} restarts of the learner. \
         `doctor` finds no fault at the end.\n\n\
         | | after {:.1} h | mean of the second quarter | mean of the last | at the end | most |\n\
         |---|---|---|---|---|---|\n{}{}{}\n\
         Disk use is bound to {} KiB. `learner.sqlite-shm`, 32 KiB of shared memory that SQLite\n\
         may leave, is counted.\n\n![memory, handles and disk over hours of sound]({name}.svg)\n",
        last.hours,
        took / 60.0,
        first.hours,
        row("resident memory, MiB", |sample| sample.resident_mib),
        row("open handles", |sample| sample.handles as f64),
        row("disk, KiB", |sample| sample.disk_kib),
        MAX_DISK >> 10,
    ))
}

/// One number of a sample.
type Value = fn(&Sample) -> f64;

fn plot(samples: &[Sample]) -> Result<String> {
    let mut svg = String::new();
    let panels: [(&str, Value); 3] = [
        ("resident memory, MiB", |sample| sample.resident_mib),
        ("open handles", |sample| sample.handles as f64),
        ("disk, KiB", |sample| sample.disk_kib),
    ];
    {
        let area = SVGBackend::with_string(&mut svg, (720, 600)).into_drawing_area();
        area.fill(&WHITE)?;
        let hours = samples.last().map_or(1.0, |last| last.hours);
        for (panel, (what, of)) in area.split_evenly((3, 1)).iter().zip(panels) {
            let most = samples.iter().map(of).fold(1.0, f64::max) * 1.2;
            let mut chart = ChartBuilder::on(panel)
                .margin(10)
                .x_label_area_size(36)
                .y_label_area_size(60)
                .build_cartesian_2d(0.0..hours, 0.0..most)?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .y_labels(4)
                .x_desc("hours of sound")
                .y_desc(what)
                .draw()?;
            let points = samples.iter().map(|sample| (sample.hours, of(sample)));
            let color = RGBColor(0x00, 0x72, 0xB2);
            chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        }
        area.present()?;
    }
    Ok(svg)
}
