//! `afield listen` under a service manager: it reports that it is ready, and sends a sign of
//! life as long as samples come.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::listener::ENDED;
use crate::harness::{Sandbox, recording};

fn next(socket: &UnixDatagram, within: Duration) -> Option<String> {
    socket.set_read_timeout(Some(within)).unwrap();
    let mut bytes = [0; 256];
    let len = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..len]).trim().to_owned())
}

#[test]
fn a_listener_sends_signs_of_life_only_while_samples_come() {
    let sandbox = Sandbox::taught();
    let path = sandbox.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let program = sandbox
        .afield("listen --windows --source stdin")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000");
    let mut child = program
        .command()
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
    // The microphone hangs: the piped samples are soon used up, and then no sign of life comes.
    while next(&socket, Duration::from_millis(700)).is_some() {}
    assert_eq!(next(&socket, Duration::from_millis(700)), None);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(ENDED));
}
