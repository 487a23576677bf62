//! The npz reader on files written by NumPy, and on bytes that are not an archive.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use afield_lab::data::{ArrayFault, ArrayType, DataError, NpzFault, decode_npz, read_npz};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    crate::root().join("tests/fixtures").join(name)
}

#[test]
fn every_array_form_of_numpy_reads_as_the_same_embeddings() {
    let plain = read_npz(&fixture("plain.npz")).unwrap();
    assert_eq!(
        (plain.len(), plain.size(), plain.classes().len()),
        (24, 5, 3)
    );
    assert_eq!(
        plain
            .marked_test()
            .unwrap()
            .iter()
            .filter(|&&test| test)
            .count(),
        6
    );
    // The first class's examples lie near 4 on the first axis.
    assert!((plain.windows(0)[0] - 4.0).abs() < 1.5 && plain.windows(0)[1].abs() < 1.5);
    for name in ["text.npz", "wide.npz"] {
        let other = read_npz(&fixture(name)).unwrap();
        for clip in 0..24 {
            assert_eq!(
                plain.windows(clip),
                other.windows(clip),
                "{name}, clip {clip}"
            );
        }
        assert_eq!(plain.labels(), other.labels(), "{name}");
        assert_eq!(plain.marked_test(), other.marked_test(), "{name}");
        assert_eq!(other.groups().unwrap().names(), ["anna", "ben"], "{name}");
        assert_eq!(
            plain.groups().unwrap().of(),
            other.groups().unwrap().of(),
            "{name}"
        );
    }
    let text = read_npz(&fixture("text.npz")).unwrap();
    let classes: Vec<&str> = text.classes().iter().map(|class| class.as_str()).collect();
    assert_eq!(classes, ["dog bark", "rain", "čaj"]);
    let bare = read_npz(&fixture("bare.npz")).unwrap();
    assert!(bare.groups().is_none() && bare.marked_test().is_none());
}

#[test]
fn errors_of_the_npz_reader_name_the_array_and_the_fault() {
    let object = read_npz(&fixture("object.npz")).unwrap_err();
    assert!(object.to_string().contains("array 'y'"), "{object}");
    let DataError::Npz {
        fault: NpzFault::Array("y", ArrayFault::Dtype { expected, actual }),
        ..
    } = object
    else {
        panic!("{object}");
    };
    assert_eq!((expected, actual.as_str()), (ArrayType::Plain, "|O"));
    let nan = read_npz(&fixture("nan.npz")).unwrap_err();
    assert!(matches!(nan, DataError::NotFinite { row: 5, column: 2 }));
    let script = read_npz(&fixture("make_npz.py")).unwrap_err();
    assert!(matches!(
        script,
        DataError::Npz {
            fault: NpzFault::NotAnArchive(_),
            ..
        }
    ));
    let absent = read_npz(&fixture("absent.npz")).unwrap_err();
    assert!(absent.to_string().contains("absent.npz"));
}

#[test]
fn the_error_for_a_missing_array_lists_those_present() {
    let bytes = rezip(
        &std::fs::read(fixture("bare.npz")).unwrap(),
        |name, member| (name.replace("y.npy", "labels.npy"), member),
    );
    let fault = decode_npz(Cursor::new(bytes), Path::new("x.npz")).unwrap_err();
    let DataError::Npz {
        fault: NpzFault::Array("y", ArrayFault::Missing { present }),
        ..
    } = fault
    else {
        panic!("{fault}");
    };
    assert_eq!(present, ["X", "labels"]);
}

/// The archive with each member changed, its checksums right again.
fn rezip(bytes: &[u8], mut change: impl FnMut(String, Vec<u8>) -> (String, Vec<u8>)) -> Vec<u8> {
    let mut old = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let mut member = old.by_index(index).unwrap();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        let (name, content) = change(member.name().to_owned(), content);
        new.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        new.write_all(&content).unwrap();
    }
    new.finish().unwrap().into_inner()
}

/// Whatever is read must fit together.
fn check(bytes: Vec<u8>) {
    if let Ok(clips) = decode_npz(Cursor::new(bytes), Path::new("x.npz")) {
        for clip in 0..clips.len() {
            assert_eq!(clips.windows(clip).len(), clips.size());
            assert!(clips.windows(clip).iter().all(|value| value.is_finite()));
            assert!(clips.label(clip) < clips.classes().len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(bytes);
    }

    #[test]
    fn no_damage_to_the_archive_makes_it_panic(
        name in prop::sample::select(vec!["plain.npz", "text.npz", "wide.npz"]),
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 0..8),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + with.len());
        bytes[at..end].copy_from_slice(&with[..end - at]);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(bytes);
    }

    #[test]
    fn no_array_with_valid_checksums_makes_it_panic(
        name in prop::sample::select(vec!["plain.npz", "text.npz", "wide.npz"]),
        at in 0..140_usize,
        with in prop_oneof![
            "[0-9]{1,18}", "[(){}',: ]{1,6}", "[<>|=][bifuUSOcV][0-9]{1,3}", "True|False",
        ],
        member in 0..4_usize,
    ) {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let mut index = 0;
        check(rezip(&bytes, |name, mut content| {
            if index == member {
                let at = at.min(content.len());
                let end = content.len().min(at + with.len());
                content[at..end].copy_from_slice(&with.as_bytes()[..end - at]);
            }
            index += 1;
            (name, content)
        }));
    }
}
