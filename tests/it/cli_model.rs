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
        let built_in = value["name"] == "ears" || value["name"] == "imu";
        assert_eq!(value["cached"], built_in);
    }
    assert_eq!(lines.count(), 6);
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
    assert_eq!(card, afield::model::Card::built_in()[2]);
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
    let sha256 = afield::model::Card::built_in()[1].origin.sha256();
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

/// A folder with a graph whose card nobody has written.
fn with_graph() -> Sandbox {
    let cache = Sandbox::cold();
    let graph = crate::root().join("tests/fixtures/tiny.onnx");
    std::fs::copy(graph, cache.path("mine.onnx")).unwrap();
    cache
}

#[cfg(feature = "tract")]
#[test]
fn add_without_a_card_and_a_terminal_writes_a_draft_and_names_what_is_open() {
    let cache = with_graph();
    let run = |arguments: &str| cache.run(arguments);
    let said = run("model add mine.onnx").refused();
    for part in [
        "the card of mine.onnx has open questions: time axis, rate, channels, scales, hop, max-abs, task, licence, source, obtain; its draft is in mine.toml\n",
        "hint: correct the lines with CHECK, then `afield model add mine.onnx --card mine.toml`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let draft = std::fs::read_to_string(cache.path("mine.toml")).unwrap();
    assert_eq!(draft, run("model inspect mine.onnx").ok().stdout);
    assert!(!run("model list").ok().stdout.contains("mine"));
    // A card is never replaced.
    let said = run("model add mine.onnx").refused();
    assert!(said.contains("mine.toml exists already"), "{said}");
    let said = run("model add mine.onnx --card-out other.toml").refused();
    assert!(said.contains("its draft is in other.toml"), "{said}");
    let said = run("model add mine.onnx --card-out nowhere/other.toml").refused();
    assert!(
        said.contains("--card-out: cannot write nowhere/other.toml"),
        "{said}"
    );
}

#[cfg(all(feature = "tract", unix))]
#[test]
fn add_without_a_card_asks_on_a_terminal() {
    use std::io::Write;

    use serialport::{SerialPort, TTYPort};

    let cache = with_graph();
    let (mut keyboard, terminal) = TTYPort::pair().expect("a pair of pseudo-terminals");
    let terminal = std::fs::File::options()
        .read(true)
        .write(true)
        .open(terminal.name().unwrap())
        .unwrap();
    let answers = [
        // The axis of time: the guess.
        "",
        // A wrong rate is asked for again.
        "fast",
        "100",
        "ax [g], ay [g], az [g], wx [rad/s], wy [rad/s], wz [rad/s], p [hPa], t [C]",
        "",
        "4",
        "",
        "gestures",
        "MIT",
        "",
        "",
    ];
    keyboard
        .write_all((answers.join("\n") + "\n").as_bytes())
        .unwrap();
    let run = cache
        .afield("model add mine.onnx")
        .stdin_from(terminal)
        .run();
    let run = run.ok().says([
        "# CHECK: Which axis of the input [?, 15, 8, 1] is time, 1 or 2? 1 is a guess\n",
        "Which axis of the input [?, 15, 8, 1] is time, 1 or 2? [1] ",
        "Rows a second that the network was trained on? [50]   expected a whole number above 0\n",
        "SPDX licence of the weights? [not stated] ",
        "wrote mine.toml\nadded mine, checksum verified\n",
    ]);
    assert!(run.stdout.ends_with(".onnx\n"), "{run}");
    let text = std::fs::read_to_string(cache.path("mine.toml")).unwrap();
    assert!(!text.contains("CHECK"), "{text}");
    let card: serde_json::Value = cache.run("model show mine --json").ok().json();
    assert_eq!(card["sample-rate"], 100);
    assert_eq!(card["embedding"]["hop-frames"], 4);
    assert_eq!(
        (&card["task"], &card["source"]),
        (&"gestures".into(), &"not stated".into())
    );
    assert_eq!(card["sensor"]["channels"][3]["unit"], "rad/s");
    cache.run("model check mine").ok();
    drop(keyboard);
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
