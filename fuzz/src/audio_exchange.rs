//! Sends any bytes over the socket of a learner that listens. The first byte selects the side: the
//! other bytes are a request to the learner, or its answer.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use afield::engine::{Lending, RetainedAudio};
use afield::signal::{Chunk, Micros};
use afield::{Engine, Recording};
use tempfile::TempDir;

const SOCKET: &str = "listen.sock";

/// A learner's folder with retained audio. It exists as long as the program runs.
static HEARD: LazyLock<(TempDir, Lending)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a writable folder for temporary files");
    let mut sound = Recording::from_sound(1_000, Vec::new()).expect("a rate");
    let recent = RetainedAudio::of(sound.source(), Instant::now());
    let chunk = Chunk {
        start: Micros(0),
        samples: vec![0.5; 100],
    };
    recent.push(&chunk, Instant::now());
    let lending = Lending::start(folder.path(), recent, "fuzz").expect("a socket");
    (folder, lending)
});

/// Sends the next answer of the socket.
type Answers = Mutex<Sender<Vec<u8>>>;

/// A learner's folder whose socket answers each request with the bytes that are sent here.
static ANSWERS: LazyLock<(TempDir, Engine, Answers)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a writable folder for temporary files");
    let engine = Engine::create(folder.path(), "imu").expect("a learner");
    let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
    let (sender, answers) = channel::<Vec<u8>>();
    thread::spawn(move || {
        for (stream, answer) in listener.incoming().zip(answers) {
            let mut stream = stream.expect("a caller");
            let _ = stream.read(&mut [0; 256]);
            // The client may close the connection before the end.
            let _ = stream.write_all(&answer);
        }
    });
    (folder, engine, Mutex::new(sender))
});

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let Some((&side, bytes)) = bytes.split_first() else {
        return;
    };
    if side & 1 == 0 {
        let path = HEARD.0.path().join(SOCKET);
        let mut stream = UnixStream::connect(path).expect("it listens");
        // A request that is too long is answered before its end.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        if stream.read_to_end(&mut answer).is_ok() {
            assert!(answer.contains(&b'\n'), "a line of answer");
        }
        return;
    }
    let (_, engine, answers) = &*ANSWERS;
    let answers = answers.lock().expect("one at a time");
    answers.send(bytes.to_vec()).expect("it answers");
    if side & 2 == 0 {
        if let Ok((mut recording, _, _)) = engine.latest_audio(Duration::from_millis(100)) {
            let mut chunk = Chunk::default();
            assert!(matches!(recording.source().read(&mut chunk), Ok(true)));
            assert!(!chunk.samples.is_empty());
        }
    } else {
        let _ = engine.listened_to();
    }
}
