use std::process::ExitCode;

use clap::Parser;

mod cli;

#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    Evaluate(cli::evaluate::EvaluateArgs),
}

fn main() -> ExitCode {
    let Command::Evaluate(args) = Command::parse();
    match cli::evaluate::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
