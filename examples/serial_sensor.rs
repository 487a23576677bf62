//! Learn from a sensor on a serial line: teach its first 10 s as normal, then report the rest.
//!
//! `cargo run --release --example serial_sensor -- pump /dev/ttyACM0`

use std::time::Duration;

use afield::engine::ListenOptions;
use afield::{Engine, SourceSpec};

fn main() -> afield::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "pump".to_owned());
    let port = arguments
        .next()
        .unwrap_or_else(|| "/dev/ttyACM0".to_owned());
    let engine = Engine::open_or_create(dir, "imu")?;
    let options = ListenOptions {
        window_seconds: Some(3.0),
        windows: true,
        ..ListenOptions::default()
    };
    let source = SourceSpec::parse(&format!("serial:{port}"))?;
    let mut listening = engine.listen_with(source, options)?;
    while let Some(event) = listening.next() {
        let event = event?;
        if engine.classes().is_empty() && event.end.as_secs_f64() >= 10.0 {
            engine.teach("normal", listening.recent(Duration::from_secs(10))?)?;
        }
        println!("{event}");
    }
    Ok(())
}
