//! What `afield model` prints, on both streams, with paths taken out.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// Runs `afield model` with a cache of its own and shows all it said.
fn afield(cache: &TempDir, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_afield"))
        .arg("model")
        .args(arguments)
        .env("AFIELD_CACHE", cache.path())
        .env_remove("AFIELD_PYTHON")
        .current_dir(cache.path())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| {
        let path = cache.path().to_str().unwrap();
        String::from_utf8(bytes).unwrap().replace(path, "[CACHE]")
    };
    format!(
        "exit: {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr)
    )
}

fn empty() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn list_shows_every_shipped_model() {
    insta::assert_snapshot!(afield(&empty(), &["list"]));
}

#[test]
fn list_as_json_is_one_object_a_line() {
    let text = afield(&empty(), &["list", "--json"]);
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
    insta::assert_snapshot!(afield(&empty(), &["show", "speech-embedding"]));
}

#[test]
fn show_as_json_is_a_card_again() {
    let text = afield(&empty(), &["show", "yamnet", "--json"]);
    let line = text.lines().find(|l| l.starts_with('{')).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        value.as_object_mut().unwrap().remove("cached"),
        Some(false.into())
    );
    let card: afield::model::Card = serde_json::from_value(value).unwrap();
    assert_eq!(card, afield::model::built_in()[1]);
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    insta::assert_snapshot!(afield(&empty(), &["show", "speach-embeding"]));
}

#[test]
fn check_of_a_missing_model_says_what_to_run() {
    insta::assert_snapshot!(afield(&empty(), &["check", "speech-embedding"]));
}

#[test]
fn check_of_a_damaged_model_fails() {
    let cache = empty();
    fs::create_dir(cache.path().join("models")).unwrap();
    let sha256 = afield::model::built_in()[0].origin.sha256();
    fs::write(cache.path().join(format!("models/{sha256}.onnx")), b"rot").unwrap();
    insta::assert_snapshot!(afield(&cache, &["check", "speech-embedding"]));
}

#[test]
fn get_without_python_names_what_was_tried() {
    let arguments = ["get", "speech-embedding", "--python", "/nonexistent/python"];
    insta::assert_snapshot!(afield(&empty(), &arguments));
}

#[test]
fn get_of_a_file_model_says_how_to_come_by_it() {
    insta::assert_snapshot!(afield(&empty(), &["get", "yamnet-256"]));
}

#[test]
fn get_without_a_name_is_a_usage_error() {
    insta::assert_snapshot!(afield(&empty(), &["get"]));
}

#[test]
fn add_of_another_file_shows_both_checksums() {
    let cache = empty();
    fs::write(cache.path().join("other.onnx"), b"other").unwrap();
    insta::assert_snapshot!(afield(&cache, &["add", "other.onnx", "--card", "yamnet"]));
}

#[test]
fn a_broken_user_card_is_a_warning_in_the_list() {
    let cache = empty();
    fs::create_dir(cache.path().join("cards")).unwrap();
    fs::write(cache.path().join("cards/mine.toml"), "name = 3\n").unwrap();
    insta::assert_snapshot!(afield(&cache, &["list"]));
}

#[test]
fn the_flag_beats_the_environment() {
    let (cache, other) = (empty(), empty());
    fs::create_dir(other.path().join("cards")).unwrap();
    fs::write(other.path().join("cards/mine.toml"), "").unwrap();
    let other = other.path().to_str().unwrap();
    assert!(afield(&cache, &["list", "--cache-dir", other]).contains("warning: cannot read card"));
    assert!(!afield(&cache, &["list"]).contains("warning"));
}
