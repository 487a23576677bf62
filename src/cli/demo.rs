//! `afield demo`: forgetting, and how not to, on real recordings.

use anyhow::Result;
use clap::Args;

use super::model::Places;

/// See a learner forget, and one that does not
#[derive(Debug, Args)]
pub struct DemoArgs {}

/// Runs the command.
pub fn run(_args: DemoArgs, _places: &Places) -> Result<()> {
    Ok(())
}
