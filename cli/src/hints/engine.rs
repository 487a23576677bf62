//! Hints for errors of the engine: learners at work, their store and their bundles.

use std::error::Error as StdError;

use afield::bundle::{BundleError, KeyError};
use afield::engine::Error;
use afield::store::{DatabaseFailure, StoreError};

/// One thing to type or check, if there is a hint.
pub fn of(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return engine(error);
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return Some(store(error));
    }
    if let Some(error) = error.downcast_ref::<KeyError>() {
        return Some(key(error));
    }
    error.downcast_ref::<BundleError>().map(bundle)
}

const DOCTOR: &str = "`afield doctor` says what is lost and repairs what it can";
const NEW_EXPORT: &str = "export it again with this version of afield";

fn engine(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Store(error) => return Some(store(error)),
        Error::Bundle(error) => return Some(bundle(error)),
        // Transparent: the inner error is not in the chain of causes.
        Error::Learn(error) => return super::of(error),
        Error::Pipeline(error) => return super::of(error),
        Error::Source(error) => return super::of(error),
        Error::Model(error) => return super::of(error),
        Error::Signal(error) => return super::of(error),
        Error::Of { error, .. } => return engine(error),
        Error::Damaged { .. } => DOCTOR,
        Error::Silent => "remove it or record it again",
        Error::NoFiniteEmbedding { .. } => {
            "compare the model's own preprocessing with its card (`afield model show NAME`): rate, \
             units, scale"
        }
        Error::NobodyListens { dir } => {
            return Some(format!(
                "run `afield listen --source mic --learner {}` (or stdin, or serial:PATH) in another terminal, and teach while it runs",
                dir.display()
            ));
        }
        Error::TooLittleAudio { .. } => {
            "wait until more was heard, or ask for less; 30 s are kept at most"
        }
        Error::AudioExchange { .. } => {
            "one `afield listen` a learner is asked, of the same version and user as `afield teach`"
        }
        Error::Contended => "try again when they are done",
        Error::InCheckpoint { .. } => "begin again from a learner that keeps its examples",
        Error::TooManyToTeachAnew { .. } => "the heads lda, ncm and ridge have no such limit",
        Error::CannotCompact { .. } => {
            "the heads ncm, lda and ridge can do with a statistic of old examples"
        }
        Error::DiskLimit { .. } => {
            "forget classes that are not needed, or raise the limit with `afield compact --max-disk SIZE`"
        }
        Error::NoQuestion { .. } => "`afield queue list` lists the open questions",
        Error::Harmful(_) => "look at the labels; `--despite-doubts` takes it as it is",
        Error::NoDoubts { .. } => "`afield init` makes a learner with the head lda",
        Error::File { .. } => "check whose folder the learner is, and how its disk is mounted",
        Error::NothingToUndo { .. } => "`afield history` lists what can be gone back to",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn store(error: &StoreError) -> String {
    let hint = match error {
        StoreError::Io { .. } => {
            "choose another folder, or check whose this one is and how its disk is mounted"
        }
        StoreError::Database { failure, .. } => match failure {
            DatabaseFailure::Busy => {
                "another afield is writing to this learner; try again when it is done"
            }
            DatabaseFailure::Full => {
                "the disk is full and this was not stored; make room and try again"
            }
            DatabaseFailure::ReadOnly => {
                "the folder cannot be written to; check its owner and its mount"
            }
            DatabaseFailure::CannotOpen => "check that the folder exists and is yours",
            DatabaseFailure::Disk => {
                "the disk failed and this was not acknowledged; check `dmesg` and the room left"
            }
            _ => "`afield doctor` looks for damage",
        },
        StoreError::Exists { .. } => {
            "choose another folder; `afield status` tells what this one knows"
        }
        StoreError::NoLearner { dir } => {
            return format!(
                "make one with `afield init {} --backbone NAME`, or name its folder with --learner",
                dir.display()
            );
        }
        StoreError::Foreign { .. } => {
            "if `afield init` was interrupted here, run it again; else choose another folder, or see what `afield doctor` finds"
        }
        StoreError::Version { .. } => "update afield",
        StoreError::Behind { .. } => "try again",
        StoreError::Locked { .. } => {
            "try again when it is done; `predict`, `listen` and `status` work meanwhile"
        }
        StoreError::Damaged { .. } => DOCTOR,
        StoreError::Lost { .. } => {
            return format!(
                "the write-ahead log is damaged or the file is an older copy; {DOCTOR}"
            );
        }
        StoreError::Poisoned { .. } => {
            "what was acknowledged before is safe; check the disk, then start again"
        }
        StoreError::NoRevision { .. } => {
            "`afield history` lists them; revisions before a compaction are no longer available"
        }
        _ => DOCTOR,
    };
    hint.to_owned()
}

fn bundle(error: &BundleError) -> String {
    let hint = match error {
        BundleError::Io { .. } => "check its name, whose it is, and the room left",
        BundleError::TooLarge { .. } => "without --with-examples it is smaller",
        BundleError::NoBundle { .. } => "`afield export DIR -o FILE` makes one",
        BundleError::Version { .. } => "update afield",
        BundleError::Untrusted { key } => {
            return format!(
                "if that is what `afield key show` prints where it comes from, import it with --trust {key}"
            );
        }
        BundleError::Forged { .. } => "fetch it again from where it comes from",
        BundleError::Contents { .. } | BundleError::NoLearner { .. } => NEW_EXPORT,
        BundleError::Older { .. } => {
            "ask for a new export; an old one may bring back what was taken back since"
        }
        BundleError::Key(error) => return key(error),
        BundleError::DamagedImports { .. } => {
            "restore it from a copy; without it older bundles are no longer refused"
        }
        _ => NEW_EXPORT,
    };
    hint.to_owned()
}

fn key(error: &KeyError) -> String {
    let hint = match error {
        KeyError::Syntax { .. } => "`afield key show` prints one, afield-key- and 64 hex digits",
        KeyError::Name { .. } => "up to 64 lower-case letters, digits and dashes",
        KeyError::Missing { .. } => "`afield key new` makes one",
        KeyError::Exists { .. } => {
            "`afield key show` prints its public half; `afield key new NAME` makes another"
        }
        KeyError::Exposed { path } => {
            return format!(
                "if nobody did, chmod 600 {}; else make a new key",
                path.display()
            );
        }
        KeyError::Damaged { .. } => "restore it from a copy, or make a new key",
        KeyError::NoFolder => "name one with --keys or AFIELD_KEYS",
        _ => "make a new key",
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn hinted(error: impl StdError + Send + Sync + 'static) -> String {
        crate::message(&anyhow::Error::new(error))
    }

    #[test]
    fn wrapped_error_gets_the_hint_of_the_inner_one() {
        let dir = PathBuf::from("box");
        let inner = || StoreError::NoLearner { dir: dir.clone() };
        let expected = "no learner in box\nhint: make one with `afield init box --backbone NAME`, or name its folder with --learner";
        assert_eq!(hinted(inner()), expected);
        assert_eq!(hinted(Error::from(inner())), expected);
        let context = anyhow::Error::new(Error::from(inner())).context("--learner");
        let expected = format!("--learner: {expected}");
        assert_eq!(crate::message(&context), expected);
    }

    #[test]
    fn failures_of_the_disk_say_what_to_do() {
        let failures = [
            (DatabaseFailure::Full, "make room"),
            (DatabaseFailure::Disk, "dmesg"),
            (DatabaseFailure::ReadOnly, "mount"),
        ];
        for (failure, words) in failures {
            let error = StoreError::Database {
                path: PathBuf::from("learner.sqlite"),
                failure,
                what: "it failed".to_owned(),
            };
            let said = hinted(Error::from(error));
            assert!(
                said.starts_with("learner.sqlite: it failed\nhint: "),
                "{said}"
            );
            assert!(said.contains(words), "{said}");
        }
    }
}
