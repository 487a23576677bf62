//! Fetching a corpus from a Debian package that the test makes: dpkg-deb is the real one, apt-get a
//! script that hands out the package and records how it was called.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use afield::model::{Cache, Pip};
use afield_lab::corpus::{Apt, Corpus, CorpusError, clips, fetch, place_of};
use tempfile::TempDir;

/// `<sha256>  <label>/<file>` of the three clips below, summed.
const SUM: &str = "bc87a40f2e6932b1a5da0f274d62a90470bb391bbf9abad3a8a1ebcfa715761e";

struct Shop {
    folder: TempDir,
}

impl Shop {
    /// A package with three clips and a file that is none; `None` without dpkg.
    fn open(test: &str) -> Option<Self> {
        if Command::new("dpkg-deb").arg("--version").output().is_err() {
            crate::harness::skip(test, "dpkg-deb");
            return None;
        }
        let shop = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let tree = shop.path("tree");
        let clips = tree.join("usr/share/kit");
        fs::create_dir_all(&clips).unwrap();
        fs::create_dir(tree.join("DEBIAN")).unwrap();
        for (name, bytes) in [
            ("Kick-Soft.wav", "a"),
            ("Kick-Hard.wav", "b"),
            ("Bell-Soft.wav", "c"),
            ("HandClap.wav", "d"),
        ] {
            fs::write(clips.join(name), bytes).unwrap();
        }
        // Leads out of the package, and has a clip's name.
        std::os::unix::fs::symlink("/etc/passwd", clips.join("Bell-Hard.wav")).unwrap();
        let control = "Package: kit\nVersion: 1\nArchitecture: all\n\
                       Maintainer: nobody <nobody@localhost>\nDescription: a kit\n";
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let built = Command::new("dpkg-deb")
            .args(["--root-owner-group", "-b"])
            .args([&tree, &shop.path("kit_1_all.deb")])
            .output()
            .unwrap();
        assert!(built.status.success(), "{built:?}");
        Some(shop)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cache(&self) -> Cache {
        Cache::at(self.path("cache"))
    }

    /// An apt whose apt-get is this script.
    fn apt(&self, script: &str) -> Apt {
        let program = self.path("apt-get");
        let shop = self.folder.path().display();
        let text = format!("#!/bin/sh\nshop={shop}\necho \"$@\" >> $shop/calls\n{script}\n");
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Apt::new(program, "dpkg-deb")
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Everything in the cache's folder of data.
    fn stored(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("cache/data")) else {
            return Vec::new();
        };
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| name(entry.unwrap())).collect()
    }
}

const DELIVER: &str = "cp $shop/kit_1_all.deb .";

fn corpus(sha256: &str) -> Corpus {
    let text = format!(
        "name = 'kit'\ntask = 't'\nlicence = 'CC0-1.0'\nsource = 's'\n\
         [origin]\nkind = 'debian'\npackage = 'kit'\nfolder = 'usr/share/kit'\nsha256 = '{sha256}'\n\
         [clips]\ncount = 3\npattern = '^(?<label>[A-Za-z]+)-(?<group>Soft|Hard)\\.wav$'\n\
         test-groups = ['Hard']\n"
    );
    Corpus::parse(&text, "kit.toml").unwrap()
}

#[test]
fn only_the_clips_are_kept_and_they_are_fetched_once() {
    let Some(shop) = Shop::open("only_the_clips_are_kept_and_they_are_fetched_once") else {
        return;
    };
    let apt = shop.apt(DELIVER);
    let fetched = fetch(&corpus(SUM), &shop.cache(), &apt, &Pip::new(None), |_| {}).unwrap();
    assert!(!fetched.was_cached);
    let told: Vec<(String, &str, &str)> = (fetched.clips.iter())
        .map(|clip| {
            let inner = clip.path.strip_prefix(&fetched.folder).unwrap();
            let path = inner.display().to_string();
            (path, clip.label.as_str(), clip.group.as_str())
        })
        .collect();
    let clip = |path: &str, label, group| (path.to_owned(), label, group);
    let expected = [
        clip("Bell/Bell-Soft.wav", "Bell", "Soft"),
        clip("Kick/Kick-Hard.wav", "Kick", "Hard"),
        clip("Kick/Kick-Soft.wav", "Kick", "Soft"),
    ];
    assert_eq!(told, expected);
    assert_eq!(shop.stored(), ["kit"]);

    let again = fetch(&corpus(SUM), &shop.cache(), &apt, &Pip::new(None), |_| {}).unwrap();
    assert!(again.was_cached);
    assert_eq!(again.clips, fetched.clips);
    assert_eq!(shop.calls().len(), 1);
}

#[test]
fn a_wrong_checksum_leaves_the_cache_unchanged_and_names_both_sums() {
    let test = "a_wrong_checksum_leaves_the_cache_unchanged_and_names_both_sums";
    let Some(shop) = Shop::open(test) else { return };
    let other = "0".repeat(64);
    let error = fetch(
        &corpus(&other),
        &shop.cache(),
        &shop.apt(DELIVER),
        &Pip::new(None),
        |_| {},
    )
    .unwrap_err();
    assert!(matches!(error, CorpusError::Checksum { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&other) && text.contains(SUM), "{text}");
    assert!(shop.stored().is_empty());
}

#[test]
fn a_damaged_clip_is_noticed_and_replaced() {
    let Some(shop) = Shop::open("a_damaged_clip_is_noticed_and_replaced") else {
        return;
    };
    let (corpus, cache, apt) = (corpus(SUM), shop.cache(), shop.apt(DELIVER));
    let fetched = fetch(&corpus, &cache, &apt, &Pip::new(None), |_| {}).unwrap();
    let clip = &fetched.clips[0].path;
    fs::write(clip, "rot").unwrap();
    let error = clips(&corpus, &cache).unwrap_err();
    assert!(matches!(error, CorpusError::Checksum { .. }), "{error}");

    // No network: the damaged clips stay, as they may be all there is.
    let offline = shop.apt("echo 'E: no route' >&2; exit 100");
    fetch(&corpus, &cache, &offline, &Pip::new(None), |_| {}).unwrap_err();
    assert_eq!(fs::read_to_string(clip).unwrap(), "rot");

    let apt = shop.apt(DELIVER);
    assert!(
        !fetch(&corpus, &cache, &apt, &Pip::new(None), |_| {})
            .unwrap()
            .was_cached
    );
    assert_eq!(fs::read_to_string(clip).unwrap(), "c");
    assert_eq!(shop.stored(), ["kit"]);
}

#[test]
fn missing_lists_are_fetched_into_a_folder_of_our_own() {
    let Some(shop) = Shop::open("missing_lists_are_fetched_into_a_folder_of_our_own") else {
        return;
    };
    let script = format!(
        "case \"$*\" in\n\
         *update) touch $shop/updated;;\n\
         *Dir::State::Lists=*download*) {DELIVER};;\n\
         *) echo 'E: Unable to locate package kit' >&2; exit 100;;\n\
         esac"
    );
    fetch(
        &corpus(SUM),
        &shop.cache(),
        &shop.apt(&script),
        &Pip::new(None),
        |_| {},
    )
    .unwrap();
    let calls = shop.calls();
    assert_eq!(calls.len(), 3, "{calls:?}");
    let cache = fs::canonicalize(shop.path("cache")).unwrap();
    let ours = format!("Dir::State::Lists={}", cache.display());
    assert!(calls[1].contains(&ours) && calls[1].ends_with("update"));
    assert!(
        calls
            .iter()
            .all(|call| call.contains(&format!("Dir::Cache={}", cache.display())))
    );
}

#[test]
fn a_failure_quotes_apt_and_leaves_no_files() {
    let Some(shop) = Shop::open("a_failure_quotes_apt_and_leaves_no_files") else {
        return;
    };
    let cases = [
        (
            "echo 'E: no route to the mirror' >&2; exit 100",
            "no route to the mirror",
        ),
        (":", "apt-get left 0 files"),
        (
            "head -c 100 $shop/kit_1_all.deb > kit.deb",
            "dpkg-deb -x failed",
        ),
        ("exec sleep 30", "did not end within 1 s"),
    ];
    for (script, expected) in cases {
        let apt = shop.apt(script).limit(Duration::from_secs(1));
        let error = fetch(&corpus(SUM), &shop.cache(), &apt, &Pip::new(None), |_| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{script}: {text}");
        assert!(shop.stored().is_empty(), "{script}");
    }
    let nowhere = Apt::new(Path::new("/nonexistent/apt-get"), "dpkg-deb");
    let error = fetch(
        &corpus(SUM),
        &shop.cache(),
        &nowhere,
        &Pip::new(None),
        |_| {},
    )
    .unwrap_err();
    assert!(matches!(error, CorpusError::NoProgram { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("cannot run /nonexistent/apt-get")
    );
    assert!(!place_of(&corpus(SUM), &shop.cache()).exists());
}
