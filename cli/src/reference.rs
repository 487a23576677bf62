//! `afield model check --against`: compares a model's embeddings of a recording with those that its
//! authors' code gives.

use std::path::{Path, PathBuf};

use afield::backbone::{Backbone, Mode};
use afield::engine::embed;
use afield::model::Card;
use afield_lab::data::read_npy;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::recording::SensorArgs;

/// The reference to compare with.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// NumPy file to compare the embeddings of --input with: one row per window, from the
    /// authors' own code
    #[arg(long, value_name = "NPY", requires = "input")]
    against: Option<PathBuf>,

    /// Recording to embed for --against
    #[arg(long, value_name = "FILE", requires = "against")]
    input: Option<PathBuf>,

    /// Largest accepted difference, relative to the largest magnitude in --against
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 1e-3,
        requires = "against"
    )]
    tolerance: f32,

    #[command(flatten)]
    sensor: SensorArgs,
}

/// How embeddings and reference differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    /// Rows compared.
    pub rows: usize,
    /// The largest difference of two numbers.
    pub largest_difference: f32,
    /// The row and the column of that difference, from 0.
    pub at: (usize, usize),
    /// The largest magnitude of the reference.
    pub largest_magnitude: f32,
}

impl ReferenceArgs {
    /// Compares the embeddings of `bytes`, the model of `card`; `None` if there is no reference.
    /// Fails if they differ by more than the tolerance.
    pub fn compare(&self, card: &Card, bytes: &[u8]) -> Result<Option<Comparison>> {
        let (Some(against), Some(input)) = (&self.against, &self.input) else {
            return Ok(None);
        };
        self.sensor.check(card)?;
        let (rows, size, expected) = read_npy(against)?;
        let backbone = Backbone::from_bytes(bytes, card, Mode::Auto)?;
        let name = || input.display().to_string();
        let actual = embed(&mut *self.sensor.open(input)?, card, &backbone).with_context(name)?;
        let found = actual.windows.len() / card.embedding.size;
        if (found, card.embedding.size) != (rows, size) {
            bail!(
                "{} gives {found} embeddings of {} numbers, {} has {rows} of {size}",
                input.display(),
                card.embedding.size,
                against.display()
            );
        }
        let compared = compare(&actual.windows, &expected, size);
        self.judge(&compared, against)?;
        Ok(Some(compared))
    }

    fn judge(&self, compared: &Comparison, against: &Path) -> Result<()> {
        let limit = self.tolerance * compared.largest_magnitude.max(f32::MIN_POSITIVE);
        if compared.largest_difference <= limit {
            return Ok(());
        }
        let (row, column) = compared.at;
        bail!(
            "the embeddings differ from {} by up to {} (row {row}, column {column}), more than {limit}",
            against.display(),
            compared.largest_difference
        );
    }
}

/// The largest difference; one with NaN is larger than all others.
fn compare(actual: &[f32], expected: &[f32], size: usize) -> Comparison {
    let mut compared = Comparison {
        rows: expected.len() / size.max(1),
        largest_difference: 0.0,
        at: (0, 0),
        largest_magnitude: expected.iter().fold(0.0, |m, x| x.abs().max(m)),
    };
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        let difference = (a - e).abs();
        let difference = if difference.is_nan() {
            f32::INFINITY
        } else {
            difference
        };
        if difference > compared.largest_difference {
            compared.largest_difference = difference;
            compared.at = (index / size.max(1), index % size.max(1));
        }
    }
    compared
}
