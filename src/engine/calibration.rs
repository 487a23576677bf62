//! Calibration: recordings determine the statistics in a new learner's contract, which scale
//! embeddings or the channels of a sensor.

use std::path::{Path, PathBuf};

use super::{
    Error, LearnerOptions, OptionError, backbone_contract, embed_files, load_backbone, recorded,
    window_contract,
};
use crate::backbone::Mode;
use crate::frontend::Normalisation;
use crate::learner::{Contract, Standardisation, Transform};
use crate::model::{Cache, Card, FrontEnd};
use crate::pipeline::PipelineError;
use crate::signal::{Chunk, Segment};
use crate::source::{SourceOptions, labelled_recordings, open_recording};

/// The contract of a new learner. With [`Transform::Standardise`], recordings calibrate it.
pub(super) fn calibrated_contract(
    card: &Card,
    learner: &LearnerOptions,
    cache: &Cache,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Contract, Error> {
    let standardise = learner.transform == Some(Transform::Standardise);
    if standardise && learner.calibrate.is_empty() {
        return Err(OptionError::NothingToCalibrate.into());
    }
    if !standardise && !learner.calibrate.is_empty() {
        return Err(OptionError::CalibratedInVain.into());
    }
    let whole = standardise || learner.whole_clips;
    if !whole && let Some(contract) = window_contract(card, learner.pool, learner.transform)? {
        return Ok(contract);
    }
    if !standardise {
        return Ok(backbone_contract(card, learner.pool, learner.transform)?);
    }
    let contract = backbone_contract(card, learner.pool, None)?;
    let paths = paths(&learner.calibrate, card)?;
    let backbone = load_backbone(card, cache, Mode::Auto)?;
    let sensor = &learner.source.sensor;
    let all = embed_files(&paths, card, &backbone, sensor, true, progress);
    let mut rows = Vec::with_capacity(all.len());
    for embeddings in all {
        let mut pooled = Vec::new();
        let windows = &embeddings?.windows;
        (contract.pool).pool_into(windows, contract.embedding_size, &mut pooled)?;
        rows.push(pooled);
    }
    Ok(contract.standardised(Standardisation::of(&rows)?)?)
}

/// The card with the means and deviations of the recordings in `files`, if there are any. They
/// replace the means and deviations of the backbone's training data.
pub(super) fn normalised_card(
    card: Card,
    files: &[PathBuf],
    options: &SourceOptions,
) -> Result<Card, Error> {
    if files.is_empty() {
        return Ok(card);
    }
    let Some(sensor) = card.sensor() else {
        return Err(OptionError::NormalisedSound {
            backbone: card.name,
        }
        .into());
    };
    let mut normalisation = Normalisation::new(sensor);
    for path in paths(files, &card)? {
        let of_file = |error: Error| error.of(&path.display().to_string());
        measure(&path, &card, options, &mut normalisation).map_err(of_file)?;
    }
    let measured = normalisation.measured().ok_or(OptionError::ChannelAtRest)?;
    Ok(Card {
        frontend: FrontEnd::Sensor(measured),
        ..card
    })
}

/// Adds the recording at `path` to the statistics of the channels.
fn measure(
    path: &Path,
    card: &Card,
    options: &SourceOptions,
    normalisation: &mut Normalisation,
) -> Result<(), Error> {
    let mut source = open_recording(path, &options.sensor)?;
    let (rate, channels) = (source.rate(), source.channels().to_vec());
    let begin = |n: &Normalisation| {
        let begun = n.recording(card.sample_rate, rate, &channels);
        begun.map_err(PipelineError::from)
    };
    let mut recording = begin(normalisation)?;
    let mut chunk = Chunk::default();
    let mut segment = Segment::new(rate);
    while source.read(&mut chunk)? {
        if segment.is_gap(chunk.start) {
            let fresh = begin(normalisation)?;
            normalisation.finish(std::mem::replace(&mut recording, fresh));
            segment.restart(chunk.start);
        }
        segment.advance((chunk.samples.len() / channels.len()) as u64);
        normalisation.push(&mut recording, &chunk.samples);
    }
    normalisation.finish(recording);
    Ok(())
}

/// The recordings in `files` that the backbone of `card` can read.
fn paths(files: &[PathBuf], card: &Card) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for file in files {
        let clips = labelled_recordings(file, recorded(card))?;
        paths.extend(clips.into_iter().map(|clip| clip.path));
    }
    Ok(paths)
}
