//! The program of README.md and lib.rs, on real recordings and a real backbone.

use std::path::Path;

use afield::engine::{EngineOptions, LearnerOptions, ListenOptions};
use afield::{Engine, Recording, SourceSpec};

use crate::harness::{models, recording, shared_data};

fn options() -> EngineOptions {
    EngineOptions {
        cache_dir: Some(models::cache().root().to_owned()),
        ..EngineOptions::default()
    }
}

/// A learner on the speech backbone, in an empty folder.
fn engine(dir: &Path) -> Engine {
    let learner = LearnerOptions {
        backbone: Some("speech-embedding".to_owned()),
        ..LearnerOptions::default()
    };
    Engine::create_with(dir, &learner, options(), &|_, _| {}).unwrap()
}

#[test]
fn fifteen_lines_teach_predict_listen_and_correct() {
    let test = "front_door";
    let Some((_, _)) = models::real("speech-embedding", test) else {
        return;
    };
    let Some(shared) = shared_data::folder(test) else {
        return;
    };
    let digit = |digit: u32, take: u32| shared.join(format!("fsdd/{digit}/theo_{take}.wav"));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    let engine = engine(&dir);
    for take in 0..5 {
        engine
            .teach("one", Recording::open(digit(1, take)).unwrap())
            .unwrap();
        engine
            .teach("six", Recording::open(digit(6, take)).unwrap())
            .unwrap();
    }
    let prediction = engine
        .predict(Recording::open(digit(6, 11)).unwrap())
        .unwrap();
    assert_eq!(prediction.best().unwrap().0.as_str(), "six");
    assert_eq!(prediction.scores().len(), 2);

    // A stream of one recording: its event is corrected by its id.
    let spec = SourceSpec::file(digit(3, 1));
    let events: Vec<_> = (engine.listen(spec).unwrap())
        .map(|event| event.unwrap())
        .collect();
    let event = events.last().unwrap();
    let number = format!("-{}", events.len() - 1);
    assert!(event.id.to_string().ends_with(&number), "{}", event.id);
    let ids = |digit_of: u32| -> Vec<_> {
        let spec = SourceSpec::file(digit(digit_of, 1));
        let events = engine.listen(spec).unwrap();
        events.map(|event| event.unwrap().id).collect()
    };
    // The same file has the same ids, another file has others.
    assert!(ids(3).contains(&event.id));
    assert!(!ids(6).contains(&event.id));
    assert!(
        event
            .recording()
            .unwrap()
            .name()
            .contains("theo_1.wav from ")
    );
    engine.correct(event.id, "three").unwrap();
    assert_eq!(engine.classes().len(), 3);
    let prediction = engine.predict(event.recording().unwrap()).unwrap();
    assert_eq!(prediction.best().unwrap().0.as_str(), "three");

    // Another handle on the same folder sees it; undo removes it.
    let again = Engine::open_with(&dir, options()).unwrap();
    assert_eq!(again.classes().len(), 3);
    again.undo().unwrap();
    assert_eq!(again.classes().len(), 2);
    let history = engine.history().unwrap();
    assert!(
        history
            .last()
            .unwrap()
            .reason
            .starts_with("undo teach three")
    );
}

#[test]
fn an_engine_is_taught_while_its_events_are_read() {
    models::fixture("tiny");
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("tone.wav");
    recording::write_wav(&wav, 16_000, &recording::tone(16_000, 440.0, 4.0, 1));
    let learner = LearnerOptions {
        backbone: Some("tiny".to_owned()),
        ..LearnerOptions::default()
    };
    let dir = folder.path().join("box");
    let engine = Engine::create_with(&dir, &learner, options(), &|_, _| {}).unwrap();
    let listen = ListenOptions {
        window_seconds: Some(0.5),
        windows: true,
        ..ListenOptions::default()
    };
    let mut unknown = 0;
    for event in engine.listen_with(SourceSpec::file(&wav), listen).unwrap() {
        let event = event.unwrap();
        if event.is_unknown() {
            unknown += 1;
            engine.teach("tone", event.recording().unwrap()).unwrap();
        } else {
            assert_eq!(event.label.as_ref().unwrap().as_str(), "tone");
        }
    }
    assert_eq!(unknown, 1, "each event after the first is known");
}

#[test]
fn events_and_engines_cross_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    fn is_send<T: Send>() {}
    is_send_and_sync::<Engine>();
    is_send_and_sync::<afield::Event>();
    is_send::<afield::engine::Listening>();
    is_send::<Recording>();
}

#[test]
fn opening_on_another_backbone_is_a_mismatch() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("watch");
    Engine::create(&dir, "imu").unwrap();
    Engine::open_or_create(&dir, "imu").unwrap();
    let error = Engine::open_or_create(&dir, "speech-embedding").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("listens through imu, not through speech-embedding")
    );
    assert_eq!(error.kind(), afield::signal::ErrorKind::Mismatch);
}
