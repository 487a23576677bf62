//! A listener under a service manager: ready when it listens, heard of as long as
//! sound comes, and not when none does.

#![cfg(target_os = "linux")]

use crate::models;
use crate::recording;

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn next(socket: &UnixDatagram, within: Duration) -> Option<String> {
    socket.set_read_timeout(Some(within)).unwrap();
    let mut bytes = [0; 256];
    let len = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..len]).trim().to_owned())
}

#[test]
fn a_listener_gives_signs_of_life_while_it_hears() {
    models::fixture("tiny");
    let root = tempfile::tempdir().unwrap();
    let learner = root.path().join("box");
    let afield = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command
            .env("AFIELD_CACHE", models::cache().root())
            .env("AFIELD_LEARNER", &learner);
        command
    };
    let made = afield()
        .args(["init", "--backbone", "tiny"])
        .arg(&learner)
        .status();
    assert!(made.unwrap().success());
    for (label, hz) in [("low", 300.0), ("high", 3_000.0)] {
        let wav = root.path().join(format!("{label}.wav"));
        recording::write_wav(&wav, 16_000, &recording::tone(16_000, hz, 0.5, 1));
        assert!(
            afield()
                .args(["teach", label])
                .arg(&wav)
                .status()
                .unwrap()
                .success()
        );
    }
    let path = root.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut child = afield()
        .args(["listen", "--source", "stdin"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Duration::from_secs(30);
    assert_eq!(next(&socket, patience).as_deref(), Some("READY=1"));
    let mut stdin = child.stdin.take().unwrap();
    let sound = recording::pcm(&recording::tone(16_000, 300.0, 0.1, 2));
    let (began, mut signs) = (Instant::now(), 0);
    while signs < 3 && began.elapsed() < patience {
        stdin.write_all(&sound).unwrap();
        stdin.flush().unwrap();
        if let Some(said) = next(&socket, Duration::from_millis(100)) {
            assert_eq!(said, "WATCHDOG=1");
            signs += 1;
        }
    }
    println!("{signs} signs of life in {:?}", began.elapsed());
    assert_eq!(signs, 3);
    // The microphone hangs: what was piped in is soon heard, and then it is quiet.
    while next(&socket, Duration::from_millis(700)).is_some() {}
    assert_eq!(next(&socket, Duration::from_millis(700)), None);
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
