//! `--calibrate` and `--normalise`: recordings that tell what embeddings, or a sensor's
//! channels, are divided by from then on.

use std::path::{Path, PathBuf};

use afield::engine::backbone_contract;
use afield::frontend::Normalisation;
use afield::learner::{Contract, Pool, Standardisation, Transform};
use afield::model::{Card, FrontEnd};
use afield::signal::{Chunk, Segment};
use anyhow::{Context, Result, bail};

use super::embedding::embed_files;
use super::model::Places;
use super::recording::{SensorArgs, labelled};

/// The contract of a new learner; after `standardise`, calibrated by the
/// recordings in `files`.
pub fn calibrated_contract(
    card: &Card,
    pool: Option<Pool>,
    transform: Option<Transform>,
    files: &[PathBuf],
    sensor: &SensorArgs,
    places: &Places,
) -> Result<Contract> {
    match (transform, files) {
        (Some(Transform::Standardise), []) => bail!(
            "--transform standardise needs recordings to take its means and deviations from\nhint: name some with --calibrate FILE…, of everything that will be heard; they need no labels"
        ),
        (Some(Transform::Standardise), files) => {
            let contract = backbone_contract(card, pool, None)?;
            let statistics =
                statistics(&contract, card, files, sensor, places).context("--calibrate")?;
            Ok(contract.standardised(statistics)?)
        }
        (transform, []) => Ok(backbone_contract(card, pool, transform)?),
        (_, _) => bail!(
            "--calibrate is for --transform standardise alone\nhint: add --transform standardise, or leave --calibrate out"
        ),
    }
}

/// `card` with the means and deviations of the recordings in `files` for its channels.
pub fn normalised_card(card: Card, files: &[PathBuf], sensor: &SensorArgs) -> Result<Card> {
    let Some(front) = card.sensor() else {
        bail!(
            "--normalise is for backbones of sensors, {} hears sound\nhint: leave it out",
            card.name
        );
    };
    let mut normalisation = Normalisation::new(front);
    for path in files {
        for clip in labelled(path, &card)? {
            let mut source = sensor.open(&clip.path)?;
            let (rate, channels) = (source.rate(), source.channels().to_vec());
            let begin = |n: &Normalisation| n.recording(card.sample_rate, rate, &channels);
            let name = || clip.path.display().to_string();
            let mut recording = begin(&normalisation).with_context(name)?;
            let mut chunk = Chunk::default();
            let mut segment = Segment::new(rate);
            while source.read(&mut chunk)? {
                if segment.is_gap(chunk.start) {
                    let fresh = begin(&normalisation).with_context(name)?;
                    normalisation.finish(std::mem::replace(&mut recording, fresh));
                    segment.restart(chunk.start);
                }
                segment.advance((chunk.samples.len() / channels.len()) as u64);
                normalisation.push(&mut recording, &chunk.samples);
            }
            normalisation.finish(recording);
        }
    }
    let Some(measured) = normalisation.measured() else {
        bail!(
            "--normalise: some channel never moves in these recordings\nhint: give recordings of everything that will be measured"
        );
    };
    Ok(Card {
        frontend: FrontEnd::Sensor(measured),
        ..card
    })
}

fn statistics(
    contract: &Contract,
    card: &Card,
    files: &[PathBuf],
    sensor: &SensorArgs,
    places: &Places,
) -> Result<Standardisation> {
    let mut clips = Vec::new();
    for path in files {
        clips.extend(labelled(path, card)?.into_iter().map(|clip| clip.path));
    }
    let clips: Vec<&Path> = clips.iter().map(PathBuf::as_path).collect();
    let mut rows = Vec::with_capacity(clips.len());
    for windows in embed_files(&clips, card, &sensor.format(), places)? {
        let mut pooled = Vec::new();
        (contract.pool).pool_into(&windows, contract.embedding_size, &mut pooled)?;
        rows.push(pooled);
    }
    Ok(Standardisation::of(&rows)?)
}
