//! `afield devices`: lists microphones.

use std::io::{self, Write};

use afield::source::{MicrophoneInfo, microphones};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// List microphones for `afield listen --source mic`
///
/// Each microphone has a name for --source mic:NAME. A part of the name or of the
/// description is enough. An asterisk marks the default microphone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield devices\n  \
    afield devices --json | jq -r .name\n  \
    afield listen --source mic:USB --learner box")]
pub struct DevicesArgs {
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: DevicesArgs) -> Result<()> {
    let devices = microphones()?;
    if devices.is_empty() && !args.json {
        eprintln!(
            "no microphone found\nhint: is it plugged in? on Linux `arecord -l` lists the hardware, which often belongs to the group audio"
        );
    }
    let width = devices.iter().map(|device| device.name.chars().count());
    let width = width.max().unwrap_or(0).min(40);
    let mut out = io::stdout().lock();
    for device in &devices {
        let line = match args.json {
            true => listed(device).to_string(),
            false => described(device, width),
        };
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn listed(device: &MicrophoneInfo) -> Value {
    json!({
        "name": device.name,
        "description": device.description,
        "default": device.is_default,
        "channels": device.channels.map(|(fewest, most)| [fewest, most]),
        "rates": device.rates.map(|(lowest, highest)| [lowest.hz(), highest.hz()]),
    })
}

fn described(device: &MicrophoneInfo, width: usize) -> String {
    let mark = if device.is_default { '*' } else { ' ' };
    let offers = match (device.channels, device.rates) {
        (Some((fewest, most)), Some((lowest, highest))) => format!(
            "{} ch, {} Hz",
            span(fewest.into(), most.into()),
            span(lowest.hz(), highest.hz())
        ),
        _ => "in use".to_owned(),
    };
    let (name, description) = (&device.name, &device.description);
    format!("{mark} {name:<width$}  {offers:<24}  {description}")
}

fn span(least: u32, most: u32) -> String {
    match least == most {
        true => least.to_string(),
        false => format!("{least}-{most}"),
    }
}
