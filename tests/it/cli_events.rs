//! The events of `afield listen`: one line for one sound, in several formats, with their sounds as
//! clips.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use afield::engine::{EngineOptions, ListenOptions};
use afield::signal::Chunk;
use afield::{Engine, Event, SourceSpec};
use serde_json::Value;

use crate::harness::listener::{ENDED, ListeningProcess, number};
use crate::harness::recording::{self, Clip};
use crate::harness::{Sandbox, models, shared_data};

const HZ: usize = 16_000;

/// A learner that knows `low`, `high` and the `background`.
fn place() -> Sandbox {
    let sandbox = Sandbox::taught();
    for seed in 0..4 {
        sandbox.wav(&format!("quiet/{seed}.wav"), HZ as u32, &noise(0.5, seed));
    }
    sandbox.run("teach background quiet").ok();
    sandbox
}

fn noise(seconds: f64, seed: u64) -> Vec<i16> {
    recording::tone(HZ as u32, 0.0, seconds, seed + 100)
}

/// 15 s of noise, with `low` from 3 to 5 s and `high` from 9 to 10.5 s.
fn stream() -> Vec<i16> {
    let mut samples = noise(15.0, 9);
    for (from, hz, seconds) in [(3.0, 300.0, 2.0), (9.0, 3_000.0, 1.5)] {
        let tone = recording::tone(HZ as u32, hz, seconds, 5);
        let from = (from * HZ as f64) as usize;
        samples[from..from + tone.len()].copy_from_slice(&tone);
    }
    samples
}

/// The two sounds of [`stream`], to within half a window.
#[track_caller]
fn are_low_and_high(events: &[Value]) {
    let labels: Vec<_> = events.iter().map(|event| &event["label"]).collect();
    assert_eq!(labels, ["low", "high"], "{events:#?}");
    for (event, (start, end)) in events.iter().zip([(3.0, 5.0), (9.0, 10.5)]) {
        assert!((number(event, "start") - start).abs() < 0.3, "{event}");
        assert!((number(event, "end") - end).abs() < 0.3, "{event}");
        assert_eq!(event["kind"], "known");
        assert!(number(event, "confidence") > 0.9, "{event}");
    }
}

const BACKGROUND_IS_MISSING: &str = "no class background is taught";

#[test]
fn each_sound_is_one_event_of_a_file_and_of_a_pipe() {
    let sandbox = place();
    let samples = stream();
    sandbox.wav("stream.wav", HZ as u32, &samples);
    let listen = "listen --every 0.25 --source";
    let file = sandbox.afield(listen).args("wav:stream.wav").run().ok();
    assert!(file.stderr.is_empty(), "{file}");
    file.has_keys([
        "event",
        "start",
        "end",
        "label",
        "kind",
        "confidence",
        "path",
    ]);
    let mut events = file.json_lines();
    are_low_and_high(&events);

    let stdin = sandbox.afield(listen).args("stdin");
    let stdin = stdin.stdin(recording::pcm(&samples)).run();
    assert_eq!(stdin.code, Some(ENDED), "{stdin}");
    stdin.has_keys([
        "event",
        "start",
        "end",
        "at",
        "label",
        "kind",
        "confidence",
        "source",
    ]);
    let mut piped = stdin.json_lines();
    for event in events.iter_mut().chain(&mut piped) {
        let event = event.as_object_mut().unwrap();
        for key in ["event", "at", "path", "source"] {
            event.remove(key);
        }
    }
    assert_eq!(events, piped, "chunks of another size");

    // The times are those of the beginning, where the recording's own is known.
    let started = "wav:stream.wav --start 2026-06-01T22:10:00Z";
    let started = sandbox.afield(listen).args(started).run().ok();
    let first = &started.json_lines()[0];
    let expected = format!("2026-06-01T22:10:{:06.3}Z", number(first, "start"));
    assert_eq!(first["at"].as_str().unwrap()[..22], expected[..22]);
}

#[test]
fn without_a_background_class_every_window_belongs_to_an_event_and_a_note_says_so() {
    let sandbox = Sandbox::taught();
    let mut samples = recording::tone(HZ as u32, 300.0, 3.0, 1);
    samples.extend(recording::tone(HZ as u32, 3_000.0, 2.0, 2));
    sandbox.wav("long.wav", HZ as u32, &samples);
    let run = sandbox.run("listen --source wav:long.wav").ok();
    let run = run.says([BACKGROUND_IS_MISSING, "`afield teach background FILE`"]);
    let events = run.json_lines();
    let labels: Vec<_> = events.iter().map(|event| &event["label"]).collect();
    assert_eq!(labels, ["low", "high"], "{run}");
    let run = sandbox.run("listen --windows --source wav:long.wav").ok();
    assert!(run.stderr.is_empty(), "{run}");
    assert!(run.json_lines().len() > 8, "{run}");

    // What nothing was taught of is one unknown event.
    let empty = Sandbox::new().with_learner("box");
    empty.run("init box --backbone tiny").ok();
    empty.wav("long.wav", HZ as u32, &samples);
    let event = empty.run("listen --source wav:long.wav --window 0.5").ok();
    let event = event.json();
    assert_eq!(
        (&event["label"], &event["kind"]),
        (&Value::Null, &"unknown".into())
    );
}

#[test]
fn events_are_written_as_tables_of_other_programs() {
    let sandbox = place();
    sandbox.wav("a,b.wav", HZ as u32, &stream());
    let listen = |more: &str| {
        let listen = sandbox.afield(["listen", "--every", "0.25", "--source", "wav:a,b.wav"]);
        listen.args(more).run().ok()
    };
    let events = listen("").json_lines();
    let times = |n: usize| (number(&events[n], "start"), number(&events[n], "end"));

    let csv = listen("--output csv --start 2026-06-01T22:10:00Z").stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "start,end,label,kind,confidence,novelty,at,path");
    assert_eq!(lines.len(), 3, "{csv}");
    let (start, end) = times(0);
    let begins = format!(
        "{start:.6},{end:.6},low,known,{},,2026",
        events[0]["confidence"]
    );
    assert!(lines[1].starts_with(&begins), "{} {begins}", lines[1]);
    assert!(lines[1].ends_with("Z,\"a,b.wav\""), "{}", lines[1]);

    let raven = listen("--output raven").stdout;
    let lines: Vec<Vec<&str>> = raven
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "Selection",
            "View",
            "Channel",
            "Begin Time (s)",
            "End Time (s)",
            "Low Freq (Hz)",
            "High Freq (Hz)",
            "Begin File",
            "Species",
            "Confidence"
        ]
    );
    let (start, end) = times(1);
    let (start, end) = (format!("{start:.6}"), format!("{end:.6}"));
    let row = [
        "2",
        "Spectrogram 1",
        "1",
        &start,
        &end,
        "0",
        "8000",
        "a,b.wav",
        "high",
    ];
    assert_eq!(lines[2][..9], row);

    let audacity = listen("--output audacity").stdout;
    let second = audacity.lines().nth(1).unwrap();
    assert_eq!(second, format!("{start}\t{end}\thigh"));
    assert_eq!(audacity.lines().count(), 2);

    let of_several = "listen --source dir:low --output";
    for output in ["raven", "audacity"] {
        let said = sandbox.afield(of_several).args(output).run().refused();
        assert!(
            said.contains("--output") && said.contains("one recording"),
            "{said}"
        );
    }
    sandbox.afield(of_several).args("csv").run().ok();
    let said = sandbox
        .run("listen --windows --output csv --source stdin")
        .refused();
    assert!(said.contains("--output"), "{said}");
}

/// The samples of an event.
fn samples_of(event: &Event) -> Vec<f32> {
    let mut recording = event.recording().unwrap();
    let (mut samples, mut chunk) = (Vec::new(), Chunk::default());
    while recording.source().read(&mut chunk).unwrap() {
        samples.extend_from_slice(&chunk.samples);
    }
    samples
}

#[test]
fn samples_that_are_kept_equal_those_of_the_file() {
    let sandbox = place();
    let long = [stream(), stream(), stream()].concat();
    let wav = sandbox.wav("long.wav", HZ as u32, &long);
    let options = EngineOptions {
        cache_dir: Some(models::cache().root().to_owned()),
        ..EngineOptions::default()
    };
    let engine = Engine::open_with(sandbox.learner(), options).unwrap();
    let listen = |keep_samples| {
        let options = ListenOptions {
            keep_samples,
            ..ListenOptions::default()
        };
        engine.listen_with(SourceSpec::file(&wav), options).unwrap()
    };
    let read: Vec<Event> = listen(false).map(Result::unwrap).collect();
    assert_eq!(read.len(), 6);
    for (event, read) in listen(true).zip(&read) {
        let event = event.unwrap();
        assert!(
            event.start < event.peak && event.peak < event.end,
            "{event:?}"
        );
        assert_eq!(event.id, read.id);
        assert!(samples_of(&event) == samples_of(read), "{event}");
    }
}

fn wavs(folder: PathBuf) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_sounds_of_events_are_kept_as_clips_of_a_bounded_number() {
    let sandbox = place();
    let samples = [stream(), stream(), stream()].concat();
    sandbox.wav("long.wav", HZ as u32, &samples);
    let listen = |more: &str| {
        let listen = "listen --every 0.25 --source wav:long.wav --clips heard";
        let run = sandbox.afield(listen).args(more).run().ok();
        run.json_lines()
    };
    let events = listen("");
    assert_eq!(events.len(), 6);
    let names = wavs(sandbox.path("heard/low"));
    let named: Vec<String> = (events.iter().filter(|event| event["label"] == "low"))
        .map(|event| format!("{:010.3}_low.wav", number(event, "start")))
        .collect();
    assert_eq!(names, named);
    // A clip has the samples of the stream, to the bit, from half a second before the event on.
    let clip = fs::read(sandbox.path("heard/low").join(&names[1])).unwrap();
    let sample = |key: &str| (number(&events[2], key) * HZ as f64).round() as usize;
    let (start, end) = (sample("start"), sample("end"));
    assert!(clip[44..] == recording::pcm(&samples[start - HZ / 2..end]));
    let without = "listen --every 0.25 --source wav:long.wav --clips exact --pre-roll 0s";
    sandbox.run(without).ok();
    let clip = fs::read(sandbox.path("exact/low").join(&names[1])).unwrap();
    assert!(clip[44..] == recording::pcm(&samples[start..end]));
    let long = sandbox
        .run("listen --source wav:long.wav --clips exact --pre-roll 11s")
        .fails(2);
    assert!(long.stderr.contains("at most 10s is kept"), "{long}");

    // Again: nothing new. With bounds: the oldest go, and no file that is not a clip.
    listen("");
    assert_eq!(wavs(sandbox.path("heard/low")).len(), 3);
    sandbox.write("heard/low/mine.wav", "mine");
    sandbox.write("heard/000000.000_low.wav", "mine");
    listen("--clips-per-class 2 --start 2026-06-01T22:10:00Z");
    let names = wavs(sandbox.path("heard/low"));
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(
        names[..2]
            .iter()
            .all(|name| name.starts_with("20260601T2210")),
        "{names:?}"
    );
    assert_eq!(names[2], "mine.wav");
    listen("--clips-bytes 120KB");
    let sizes = ["low", "high"].map(|class| {
        let folder = sandbox.path("heard").join(class);
        let names = wavs(folder.clone());
        let clips = names.iter().filter(|name| *name != "mine.wav");
        clips
            .map(|name| fs::metadata(folder.join(name)).unwrap().len())
            .sum::<u64>()
    });
    let bytes: u64 = sizes.iter().sum();
    assert!((40_000..=120_000).contains(&bytes), "{sizes:?}");
    assert!(sandbox.path("heard/000000.000_low.wav").exists());
}

#[test]
fn clips_stay_in_their_folder_whatever_a_label_is() {
    let sandbox = place();
    for label in ["../up", "..", "a/b", "con"] {
        // The same four clips, corrected each time.
        sandbox.run(["teach", label, "low"]).ok();
        sandbox.wav("stream.wav", HZ as u32, &stream());
        let listen = "listen --every 0.25 --source wav:stream.wav --clips deep/heard";
        let events = sandbox.run(listen).ok().json_lines();
        assert_eq!(events[0]["label"], label);
    }
    assert_eq!(wavs(sandbox.path("deep")), ["heard"]);
    let classes = wavs(sandbox.path("deep/heard"));
    assert_eq!(classes.len(), 5, "{classes:?}");
    for class in classes {
        assert_eq!(
            wavs(sandbox.path("deep/heard").join(&class)).len(),
            1,
            "{class}"
        );
    }
}

#[test]
fn clips_that_cannot_be_written_are_refused_by_their_flag() {
    let sandbox = place();
    sandbox.wav("stream.wav", HZ as u32, &stream());
    sandbox.write("file", "not a folder");
    for folder in ["file", "file/in-it"] {
        let said = sandbox.run(["listen", "--source", "wav:stream.wav", "--clips", folder]);
        let said = said.refused();
        assert!(said.contains("--clips"), "{said}");
    }
    sandbox.run("init watch --backbone imu").ok();
    sandbox.write("some.csv", "# rate: 50 Hz\nax,ay,az,wx,wy,wz\n");
    let listen = "listen --source csv:some.csv --clips heard --learner watch";
    let said = sandbox.run(listen).refused();
    assert!(
        said.contains("--clips") && said.contains("imu takes a sensor"),
        "{said}"
    );
    assert!(!sandbox.path("heard").exists());
    for usage in [
        "--clips heard --windows",
        "--clips-per-class 3",
        "--clips heard --clips-per-class 0",
    ] {
        let run = sandbox
            .afield("listen --source wav:stream.wav")
            .args(usage)
            .run();
        run.fails(2).says(["--clips"]);
    }
}

#[test]
#[cfg(unix)]
fn an_event_of_a_live_source_can_be_taught() {
    let sandbox = place();
    let samples = stream();
    let program = sandbox
        .afield("listen --every 0.25 --source stdin")
        .pipe_stdin();
    let mut listening = ListeningProcess::start(program);
    listening.read();
    let mut stdin = listening.child.stdin.take().unwrap();
    stdin.write_all(&recording::pcm(&samples)).unwrap();
    let event = listening.next().unwrap();
    assert_eq!(
        (&event["label"], &event["source"]),
        (&"low".into(), &"stdin".into())
    );
    let id = event["event"].as_str().unwrap().to_owned();
    let said = sandbox.run(["teach", "horn", "--event", &id]).ok().stderr;
    assert_eq!(said, "horn: 1 new, 0 corrected, 0 known already\n");
    let sample = |key: &str| (number(&event, key) * HZ as f64).round() as usize;
    let cut = &samples[sample("start")..sample("end")];
    sandbox.wav("event.wav", HZ as u32, cut);
    let said = sandbox.run("teach horn event.wav").ok().stderr;
    assert_eq!(said, "horn: 0 new, 0 corrected, 1 known already\n");
    // The class that came in between changes later events.
    stdin.write_all(&recording::pcm(&samples)).unwrap();
    drop(stdin);
    let rest: Vec<Value> = std::iter::from_fn(|| listening.next()).collect();
    assert!(
        rest.iter().any(|event| event["label"] == "high"),
        "{rest:#?}"
    );
    let (status, _) = listening.end();
    assert_eq!(status.code(), Some(ENDED));
}

#[test]
fn events_on_recordings_are_found_between_waves() {
    let test = "events_on_recordings_are_found_between_waves";
    let (Some(_), Some(data)) = (models::real("yamnet-256", test), shared_data::folder(test))
    else {
        return;
    };
    // Taught from two folds, heard from the others.
    let of = |class: &str, taught: bool| -> Vec<String> {
        let mut paths: Vec<String> = fs::read_dir(data.join("esc10").join(class))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with(['1', '2']) == taught
            })
            .map(|path| path.to_str().unwrap().to_owned())
            .collect();
        paths.sort();
        paths
    };
    let sandbox = Sandbox::new().with_learner("box");
    sandbox.run("init box --backbone yamnet-256").ok();
    let classes = [
        ("background", "sea_waves"),
        ("dog", "dog_bark"),
        ("cock", "rooster"),
        ("saw", "chainsaw"),
    ];
    for (label, class) in classes {
        let teach = sandbox.afield(["teach", label]).args(of(class, true));
        teach.run().ok();
    }
    let waves = of("sea_waves", false);
    let mut samples = Vec::new();
    let mut add = |path: &str| {
        let clip = Clip::read(path).unwrap();
        let start = samples.len() as f64 / f64::from(clip.rate.hz());
        samples.extend(clip.samples.iter().map(|x| (x * 32_767.0) as i16));
        (start, clip.rate.hz())
    };
    let mut truth = Vec::new();
    let mut rate = 0;
    for (n, (label, class)) in classes[1..].iter().chain(&classes[1..]).enumerate() {
        add(&waves[n % 3]);
        let (start, hz) = add(&of(class, false)[n]);
        truth.push((*label, start));
        rate = hz;
    }
    add(&waves[0]);
    sandbox.wav("day.wav", rate, &samples);
    let listen = "listen --source wav:day.wav --window 0.96 --every 0.48";
    let events = sandbox.run(format!("{listen} --unknown-below 0.05"));
    let events = events.ok().json_lines();
    println!("{events:#?}");
    let found = truth.iter().filter(|(label, start)| {
        events.iter().any(|event| {
            let middle = (number(event, "start") + number(event, "end")) / 2.0;
            event["label"] == *label && (*start..start + 5.0).contains(&middle)
        })
    });
    let found = found.count();
    let windows = format!("{listen} --windows");
    let windows = sandbox.run(&windows).ok().json_lines().len();
    println!(
        "{found} of {} found, by {} events of {windows} windows",
        truth.len(),
        events.len()
    );
    // Each sound is an event. Some are called unknown: these clips are from other recordings.
    let all = truth.iter().filter(|(_, start)| {
        events.iter().any(|event| {
            let middle = (number(event, "start") + number(event, "end")) / 2.0;
            (*start..start + 5.0).contains(&middle)
        })
    });
    assert_eq!(all.count(), truth.len());
    assert!(found >= 3, "{found} of {}", truth.len());
    assert!(
        events.len() <= 12 && windows > 100,
        "{} of {windows}",
        events.len()
    );
}
