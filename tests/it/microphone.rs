//! Microphones through ALSA: its file plugin, fed by a fifo, stands for the hardware.
//!
//! The test that writes into the fifo sets the pace. It writes whole blocks of the microphone, so
//! that no read of the plugin is cut short.

#![cfg(all(feature = "mic", target_os = "linux"))]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use afield::frontend::Resampler;
use afield::signal::{Chunk, SampleRate};
use afield::source::{AudioFile, Source};
use serde_json::Value;
use serialport::{SerialPort, TTYPort};

use crate::harness::listener::{ListeningProcess, number};
use crate::harness::{Run, Sandbox, models, recording, shared_data};

const HZ: usize = 16_000;
/// Samples of one block: twenty a second.
const BLOCK: usize = HZ / 20;

/// A microphone that hears what is written into it.
struct FakeMicrophone {
    config: PathBuf,
    fifo: File,
}

impl FakeMicrophone {
    fn new(sandbox: &Sandbox) -> Self {
        let path = sandbox.path("sound.fifo");
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        let config = sandbox.path("asound.conf");
        fs::write(&config, Self::text(&path)).unwrap();
        // Open for reading, too, so that it is open at once and never breaks.
        let fifo = OpenOptions::new().read(true).write(true).open(&path);
        Self {
            config,
            fifo: fifo.unwrap(),
        }
    }

    /// The microphones `default` and `hall`, and `desk`, which has two channels, no less.
    fn text(fifo: &Path) -> String {
        let plugin = |behind: &str| {
            format!(
                "type file\nslave.pcm {behind}\nfile \"/dev/null\"\ninfile \"{}\"\nformat \"raw\"\n",
                fifo.display()
            )
        };
        let (any, two) = (plugin("{ type null }"), plugin("two"));
        let both = "bindings { 0 { slave a channel 0 } 1 { slave a channel 1 } }";
        format!(
            "</usr/share/alsa/alsa.conf>\n\
             pcm.!default {{\n{any}}}\n\
             pcm.hall {{\n{any}hint {{ show on\ndescription \"Hall Microphone\" }}\n}}\n\
             pcm.two {{\ntype multi\nslaves.a {{ pcm {{ type null }} channels 2 }}\n{both}\n}}\n\
             pcm.desk {{\n{two}hint {{ show on\ndescription \"Desk Array\" }}\n}}\n"
        )
    }

    /// A listener, whose output is not read yet.
    fn listen_unread(&self, sandbox: &Sandbox, source: &str, arguments: &str) -> ListeningProcess {
        let program = sandbox
            .afield(["listen", "--windows", "--source", source])
            .args(arguments)
            .env("ALSA_CONFIG_PATH", &self.config);
        let mut listening = ListeningProcess::start(program);
        let said = listening.wait_for(" at ");
        let channels = match source {
            "mic:desk" => "2 channels, mixed,",
            _ => "1 channel",
        };
        let expected = format!("{channels} at 16000 Hz, i16");
        assert!(said.ends_with(&expected), "{said}");
        listening
    }

    fn listen(&self, sandbox: &Sandbox, source: &str, arguments: &str) -> ListeningProcess {
        let mut listening = self.listen_unread(sandbox, source, arguments);
        listening.read();
        listening
    }

    /// What is said into it, `speed` times as fast as it was spoken, and then silence for as long
    /// as anybody listens.
    fn say(&self, samples: Vec<i16>, speed: f64) -> Speaker {
        self.say_blocks(samples, BLOCK, speed)
    }

    /// The same into several channels, of which `block` samples are a twentieth of a second.
    fn say_blocks(&self, samples: Vec<i16>, block: usize, speed: f64) -> Speaker {
        let mut fifo = self.fifo.try_clone().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            let blocks = samples.chunks(block).map(|samples| {
                let mut samples = samples.to_vec();
                samples.resize(block, 0);
                samples
            });
            let silence = std::iter::repeat_with(|| vec![0; block]);
            let mut due = Instant::now();
            let spoken = blocks.len();
            for (n, samples) in blocks.chain(silence).enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                fifo.write_all(&recording::pcm(&samples)).unwrap();
                let speed = if n < spoken { speed } else { 1.0 };
                due = due.max(Instant::now() - Duration::from_millis(200))
                    + Duration::from_secs_f64(0.05 / speed);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Speaker(stop)
    }
}

/// It stops when this is dropped; one that waits for room in the fifo is left to it.
struct Speaker(Arc<AtomicBool>);

impl Drop for Speaker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A recording at the microphone's rate.
fn resampled(path: &Path) -> Vec<i16> {
    let mut file = AudioFile::open(path).unwrap();
    let rate = SampleRate::new(HZ as u32).unwrap();
    let mut resampler = Resampler::new(file.rate(), rate).unwrap();
    let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
    while file.read(&mut chunk).unwrap() {
        resampler.push(&chunk.samples, &mut samples);
    }
    resampler.finish(&mut samples);
    let integer = |x: &f32| (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
    samples.iter().map(integer).collect()
}

#[test]
fn a_microphone_and_a_file_give_the_same_decisions() {
    let test = "a_microphone_and_a_file_give_the_same_decisions";
    let (Some(shared), Some(_)) = (
        shared_data::folder(test),
        models::real("speech-embedding", test),
    ) else {
        return;
    };
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone speech-embedding").ok();
    let clip = |digit: u32, take: u32| shared.join(format!("fsdd/{digit}/jackson_{take}.wav"));
    for digit in [0, 3, 7] {
        let label = digit.to_string();
        let clips: Vec<PathBuf> = (10..16).map(|take| clip(digit, take)).collect();
        let teach = sandbox.afield(["teach", &label]).args(&clips);
        teach.run().ok();
    }
    let mut spoken = Vec::new();
    for take in 20..24 {
        for digit in [0, 3, 7] {
            spoken.extend(resampled(&clip(digit, take)));
            spoken.resize(spoken.len() + HZ / 4, 0);
        }
    }
    spoken.resize(spoken.len().next_multiple_of(BLOCK) + 2 * HZ, 0);
    recording::write_wav(&sandbox.path("spoken.wav"), HZ as u32, &spoken);
    let run = sandbox
        .run("listen --windows --source wav:spoken.wav --every 0.2")
        .ok();
    let file = run.json_lines();
    // What the end of the file alone decides is left out.
    let file: Vec<&Value> = (file.iter())
        .filter(|event| number(event, "time") * HZ as f64 <= (spoken.len() - HZ) as f64)
        .collect();
    let words = file.iter().filter(|event| !event["label"].is_null());
    assert!(file.len() >= 30 && words.count() >= 15, "{file:?}");

    let microphone = FakeMicrophone::new(&sandbox);
    let mut listening = microphone.listen(&sandbox, "mic", "--every 0.2");
    let _speaker = microphone.say(spoken, 4.0);
    hears(&mut listening, &file);
}

/// A microphone decides what was decided on a file.
fn hears(listening: &mut ListeningProcess, file: &[&Value]) {
    let mut differs = 0.0_f64;
    for expected in file {
        let event = listening.next().expect("a decision");
        for key in ["time", "start", "label"] {
            assert_eq!(event[key], expected[key], "{event} instead of {expected}");
        }
        assert_eq!(
            (event["lost"].as_u64(), event["overruns"].as_u64()),
            (Some(0), Some(0))
        );
        assert!(event["latency_ms"].is_f64(), "{event}");
        differs =
            differs.max((number(&event, "confidence") - number(expected, "confidence")).abs());
    }
    println!(
        "{} decisions, confidences differ by {differs} at most",
        file.len()
    );
    assert!(differs <= 1e-6, "{differs}");
}

#[test]
fn a_microphone_of_two_channels_and_a_stereo_file_give_the_same_decisions() {
    let sandbox = Sandbox::taught();
    // One after the other on either side, so that nothing hears both labels with one ear.
    let (low, high) = (
        recording::tone(HZ as u32, 300.0, 4.0, 3),
        recording::tone(HZ as u32, 3_000.0, 4.0, 4),
    );
    let silence = vec![0; 4 * HZ];
    let left = [&low[..], &silence, &silence[..HZ]].concat();
    let right = [&silence[..], &high, &silence[..HZ]].concat();
    let both: Vec<i16> = left
        .into_iter()
        .zip(right)
        .flat_map(<[i16; 2]>::from)
        .collect();
    recording::write_wav_of(&sandbox.path("both.wav"), HZ as u32, 2, &both);
    let run = sandbox
        .run("listen --windows --source wav:both.wav --every 0.2")
        .ok();
    let file = run.json_lines();
    let file: Vec<&Value> = (file.iter())
        .filter(|event| number(event, "time") <= 8.0)
        .collect();
    let said = |label: &str| file.iter().filter(|event| event["label"] == label).count();
    assert!(said("low") >= 10 && said("high") >= 10, "{file:?}");

    let microphone = FakeMicrophone::new(&sandbox);
    let mut listening = microphone.listen(&sandbox, "mic:desk", "--every 0.2");
    let _speaker = microphone.say_blocks(both, 2 * BLOCK, 4.0);
    hears(&mut listening, &file);
}

#[test]
fn a_slow_program_counts_the_samples_that_it_drops() {
    let sandbox = Sandbox::taught();
    let microphone = FakeMicrophone::new(&sandbox);
    // Its output is not read for a while: it cannot go on.
    let mut listening = microphone.listen_unread(&sandbox, "mic", "--every 0.04 --for 5s");
    let speaker = microphone.say(recording::tone(HZ as u32, 300.0, 150.0, 3), 1e6);
    thread::sleep(Duration::from_secs(4));
    listening.read();
    let (mut events, mut jumps) = (Vec::new(), 0);
    while let Some(event) = listening.next() {
        events.push(event);
    }
    for pair in events.windows(2) {
        let step = number(&pair[1], "time") - number(&pair[0], "time");
        assert!(step > -1e-9, "{pair:?}");
        jumps += usize::from(step > 0.5);
    }
    let (status, said) = listening.end();
    drop(speaker);
    let report = said.last().unwrap();
    println!("{report}; {jumps} jumps of time");
    assert!(status.success(), "{said:?}");
    let word = |before: &str| {
        let rest = report.split(before).nth(1).unwrap();
        let number = rest.trim_start().split(' ').next().unwrap();
        number.parse::<f64>().unwrap()
    };
    let (samples, dropped) = (word("connected: "), word("samples, "));
    let last = events.last().unwrap();
    assert!(dropped > 0.0 && jumps > 0, "{report}");
    // All 150 seconds of it where the machine is not busy; more than the queue holds on any.
    assert!(samples >= 20.0 * HZ as f64, "{report}");
    let lost = number(last, "lost");
    assert!(lost > 0.0 && lost <= dropped, "{last}");
    // Nothing was stitched: time counts what was dropped.
    let behind = samples / HZ as f64 - number(last, "time");
    assert!((-0.1..8.0).contains(&behind), "{behind} s behind: {last}");
}

#[test]
fn a_missing_microphone_is_retried_until_it_returns() {
    let sandbox = Sandbox::taught();
    let microphone = FakeMicrophone::new(&sandbox);
    let mut listening = microphone.listen(&sandbox, "mic", "--every 0.2");
    let mut speaker = microphone.say(recording::tone(HZ as u32, 300.0, 60.0, 3), 1.0);
    let first = listening.next().unwrap();
    assert_eq!(first["label"], "low", "{first}");
    // It is gone: nothing comes, and opening it again fails.
    drop(speaker);
    let away = sandbox.path("away.conf");
    fs::rename(&microphone.config, &away).unwrap();
    fs::write(&microphone.config, "</usr/share/alsa/alsa.conf>\n").unwrap();
    listening.wait_for("no connection");
    // The plugin waits for a last block, as no hardware would.
    let mut fifo = microphone.fifo.try_clone().unwrap();
    fifo.write_all(&[0; 2 * BLOCK]).unwrap();
    thread::sleep(Duration::from_millis(700));
    fs::rename(&away, &microphone.config).unwrap();
    speaker = microphone.say(recording::tone(HZ as u32, 3_000.0, 60.0, 4), 1.0);
    listening.wait_for("1 reconnects");
    let mut before = first;
    loop {
        let event = listening.next().unwrap();
        let jump = number(&event, "time") - number(&before, "time");
        if jump > 2.0 {
            println!("{jump:.2} s without a decision");
            assert!(jump < 60.0, "{event}");
            break;
        }
        before = event;
    }
    let event = (0..20).find_map(|_| listening.next().filter(|event| event["label"] == "high"));
    assert!(event.is_some(), "what it hears now");
    drop(speaker);
}

#[test]
fn a_typed_label_teaches_the_last_seconds() {
    let sandbox = Sandbox::taught();
    let microphone = FakeMicrophone::new(&sandbox);
    let (mut keyboard, terminal) = TTYPort::pair().expect("a pair of pseudo-terminals");
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(terminal.name().unwrap())
        .unwrap();
    let program = sandbox
        .afield("listen --windows --source mic --every 0.2")
        .env("ALSA_CONFIG_PATH", &microphone.config)
        .stdin_from(terminal);
    let mut listening = ListeningProcess::start(program);
    listening.read();
    listening.wait_for("type a label and Enter to teach the last 0.5 s");
    keyboard.write_all(b"too early\n").unwrap();
    listening.wait_for("not taught: ");
    let _speaker = microphone.say(recording::tone(HZ as u32, 1_200.0, 600.0, 3), 4.0);
    while listening
        .next()
        .is_some_and(|event| number(&event, "time") < 1.0)
    {}
    let mut chance = vec![0xff_u8, 0xfe, b'\n', b'\n', b' ', b'\n'];
    chance.extend([b'x'; 5_000]);
    chance.push(b'\n');
    keyboard.write_all(&chance).unwrap();
    keyboard.write_all("küche\n".as_bytes()).unwrap();
    let said = listening.wait_for("taught last ");
    assert!(said.ends_with(" s of mic as küche"), "{said}");
    let known = (0..40).find_map(|_| listening.next().filter(|event| event["label"] == "küche"));
    assert!(known.is_some());
    let status = sandbox.status();
    assert!(status["classes"].to_string().contains("küche"), "{status}");
    // And `teach --last` gets the same samples.
    sandbox.run("teach middle --last 500ms").ok();
}

#[test]
fn a_missing_microphone_is_an_error_of_two_lines() {
    let sandbox = Sandbox::taught();
    let config = sandbox.path("none.conf");
    fs::write(&config, "</usr/share/alsa/alsa.conf>\n").unwrap();
    let run = |arguments: &[&str]| {
        let program = sandbox.afield(arguments);
        program.env("ALSA_CONFIG_PATH", &config).run()
    };
    for (source, word) in [
        ("mic:Nonesuch", "Nonesuch"),
        ("mic:hw:CARD=9,DEV=9", "hw:CARD=9,DEV=9"),
    ] {
        let said = run(&["listen", "--source", source]).refused();
        assert!(said.contains(word) && said.contains("--source"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    run(&["devices", "--json"]).ok();
}

#[test]
fn microphones_are_listed_and_selected_by_a_part_of_their_description() {
    let sandbox = Sandbox::taught();
    let microphone = FakeMicrophone::new(&sandbox);
    let devices = |arguments: &str| -> Run {
        let program = sandbox.afield(arguments);
        program
            .env("ALSA_CONFIG_PATH", &microphone.config)
            .run()
            .ok()
    };
    let listed = devices("devices --json").json_lines();
    let table = devices("devices").stdout;
    println!("{table}");
    let hall = listed
        .iter()
        .find(|device| device["name"] == "hall")
        .unwrap();
    assert_eq!(hall["description"], "Hall Microphone");
    assert_eq!(hall["default"], false);
    assert_eq!(hall["channels"][0], 1);
    let desk = listed.iter().find(|device| device["name"] == "desk");
    assert_eq!(desk.unwrap()["channels"], serde_json::json!([2, 2]));
    assert_eq!(listed[0]["name"], "default");
    assert_eq!(listed[0]["default"], true);
    assert!(
        table.lines().any(|line| line.starts_with("* default ")),
        "{table}"
    );
    for name in ["mic:hall", "mic:hall mic"] {
        let mut listening = microphone.listen(&sandbox, name, "");
        let speaker = microphone.say(recording::tone(HZ as u32, 300.0, 60.0, 3), 4.0);
        let event = listening.next().unwrap();
        assert_eq!(event["label"], "low", "{name}: {event}");
        drop(listening);
        drop(speaker);
        assert!(microphone.config.exists());
    }
}

/// User and system CPU seconds of a process.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let numbers: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |n: usize| numbers[n].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Prints what a minute of listening costs; a measurement, not a test.
#[test]
#[ignore = "takes five minutes: cargo test --release -p afield-cli --features mic --test it what_listening_costs -- --ignored --nocapture"]
fn what_listening_costs() {
    let test = "what_listening_costs";
    let (Some(shared), Some(_)) = (
        shared_data::folder(test),
        models::real("speech-embedding", test),
    ) else {
        return;
    };
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone speech-embedding").ok();
    let mut sound = Vec::new();
    for (label, take) in [("0", 0), ("3", 0), ("7", 0)] {
        let clip = |take| shared.join(format!("fsdd/{label}/theo_{take}.wav"));
        let clip_of_label = clip(take);
        sandbox
            .run(["teach", label, clip_of_label.to_str().unwrap()])
            .ok();
        (1..40).for_each(|take| sound.extend(resampled(&clip(take))));
    }
    let minute = 60 * HZ;
    let sound: Vec<i16> = sound.iter().copied().cycle().take(2 * minute).collect();
    let microphone = FakeMicrophone::new(&sandbox);
    for (what, samples, gate) in [
        ("silence", vec![0; 2 * minute], ""),
        ("sound", sound.clone(), ""),
        ("silence, --gate", vec![0; 2 * minute], "--gate"),
        ("sound, --gate", sound, "--gate"),
    ] {
        let listening = microphone.listen(&sandbox, "mic", gate);
        let speaker = microphone.say(samples, 1.0);
        // Loading and the first ten seconds, in which the gate learns, do not count.
        thread::sleep(Duration::from_secs(13));
        let (began, before) = (Instant::now(), cpu_seconds(listening.child.id()));
        thread::sleep(Duration::from_secs(60));
        let used = cpu_seconds(listening.child.id()) - before;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{what}: {used:.2} CPU seconds in {seconds:.1} s, {:.2} %",
            100.0 * used / seconds
        );
        drop(listening);
        drop(speaker);
    }
}
