//! Recordings that tell what embeddings, or the channels of a sensor, are divided by from then
//! on: the statistics of a new learner's contract.

use std::path::{Path, PathBuf};

use super::{Error, LearnerOptions, backbone_contract, embed_files, load_backbone, recorded};
use crate::backbone::Mode;
use crate::frontend::Normalisation;
use crate::learner::{Contract, Standardisation, Transform};
use crate::model::{Cache, Card, FrontEnd};
use crate::signal::{Chunk, Micros};
use crate::source::{SourceOptions, labelled_recordings, open_recording};

/// The contract of a new learner; with [`Transform::Standardise`] calibrated by recordings.
pub(super) fn calibrated_contract(
    card: &Card,
    learner: &LearnerOptions,
    cache: &Cache,
) -> Result<Contract, Error> {
    let standardise = learner.transform == Some(Transform::Standardise);
    if standardise && learner.calibrate.is_empty() {
        return Err(Error::NothingToCalibrate);
    }
    if !standardise && !learner.calibrate.is_empty() {
        return Err(Error::CalibratedInVain);
    }
    if !standardise {
        return Ok(backbone_contract(card, learner.pool, learner.transform)?);
    }
    let contract = backbone_contract(card, learner.pool, None)?;
    let paths = paths(&learner.calibrate, card)?;
    let backbone = load_backbone(card, cache, Mode::Auto)?;
    let all = embed_files(&paths, card, &backbone, &learner.source.sensor, &|_| {})?;
    let mut rows = Vec::with_capacity(all.len());
    for embeddings in all {
        let mut pooled = Vec::new();
        let windows = &embeddings.windows;
        (contract.pool).pool_into(windows, contract.embedding_size, &mut pooled)?;
        rows.push(pooled);
    }
    Ok(contract.standardised(Standardisation::of(&rows)?)?)
}

/// The card with the means and deviations of the recordings in `files`, if there are any, in
/// place of those of the backbone's training.
pub(super) fn normalised_card(
    card: Card,
    files: &[PathBuf],
    options: &SourceOptions,
) -> Result<Card, Error> {
    if files.is_empty() {
        return Ok(card);
    }
    let Some(sensor) = card.sensor() else {
        return Err(Error::NormalisedSound {
            backbone: card.name,
        });
    };
    let mut normalisation = Normalisation::of(sensor);
    for path in paths(files, &card)? {
        let of_file = |error: Error| error.of(&path.display().to_string());
        measure(&path, &card, options, &mut normalisation).map_err(of_file)?;
    }
    let measured = normalisation.measured().ok_or(Error::ChannelAtRest)?;
    Ok(Card {
        frontend: FrontEnd::Sensor(measured),
        ..card
    })
}
