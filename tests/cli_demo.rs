//! `afield demo`: on recordings at hand, and as a newcomer types it.

mod models;
mod shared_data;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(folder: &Path, cache: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_afield"))
        .arg("demo")
        .args(arguments)
        .env("AFIELD_CACHE", cache)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn accuracy(report: &Value, head: &str) -> f64 {
    let heads = report["heads"].as_array().unwrap();
    let head = heads.iter().find(|h| h["head"] == head).unwrap();
    head["final_accuracy"].as_f64().unwrap()
}

#[test]
fn spoken_digits_are_forgotten_by_one_head_and_kept_by_the_others() {
    let test = "spoken_digits_are_forgotten_by_one_head";
    if models::real("speech-embedding", test).is_none() {
        return;
    }
    let Some(shared) = shared_data::folder(test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for digit in 0..4 {
        let class = folder.path().join("digits").join(digit.to_string());
        std::fs::create_dir_all(&class).unwrap();
        for (speaker, n) in [("nicolas", 12), ("jackson", 12), ("theo", 6)] {
            for n in 0..n {
                let name = format!("{speaker}_{n}.wav");
                let clip = shared.join(format!("fsdd/{digit}/{name}"));
                std::fs::copy(clip, class.join(name)).unwrap();
            }
        }
    }
    let digits = [
        "--data",
        "digits",
        "--group-pattern",
        "^([a-z]+)_",
        "--test-groups",
        "theo",
    ];
    let cache = models::cache();
    let output = demo(
        folder.path(),
        cache.root(),
        &[&digits[..], &["--json"]].concat(),
    );
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(accuracy(&report, "lda") > 0.8, "{report}");
    assert!(accuracy(&report, "finetune") < 0.5, "{report}");
    for key in ["upper_bound", "peak_rss_bytes"] {
        assert!(report[key].is_number(), "{key}");
    }
    let page = std::fs::read_to_string(folder.path().join("afield-demo.html")).unwrap();
    assert!(page.contains("<svg"));

    let output = demo(folder.path(), cache.root(), &digits);
    let text = String::from_utf8(output.stdout).unwrap();
    for said in [" 4/4 ", "finetune"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_newcomer_sees_it_with_nothing_at_hand() {
    if std::env::var_os("CI").is_none() && std::env::var_os("AFIELD_TEST_NETWORK").is_none() {
        eprintln!("skipped: a_newcomer_sees_it needs the network: set AFIELD_TEST_NETWORK=1");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let output = demo(folder.path(), &cache, &["--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        accuracy(&report, "lda") > accuracy(&report, "finetune") + 0.4,
        "{report}"
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("fetched rock-kit") && said.contains("fetched speech-embedding"));
    // Nothing but the two is left behind.
    let data: Vec<_> = std::fs::read_dir(cache.join("data")).unwrap().collect();
    assert_eq!(data.len(), 1);
}
