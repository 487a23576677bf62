//! Learn from your own embeddings, without audio, and save the learned state in a file.
//!
//! `printf 'kettle 3.0 0.1\nrain -1.0 2.0\n? 2.8 0.3\n' | cargo run --release --example own_embeddings -- toy.state`
//! Each line is a label and the numbers of one embedding. The label `?` requests a prediction.

use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
use afield::signal::Label;

/// The number of values in an embedding, and their largest magnitude.
const SPACE: (usize, f32) = (2, 8.0);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or("toy.state".to_owned());
    let space = EmbeddingSpace::new("my-network", SPACE.0, SPACE.1);
    let contract = Contract::new(space, Pool::Mean, Transform::None)?;
    let mut learner = match std::fs::read(&path) {
        Ok(bytes) => Learner::load(contract, Settings::default(), &bytes)?,
        Err(_) => Learner::new(contract, Settings::default())?,
    };
    for line in std::io::stdin().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let Some(label) = words.next() else { continue };
        let numbers = words.map(str::parse).collect::<Result<Vec<f32>, _>>()?;
        let example = learner.encode(&numbers)?;
        if label != "?" {
            learner.learn_one(&example, &Label::new(label)?)?;
            continue;
        }
        let best = learner.predict_one(&example)?.best();
        match best.and_then(|(class, p)| Some((learner.classes().get(class)?, p))) {
            Some((label, p)) => println!("{label} ({p:.2})"),
            None => println!("no class taught"),
        }
    }
    Ok(std::fs::write(&path, learner.save())?)
}
