//! `afield export`: a learner as one file, for another machine or program.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use afield::bundle::KeyFolder;
use afield::engine::Session;
use anyhow::{Context, Result};
use clap::Args;
use indicatif::HumanBytes;

use super::key::KeyPlace;
use super::learner::{NamedPlace, now_unix_ms};
use super::model::Places;
use super::output::{temporary, unwritable};

/// Write a learner into one file: a signed bundle or an ONNX graph
///
/// -o writes a signed bundle, from which `afield import` creates the learner again.
/// --onnx writes one ONNX graph from log-mel frames to probabilities, which ONNX Runtime
/// runs without Afield. docs/BUNDLES.md and docs/ONNX.md describe both formats.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  afield export --learner birds -o birds.afield --with-examples\n  \
                  afield export --learner birds --onnx birds.onnx"
)]
pub struct ExportArgs {
    #[command(flatten)]
    learner: NamedPlace,

    /// Bundle to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "onnx")]
    output: Option<PathBuf>,

    /// Include the examples, as learned integers and with their names. The imported
    /// learner can then correct and unlearn single clips
    #[arg(long, requires = "output")]
    with_examples: bool,

    /// Name of the key that signs the bundle
    #[arg(long, value_name = "NAME", default_value = KeyFolder::DEFAULT)]
    key: String,

    /// ONNX file to write
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,

    #[command(flatten)]
    place: KeyPlace,
}

/// Runs the command.
pub fn run(args: ExportArgs, places: &Places) -> Result<()> {
    let dir = args.learner.dir()?;
    let session = Session::open(dir).with_context(|| dir.display().to_string())?;
    if let Some(output) = &args.output {
        write_bundle(&args, &session, output)?;
    }
    if let Some(output) = &args.onnx {
        write_onnx(&session, output, places)?;
    }
    Ok(())
}

fn write_bundle(args: &ExportArgs, session: &Session, output: &Path) -> Result<()> {
    let key = args.place.folder()?.secret(&args.key).context("--key")?;
    let contents = session.bundled(args.with_examples, now_unix_ms())?;
    let bytes = contents.seal(&key)?;
    write(output, &bytes, "--output")?;
    let learner = session.learner();
    eprintln!(
        "wrote {}: revision {}, {} classes, {}, {}; signed with {}",
        output.display(),
        contents.revision,
        learner.classes().len(),
        match args.with_examples {
            true => format!("{} examples", contents.clips.len()),
            false => "without examples".to_owned(),
        },
        HumanBytes(bytes.len() as u64),
        key.public()
    );
    Ok(())
}

#[cfg(feature = "tract")]
fn write_onnx(session: &Session, output: &Path, places: &Places) -> Result<()> {
    let backbone = places.cache()?.model_bytes(session.card())?;
    let learner = session.learner();
    let bytes = afield::export::onnx(learner, session.card(), &backbone).context("--onnx")?;
    write(output, &bytes, "--onnx")?;
    eprintln!(
        "wrote {}: {} classes, {} behind {}, {}",
        output.display(),
        learner.classes().len(),
        learner.settings().head,
        learner.contract().backbone,
        HumanBytes(bytes.len() as u64)
    );
    Ok(())
}

#[cfg(not(feature = "tract"))]
fn write_onnx(_: &Session, _: &Path, _: &Places) -> Result<()> {
    anyhow::bail!(
        "--onnx: this build is without tract and writes no graphs\nhint: build Afield with its default features, or import a bundle (-o) where it is so built"
    )
}

/// Writes the file completely, or leaves it unchanged.
fn write(path: &Path, bytes: &[u8], flag: &str) -> Result<()> {
    let unwritable = |error: &dyn Display| unwritable(flag, path, error);
    let mut file = temporary(path).map_err(|e| unwritable(&e))?;
    file.write_all(bytes).map_err(|e| unwritable(&e))?;
    file.as_file().sync_all().map_err(|e| unwritable(&e))?;
    file.persist(path).map_err(|e| unwritable(&e.error))?;
    Ok(())
}
