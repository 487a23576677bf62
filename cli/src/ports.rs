//! `afield ports`: lists serial ports and probes the devices on them.

use std::io::{self, Write};

use afield::source::{DeviceChannel, PortInfo, PortName, SerialSource, ports};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::hints;

/// List serial ports; with --probe, describe a device
///
/// `afield listen --source serial:PATH` reads a device that speaks the protocol of
/// firmware-bridge/WIRE.md.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    afield ports\n  \
    afield ports --probe /dev/ttyACM0\n  \
    afield ports --probe /dev/ttyUSB0@921600 --json | jq .channels")]
pub struct PortsArgs {
    /// Ask the device at PATH or PATH@BAUD for its description
    #[arg(long, value_name = "PORT", value_parser = hints::parse::<PortName>)]
    probe: Option<PortName>,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: PortsArgs) -> Result<()> {
    let mut out = io::stdout().lock();
    if let Some(name) = &args.probe {
        let device = SerialSource::open(name, None).context("--probe")?;
        return Ok(out.write_all(probed(&device, args.json).as_bytes())?);
    }
    let ports = ports()?;
    if ports.is_empty() && !args.json {
        eprintln!(
            "no serial port found\nhint: is the device plugged in, with a cable that carries data?"
        );
    }
    for port in &ports {
        let line = match args.json {
            true => listed(port).to_string(),
            false => format!(
                "{:<16} {:<10} {}",
                port.path.display(),
                port.kind,
                described(port)
            ),
        };
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn listed(port: &PortInfo) -> Value {
    json!({
        "path": port.path.display().to_string(),
        "kind": port.kind,
        "usb": port.usb.map(|(vendor, product)| format!("{vendor:04x}:{product:04x}")),
        "product": port.product,
        "serial_number": port.serial_number,
    })
}

fn described(port: &PortInfo) -> String {
    let usb = port
        .usb
        .map(|(vendor, product)| format!("{vendor:04x}:{product:04x}"));
    let words = [usb, port.product.clone(), port.serial_number.clone()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn probed(device: &SerialSource, json: bool) -> String {
    let info = device.info();
    let id: String = info.id.iter().map(|byte| format!("{byte:02x}")).collect();
    let hz = info.hz;
    if json {
        let channel = |c: &DeviceChannel| json!({"name": c.name, "unit": c.unit, "scale": c.scale});
        let channels: Vec<Value> = info.channels.iter().map(channel).collect();
        let value = json!({"name": info.name, "device": id, "hz": hz, "channels": channels});
        return format!("{value}\n");
    }
    let mut text = format!(
        "name      {}\ndevice    {id}\nrate      {hz} Hz\n",
        info.name
    );
    for channel in &info.channels {
        text += &format!(
            "channel   {:<12} {} a count\n",
            channel.name,
            format!("{} {}", channel.scale, channel.unit).trim_end()
        );
    }
    text
}
