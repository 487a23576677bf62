//! `afield queue`: the sounds that the learner asks about.

use std::io::{self, Write};
use std::process::Command;

use afield::engine::{EventId, Question};
use afield::signal::Label;
use afield::{Engine, Error};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::embedding::{advance, progress};
use super::learner::LearnerPlace;
use super::model::Places;
use super::teach::note_look_alike;

/// Answer the learner's questions: sounds whose label would teach most
///
/// `afield listen --ask` keeps the sounds that are unknown or unlike the taught clips. Sounds
/// that are alike are one question; one answer teaches all of them, and `afield undo` takes it
/// back. Up to 200 sounds are kept in the learner's folder, for at most 30 days, and nowhere
/// else.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield listen --source mic --ask --learner box\n  \
    afield queue list --learner box\n  \
    afield queue label 19ac5e1f2b3-17 kettle --learner box\n  \
    afield queue label 19ac5e1f2b3-20 'not kettle' --learner box")]
pub struct QueueArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List the open questions, those of most sounds first
    List {
        /// The most questions to list
        #[arg(long, default_value_t = 20, value_name = "N")]
        most: usize,
        /// Print one JSON line a question
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Play the sound of a question with `aplay`, `afplay` or `ffplay`
    Play {
        /// Id of the question
        question: EventId,
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Teach the sounds of a question as a class; a new label creates a class
    ///
    /// A class `not LABEL` has no events: it is for sounds that are taken for LABEL. So has
    /// `background`.
    Label {
        /// Id of the question
        question: EventId,
        /// The class
        label: Label,
        /// Teach the sounds even if earlier recordings suffer
        #[arg(long)]
        despite_doubts: bool,
        #[command(flatten)]
        place: LearnerPlace,
    },
    /// Remove a question, or all of them, without an answer
    Drop {
        /// Id of the question
        #[arg(required_unless_present = "all")]
        question: Option<EventId>,
        /// All questions
        #[arg(long, conflicts_with = "question")]
        all: bool,
        #[command(flatten)]
        place: LearnerPlace,
    },
}

/// A question as a JSON line.
#[derive(Serialize)]
pub struct Line<'a> {
    question: EventId,
    sounds: usize,
    #[serde(flatten)]
    asked: &'a Question,
}

/// Runs the command.
pub fn run(args: QueueArgs, places: &Places) -> Result<()> {
    match args.command {
        QueueCommand::List { most, json, place } => {
            let questions = questions(&place.open(places)?)?;
            let mut out = io::stdout().lock();
            for question in questions.iter().take(most) {
                match json {
                    true => writeln!(out, "{}", serde_json::to_string(&line(question))?)?,
                    false => writeln!(out, "{}", described(question))?,
                }
            }
            if questions.is_empty() {
                eprintln!("no open questions; `afield listen --ask` collects them");
            }
            Ok(())
        }
        QueueCommand::Play { question, place } => {
            play(&found(&questions(&place.open(places)?)?, question)?)
        }
        QueueCommand::Label {
            question,
            label,
            despite_doubts,
            place,
        } => {
            let engine = place.open(places)?;
            let question = found(&questions(&engine)?, question)?;
            note_look_alike(&engine, &label);
            let taught = match despite_doubts {
                true => engine.answer_despite_doubts(&question, &label)?,
                false => engine.answer(&question, &label)?,
            };
            eprintln!("learned {} as {label}", counted(taught));
            Ok(engine.close()?)
        }
        QueueCommand::Drop {
            question,
            all: _,
            place,
        } => {
            let engine = place.open(places)?;
            let sounds = match question {
                Some(id) => {
                    let question = found(&questions(&engine)?, id)?;
                    engine.drop_question(&question)?;
                    question.sounds().count()
                }
                None => engine.drop_questions()?,
            };
            eprintln!("removed {}", counted(sounds));
            Ok(())
        }
    }
}

/// The open questions, with a bar while they are compared, and a note for each damaged one.
pub fn questions(engine: &Engine) -> Result<Vec<Question>> {
    let bar = progress(0, "sounds compared");
    let open = engine.questions(&|done, all| advance(&bar, done, all));
    bar.finish_and_clear();
    let open = open?;
    for error in &open.damaged {
        eprintln!("note: a sound is passed over: {error}");
    }
    Ok(open.questions)
}

fn counted(sounds: usize) -> String {
    let noun = if sounds == 1 { "sound" } else { "sounds" };
    format!("{sounds} {noun}")
}

/// The question with a sound of this id.
fn found(questions: &[Question], id: EventId) -> Result<Question> {
    let has = |question: &&Question| question.sounds().any(|sound| sound.event == id);
    let question = questions.iter().find(has).cloned();
    question.ok_or_else(|| Error::NoQuestion { id: id.to_string() }.into())
}

pub fn line(question: &Question) -> Line<'_> {
    Line {
        question: question.sound.event,
        sounds: 1 + question.alike.len(),
        asked: question,
    }
}

pub fn described(question: &Question) -> String {
    let sound = &question.sound;
    let guess = match &sound.label {
        Some(label) => format!("{label}?"),
        None => "unknown".to_owned(),
    };
    let alike = match question.alike.len() {
        0 => String::new(),
        1 => ", and 1 sound like it".to_owned(),
        more => format!(", and {more} sounds like it"),
    };
    let when = match &sound.at {
        Some(at) => at.clone(),
        None => format!("{} at {:.1} s", sound.source, sound.start),
    };
    let seconds = sound.end - sound.start;
    let path = sound.path.display();
    format!(
        "{}  {guess}  {when}, {seconds:.1} s{alike}  {path}",
        sound.event
    )
}

/// Plays a sound with the first player that there is.
fn play(question: &Question) -> Result<()> {
    let path = &question.sound.path;
    if path.extension().is_some_and(|ending| ending == "csv") {
        bail!(
            "{} is the table of a sensor, which cannot be played\nhint: plot it, or label it by its time",
            path.display()
        );
    }
    let players: [(&str, &[&str]); 3] = [
        ("aplay", &["-q"]),
        ("afplay", &[]),
        ("ffplay", &["-nodisp", "-autoexit", "-loglevel", "error"]),
    ];
    for (player, options) in players {
        match Command::new(player).args(options).arg(path).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => bail!("{player} ended with {status}: {}", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| player.to_owned()),
        }
    }
    bail!(
        "no player found for {}\nhint: install alsa-utils or ffmpeg, or play the file elsewhere",
        path.display()
    )
}
