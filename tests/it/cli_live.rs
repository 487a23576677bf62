//! `afield teach --last`, which teaches the last seconds of a running `afield listen`, and the
//! socket between the two.

#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

use afield::Engine;
use afield::engine::Error;
use afield::signal::{Chunk, SampleRate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::harness::listener::{ENDED, ListeningProcess, PATIENCE, number, socket, wait_until};
use crate::harness::{Sandbox, recording};

/// `afield listen --source stdin` with more arguments, and its standard input, which begins
/// with `first`.
fn listen(sandbox: &Sandbox, arguments: &str, first: &[u8]) -> (ListeningProcess, ChildStdin) {
    let program = sandbox
        .afield("listen --windows --source stdin")
        .args(arguments);
    let mut listening = ListeningProcess::start(program.pipe_stdin());
    listening.read();
    let mut stdin = listening.child.stdin.take().unwrap();
    stdin.write_all(first).unwrap();
    wait_until("the socket is there", || socket(sandbox.learner()).exists());
    (listening, stdin)
}

/// Half as loud as the tones that are known, and between them.
fn middle(seconds: f64) -> Vec<i16> {
    recording::tone(16_000, 1_200.0, seconds, 9)
}

#[test]
fn only_the_owner_may_use_the_socket() {
    let sandbox = Sandbox::taught();
    let (_listening, _stdin) = listen(&sandbox, "", &[0; 4]);
    let access = fs::metadata(socket(sandbox.learner())).unwrap();
    assert!(access.file_type().is_socket());
    assert_eq!(access.permissions().mode() & 0o777, 0o600);
}

#[test]
fn teaching_the_last_seconds_equals_teaching_a_recording_of_them() {
    let sandbox = Sandbox::taught();
    let samples = middle(3.0);
    let bytes = recording::pcm(&samples);
    let (mut listening, mut stdin) = listen(&sandbox, "", &bytes[..4]);
    let teach = |label: &str, last: &str| sandbox.run(["teach", label, "--last", last]);
    let early = teach("middle", "1s").refused();
    assert!(
        early.contains("--last") && early.contains("0.00 s have been heard"),
        "{early}"
    );

    stdin.write_all(&bytes[4..]).unwrap();
    // All of it, once all of it has been read; then the last of it.
    wait_until("three seconds are read", || {
        teach("all", "3s").code == Some(0)
    });
    teach("all", "3.1s").says(["3.00 s have been heard"]);
    let said = teach("middle", "2s").ok().stderr;
    assert_eq!(said, "middle: 1 new, 0 corrected, 0 known already\n");

    // It is on the disk, and it is the recording of these very samples.
    sandbox.wav("all.wav", 16_000, &samples);
    sandbox.wav("cut.wav", 16_000, &samples[16_000..]);
    for (label, clip) in [("all", "all.wav"), ("middle", "cut.wav")] {
        let said = sandbox.run(["teach", label, clip]).ok().stderr;
        let expected = format!("{label}: 0 new, 0 corrected, 1 known already\n");
        assert_eq!(said, expected);
    }
    let said = sandbox.run("teach middle all.wav").ok().stderr;
    assert!(
        said.ends_with("middle: 0 new, 1 corrected, 0 known already\n"),
        "{said}"
    );
    assert_eq!(sandbox.status()["examples"], 10);
    sandbox.run("history").ok().prints(["teach middle"]);

    // The listener knows it from the next decision on.
    stdin.write_all(&recording::pcm(&middle(4.0))).unwrap();
    drop(stdin);
    let mut last = None;
    while let Some(event) = listening.next() {
        last = Some(event);
    }
    let last = last.unwrap();
    assert_eq!(last["label"], "middle", "{last}");
    assert!(number(&last, "time") > 6.0, "{last}");
    let (status, _) = listening.end();
    assert_eq!(status.code(), Some(ENDED));
    assert!(!socket(sandbox.learner()).exists(), "removed at the end");
    nobody_listens(&sandbox);
}

#[test]
fn a_silent_pipe_is_told_once_and_when_it_is_back() {
    let sandbox = Sandbox::taught();
    let program = sandbox
        .afield("listen --windows --source stdin")
        .pipe_stdin();
    let mut listening = ListeningProcess::start(program);
    listening.read();
    let told = listening.wait_for("nothing has arrived");
    assert_eq!(
        told,
        "note: stdin: nothing has arrived for 5 s; the pipe is open"
    );
    let mut stdin = listening.child.stdin.take().unwrap();
    stdin.write_all(&recording::pcm(&middle(1.0))).unwrap();
    listening.wait_for("note: stdin: samples arrive again, after ");
    // A second time, now after samples.
    listening.stderr.clear();
    listening.wait_for("nothing has arrived for 5 s");
    drop(stdin);
    let (_, said) = listening.end();
    let silent = said
        .iter()
        .filter(|line| line.contains("nothing has arrived"));
    assert_eq!(silent.count(), 1, "{said:?}");
}

#[test]
fn a_file_in_a_pipe_is_told_to_be_faster_than_real_time() {
    let sandbox = Sandbox::taught();
    for seconds in [4.0, 60.0] {
        let bytes = recording::pcm(&middle(seconds));
        let run = sandbox
            .afield("listen --windows --source stdin")
            .stdin(bytes)
            .run();
        let notes = run
            .stderr
            .lines()
            .filter(|line| line.contains("faster than real time"));
        assert_eq!(notes.count(), 1, "{run}");
    }
    let word = recording::pcm(&middle(1.0));
    let run = sandbox
        .afield("listen --windows --source stdin")
        .stdin(word)
        .run();
    assert!(!run.stderr.contains("real time"), "{run}");
}

#[test]
fn teaching_an_event_equals_teaching_a_recording_of_it() {
    let sandbox = Sandbox::taught();
    let samples = middle(3.0);
    let (mut listening, stdin) = listen(&sandbox, "", &recording::pcm(&samples));
    let event = listening.next().unwrap();
    let id = event["event"].as_str().unwrap().to_owned();
    let said = sandbox.run(["teach", "middle", "--event", &id]).ok().stderr;
    assert_eq!(said, "middle: 1 new, 0 corrected, 0 known already\n");
    let sample = |key: &str| (number(&event, key) * 16_000.0).round() as usize;
    sandbox.wav(
        "event.wav",
        16_000,
        &samples[sample("start")..sample("time")],
    );
    let said = sandbox.run("teach middle event.wav").ok().stderr;
    assert_eq!(said, "middle: 0 new, 0 corrected, 1 known already\n");

    let unknown = sandbox.run("teach middle --event 1-0").refused();
    assert!(unknown.contains("event 1-0"), "{unknown}");
    drop(stdin);
    while listening.next().is_some() {}
    listening.end();
    let late = sandbox.run(["teach", "middle", "--event", &id]).refused();
    assert!(late.contains("nobody listens"), "{late}");
}

#[test]
fn an_event_is_corrected_to_a_class_or_to_the_background() {
    let sandbox = Sandbox::taught();
    let samples = middle(3.0);
    let (mut listening, stdin) = listen(&sandbox, "", &recording::pcm(&samples));
    let event = listening.next().unwrap();
    let id = event["event"].as_str().unwrap().to_owned();
    let examples = |class: &str| -> u64 {
        let status = sandbox.status();
        let classes = status["classes"].as_array().unwrap();
        let of = classes.iter().find(|of| of["label"] == class);
        of.map_or(0, |of| of["examples"].as_u64().unwrap())
    };
    let said = sandbox
        .run(["correct", &id, "--label", "middle"])
        .ok()
        .stderr;
    assert_eq!(said, format!("event {id}: learned as middle\n"));
    assert_eq!((examples("middle"), examples("background")), (1, 0));
    sandbox.run(["correct", &id, "--not", "low"]).ok();
    assert_eq!((examples("middle"), examples("not low")), (0, 1));
    sandbox.run("undo").ok();
    assert_eq!((examples("middle"), examples("background")), (1, 0));

    let no_class = sandbox.run(["correct", &id, "--not", "nothing"]).refused();
    assert!(no_class.contains("--not: no class nothing"), "{no_class}");
    let unknown = sandbox.run("correct 1-0 --background").refused();
    assert!(unknown.contains("event 1-0"), "{unknown}");
    drop(stdin);
    while listening.next().is_some() {}
    listening.end();
}

/// The last audio of the process that listens.
struct LatestAudio {
    samples: Vec<f32>,
    channels: usize,
    rate: SampleRate,
    source: String,
}

fn latest_audio(learner: &Path, span: Duration) -> Result<LatestAudio, Error> {
    let (mut recording, source, _) = Engine::open(learner)?.latest_audio(span)?;
    let heard = recording.source();
    let (rate, channels) = (heard.rate(), heard.channels().len());
    let (mut samples, mut chunk) = (Vec::new(), Chunk::default());
    while heard.read(&mut chunk)? {
        samples.extend_from_slice(&chunk.samples);
    }
    Ok(LatestAudio {
        samples,
        channels,
        rate,
        source,
    })
}

/// `teach --last` finds no listener.
fn nobody_listens(sandbox: &Sandbox) {
    let said = sandbox.run("teach low --last 1s").refused();
    assert!(said.contains("nobody listens"), "{said}");
    let error = latest_audio(sandbox.learner(), Duration::from_secs(1))
        .err()
        .unwrap();
    assert!(matches!(error, Error::NobodyListens { .. }), "{error}");
}

#[test]
fn the_socket_of_a_killed_listener_is_replaced_and_of_a_living_one_is_not() {
    let sandbox = Sandbox::taught();
    nobody_listens(&sandbox);
    let (listening, _stdin) = listen(&sandbox, "", &[0; 4]);
    drop(listening);
    assert!(socket(sandbox.learner()).exists(), "it was killed");
    nobody_listens(&sandbox);
    let bytes = recording::pcm(&middle(1.0));
    let (first, mut into_first) = listen(&sandbox, "", &bytes[..4]);
    into_first.write_all(&bytes[4..]).unwrap();
    let last = || latest_audio(sandbox.learner(), Duration::from_secs(1));
    wait_until("the new one answers", || last().is_ok());
    // A second listener says that `teach --last` does not reach it.
    let mut second = ListeningProcess::start(
        sandbox
            .afield("listen --windows --source stdin")
            .pipe_stdin(),
    );
    second.read();
    drop(second.child.stdin.take());
    second.wait_for("other processes cannot teach what is heard here");
    assert_eq!(second.end().0.code(), Some(ENDED));
    assert_eq!(last().unwrap().samples.len(), 16_000);
    drop(first);
}

#[test]
fn only_samples_after_a_gap_can_be_taught_and_their_age_is_reported() {
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    let row = |i: u32, t: f64| {
        let x = (f64::from(i) / 9.0).sin();
        format!("{{\"t\":{t},\"ax\":{x},\"ay\":0,\"az\":1,\"wx\":0,\"wy\":{x},\"wz\":0}}\n")
    };
    let rows: String = (0..200)
        .map(|i| row(i, f64::from(i) / 50.0 + if i < 100 { 0.0 } else { 3.0 }))
        .collect();
    let (mut listening, stdin) = listen(&sandbox, "--rate 50", rows.as_bytes());
    let last = |ms| latest_audio(sandbox.learner(), Duration::from_millis(ms));
    // The last rows wait for later ones.
    wait_until("it reads on after the gap", || last(1_500).is_ok());
    let latest = last(1_500).unwrap();
    assert_eq!(latest.channels, 6);
    assert_eq!(latest.rate.hz(), 50);
    assert_eq!(latest.samples.len(), 75 * 6);
    assert_eq!(latest.source, "stdin");
    let less = last(2_500).err().unwrap().to_string();
    assert!(less.contains("2.50 s were asked for"), "{less}");
    thread::sleep(Duration::from_millis(3_100));
    let status = sandbox.run("status").ok();
    status.prints(["\nlistening  stdin for ", ", nothing for 3s"]);
    let said = sandbox.run("teach waving --last 1.5s --group anna").ok();
    assert!(
        (said.stderr).starts_with("note: nothing has come from stdin for "),
        "{said}"
    );
    sandbox.run("status").ok().prints(["anna"]);
    drop(stdin);
    assert_eq!(listening.end().0.code(), Some(ENDED));
}

#[test]
fn unusable_spans_are_usage_errors() {
    let sandbox = Sandbox::taught();
    for arguments in [
        "--last 0s",
        "--last 31s",
        "--last 2",
        "--last=-1s",
        "--last 1s low/0.wav",
        "--last 1s --group-pattern (a)",
    ] {
        let run = sandbox.afield("teach low").args(arguments).run();
        run.fails(2).says(["--last"]);
    }
}

/// Sends `bytes` to the listener, and reads its answer.
fn send(sandbox: &Sandbox, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket(sandbox.learner())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may hang up before all is said.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// A listener that has read two seconds.
fn after_two_seconds(sandbox: &Sandbox) -> (ListeningProcess, ChildStdin) {
    let bytes = recording::pcm(&middle(2.0));
    let (listening, mut stdin) = listen(sandbox, "", &bytes[..4]);
    stdin.write_all(&bytes[4..]).unwrap();
    wait_until("it has read all", || {
        latest_audio(sandbox.learner(), Duration::from_secs(2)).is_ok()
    });
    (listening, stdin)
}

/// The listener still decides, and has said nothing on standard error.
fn still_listens(mut listening: ListeningProcess, mut stdin: ChildStdin) {
    stdin.write_all(&recording::pcm(&middle(1.0))).unwrap();
    drop(stdin);
    let mut until = 0.0;
    while let Some(event) = listening.next() {
        until = number(&event, "time");
    }
    assert!(until > 2.5, "{until}");
    let (status, said) = listening.end();
    assert_eq!(status.code(), Some(ENDED));
    let [ended] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert!(
        ended.starts_with("stdin ended: the last decision was at "),
        "{ended}"
    );
}

#[test]
fn malformed_requests_are_refused_and_listening_goes_on() {
    let sandbox = Sandbox::taught();
    let (listening, stdin) = after_two_seconds(&sandbox);
    let right = send(&sandbox, b"{\"last_us\":1000000}\n");
    assert!(right.len() > 64_000 && right.starts_with(b"{\"heard\":{\"rate\":16000,"));
    let long = vec![b'x'; 1 << 20];
    let deep = [b"{\"last_us\":".to_vec(), vec![b'['; 200], b"\n".to_vec()].concat();
    let refused: [&[u8]; 10] = [
        b"",
        b"\n",
        b"\0\0\0\0\n",
        b"{}\n",
        b"{\"last_us\":-1}\n",
        b"{\"last_us\":1e400}\n",
        b"{\"last_us\":\"1\"}\n",
        b"\xff\xfe\n",
        &long,
        &deep,
    ];
    for bytes in refused {
        let answer = send(&sandbox, bytes);
        assert!(
            answer.is_empty() || answer.starts_with(b"{\"refused\":"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    for much in ["0", "2000100", "18446744073709551615"] {
        let answer = send(&sandbox, format!("{{\"last_us\":{much}}}\n").as_bytes());
        assert!(answer == b"{\"less\":{\"heard_us\":2000000}}\n", "{much}");
    }
    still_listens(listening, stdin);
}

#[test]
fn random_requests_do_not_disturb_a_listener() {
    let sandbox = Sandbox::taught();
    let (listening, stdin) = after_two_seconds(&sandbox);
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..300 {
        let length = chance.random_range(0..600);
        let mut bytes: Vec<u8> = (0..length).map(|_| chance.random()).collect();
        if chance.random_bool(0.5) {
            let whole = b"{\"last_us\":1000000}\n";
            bytes = whole[..chance.random_range(0..whole.len())].to_vec();
            let place = chance.random_range(0..whole.len());
            if let Some(byte) = bytes.get_mut(place) {
                *byte = chance.random();
            }
        }
        send(&sandbox, &bytes);
    }
    still_listens(listening, stdin);
}

#[test]
fn slow_clients_delay_others_only_for_a_while() {
    let sandbox = Sandbox::taught();
    let (listening, stdin) = after_two_seconds(&sandbox);
    // A client that sends nothing and does not hang up delays others for two seconds, and so
    // does one that does not read its answer.
    let _mute = UnixStream::connect(socket(sandbox.learner())).unwrap();
    let mut deaf = UnixStream::connect(socket(sandbox.learner())).unwrap();
    deaf.write_all(b"{\"last_us\":2000000}\n").unwrap();
    let began = Instant::now();
    let answer = latest_audio(sandbox.learner(), Duration::from_secs(2)).unwrap();
    assert_eq!(answer.samples.len(), 32_000);
    println!("answered after {:?}", began.elapsed());
    still_listens(listening, stdin);
}

#[test]
fn malformed_answers_of_a_listener_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    Engine::create(dir.path(), "imu").unwrap();
    let server = UnixListener::bind(socket(dir.path())).unwrap();
    let heard = |channels: &str, values: &str, bytes: usize| {
        let line = format!(
            "{{\"heard\":{{\"rate\":16000,\"channels\":{channels},\"values\":{values},\
             \"source\":\"x\",\"age_us\":0}}}}\n"
        );
        [line.into_bytes(), vec![0xff; bytes]].concat()
    };
    let sound = "[{\"name\":\"sound\",\"unit\":\"full scale\"}]";
    let three = "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]";
    let wrong = [
        Vec::new(),
        b"\n".to_vec(),
        vec![b' '; 1 << 20],
        b"{\"refused\":{\"reason\":\"no\"}}\n".to_vec(),
        b"{\"heard\":{}}\n".to_vec(),
        heard("[]", "1", 4),
        heard("[{\"name\":\"\"}]", "1", 4),
        heard(sound, "0", 0),
        heard(sound, "-1", 0),
        heard(sound, "18446744073709551615", 64),
        heard(sound, "1440001", 64),
        heard(sound, "100", 399),
        heard(three, "100", 400),
    ];
    let right = heard(sound, "100", 400);
    let answers: Vec<Vec<u8>> = wrong.iter().cloned().chain([right]).collect();
    let served = thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&answer);
        }
    });
    for answer in &wrong {
        let error = latest_audio(dir.path(), Duration::from_secs(1))
            .err()
            .unwrap();
        let text = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        assert!(
            matches!(error, Error::AudioExchange { .. }),
            "{text}: {error}"
        );
        assert!(error.to_string().contains("listen.sock"), "{text}: {error}");
    }
    let latest = latest_audio(dir.path(), Duration::from_secs(1)).unwrap();
    assert_eq!(latest.samples.len(), 100);
    served.join().unwrap();
}

#[test]
fn a_listener_whose_reader_is_gone_ends_and_says_so() {
    let sandbox = Sandbox::taught();
    let program = sandbox.afield("listen --windows --source stdin");
    let mut listening = ListeningProcess::start(program.pipe_stdin());
    drop(listening.child.stdout.take());
    let mut stdin = listening.child.stdin.take().unwrap();
    // The program may end before it has read everything.
    let _ = stdin.write_all(&recording::pcm(&middle(3.0)));
    let said = listening.wait_for("nothing reads the output any more");
    assert!(!said.contains("error"), "{said}");
    assert_eq!(listening.child.wait().unwrap().code(), Some(ENDED));
}
