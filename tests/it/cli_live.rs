//! Teaching what is being listened to: `afield teach --last` and the socket behind it.

#![cfg(unix)]

use crate::live;
use crate::recording;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use afield::engine::{SessionError, recall};
use afield::source::Source;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use live::{Bench, Listening, number, ok, socket, stderr, wait_until};

/// `afield listen --source stdin`, and what it listens to, which begins with `first`.
fn listen(bench: &Bench, arguments: &[&str], first: &[u8]) -> (Listening, ChildStdin) {
    let mut command = bench.command(&[&["listen", "--source", "stdin"], arguments].concat());
    let mut listening = Listening::start(command.stdin(Stdio::piped()), true);
    let mut stdin = listening.child.stdin.take().unwrap();
    stdin.write_all(first).unwrap();
    wait_until("it lends what it hears", || {
        socket(&bench.learner()).exists()
    });
    (listening, stdin)
}

/// Half as loud as the tones that are known, and between them.
fn middle(seconds: f64) -> Vec<i16> {
    recording::tone(16_000, 1_200.0, seconds, 9)
}

#[test]
fn the_last_seconds_are_taught_as_a_recording_of_them_would_be() {
    let bench = Bench::taught();
    let (mut listening, mut stdin) = listen(&bench, &[], &[]);
    let access = fs::metadata(socket(&bench.learner())).unwrap();
    assert!(access.file_type().is_socket());
    assert_eq!(access.permissions().mode() & 0o777, 0o600);

    let teach = |label: &str, last: &str| bench.run(&["teach", label, "--last", last]);
    let early = teach("middle", "1s");
    let said = stderr(&early);
    assert_eq!(early.status.code(), Some(1));
    assert!(
        said.contains("--last")
            && said.contains("0.00 s have been heard")
            && said.contains("\nhint: "),
        "{said}"
    );

    let samples = middle(3.0);
    stdin.write_all(&recording::pcm(&samples)).unwrap();
    // All of it, once all of it has been heard; then the last of it.
    wait_until("three seconds are heard", || {
        teach("all", "3s").status.success()
    });
    assert!(stderr(&teach("all", "3.1s")).contains("3.00 s have been heard"));
    let said = stderr(&ok(teach("middle", "2s")));
    assert_eq!(said, "middle: 1 new, 0 corrected, 0 known already\n");

    // It is on the disk, and it is the recording of these very samples.
    recording::write_wav(&bench.path("all.wav"), 16_000, &samples);
    recording::write_wav(&bench.path("cut.wav"), 16_000, &samples[16_000..]);
    for (label, clip) in [("all", "all.wav"), ("middle", "cut.wav")] {
        let said = stderr(&ok(bench.run(&["teach", label, clip])));
        assert_eq!(
            said,
            format!("{label}: 0 new, 0 corrected, 1 known already\n")
        );
    }
    let said = stderr(&ok(bench.run(&["teach", "middle", "all.wav"])));
    assert!(
        said.ends_with("middle: 0 new, 1 corrected, 0 known already\n"),
        "{said}"
    );
    let status = ok(bench.run(&["status", "--json"]));
    assert_eq!(live::lines(&status)[0]["examples"], 10);
    let history = ok(bench.run(&["history"]));
    let history = String::from_utf8(history.stdout).unwrap();
    assert!(history.contains("teach middle"), "{history}");

    // Whoever listens knows it from the next decision on.
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
    assert!(status.success());
    assert!(!socket(&bench.learner()).exists(), "removed at the end");
    nobody(&bench);
}

/// Nobody lends anything to `teach --last`.
fn nobody(bench: &Bench) {
    let output = bench.run(&["teach", "low", "--last", "1s"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("nobody listens") && said.contains("\nhint: "),
        "{said}"
    );
    let error = recall(&bench.learner(), Duration::from_secs(1)).unwrap_err();
    assert!(
        matches!(error, SessionError::NobodyListens { .. }),
        "{error}"
    );
}

#[test]
fn what_a_killed_process_left_behind_is_replaced_and_a_living_one_is_not() {
    let bench = Bench::taught();
    nobody(&bench);
    let (listening, _stdin) = listen(&bench, &[], &[]);
    drop(listening);
    assert!(socket(&bench.learner()).exists(), "it was killed");
    nobody(&bench);
    let (first, mut into_first) = listen(&bench, &[], &[]);
    into_first.write_all(&recording::pcm(&middle(1.0))).unwrap();
    let heard = || recall(&bench.learner(), Duration::from_secs(1));
    wait_until("the new one answers", || heard().is_ok());
    // Another one listens, too, and says that it is not asked.
    let mut command = bench.command(&["listen", "--source", "stdin"]);
    let mut second = Listening::start(command.stdin(Stdio::piped()), true);
    second.wait_for("does not reach this one");
    drop(second.child.stdin.take());
    assert!(second.end().0.success());
    assert_eq!(heard().unwrap().excerpt.samples().len(), 16_000);
    drop(first);
}

#[test]
fn what_comes_from_a_gap_on_is_all_there_is_and_its_age_is_told() {
    let bench = Bench::new();
    ok(bench.run(&["init", "box", "--backbone", "imu"]));
    let row = |i: u32, t: f64| {
        let x = (f64::from(i) / 9.0).sin();
        format!("{{\"t\":{t},\"ax\":{x},\"ay\":0,\"az\":1,\"wx\":0,\"wy\":{x},\"wz\":0}}\n")
    };
    let rows: String = (0..200)
        .map(|i| row(i, f64::from(i) / 50.0 + if i < 100 { 0.0 } else { 3.0 }))
        .collect();
    let (mut listening, stdin) = listen(&bench, &["--rate", "50"], rows.as_bytes());
    let heard = |ms| recall(&bench.learner(), Duration::from_millis(ms));
    // The last rows wait for later ones.
    wait_until("it has heard on behind the gap", || heard(1_500).is_ok());
    let recalled = heard(1_500).unwrap();
    assert_eq!(recalled.excerpt.channels().len(), 6);
    assert_eq!(recalled.excerpt.rate().hz(), 50);
    assert_eq!(recalled.excerpt.samples().len(), 75 * 6);
    assert_eq!(recalled.source, "stdin");
    let less = heard(2_500).unwrap_err().to_string();
    assert!(less.contains("2.50 s were asked for"), "{less}");
    thread::sleep(Duration::from_millis(3_100));
    let status = String::from_utf8(ok(bench.run(&["status"])).stdout).unwrap();
    assert!(
        status.contains("\nlistening  stdin for ") && status.contains(", nothing for 3s"),
        "{status}"
    );
    let said =
        stderr(&ok(bench.run(&[
            "teach", "waving", "--last", "1.5s", "--group", "anna",
        ])));
    assert!(
        said.starts_with("note: nothing has come from stdin for "),
        "{said}"
    );
    let status = ok(bench.run(&["status"]));
    assert!(String::from_utf8_lossy(&status.stdout).contains("anna"));
    drop(stdin);
    assert!(listening.end().0.success());
}

#[test]
fn spans_that_are_none_are_usage_errors() {
    let bench = Bench::taught();
    for arguments in [
        &["--last", "0s"][..],
        &["--last", "31s"],
        &["--last", "2"],
        &["--last=-1s"],
        &["--last", "1s", "low-0.wav"],
        &["--last", "1s", "--group-pattern", "(a)"],
    ] {
        let output = bench.run(&[&["teach", "low"], arguments].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--last"), "{said}");
    }
}

/// Says `bytes` to whoever listens, and reads what it answers.
fn say(bench: &Bench, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket(&bench.learner())).unwrap();
    stream.set_read_timeout(Some(live::PATIENCE)).unwrap();
    // It may hang up before all is said.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn whatever_is_said_to_the_socket_it_goes_on() {
    let bench = Bench::taught();
    let (mut listening, mut stdin) = listen(&bench, &[], &[]);
    stdin.write_all(&recording::pcm(&middle(2.0))).unwrap();
    let heard = || recall(&bench.learner(), Duration::from_secs(2));
    wait_until("it has heard all", || heard().is_ok());

    let right = say(&bench, b"{\"last_us\":1000000}\n");
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
        let answer = say(&bench, bytes);
        assert!(
            answer.is_empty() || answer.starts_with(b"{\"refused\":"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    for much in ["0", "2000100", "18446744073709551615"] {
        let answer = say(&bench, format!("{{\"last_us\":{much}}}\n").as_bytes());
        assert!(answer == b"{\"less\":{\"heard_us\":2000000}}\n", "{much}");
    }
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
        say(&bench, &bytes);
    }
    // One that says nothing and does not hang up delays others for two seconds; one that does
    // not read its answer, as well.
    let _mute = UnixStream::connect(socket(&bench.learner())).unwrap();
    let mut deaf = UnixStream::connect(socket(&bench.learner())).unwrap();
    deaf.write_all(b"{\"last_us\":2000000}\n").unwrap();
    let began = Instant::now();
    assert_eq!(heard().unwrap().excerpt.samples().len(), 32_000);
    println!("answered after {:?}", began.elapsed());

    // Nobody who listens has noticed anything.
    stdin.write_all(&recording::pcm(&middle(1.0))).unwrap();
    drop(stdin);
    let mut until = 0.0;
    while let Some(event) = listening.next() {
        until = number(&event, "time");
    }
    assert!(until > 2.5, "{until}");
    let (status, said) = listening.end();
    assert!(status.success() && said.is_empty(), "{said:?}");
}

#[test]
fn whatever_answers_is_believed_only_as_far_as_it_makes_sense() {
    let dir = tempfile::tempdir().unwrap();
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
        let error = recall(dir.path(), Duration::from_secs(1)).unwrap_err();
        let text = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        assert!(
            matches!(error, SessionError::Recall { .. }),
            "{text}: {error}"
        );
        assert!(error.to_string().contains("\nhint: "), "{text}: {error}");
    }
    let recalled = recall(dir.path(), Duration::from_secs(1)).unwrap();
    assert_eq!(recalled.excerpt.samples().len(), 100);
    served.join().unwrap();
}

#[cfg(not(feature = "mic"))]
#[test]
fn a_program_without_microphones_says_how_to_have_them() {
    let bench = Bench::taught();
    for arguments in [
        &["listen", "--source", "mic"][..],
        &["listen", "--source", "mic:USB"],
        &["devices"],
        &["devices", "--json"],
    ] {
        let output = bench.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
        for word in [
            "without microphones",
            "\nhint: ",
            "--features mic",
            "libasound2-dev",
            "arecord",
        ] {
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}
