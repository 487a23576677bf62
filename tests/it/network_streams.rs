//! `afield listen --source URL`: sound from a network, decoded by the `ffmpeg` on the PATH.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::listener::{ListeningProcess, PATIENCE, number};
use crate::harness::{Sandbox, recording, skip};

fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !found {
        skip("network streams", "there is no ffmpeg on the PATH");
    }
    found
}

/// A server that answers each request by `answer`, which gets its lines and the connection.
fn serve(answer: impl Fn(Vec<String>, TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            answer(request(&mut BufReader::new(&stream)), stream);
        }
    });
    address
}

/// The lines up to a blank one.
fn request(reader: &mut impl BufRead) -> Vec<String> {
    let lines = reader.lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect()
}

const OK: &str = "HTTP/1.0 200 OK\r\nContent-Type: audio/x-wav\r\n\r\n";

/// A WAV header of a stream without an end, 16 kHz mono.
fn header() -> Vec<u8> {
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(32_000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data\xff\xff\xff\xff");
    bytes
}

/// Sends a tone in real time. `false` if nobody reads it any more.
fn play(stream: &mut impl Write, hz: f64, seconds: f64) -> bool {
    let samples = recording::tone(16_000, hz, seconds, 7);
    let began = Instant::now();
    for (number, part) in samples.chunks(1_600).enumerate() {
        if stream.write_all(&recording::pcm(part)).is_err() {
            return false;
        }
        let due = Duration::from_millis(100 * number as u64);
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
    true
}

/// No file under `folder` has these bytes.
fn is_nowhere(secret: &[u8], folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            is_nowhere(secret, &path);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let is_there = bytes.windows(secret.len()).any(|part| part == secret);
            assert!(!is_there, "{}", path.display());
        }
    }
}

#[test]
fn a_stream_is_decided_on_taught_and_connected_again_without_showing_its_password() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::taught();
    let served = AtomicUsize::new(0);
    let address = serve(move |request, mut stream| {
        // base64 of anna:s3cret
        if !request
            .iter()
            .any(|line| line.ends_with("Basic YW5uYTpzM2NyZXQ="))
        {
            let refusal = "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
            let _ = stream.write_all(refusal.as_bytes());
            return;
        }
        // The first attempt after the loss fails.
        let number = served.fetch_add(1, Ordering::Relaxed);
        if number == 1 {
            let _ = stream.write_all(b"HTTP/1.0 503 Busy\r\n\r\n");
            return;
        }
        let _ = stream.write_all(OK.as_bytes());
        let _ = stream.write_all(&header());
        play(&mut stream, if number == 0 { 310.0 } else { 3_010.0 }, 4.0);
    });
    let url = format!("http://anna:s3cret@{address}/live.wav?channel=1&token=t0psecret");
    let shown = format!("http://{address}/live.wav?channel=1&token=***");
    let program = sandbox.afield(["listen", "--windows", "--window", "0.5", "--source", &url]);
    let mut listening = ListeningProcess::start(program);
    listening.read();
    listening.wait_for(&format!(
        "{shown}: 1 channel at 16000 Hz, decoded by ffmpeg"
    ));
    let first = listening.next().unwrap();
    assert_eq!(first["label"], "low", "{first}");
    assert_eq!(first["lost"], 0, "{first}");
    assert_eq!(first["overruns"], serde_json::Value::Null, "{first}");
    let said = sandbox.run("teach middle --last 0.5s").ok().stderr;
    assert!(
        said.ends_with("1 new, 0 corrected, 0 known already\n"),
        "{said}"
    );
    let clips = sandbox.run("history").ok();
    clips.prints(["teach middle"]);

    let report = listening.wait_for("no connection: ");
    assert!(report.contains("1 reconnects"), "{report}");
    let mut before = first;
    let after = loop {
        let event = listening.next().expect("the stream goes on");
        if event["label"] == "high" {
            break event;
        }
        before = event;
    };
    // The window of a decision lies on one side of the gap, which lasted three seconds.
    let gap = number(&after, "start") - number(&before, "time");
    assert!(gap > 2.5, "{before} {after}");
    listening.wait_for("connected: ");
    let status = sandbox.run("status").ok();
    status.clone().prints(["listening ", "live.wav"]);
    drop(listening.child.kill());
    let (_, stderr) = listening.end();
    let all = stderr.join("\n") + &status.stdout;
    assert!(
        !all.contains("s3cret") && !all.contains("t0psecret"),
        "{all}"
    );
    is_nowhere(b"s3cret", sandbox.root());
    is_nowhere(b"t0psecret", sandbox.root());
}

#[test]
fn a_stream_that_cannot_be_reached_is_an_error_with_the_words_of_ffmpeg() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::taught();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let missing = serve(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n");
    });
    let text = serve(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nroot:x:0:0:root\n");
    });
    let playlist = sandbox.write("secret.ts", [0x47; 1_880]);
    let files = format!("#EXTM3U\n#EXTINF:1,\nfile://{}\n", playlist.display());
    let playlist = serve(move |_, mut stream| {
        let _ = stream.write_all(
            format!("HTTP/1.0 200 OK\r\nContent-Type: application/x-mpegURL\r\n\r\n{files}")
                .as_bytes(),
        );
    });
    for (url, expected) in [
        (
            format!("http://anna:s3cret@{closed}/a"),
            "Connection refused",
        ),
        (
            format!("rtsp://anna:s3cret@{closed}/a"),
            "Connection refused",
        ),
        (format!("tcp://{closed}"), "Connection refused"),
        (format!("http://anna:s3cret@{missing}/a"), "404"),
        (format!("http://anna:s3cret@{text}/a"), ""),
        // A list of a stranger's server opens no file.
        (format!("http://anna:s3cret@{playlist}/a.m3u8"), ""),
    ] {
        let began = Instant::now();
        let run = sandbox.run(["listen", "--source", &url]).refused();
        println!("{run}");
        assert!(began.elapsed() < Duration::from_secs(60));
        assert!(
            run.contains("cannot open ") && run.contains("ffmpeg says: "),
            "{run}"
        );
        assert!(
            run.contains(expected) && run.contains("hint: does `ffplay"),
            "{run}"
        );
        assert!(!run.contains("s3cret"), "{run}");
    }
    let run = sandbox.afield(["listen", "--source", "http://anna:s3cret@host/a"]);
    let run = run.env("PATH", sandbox.folder("empty")).run().refused();
    let needs = "http://host/a is a network stream, which only ffmpeg decodes";
    assert!(
        run.contains(needs) && run.contains("hint: install ffmpeg"),
        "{run}"
    );
    let run = sandbox
        .run(["listen", "--source", "ftp://anna:s3cret@host/a"])
        .fails(2);
    assert!(!run.stderr.contains("s3cret"), "{run}");
    run.says(["ftp://host/a", "hint: write rtsp://HOST/PATH"]);
}

/// One session of an RTSP camera whose sound is PCM in RTP packets over the same connection.
fn camera(connection: TcpStream) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    loop {
        let lines = request(&mut reader);
        let Some(first) = lines.first() else { return };
        let sequence = lines.iter().find(|line| line.starts_with("CSeq")).unwrap();
        let sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
                   m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:video\r\n\
                   m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/16000/1\r\na=control:audio\r\n";
        let (more, body) = match first.split(' ').next().unwrap() {
            "OPTIONS" => ("Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n".to_owned(), ""),
            "DESCRIBE" => {
                let length = sdp.len();
                let head = format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n");
                (head, sdp)
            }
            "SETUP" => {
                assert!(first.contains("/audio"), "only the sound: {first}");
                let transport = "RTP/AVP/TCP;unicast;interleaved=0-1";
                (format!("Transport: {transport}\r\nSession: 7\r\n"), "")
            }
            _ => ("Session: 7\r\n".to_owned(), ""),
        };
        let answer = format!("RTSP/1.0 200 OK\r\n{sequence}\r\n{more}\r\n{body}");
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
        if first.starts_with("PLAY") {
            break;
        }
    }
    let samples = recording::tone(16_000, 3_010.0, 20.0, 5);
    let began = Instant::now();
    for (number, part) in samples.chunks(640).enumerate() {
        let mut packet = vec![b'$', 0, 0, 0, 0x80, 97];
        packet.extend((number as u16).to_be_bytes());
        packet.extend((number as u32 * 640).to_be_bytes());
        packet.extend(9_u32.to_be_bytes());
        packet.extend(part.iter().flat_map(|x| x.to_be_bytes()));
        let length = packet.len() as u16 - 4;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        if writer.write_all(&packet).is_err() {
            return;
        }
        let due = Duration::from_millis(40 * number as u64);
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
}

#[test]
fn the_sound_of_a_camera_is_decided_on() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::taught();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || camera(listener.accept().unwrap().0));
    let url = format!("rtsp://{address}/stream");
    let arguments = ["listen", "--windows", "--for", "8s", "--source", &url];
    let run = sandbox.run(arguments).ok();
    let events = run.json_lines();
    assert!(events.len() > 5, "{run}");
    let labels: Vec<_> = events.iter().skip(1).map(|event| &event["label"]).collect();
    assert!(labels.iter().all(|label| *label == "high"), "{run}");
}

/// Segments of HLS, made by ffmpeg, and their playlist.
fn segments(sandbox: &Sandbox) -> std::path::PathBuf {
    let samples = recording::tone(16_000, 310.0, 12.0, 3);
    sandbox.wav("sound.wav", 16_000, &samples);
    let folder = sandbox.folder("hls");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(sandbox.path("sound.wav"))
        .args([
            "-c:a",
            "aac",
            "-hls_time",
            "3",
            "-hls_list_size",
            "0",
            "-hls_flags",
            "omit_endlist",
        ])
        .arg(folder.join("live.m3u8"))
        .status();
    assert!(made.unwrap().success());
    folder
}

#[test]
fn http_live_streaming_is_decided_on() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::taught();
    let folder = segments(&sandbox);
    let (sender, asked): (_, Receiver<String>) = channel();
    let address = serve(move |request, mut stream| {
        let name = request[0]
            .split(' ')
            .nth(1)
            .unwrap()
            .trim_start_matches('/')
            .to_owned();
        let bytes = fs::read(folder.join(&name)).unwrap_or_default();
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&bytes);
        let _ = sender.send(name);
    });
    let url = format!("http://{address}/live.m3u8");
    let mut listening =
        ListeningProcess::start(sandbox.afield(["listen", "--windows", "--source", &url]));
    listening.read();
    for _ in 0..5 {
        let event = listening.next().unwrap();
        assert_eq!(event["label"], "low", "{event}");
    }
    // It asks for the list again: the stream has no end yet.
    let mut lists = 0;
    while lists < 2 {
        let name = asked.recv_timeout(PATIENCE).unwrap();
        lists += usize::from(name == "live.m3u8");
    }
}

#[test]
fn the_child_ends_with_the_listener() {
    if !has_ffmpeg() {
        return;
    }
    let sandbox = Sandbox::taught();
    let (sender, ended) = channel();
    let address = serve(move |_, mut stream| {
        let _ = stream.write_all(OK.as_bytes());
        let _ = stream.write_all(&header());
        while play(&mut stream, 310.0, 1.0) {}
        let _ = sender.send(());
    });
    let url = format!("http://{address}/a");
    let run = sandbox
        .run(["listen", "--for", "2s", "--source", &url])
        .ok();
    assert!(!run.json_lines().is_empty(), "{run}");
    ended
        .recv_timeout(PATIENCE)
        .expect("the connection is closed");
}
