//! `afield`: the command line over the library.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A frozen backbone listens, a head learns, nothing is forgotten.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Model(cli::model::ModelArgs),
}

fn main() -> ExitCode {
    let Command::Model(model) = Arguments::parse().command;
    match cli::model::run(model, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
