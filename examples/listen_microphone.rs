//! Listen to a microphone, print every event, and teach what is unknown under a name.
//!
//! `cargo run --release --features mic --example listen_microphone -- box "front door"`

use afield::{Engine, SourceSpec};

fn main() -> afield::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "box".to_owned());
    let name = arguments.next();
    let engine = Engine::open_or_create(dir, "speech-embedding")?;
    for event in engine.listen(SourceSpec::parse("mic")?)? {
        let event = event?;
        println!("{event}");
        if let Some(name) = &name
            && event.is_unknown()
        {
            engine.correct(event.id, name.as_str())?;
        }
    }
    Ok(())
}
