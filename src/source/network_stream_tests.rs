use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::signal::{ErrorKind, Micros};

/// Quick, for programs that stand in for `ffmpeg`.
const QUICK: Times = Times {
    patience: Duration::from_millis(400),
    first_pause: Duration::from_millis(50),
    longest_pause: Duration::from_millis(200),
    steady: Duration::from_secs(30),
};

/// A header of 16 kHz mono float, as `printf` writes it.
const HEADER: &str = "printf 'RIFF\\377\\377\\377\\377WAVEfmt \\020\\0\\0\\0\\003\\0\\001\\0\\200\\076\\0\\0\\0\\372\\0\\0\\004\\0\\040\\0data\\377\\377\\377\\377'";
const HALF: &str = "printf '\\0\\0\\0\\077'";

/// A program that stands in for `ffmpeg`.
fn standing_in(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ffmpeg");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn open(folder: &tempfile::TempDir, choice: ChannelChoice) -> Result<NetworkStream, SourceError> {
    let url = StreamUrl::parse("rtsp://anna:s3cret@camera/a?token=7");
    let program = folder.path().join("ffmpeg");
    NetworkStream::start(&program, QUICK, &url.unwrap().unwrap(), choice)
}

/// The next chunk with samples.
fn next(stream: &mut NetworkStream) -> Chunk {
    let (mut chunk, began) = (Chunk::default(), Instant::now());
    while began.elapsed() < Duration::from_secs(60) {
        assert!(stream.read(&mut chunk).unwrap());
        if !chunk.samples.is_empty() {
            return chunk;
        }
    }
    panic!("nothing comes");
}

fn is_alive(folder: &tempfile::TempDir) -> bool {
    let id = std::fs::read_to_string(folder.path().join("ffmpeg.id")).unwrap();
    Path::new("/proc").join(id.trim()).exists()
}

#[test]
fn a_stream_that_ends_is_connected_again_after_a_gap() {
    let folder = standing_in(&format!(
        "echo \"$@\" >> $0.args; {HEADER}; {HALF}; {HALF}; sleep 0.1"
    ));
    let mut stream = open(&folder, ChannelChoice::Mix).unwrap();
    let expected = "rtsp://camera/a?token=***: 1 channel at 16000 Hz, decoded by ffmpeg";
    assert_eq!(stream.introduction(), expected);
    let (first, mut before) = (next(&mut stream), Micros(0));
    assert_eq!((first.start, first.samples[0]), (Micros(0), 0.5));
    let mut gaps = 0;
    while gaps < 3 {
        let chunk = next(&mut stream);
        // The pauses get longer, and the host's clock measures them.
        if chunk.start.0 - before.0 > 50_000 {
            gaps += 1;
        }
        before = chunk.start;
    }
    let health = stream.health();
    assert!(
        health.troubles >= 3 && health.overruns.is_none(),
        "{health:?}"
    );
    assert_eq!(health.lost_samples, 0);
    let arguments = std::fs::read_to_string(folder.path().join("ffmpeg.args")).unwrap();
    let lines: Vec<&str> = arguments.lines().collect();
    let safe = "-protocol_whitelist rtsp,rtp,tcp -rtsp_transport tcp -allowed_media_types audio \
                -i rtsp://anna:s3cret@camera/a?token=7 -map 0:a:0";
    assert!(lines[0].contains(safe), "{arguments}");
    assert!(!lines[0].contains("-ar "), "{arguments}");
    assert!(lines[1].contains("-ar 16000"), "{arguments}");
}

#[test]
fn a_lost_stream_is_reported_as_disconnected_without_its_password() {
    let folder = standing_in(&format!(
        "if [ -e $0.second ]; then echo 'rtsp://anna:s3cret@camera/a?token=7: refused' >&2; exit 1; fi; \
         touch $0.second; {HEADER}; {HALF}"
    ));
    let mut stream = open(&folder, ChannelChoice::Mix).unwrap();
    next(&mut stream);
    let began = Instant::now();
    while !stream.report().contains("refused") {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{}",
            stream.report()
        );
        assert!(stream.read(&mut Chunk::default()).unwrap(), "it goes on");
    }
    assert!(!stream.health().connected);
    let report = stream.report();
    assert_eq!(
        report,
        "no connection: 1 samples; 1 reconnects: ffmpeg says: rtsp://camera/a?token=***: refused"
    );
}

#[test]
fn a_stream_that_gives_nothing_is_an_error_in_bounded_time() {
    for (script, expected) in [
        ("exec sleep 600", "nothing for 0.4 s"),
        // The pipe outlives the child that is stopped.
        ("sleep 5; true", "nothing for 0.4 s"),
        ("exec >&-; exec sleep 600", "signal"),
        (
            "while :; do echo no key frame >&2; done",
            "nothing for 0.4 s",
        ),
        (
            "echo 'anna:s3cret@camera: 401' >&2; exit 1",
            "ffmpeg says: camera: 401",
        ),
        ("echo text", "no output"),
    ] {
        let folder = standing_in(script);
        let began = Instant::now();
        let error = open(&folder, ChannelChoice::Mix).err().unwrap();
        assert!(began.elapsed() < Duration::from_secs(15), "{script}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        assert!(text.contains(expected), "{script}: {text}");
        assert!(!format!("{error:?}{text}").contains("s3cret"), "{text}");
        assert!(
            text.starts_with("cannot open rtsp://camera/a?token=***: "),
            "{text}"
        );
    }
    let missing = tempfile::tempdir().unwrap();
    let error = open(&missing, ChannelChoice::Mix).err().unwrap();
    assert!(matches!(error, SourceError::NeedsFfmpeg { .. }), "{error}");
    let folder = standing_in(&format!("{HEADER}; {HALF}; sleep 1"));
    let error = open(&folder, ChannelChoice::Only(2)).err().unwrap();
    assert!(matches!(error, SourceError::NoChannel { .. }), "{error}");
}

#[test]
fn a_stream_that_falls_silent_is_connected_again() {
    let folder = standing_in(&format!("{HEADER}; {HALF}; exec sleep 600"));
    let mut stream = open(&folder, ChannelChoice::Mix).unwrap();
    next(&mut stream);
    let second = next(&mut stream);
    assert!(second.start.0 > 300_000, "{:?}", second.start);
    // It may be connected again at this moment.
    assert!(stream.health().troubles >= 1);
}

#[test]
fn endless_output_and_messages_are_held_up_and_stopped_with_the_source() {
    let folder = standing_in(&format!(
        "echo $$ > $0.id; while :; do echo message >&2; done & {HEADER}; exec cat /dev/zero"
    ));
    let mut stream = open(&folder, ChannelChoice::Mix).unwrap();
    let (mut samples, mut at) = (0, Micros(0));
    while samples < 1_000_000 {
        let chunk = next(&mut stream);
        assert_eq!(chunk.start, Micros::from_samples(samples, stream.rate()));
        samples += chunk.samples.len() as u64;
        at = chunk.start;
    }
    assert!(at.0 > 60_000_000);
    // Nobody reads: nothing is dropped, and memory is bounded by the queue.
    thread::park_timeout(Duration::from_millis(300));
    assert_eq!(stream.health().lost_samples, 0);
    assert!(is_alive(&folder));
    drop(stream);
    assert!(!is_alive(&folder));
}
