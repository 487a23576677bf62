//! `--calibrate`: recordings that tell what standardising subtracts and divides
//! by.

use std::path::{Path, PathBuf};

use afield::control::backbone_contract;
use afield::learner::{Contract, Pool, Standardisation, Transform};
use afield::model::Card;
use afield::source::labelled_clips;
use anyhow::{Context, Result, bail};

use super::embedding::embed_files;
use super::model::Places;

/// The contract of a new learner; after `standardise`, calibrated by the
/// recordings in `files`.
pub fn calibrated_contract(
    card: &Card,
    pool: Option<Pool>,
    transform: Option<Transform>,
    files: &[PathBuf],
    places: &Places,
) -> Result<Contract> {
    match (transform, files) {
        (Some(Transform::Standardise), []) => bail!(
            "--transform standardise needs recordings to take its means and deviations from\nhint: name some with --calibrate FILE…, of everything that will be heard; they need no labels"
        ),
        (Some(Transform::Standardise), files) => {
            let contract = backbone_contract(card, pool, None)?;
            let statistics = statistics(&contract, card, files, places).context("--calibrate")?;
            Ok(contract.standardised(statistics)?)
        }
        (transform, []) => Ok(backbone_contract(card, pool, transform)?),
        (_, _) => bail!(
            "--calibrate is for --transform standardise alone\nhint: add --transform standardise, or leave --calibrate out"
        ),
    }
}

fn statistics(
    contract: &Contract,
    card: &Card,
    files: &[PathBuf],
    places: &Places,
) -> Result<Standardisation> {
    let mut clips = Vec::new();
    for path in files {
        clips.extend(labelled_clips(path)?.into_iter().map(|clip| clip.path));
    }
    let clips: Vec<&Path> = clips.iter().map(PathBuf::as_path).collect();
    let mut rows = Vec::with_capacity(clips.len());
    for windows in embed_files(&clips, card, places)? {
        let mut pooled = Vec::new();
        (contract.pool).pool_into(&windows, contract.embedding_size, &mut pooled)?;
        rows.push(pooled);
    }
    Ok(Standardisation::of(&rows)?)
}
