//! `afield`: parses the arguments, runs the command, prints results and hints.
//!
//! stdout has only data. Notes, progress and errors go to stderr.

#![forbid(unsafe_code)]

mod adapt;
mod alarm_rate;
mod batch;
mod compact;
mod correct;
mod data;
mod demo;
mod demo_pump;
mod devices;
mod diff;
mod discover;
mod doctor;
mod doubts;
mod durability;
mod embed;
mod embedding;
mod evaluate;
mod event_clips;
mod event_output;
mod exam;
mod export;
mod field;
mod forget;
mod heads;
mod hints;
mod history;
mod import;
mod init;
mod key;
mod labelled;
mod learner;
mod listen;
mod memory;
mod merge;
mod model;
mod model_add;
mod output;
mod own_learners;
mod partial_array;
mod ports;
mod predict;
mod queue;
mod recording;
mod reference;
mod report;
mod resume;
mod rollback;
mod run_bar;
mod soundscape;
mod status;
mod teach;
mod trend;
mod typed;
mod upgrade;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use model::Places;

/// The exit status if listening to a live source ended by itself. systemd's `Restart=on-failure`
/// starts it again.
const ENDED: u8 = 4;
/// The exit status if some recordings failed and the rest was done.
const PARTLY: u8 = 3;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<listen::Ended>() => {
            eprintln!("{error}");
            ExitCode::from(ENDED)
        }
        // The reader closed stdout early, as in `| head -1`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", message(&error));
            match error.downcast_ref::<batch::PartlyFailed>() {
                Some(failed) if failed.is_partly() => ExitCode::from(PARTLY),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Learn classes of sound and movement on the device, without forgetting
///
/// Start with `afield demo`. Then create a learner with `afield init DIR --backbone
/// NAME`. Use it with teach, predict, listen, forget and status, each with `--learner
/// DIR`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Teach(teach::TeachArgs),
    Correct(correct::CorrectArgs),
    Queue(queue::QueueArgs),
    Discover(discover::DiscoverArgs),
    Adapt(adapt::AdaptArgs),
    Doubts(doubts::DoubtsArgs),
    Forget(forget::ForgetArgs),
    History(history::HistoryArgs),
    Undo(rollback::UndoArgs),
    Rollback(rollback::RollbackArgs),
    Diff(diff::DiffArgs),
    #[command(name = "compact", visible_alias = "fold")]
    Compact(compact::CompactArgs),
    Soundscape(soundscape::SoundscapeArgs),
    Doctor(doctor::DoctorArgs),
    Merge(merge::MergeArgs),
    Upgrade(upgrade::UpgradeArgs),
    Predict(predict::PredictArgs),
    Listen(listen::ListenArgs),
    Status(status::StatusArgs),
    Report(report::ReportArgs),
    Trend(trend::TrendArgs),
    Memory(memory::MemoryArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Key(key::KeyArgs),
    Embed(embed::EmbedArgs),
    Evaluate(evaluate::EvaluateArgs),
    Model(model::ModelArgs),
    Devices(devices::DevicesArgs),
    Ports(ports::PortsArgs),
    Data(data::DataArgs),
}

/// Runs the command that the arguments name.
fn run(arguments: Arguments) -> anyhow::Result<()> {
    let places = &arguments.places;
    match arguments.command {
        Command::Demo(args) => demo::run(args, places),
        Command::Init(args) => init::run(args, places),
        Command::Teach(args) => teach::run(args, places),
        Command::Correct(args) => correct::run(args, places),
        Command::Queue(args) => queue::run(args, places),
        Command::Discover(args) => discover::run(args, places),
        Command::Adapt(args) => adapt::run(args, places),
        Command::Doubts(args) => doubts::run(args, places),
        Command::Forget(args) => forget::run(args, places),
        Command::History(args) => history::run(args, places),
        Command::Undo(args) => rollback::undo(args, places),
        Command::Rollback(args) => rollback::rollback(args, places),
        Command::Diff(args) => diff::run(args, places),
        Command::Compact(args) => compact::run(args, places),
        Command::Soundscape(args) => soundscape::run(args, places),
        Command::Doctor(args) => doctor::run(args, places),
        Command::Merge(args) => merge::run(args),
        Command::Upgrade(args) => upgrade::run(args, places),
        Command::Predict(args) => predict::run(args, places),
        Command::Listen(args) => listen::run(args, places),
        Command::Status(args) => status::run(args, places),
        Command::Report(args) => report::run(args, places),
        Command::Trend(args) => trend::run(args, places),
        Command::Memory(args) => memory::run(args, places),
        Command::Export(args) => export::run(args, places),
        Command::Import(args) => import::run(args, places),
        Command::Key(args) => key::run(args),
        Command::Embed(args) => embed::run(args, places),
        Command::Evaluate(args) => evaluate::run(args, places),
        Command::Model(args) => model::run(args, places),
        Command::Devices(args) => devices::run(args),
        Command::Ports(args) => ports::run(args),
        Command::Data(args) => data::run(args, places),
    }
}

/// The flag that the error is about, then the error and its causes, each once. A hint comes last.
fn message(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Most messages already contain their cause.
        if !said.contains(&text) {
            let colon = if said.is_empty() { "" } else { ": " };
            said = said + colon + &text;
        }
        if said.contains("\nhint: ") {
            return said;
        }
    }
    if let Some(flag) = hints::flag(error)
        && !said.starts_with("--")
    {
        said = format!("{flag}: {said}");
    }
    match hints::hint(error) {
        Some(hint) => format!("{said}\nhint: {hint}"),
        None => said,
    }
}

/// Whether the error is only that the reader closed stdout.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    (error.chain())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_cause_that_the_message_contains_is_not_repeated() {
        let cause = std::io::Error::other("no room");
        let error = anyhow::Error::new(cause).context("cannot write: no room\nhint: make some");
        assert_eq!(message(&error), "cannot write: no room\nhint: make some");
        let error = anyhow::anyhow!("inner").context("outer");
        assert_eq!(message(&error), "outer: inner");
    }
}
