//! Hints for errors of sources, of front ends and of the `signal` module.

use std::error::Error;

use afield::Error as EngineError;
use afield::frontend::FrontendError;
use afield::pipeline::PipelineError;
use afield::source::{Recorded, SourceError, StreamProperty};

/// One thing to type or check, if there is a hint.
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref() {
        Some(EngineError::Source(error)) => return of_source(error),
        Some(EngineError::Pipeline(error)) => return of_pipeline(error),
        _ => {}
    }
    if let Some(error) = error.downcast_ref() {
        return of_source(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_pipeline(error);
    }
    error.downcast_ref().and_then(of_frontend)
}

fn of_pipeline(error: &PipelineError) -> Option<String> {
    match error {
        PipelineError::Frontend(error) => of_frontend(error),
        _ => None,
    }
}

fn of_source(error: &SourceError) -> Option<String> {
    let hint = match error {
        SourceError::Io { path: None, .. } => return None,
        SourceError::Io { .. } => "check its name and whose it is",
        SourceError::Empty { endings: [], .. } => {
            "the recording or the copy may not have finished: remove it or record it again"
        }
        SourceError::Empty { endings, .. } => {
            return Some(format!(
                "lay clips out as LABEL/CLIP; files ending in {} count",
                endings.join(", ")
            ));
        }
        SourceError::Unrecognised {
            what,
            kind: Recorded::Sound,
            ..
        } => {
            if std::path::Path::new(what).is_dir() {
                "name one audio file in it"
            } else {
                "WAV, AIFF, FLAC, MP3, Ogg Vorbis, AAC and ALAC are understood, whatever the file's name says; \
             others with ffmpeg on the PATH"
            }
        }
        SourceError::Unrecognised { reason, .. } => of_sensor_data(reason),
        SourceError::Damaged { .. } => {
            "cut or split the file there, or convert it again from its original"
        }
        SourceError::Changed { .. } => "repeat the command when nothing writes to it any more",
        SourceError::Limit { unit: "s", .. } => "cut it, or use it as a stream",
        SourceError::Limit { .. } => "name a folder further down",
        SourceError::Syntax { form, .. } => return Some(format!("write {form}")),
        SourceError::Option { option: "rate", .. } => {
            "leave --rate out; recordings and microphones say their own rate, raw PCM on stdin \
             has --format"
        }
        SourceError::Option {
            option: "columns", ..
        } => "leave --columns out; `afield ports --probe` tells the channels of a device",
        SourceError::Option {
            option: "channel", ..
        } => "leave --channel out",
        SourceError::Option { .. } => {
            "make a learner on a backbone for sound, or give another --source"
        }
        SourceError::NeedsFfmpeg { path, .. } if path.to_string_lossy().contains("://") => {
            "install ffmpeg (on Debian: `apt install ffmpeg`)"
        }
        SourceError::NeedsFfmpeg { .. } => {
            "install ffmpeg (on Debian: `apt install ffmpeg`), or convert the file to FLAC or WAV"
        }
        SourceError::NoChannel { .. } => "choose another one with --channel, or mix them",
        SourceError::FolderLabel { .. } => "rename it; its name is the label of the clips in it",
        SourceError::Device { device, .. } if device.is_network() => {
            "does `ffplay URL` play it? check the address, its user and password, and that the \
             stream has sound"
        }
        SourceError::Device { device, .. } if !device.is_microphone() => {
            "`afield ports` lists those there are; a port belongs to one program at a time, and \
             often to the group dialout"
        }
        SourceError::Device { .. } if cfg!(feature = "mic") => {
            "`afield devices` lists those there are; is it plugged in? one may belong to another \
             program, or to the group audio"
        }
        SourceError::Device { .. } => {
            "`cargo install --path cli --features mic` builds it with them (on Debian it needs \
             the package libasound2-dev); without, `arecord -f S16_LE -r 16000 -c 1 | afield \
             listen --source stdin` listens to one"
        }
        SourceError::PortSilent { bytes: 0, .. } => {
            "is the device powered, its transmitter on our receiver, and its firmware one that \
             speaks firmware-bridge/WIRE.md?"
        }
        SourceError::PortSilent { .. } => {
            "bytes without frames are another protocol or another speed: write PATH@BAUD"
        }
        SourceError::Mismatch {
            property: StreamProperty::ProtocolVersion,
            ..
        } => "update the older of the two",
        SourceError::Mismatch {
            property: StreamProperty::Rate,
            device,
            ..
        } => {
            let port = device.port().map(|port| port.path().display().to_string());
            return Some(format!(
                "without --rate its own rate is taken, which `afield ports --probe {}` says",
                port.unwrap_or_default()
            ));
        }
        SourceError::Mismatch { device, .. } if device.is_microphone() => {
            "was another one plugged in? start again to listen to it"
        }
        SourceError::Mismatch { .. } | SourceError::OtherColumns { .. } => {
            "was another one plugged in? a path under /dev/serial/by-id names one device"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The hint for sensor data that cannot be read for this reason.
fn of_sensor_data(reason: &str) -> &'static str {
    if reason.contains("no time that can be read") {
        "times are numbers in s, ms, us or ns, or dates such as 2026-06-01T22:10:00.020Z; --rate HZ \
         takes the rows as even"
    } else if reason.contains("no number for every channel") {
        "numbers have a decimal point, or a decimal comma where semicolons or tabs separate them; \
         --columns names the columns to take"
    } else if reason.contains("apart") || reason.contains("do not follow") {
        "state the unit of the times in the head, as in `time [ms]`, or name another column `time`"
    } else if reason.contains("JSON array") {
        "write one object a line: `jq -c '.[]' FILE > FILE.jsonl`"
    } else {
        "a table has a head such as `time [s],ax [g],ay [g]`, JSON lines are objects such as \
         {\"t\":0,\"ax\":0.1}; --columns names the ones to take; the rate comes from --rate HZ, a \
         column of times called `time`, or a first line `# rate: 50 Hz`"
    }
}

fn of_frontend(error: &FrontendError) -> Option<String> {
    Some(match error {
        FrontendError::Size { field, .. } | FrontendError::Value { field, .. } => {
            format!("correct `{field}` under [frontend] on the backbone's card")
        }
        FrontendError::BandEdges { .. } => {
            "correct `low-hz`, `high-hz` or `sample-rate` on the backbone's card".to_owned()
        }
        FrontendError::Channels { .. } => "name the source's channels as the backbone does, in a \
             table's head or with --columns, or use a backbone made for them"
            .to_owned(),
        FrontendError::Unit { expected, .. } => {
            format!("correct its unit, or leave the unit out if its numbers are in {expected}")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use afield::signal::SampleRate;
    use afield::source::{ChannelChoice, SourceSpec};

    use super::*;

    fn io(path: Option<&str>) -> SourceError {
        SourceError::Io {
            path: path.map(Into::into),
            error: ErrorKind::NotFound.into(),
        }
    }

    fn empty(endings: &'static [&'static str]) -> SourceError {
        SourceError::Empty {
            path: "x".into(),
            endings,
        }
    }

    fn unrecognised(what: &str, kind: Recorded, reason: &str) -> SourceError {
        SourceError::Unrecognised {
            what: what.to_owned(),
            kind,
            reason: reason.to_owned(),
        }
    }

    fn limit(unit: &'static str) -> SourceError {
        SourceError::Limit {
            path: "x".into(),
            limit: 1.0,
            unit,
        }
    }

    fn option(option: &'static str) -> SourceError {
        SourceError::Option {
            option,
            reason: "it says so itself",
        }
    }

    fn spec(text: &str) -> SourceSpec {
        SourceSpec::parse(text).unwrap()
    }

    fn device(text: &str) -> SourceError {
        SourceError::Device {
            device: spec(text),
            reason: "no such device".to_owned(),
        }
    }

    fn silent(bytes: u64) -> SourceError {
        SourceError::PortSilent {
            port: "/dev/x".parse().unwrap(),
            seconds: 10,
            bytes,
            frames: 0,
        }
    }

    fn mismatch(text: &str, property: StreamProperty) -> SourceError {
        SourceError::Mismatch {
            device: spec(text),
            property,
            expected: "1".to_owned(),
            actual: "2".to_owned(),
        }
    }

    #[test]
    fn every_error_of_a_source_has_its_hint() {
        use StreamProperty::{ProtocolVersion, Rate, Stream};
        let syntax = |text: &str| SourceSpec::parse(text).unwrap_err();
        let mic = if cfg!(feature = "mic") {
            "`afield devices`"
        } else {
            "--features mic"
        };
        let cases: Vec<(SourceError, &str)> = vec![
            (io(Some("x")), "check its name"),
            (empty(&[]), "may not have finished"),
            (
                empty(&["wav", "mp3"]),
                "LABEL/CLIP; files ending in wav, mp3",
            ),
            (unrecognised("x", Recorded::Sound, "text"), "WAV, AIFF"),
            (
                unrecognised(".", Recorded::Sound, "a folder"),
                "name one audio file",
            ),
            (unrecognised("x", Recorded::Sensor, "no line"), "time [s]"),
            (unrecognised("x", Recorded::Sensor, "no rate"), "--columns"),
            (
                unrecognised("x", Recorded::Sensor, "have no time that can be read"),
                "2026-06-01T",
            ),
            (
                unrecognised("x", Recorded::Sensor, "have no number for every channel"),
                "decimal comma",
            ),
            (
                unrecognised("x", Recorded::Sensor, "its rows are 20 s apart"),
                "`time [ms]`",
            ),
            (
                unrecognised("x", Recorded::Sensor, "it is a JSON array"),
                "jq -c",
            ),
            (unrecognised("x", Recorded::Sensor, "no rate"), "--rate HZ"),
            (
                SourceError::Damaged {
                    path: "x".into(),
                    seconds: 1.0,
                    reason: "noise".to_owned(),
                },
                "cut or split",
            ),
            (
                SourceError::OtherColumns {
                    what: "serial:/dev/x".to_owned(),
                    expected: "a".to_owned(),
                    found: "b".to_owned(),
                },
                "by-id",
            ),
            (
                SourceError::Changed { path: "x".into() },
                "when nothing writes",
            ),
            (limit("s"), "as a stream"),
            (limit("clips"), "further down"),
            (limit("levels of folders"), "further down"),
            (syntax("radio"), "write mic, mic:NAME"),
            (syntax("serial:/dev/x@9"), "PATH@BAUD"),
            (
                "mp3".parse::<afield::source::PcmFormat>().unwrap_err(),
                "s16le:16000:1",
            ),
            (option("rate"), "--rate out"),
            (option("columns"), "--columns out"),
            (option("source"), "--source"),
            (option("channel"), "--channel out"),
            (
                SourceError::NeedsFfmpeg {
                    path: "x".into(),
                    format: "Opus",
                },
                "install ffmpeg",
            ),
            (
                SourceError::NoChannel {
                    path: "x".into(),
                    choice: ChannelChoice::Only(3),
                    channels: 2,
                },
                "--channel",
            ),
            (
                SourceError::FolderLabel {
                    path: "x".into(),
                    reason: "spaces".to_owned(),
                },
                "rename it",
            ),
            (device("serial:/dev/x"), "dialout"),
            (device("rtsp://camera/a"), "ffplay"),
            (
                SourceError::NeedsFfmpeg {
                    path: "rtsp://camera/a".into(),
                    format: "a network stream",
                },
                "`apt install ffmpeg`)",
            ),
            (device("mic"), mic),
            (silent(0), "powered"),
            (silent(9), "PATH@BAUD"),
            (
                mismatch("serial:/dev/x", ProtocolVersion),
                "update the older",
            ),
            (
                mismatch("serial:/dev/x", Rate),
                "`afield ports --probe /dev/x`",
            ),
            (mismatch("serial:/dev/x", Stream), "/dev/serial/by-id"),
            (mismatch("mic", Stream), "start again"),
        ];
        for (error, expected) in cases {
            let message = error.to_string();
            assert!(!message.contains("hint"), "{message}");
            let direct = of(&error).unwrap();
            assert!(direct.contains(expected), "{message}: {direct}");
            let wrapped = of(&EngineError::from(error)).unwrap();
            assert_eq!(direct, wrapped);
        }
        assert_eq!(of(&io(None)), None);
    }

    #[test]
    fn every_error_of_a_front_end_has_its_hint() {
        let channels = FrontendError::Channels {
            expected: "ax".to_owned(),
            actual: "sound".to_owned(),
        };
        let cases = [
            (
                FrontendError::Size {
                    field: "bands",
                    actual: 0,
                    min: 1,
                    max: 2,
                },
                "`bands`",
            ),
            (
                FrontendError::Value {
                    field: "gain",
                    actual: 0.0,
                    expected: "a number",
                },
                "`gain`",
            ),
            (
                FrontendError::BandEdges {
                    low_hz: 2.0,
                    high_hz: 1.0,
                    nyquist_hz: 1.0,
                },
                "`low-hz`",
            ),
            (channels, "--columns"),
            (
                FrontendError::Unit {
                    channel: "ax [V]".to_owned(),
                    expected: "g".to_owned(),
                },
                "are in g",
            ),
        ];
        for (error, expected) in cases {
            let direct = of(&error).unwrap();
            assert!(direct.contains(expected), "{error}: {direct}");
            let pipeline = PipelineError::from(error);
            assert_eq!(of(&pipeline).unwrap(), direct);
            assert_eq!(of(&EngineError::from(pipeline)).unwrap(), direct);
        }
        let resampler = FrontendError::Resampler {
            from: SampleRate::ONE_HZ,
            to: SampleRate::ONE_HZ,
            reason: "no".to_owned(),
        };
        assert_eq!(of(&resampler), None);
    }
}
