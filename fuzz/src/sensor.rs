//! Reads any bytes as sensor data. The first byte selects the format: a table (CSV) or JSON lines,
//! with and without a rate and columns. The samples go through the front end of `imu` if they have
//! its channels.

use std::path::PathBuf;
use std::sync::LazyLock;

use afield::frontend::SensorFrontend;
use afield::model::Card;
use afield::signal::Chunk;
use afield::source::{SensorFormat, SensorRate, Source, open_recording};

static CARD: LazyLock<Card> = LazyLock::new(|| {
    let text = include_str!("../../models/imu.toml");
    Card::parse(text, "imu.toml").expect("a sound card")
});

/// A table, and JSON lines.
static FILES: LazyLock<[PathBuf; 2]> = LazyLock::new(|| {
    ["csv", "jsonl"].map(|ending| {
        std::env::temp_dir().join(format!("afield-fuzz-{}.{ending}", std::process::id()))
    })
});

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let Some((&how, text)) = bytes.split_first() else {
        return;
    };
    let columns = ["ax", "ay", "az", "wx", "wy", "wz"].map(str::to_owned);
    let format = SensorFormat {
        rate: SensorRate::new(50.0).ok().filter(|_| how & 2 != 0),
        columns: columns.into_iter().filter(|_| how & 4 != 0).collect(),
        ..SensorFormat::default()
    };
    let file = &FILES[usize::from(how & 1)];
    std::fs::write(file, text).expect("a writable folder for temporary files");
    if let Ok(mut source) = open_recording(file, &format) {
        hear(&mut *source);
    }
}

fn hear(source: &mut dyn Source) {
    let (rate, width) = (source.rate(), source.channels().len());
    let sensor = CARD.sensor().expect("a card of a sensor");
    let mut front = SensorFrontend::new(sensor, CARD.sample_rate, rate, source.channels()).ok();
    let (mut chunk, mut frames, mut until) = (Chunk::default(), Vec::new(), 0);
    while let Ok(true) = source.read(&mut chunk) {
        assert_eq!(chunk.samples.len() % width, 0, "whole samples");
        assert!(chunk.samples.iter().all(|x| x.is_finite()), "numbers");
        assert!(chunk.start.0 >= until, "time goes on");
        until = chunk.start.0;
        if let Some(front) = &mut front {
            frames.clear();
            front.push(&chunk.samples, &mut frames);
            assert!(frames.iter().all(|x| x.is_finite()), "frames of numbers");
        }
    }
    if let Some(front) = &mut front {
        front.finish(&mut frames);
    }
    let notes = source.notes();
    let _ = notes.iter().map(ToString::to_string).collect::<Vec<_>>();
}
