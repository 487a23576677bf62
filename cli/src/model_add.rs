//! `afield model add` and `inspect`: a model file of the user's own, with its card.
//!
//! Without a card, `add` shows the draft of `inspect`, and asks for what the graph does not show.
//! Where nobody can be asked, it writes the draft to a file and adds nothing.

#[cfg(feature = "tract")]
use std::fs::{self, File};
use std::io::Write;
#[cfg(feature = "tract")]
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

#[cfg(feature = "tract")]
use afield::backbone::{BackboneError, CardDraft};
use afield::model::Cache;
#[cfg(feature = "tract")]
use afield::model::sha256;
use anyhow::{Context, Result, bail};
use clap::Args;

use super::message;
#[cfg(feature = "tract")]
use super::output::unwritable;

/// The file to add, and its card.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// ONNX file to add
    file: PathBuf,

    /// Name of a known model, or path of a card file [default: asks for what the file does
    /// not show]
    #[arg(long, value_name = "CARD")]
    card: Option<String>,

    /// File of the labels of the published classes, one a line, if the card has [classes]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Where to write the new card [default: FILE.toml beside FILE.onnx]
    #[arg(long, value_name = "CARD.toml", conflicts_with = "card")]
    card_out: Option<PathBuf>,
}

/// Runs `afield model add`.
pub fn add(args: &AddArgs, cache: &Cache, out: &mut dyn Write) -> Result<()> {
    match &args.card {
        Some(card) => add_with_card(&args.file, card, args.labels.as_deref(), cache, out),
        None => add_without_card(args, cache, out),
    }
}

fn add_with_card(
    file: &Path,
    card: &str,
    labels: Option<&Path>,
    cache: &Cache,
    out: &mut dyn Write,
) -> Result<()> {
    let added = cache.add(file, card, |_| {})?;
    eprintln!("added {}, checksum verified", added.card.name);
    if let Some(labels) = labels {
        cache.add_labels(labels, &added.card).context("--labels")?;
        eprintln!("added the labels of its classes, checksum verified");
    } else if let Err(error) = cache.class_labels(&added.card) {
        eprintln!("note: {}", message(&error.into()));
    }
    if !added.taken.is_empty() {
        eprintln!(
            "its weights from {} are in the same file now, and its card in the cache states the \
             checksum of the whole",
            added.taken.join(", ")
        );
    }
    Ok(writeln!(out, "{}", added.path.display())?)
}

#[cfg(not(feature = "tract"))]
fn add_without_card(_: &AddArgs, _: &Cache, _: &mut dyn Write) -> Result<()> {
    bail!(
        "--card: no card is named, and this program cannot draft one\nhint: name a card file with --card"
    )
}

/// Prints a draft of the card of the ONNX file.
#[cfg(feature = "tract")]
pub fn inspect(file: &Path, out: &mut dyn Write) -> Result<()> {
    Ok(write!(out, "{}", draft(file)?.text())?)
}

#[cfg(feature = "tract")]
fn add_without_card(args: &AddArgs, cache: &Cache, out: &mut dyn Write) -> Result<()> {
    let mut draft = draft(&args.file)?;
    let path = match &args.card_out {
        Some(path) => path.clone(),
        None => args.file.with_extension("toml"),
    };
    let (file, card) = (args.file.display(), path.display());
    if path.exists() {
        bail!(
            "{card} exists already\nhint: `afield model add {file} --card {card}` adds the model with it; --card-out names another file"
        );
    }
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        let talk = &mut io::stderr().lock();
        write!(talk, "{}", draft.text())?;
        writeln!(
            talk,
            "\nEnter takes the value in brackets. Ctrl-D leaves the rest for the file {card}."
        )?;
        ask(&mut draft, &mut stdin, talk)?;
    }
    let text = draft.text();
    let mut options = File::options();
    (options.write(true).create_new(true).open(&path))
        .and_then(|mut new| new.write_all(text.as_bytes()))
        .map_err(|error| unwritable("--card-out", &path, &error))?;
    let open: Vec<String> = (draft.questions().into_iter())
        .map(|question| question.topic)
        .collect();
    if !open.is_empty() {
        bail!(
            "the card of {file} has open questions: {}; its draft is in {card}\nhint: correct the lines with CHECK, then `afield model add {file} --card {card}`",
            open.join(", ")
        );
    }
    // A path, even if it looks like a name.
    let named = fs::canonicalize(&path).with_context(|| card.to_string())?;
    eprintln!("wrote {card}");
    let card = &named.to_string_lossy();
    add_with_card(&args.file, card, args.labels.as_deref(), cache, out)
}

/// Asks each open question, with the draft's guess as the answer of an empty line, until all are
/// answered or `input` ends.
#[cfg(feature = "tract")]
fn ask(draft: &mut CardDraft, input: &mut dyn BufRead, talk: &mut dyn Write) -> io::Result<()> {
    while let Some(question) = draft.questions().into_iter().next() {
        write!(talk, "{} [{}] ", question.text, question.guess)?;
        talk.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return writeln!(talk);
        }
        let answer = match line.trim() {
            "" => &question.guess,
            answer => answer,
        };
        if let Err(reason) = draft.answer(&question.topic, answer) {
            writeln!(talk, "  {reason}")?;
        }
    }
    Ok(())
}

#[cfg(feature = "tract")]
fn draft(file: &Path) -> Result<CardDraft> {
    let bytes = read(file)?;
    Ok(CardDraft::of(&bytes, file, &sha256(&bytes))?)
}

/// The bytes of an ONNX file, no more than a backbone may have by a wide margin.
#[cfg(feature = "tract")]
fn read(file: &Path) -> Result<Vec<u8>> {
    let failed = |source| BackboneError::Read {
        path: file.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened
        .take(1 << 30)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

#[cfg(all(test, feature = "tract"))]
mod tests {
    use super::*;

    fn fixture() -> CardDraft {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures"));
        draft(&folder.join("tiny.onnx")).unwrap()
    }

    fn asked(draft: &mut CardDraft, input: &str) -> String {
        let mut talk = Vec::new();
        ask(draft, &mut input.as_bytes(), &mut talk).unwrap();
        String::from_utf8(talk).unwrap()
    }

    #[test]
    fn empty_lines_take_every_guess_and_leave_no_question() {
        let mut draft = fixture();
        assert!(draft.text().contains("CHECK"));
        let count = draft.questions().len();
        asked(&mut draft, &"\n".repeat(count));
        assert!(draft.questions().is_empty());
        assert!(!draft.text().contains("CHECK"), "{}", draft.text());
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_the_end_leaves_the_rest_open() {
        let mut draft = fixture();
        let topic = draft.questions()[0].topic.clone();
        let talk = asked(&mut draft, "-5\n");
        let first = talk.split('[').next().unwrap();
        assert_eq!(talk.matches(first).count(), 2, "{talk}");
        assert_eq!(draft.questions()[0].topic, topic);
    }
}
