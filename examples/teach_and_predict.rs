//! Teach two classes from files and predict a third file.
//!
//! `cargo run --release --example teach_and_predict -- box kettle.wav rain.wav new.wav`
//! (`afield model get speech-embedding` fetches the backbone, once.)

use afield::{Engine, Recording};

fn main() -> afield::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, first, second, new] = arguments.as_slice() else {
        eprintln!("usage: teach_and_predict DIR FIRST.wav SECOND.wav NEW.wav");
        std::process::exit(2);
    };
    let engine = Engine::open_or_create(dir, "speech-embedding")?;
    engine.teach("first", Recording::open(first)?)?;
    engine.teach("second", Recording::open(second)?)?;
    let prediction = engine.predict(Recording::open(new)?)?;
    for (label, p) in prediction.scores() {
        println!("{label}: {p:.3}");
    }
    println!("{new}: {prediction}");
    Ok(())
}
