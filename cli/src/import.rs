//! `afield import`: a learner from a bundle.

use std::path::PathBuf;

use afield::bundle::{self, Imports, KeyError, PublicKey, Sealed};
use afield::engine::Session;
use anyhow::{Context, Result};
use clap::Args;

use super::key::KeyPlace;
use super::learner::{NamedPlace, now_unix_ms};
use super::message;
use super::model::Places;

/// Create a learner from a bundle of `afield export`
///
/// The signature is verified before anything in the bundle is used. Its key must be one
/// of your own, or one given with --trust. A bundle is rejected if it was changed or cut
/// short, or if it is older than an imported bundle of the same learner.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  afield import birds.afield birds --trust afield-key-9d61…")]
pub struct ImportArgs {
    /// Bundle to read
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    learner: NamedPlace,

    /// Public key to trust, as `afield key show` prints it on the exporting machine
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    trust: Vec<PublicKey>,

    #[command(flatten)]
    place: KeyPlace,
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    text.parse()
        .map_err(|error: KeyError| message(&error.into()))
}

/// Runs the command.
pub fn run(args: ImportArgs, places: &Places) -> Result<()> {
    let dir = args.learner.dir()?;
    let keys = args.place.folder()?;
    let mut trusted = args.trust;
    trusted.extend(keys.list()?.into_iter().map(|(_, key)| key));
    let named = || args.file.display().to_string();
    let bytes = bundle::read(&args.file)?;
    let sealed = Sealed::read(&bytes).with_context(named)?;
    let contents = sealed.open(&trusted).with_context(named)?;
    let (revision, made_by) = (contents.revision, contents.program.clone());
    // Recorded first, so that after a crash an older bundle is still rejected. The same one is
    // accepted again.
    Imports::of(&keys)
        .accept(sealed.key(), &contents)
        .with_context(named)?;
    let session = Session::unbundle(contents, dir, now_unix_ms()).with_context(named)?;
    let learner = session.learner();
    eprintln!(
        "made a learner in {} of {}: revision {revision} by {made_by:?}, {} on {}, {} examples in {} classes",
        dir.display(),
        args.file.display(),
        learner.settings().head,
        learner.contract().backbone,
        learner.examples(),
        learner.classes().len()
    );
    if places.cache()?.model_path(session.card()).is_err() {
        let name = &session.card().name;
        eprintln!("note: its backbone is not here yet; `afield model get {name}` fetches it");
    }
    session.close()?;
    Ok(())
}
