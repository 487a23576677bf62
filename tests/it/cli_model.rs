//! What `afield model` prints, on both streams, with paths taken out.

use std::path::Path;

use crate::harness::{Program, Sandbox};

/// Runs `afield model` with the folder as its cache, and shows all that it printed.
fn afield(folder: &Path, arguments: &str) -> String {
    let run = Program::new("model")
        .args(arguments)
        .env("AFIELD_CACHE", folder)
        .folder(folder)
        .run();
    let shown = format!(
        "exit: {}\n--- stdout\n{}--- stderr\n{}",
        run.code.unwrap(),
        run.stdout,
        run.stderr
    );
    shown.replace(folder.to_str().unwrap(), "[CACHE]")
}

/// The same with an empty cache.
fn with_empty_cache(arguments: &str) -> String {
    afield(Sandbox::cold().root(), arguments)
}

#[test]
fn list_shows_every_shipped_model() {
    insta::assert_snapshot!(with_empty_cache("list"));
}

#[test]
fn list_as_json_is_one_object_a_line() {
    let text = with_empty_cache("list --json");
    let lines = text.lines().filter(|l| l.starts_with('{'));
    for line in lines.clone() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        // What is part of the program is always there.
        assert_eq!(value["cached"], value["name"] == "imu");
    }
    assert_eq!(lines.count(), 4);
}

#[test]
fn show_tells_what_the_card_says() {
    insta::assert_snapshot!(with_empty_cache("show speech-embedding"));
}

#[test]
fn show_as_json_is_a_card_again() {
    let text = with_empty_cache("show yamnet --json");
    let line = text.lines().find(|l| l.starts_with('{')).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        value.as_object_mut().unwrap().remove("cached"),
        Some(false.into())
    );
    let card: afield::model::Card = serde_json::from_value(value).unwrap();
    assert_eq!(card, afield::model::Card::built_in()[1]);
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    insta::assert_snapshot!(with_empty_cache("show speach-embeding"));
}

#[test]
fn check_of_a_missing_model_says_what_to_run() {
    insta::assert_snapshot!(with_empty_cache("check speech-embedding"));
}

#[test]
fn check_of_a_damaged_model_fails() {
    let cache = Sandbox::cold();
    let sha256 = afield::model::Card::built_in()[0].origin.sha256();
    cache.write(&format!("models/{sha256}.onnx"), "rot");
    insta::assert_snapshot!(afield(cache.root(), "check speech-embedding"));
}

#[test]
fn get_without_python_names_what_was_tried() {
    insta::assert_snapshot!(with_empty_cache(
        "get speech-embedding --python /nonexistent/python"
    ));
}

#[test]
fn get_of_a_file_model_says_how_to_come_by_it() {
    insta::assert_snapshot!(with_empty_cache("get yamnet-256"));
}

#[test]
fn get_without_a_name_is_a_usage_error() {
    insta::assert_snapshot!(with_empty_cache("get"));
}

#[test]
fn add_of_another_file_shows_both_checksums() {
    let cache = Sandbox::cold();
    cache.write("other.onnx", "other");
    insta::assert_snapshot!(afield(cache.root(), "add other.onnx --card yamnet"));
}

#[test]
fn a_broken_user_card_is_a_warning_in_the_list() {
    let cache = Sandbox::cold();
    cache.write("cards/mine.toml", "name = 3\n");
    insta::assert_snapshot!(afield(cache.root(), "list"));
}

#[test]
fn the_cache_flag_overrides_the_environment() {
    let (cache, other) = (Sandbox::cold(), Sandbox::cold());
    other.write("cards/mine.toml", "");
    let elsewhere = format!("list --cache-dir {}", other.root().display());
    assert!(afield(cache.root(), &elsewhere).contains("warning: cannot read card"));
    assert!(!afield(cache.root(), "list").contains("warning"));
}
