//! Tables, JSON lines and time stamps as loggers, boards, telephones and spreadsheets write them.
//!
//! Each case is a text made here, with the seconds and segments that it must give, and what must
//! be told about it.

use std::io::{Cursor, Write};
use std::thread;
use std::time::Duration;

use afield::signal::Chunk;
use afield::source::{
    Note, Recorded, SensorFormat, SensorRate, SourceError, SourceSpec, open_recording,
};
use serialport::{SerialPort, TTYPort};

use crate::harness::Sandbox;
use crate::harness::listener::ListeningProcess;

const HEAD: &str = "time [s],ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]";

/// The values of row `i`, with five digits after the point.
fn values(i: u32) -> String {
    let x = f64::from(i) / 9.0;
    let turn = 20.0 * x.cos();
    let (a, b, c) = (x.sin(), 0.5 + x.cos() / 3.0, 0.7);
    format!(
        "{a:.5},{b:.5},{c:.5},{turn:.5},{:.5},{:.5}",
        -turn,
        turn / 2.0
    )
}

/// A table with this head, of the rows that `row` gives for each of `rows` numbers.
fn table(head: &str, rows: u32, row: impl Fn(u32) -> String) -> String {
    (0..rows).fold(format!("{head}\n"), |mut text, i| {
        text.push_str(&row(i));
        text.push('\n');
        text
    })
}

/// A table of 300 rows with these times.
fn timed(head: &str, time: impl Fn(u32) -> String) -> String {
    table(head, 300, |i| format!("{},{}", time(i), values(i)))
}

/// The usual times.
fn even(i: u32) -> String {
    format!("{:.6}", f64::from(i) * 0.02)
}

fn control() -> String {
    timed(HEAD, even)
}

/// JSON lines with these times.
fn json(rows: u32, time: impl Fn(u32) -> String) -> String {
    (0..rows)
        .map(|i| {
            let text = values(i);
            let v: Vec<&str> = text.split(',').collect();
            format!(
                "{{\"t\": {}, \"ax\": {}, \"ay\": {}, \"az\": {}, \"wx\": {}, \"wy\": {}, \"wz\": {}}}\n",
                time(i), v[0], v[1], v[2], v[3], v[4], v[5]
            )
        })
        .collect()
}

/// What a text gives.
#[derive(Debug)]
struct Got {
    hz: u32,
    seconds: f64,
    segments: usize,
    samples: Vec<f32>,
    notes: Vec<Note>,
}

impl Got {
    /// The kinds of the notes.
    fn kinds(&self) -> Vec<String> {
        let kind = |note: &Note| {
            let json = serde_json::to_value(note).unwrap();
            let why = json.get("why").and_then(|why| why.as_str());
            why.or(json["kind"].as_str()).unwrap().to_owned()
        };
        self.notes.iter().map(kind).collect()
    }
}

fn read_as(name: &str, bytes: &[u8], format: &SensorFormat) -> Result<Got, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut source = open_recording(&path, format)?;
    let (hz, width) = (source.rate().hz(), source.channels().len());
    let (mut chunk, mut samples, mut segments) = (Chunk::default(), Vec::new(), 0);
    let mut end = None;
    while source.read(&mut chunk)? {
        let start = chunk.start.0;
        assert!(end.is_none_or(|end| start + 3 > end), "time goes on");
        if end.is_none_or(|end: u64| start.abs_diff(end) > 3) {
            segments += 1;
        }
        let length = (chunk.samples.len() / width) as u64;
        end = Some(start + length * 1_000_000 / u64::from(hz));
        samples.extend_from_slice(&chunk.samples);
    }
    Ok(Got {
        hz,
        seconds: (samples.len() / width) as f64 / f64::from(hz),
        segments,
        samples,
        notes: source.notes(),
    })
}

fn format(rate: Option<f64>, columns: &str) -> SensorFormat {
    SensorFormat {
        rate: rate.map(|hz| SensorRate::new(hz).unwrap()),
        columns: columns
            .split(',')
            .filter(|column| !column.is_empty())
            .map(str::to_owned)
            .collect(),
        ..SensorFormat::default()
    }
}

/// A text that must be read.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    format: SensorFormat,
    seconds: f64,
    segments: usize,
    /// What must be told, and nothing else.
    notes: Vec<&'static str>,
}

fn case(
    name: &'static str,
    text: impl Into<Vec<u8>>,
    seconds: f64,
    segments: usize,
    notes: &[&'static str],
) -> Case {
    Case {
        name,
        bytes: text.into(),
        format: SensorFormat::default(),
        seconds,
        segments,
        notes: notes.to_vec(),
    }
}

impl Case {
    fn rate(mut self, hz: f64) -> Self {
        self.format.rate = SensorRate::new(hz).ok();
        self
    }

    fn columns(mut self, columns: &str) -> Self {
        self.format.columns = format(None, columns).columns;
        self
    }

    fn check(self) {
        let got = read_as("x.csv", &self.bytes, &self.format);
        let got = got.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let told = got.kinds();
        let close = (got.seconds - self.seconds).abs() < 0.05 * self.seconds + 0.03;
        assert!(close, "{}: {} s, {told:?}", self.name, got.seconds);
        assert_eq!(got.segments, self.segments, "{}: {told:?}", self.name);
        assert_eq!(told, self.notes, "{}", self.name);
    }
}

/// Column names of a telephone, for the channels of the backbone.
const TELEPHONE: &str = "ax=Acceleration x,ay=Acceleration y,az=Acceleration z,\
    wx=Gyroscope x,wy=Gyroscope y,wz=Gyroscope z";

#[test]
fn time_stamps_of_every_kind_are_read() {
    let untimed = HEAD.replace("time [s]", "time");
    let iso = |i: u32, zone: &str, between: &str, point: &str| {
        let ms = 57_000 + 20 * i;
        let (second, minute) = (ms / 1_000 % 60, 59 + ms / 60_000);
        let (hour, minute) = (1 + minute / 60, minute % 60);
        let ms = ms % 1_000;
        format!("2026-03-29{between}{hour:02}:{minute:02}:{second:02}{point}{ms:03}{zone}")
    };
    let with = |name: &str| HEAD.replace("time [s]", name);
    let whole = |factor: u64, from: u64| move |i: u32| (from + u64::from(i) * factor).to_string();
    let bursts =
        |rows: u32| move |i: u32| format!("{:.6}", f64::from(i / rows) * f64::from(rows) / 50.0);
    for case in [
        case("seconds", control(), 6.0, 1, &[]),
        case(
            "milliseconds in the name",
            timed(&with("time_ms"), whole(20, 0)),
            6.0,
            1,
            &[],
        ),
        case(
            "milliseconds in parentheses",
            timed(&with("Time (ms)"), whole(20, 0)),
            6.0,
            1,
            &[],
        ),
        case(
            "timestamp_us",
            timed(&with("timestamp_us"), whole(20_000, 0)),
            6.0,
            1,
            &[],
        ),
        case("TIME [S]", timed(&with("TIME [S]"), even), 6.0, 1, &[]),
        case("time (sec)", timed(&with("time (sec)"), even), 6.0, 1, &[]),
        case(
            "milliseconds without a unit",
            timed(&with("timestamp"), whole(20, 0)),
            6.0,
            1,
            &["time_unit_guessed"],
        ),
        case(
            "milliseconds since 1970",
            timed(&untimed, whole(20, 1_764_150_000_000)),
            6.0,
            1,
            &["time_unit_guessed"],
        ),
        case(
            "nanoseconds since 1970",
            timed(&untimed, whole(20_000_000, 1_764_150_000_000_000_000)),
            6.0,
            1,
            &["time_unit_guessed"],
        ),
        case(
            "nanoseconds since 1970 beside elapsed seconds",
            timed(&with("time,seconds_elapsed"), |i| {
                let time = whole(20_000_000, 1_764_150_000_000_000_000);
                format!("{},{}", time(i), even(i))
            }),
            6.0,
            1,
            &[],
        ),
        case(
            "ISO 8601",
            timed(&untimed, |i| iso(i, "", "T", ".")),
            6.0,
            1,
            &[],
        ),
        case(
            "RFC 3339 with a zone",
            timed(&untimed, |i| iso(i, "+02:00", " ", ".")),
            6.0,
            1,
            &[],
        ),
        case(
            "the same with a rate",
            timed(&untimed, |i| iso(i, "+02:00", " ", ".")),
            6.0,
            1,
            &[],
        )
        .rate(50.0),
        case(
            "a comma before the fraction",
            timed(&untimed, |i| format!("\"{}\"", iso(i, "Z", "T", ","))),
            6.0,
            1,
            &[],
        ),
        case(
            "unreadable times with a rate",
            timed(&untimed, |i| format!("no{i}x")),
            6.0,
            1,
            &["times_unread"],
        )
        .rate(50.0),
        case(
            "a counter with a rate",
            timed(&with("t"), |i| i.to_string()),
            6.0,
            1,
            &["time_unit_guessed"],
        )
        .rate(50.0),
        case(
            "a FIFO of 32",
            timed(HEAD, bursts(32)),
            6.0,
            1,
            &["times_spread"],
        ),
        case(
            "a FIFO of 100",
            timed(HEAD, bursts(100)),
            6.0,
            1,
            &["times_spread"],
        ),
        case(
            "rows stamped as packets arrive",
            timed(HEAD, |i| {
                format!("{:.6}", f64::from(i / 4) * 0.08 + f64::from(i % 4) * 0.0005)
            }),
            6.0,
            1,
            &["times_spread"],
        )
        .rate(50.0),
        case(
            "# rate: 12.5 Hz",
            format!("# rate: 12.5 Hz\n{}", table(&with("")[1..], 75, values)),
            6.0,
            1,
            &[],
        ),
        case(
            "--rate 12.5",
            table(&with("")[1..], 75, values),
            6.0,
            1,
            &[],
        )
        .rate(12.5),
        case(
            "half a hertz",
            table(&with("")[1..], 10, values),
            19.0,
            1,
            &[],
        )
        .rate(0.5),
        case(
            "a rate line that is wrong",
            format!("# rate: 100 Hz\n{}", control()),
            6.0,
            1,
            &["rate_contradicted"],
        ),
        case(
            "a unit that is wrong",
            timed(HEAD, whole(20, 0)),
            6.0,
            1,
            &["time_unit_contradicted"],
        )
        .rate(50.0),
        case(
            "the time last",
            table(
                "ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s],t [ms]",
                300,
                |i| format!("{},{}", values(i), 20 * i),
            ),
            6.0,
            1,
            &[],
        ),
    ] {
        case.check();
    }
}

#[test]
fn odd_times_cost_one_row_and_steps_begin_a_segment() {
    let once =
        |at: u32, time: &'static str| move |i: u32| if i == at { time.to_owned() } else { even(i) };
    let epoch = |i: u32| format!("{:.6}", 1_764_150_000.0 + f64::from(i) * 0.02);
    let step = |at: u32, back: f64| {
        move |i: u32| {
            let time = 20_000.0 + f64::from(i) * 0.02;
            format!("{:.6}", if i < at { time } else { time + back })
        }
    };
    let micros = HEAD.replace("[s]", "[us]");
    for case in [
        case(
            "one future time",
            timed(HEAD, once(40, "4294967.295")),
            5.94,
            2,
            &["odd_time", "gaps"],
        ),
        case(
            "one time of zero",
            timed(HEAD, once(40, "0")),
            5.94,
            2,
            &["odd_time", "gaps"],
        ),
        case(
            "the last time",
            timed(HEAD, once(299, "4294967.295")),
            5.98,
            1,
            &["odd_time"],
        ),
        case(
            "a stale first time in the future",
            timed(HEAD, |i| {
                if i == 0 {
                    "1800000000.0".to_owned()
                } else {
                    epoch(i)
                }
            }),
            5.98,
            1,
            &["odd_time"],
        ),
        case(
            "a stale first time in the past",
            timed(HEAD, |i| if i == 0 { "0".to_owned() } else { epoch(i) }),
            5.98,
            1,
            &["odd_time"],
        ),
        case(
            "microseconds of 32 bits",
            timed(&micros, |i| {
                (4_291_967_296_u64 + 20_000 * u64::from(i))
                    .rem_euclid(1 << 32)
                    .to_string()
            }),
            6.0,
            2,
            &["time_steps"],
        ),
        case(
            "a restart",
            timed(HEAD, step(150, -20_003.0)),
            6.0,
            2,
            &["time_steps"],
        ),
        case(
            "the end of summer time",
            timed(HEAD, step(150, -3_600.0)),
            6.0,
            2,
            &["time_steps"],
        ),
        case(
            "a small step back",
            timed(HEAD, step(150, -0.3)),
            6.0,
            2,
            &["time_steps"],
        ),
        case(
            "a clock that is set",
            timed(HEAD, step(150, 1.7e9)),
            6.0,
            2,
            &["time_steps"],
        ),
        case(
            "an hour is a gap",
            timed(HEAD, step(150, 3_600.0)),
            6.0,
            2,
            &["gaps"],
        ),
        case(
            "three restarts",
            timed(HEAD, |i| even(i % 80)),
            6.0,
            4,
            &["time_steps"],
        ),
    ] {
        case.check();
    }
}

#[test]
fn tables_of_every_form_are_read() {
    let semicolon = |text: &str| text.replace(',', ";");
    let comma = |text: &str| semicolon(text).replace('.', ",");
    let telephone = "Time (s),Acceleration x (m/s^2),Acceleration y (m/s^2),Acceleration z (m/s^2),\
        Gyroscope x (rad/s),Gyroscope y (rad/s),Gyroscope z (rad/s)";
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let text = format!("\u{feff}{}", control());
        text.encode_utf16().flat_map(bytes).collect()
    };
    let latin: Vec<u8> = control()
        .replace("[g]", "[m/s²]")
        .replace("deg/s", "°/s")
        .chars()
        .map(|c| c as u8)
        .collect();
    let lines = |text: String, at: usize, other: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(at, other);
        lines.join("\n") + "\n"
    };
    let mut nul = control().into_bytes();
    nul[6_000..6_600].fill(0);
    let mut erased = control().into_bytes();
    erased[6_000..6_600].fill(0xff);
    let again = timed(HEAD, even) + &timed(HEAD, even);
    let cut = control();
    for case in [
        case(
            "BOM and CRLF",
            format!("\u{feff}{}", control().replace('\n', "\r\n")),
            6.0,
            1,
            &[],
        ),
        case(
            "BOM before a comment",
            format!("\u{feff}# rate: 50 Hz\n{}", control()),
            6.0,
            1,
            &[],
        ),
        case("CR alone", control().replace('\n', "\r"), 6.0, 1, &[]),
        case(
            "UTF-16, little-endian",
            utf16(u16::to_le_bytes),
            6.0,
            1,
            &[],
        ),
        case("UTF-16, big-endian", utf16(u16::to_be_bytes), 6.0, 1, &[]),
        case("Latin-1", latin, 6.0, 1, &[]),
        case("semicolons", semicolon(&control()), 6.0, 1, &[]),
        case(
            "decimal commas",
            comma(&timed(telephone, even)),
            6.0,
            1,
            &[],
        )
        .columns(TELEPHONE),
        case("tabs", control().replace(',', "\t"), 6.0, 1, &[]),
        case(
            "blanks",
            control()
                .replace(" [s]", "")
                .replace(" [g]", "")
                .replace(" [deg/s]", "")
                .replace(',', "  "),
            6.0,
            1,
            &[],
        ),
        case(
            "a comma at each end of line",
            control().replace('\n', ",\n"),
            6.0,
            1,
            &[],
        ),
        case(
            "a nameless column of numbers",
            table(&format!(",{HEAD}"), 300, |i| {
                format!("{i},{},{}", even(i), values(i))
            }),
            6.0,
            1,
            &[],
        ),
        case(
            "a column of text",
            table(&format!("{HEAD},activity"), 300, |i| {
                format!("{},{},walking", even(i), values(i))
            }),
            6.0,
            1,
            &["columns_ignored"],
        ),
        case(
            "quotes, signs, exponents",
            timed(HEAD, |i| format!(" \"+{:.3e}\" ", f64::from(i) * 0.02)),
            6.0,
            1,
            &[],
        ),
        case(
            "a comment in the middle",
            lines(control(), 100, "# a comment"),
            6.0,
            1,
            &[],
        ),
        case("a head again", again, 12.0, 2, &["head", "time_steps"]),
        case(
            "a quote that is left open",
            lines(control(), 100, "1.98,\"0.1,0.2"),
            6.0,
            1,
            &["no_number"],
        ),
        case("a block of zeros", nul, 5.8, 2, &["not_text", "gaps"]),
        case(
            "a block of erased flash",
            erased,
            5.8,
            2,
            &["not_text", "gaps"],
        ),
        case(
            "no end of the last line",
            &cut[..cut.len() - 1],
            6.0,
            1,
            &[],
        ),
        case(
            "a last row that is cut",
            &cut[..cut.len() - 4],
            5.98,
            1,
            &["cut_short"],
        ),
        case(
            "a last row that lacks fields",
            &cut[..cut.len() - 12],
            5.98,
            1,
            &["cut_short"],
        ),
        case(
            "a boot message",
            format!("boot v1.2\nWiFi connected, ip=1.2.3.4\n{}", control()),
            6.0,
            1,
            &["before_head"],
        ),
        case(
            "a line of units",
            lines(
                control()
                    .replace(" [s]", "")
                    .replace(" [g]", "")
                    .replace(" [deg/s]", ""),
                1,
                "s,g,g,g,deg/s,deg/s,deg/s",
            ),
            6.0,
            1,
            &[],
        ),
        case("no head", table("", 300, values).trim_start(), 6.0, 1, &[]).rate(50.0),
        case(
            "no head, columns named",
            timed("", even).trim_start(),
            6.0,
            1,
            &[],
        )
        .columns("time,ax,ay,az,wx,wy,wz"),
        case(
            "a gyroscope at half the rate",
            timed(HEAD, even)
                .lines()
                .enumerate()
                .map(|(i, line)| match i > 0 && i % 2 == 0 {
                    true => line.split(',').take(4).collect::<Vec<_>>().join(",") + ",,,\n",
                    false => format!("{line}\n"),
                })
                .collect::<String>(),
            6.0,
            1,
            &["values_held"],
        ),
        case("JSON lines", json(300, even), 6.0, 1, &[]),
        case(
            "JSON lines after a BOM and a boot message",
            format!("\u{feff}boot v1.2\r\n{{\"t\":0,\n{}", json(300, even)),
            6.0,
            1,
            &["before_head"],
        ),
        case(
            "JSON lines of a restart",
            json(200, |i| format!("{}", 4.0 + 0.02 * f64::from(i))) + &json(100, even),
            6.0,
            2,
            &["time_steps"],
        ),
        case(
            "JSON lines that are cut",
            json(300, even) + "{\"t\": 6.0, \"ax",
            6.0,
            1,
            &["cut_short"],
        ),
    ] {
        case.check();
    }
}

#[test]
fn order_of_members_and_nested_members_do_not_matter() {
    let plain = read_as("x.jsonl", json(100, even).as_bytes(), &format(None, "")).unwrap();
    let mixed: String = json(100, even)
        .lines()
        .enumerate()
        .map(|(i, line)| match i % 2 {
            0 => format!("{line}\n"),
            _ => {
                let inner = line.trim_matches(['{', '}']);
                let mut members: Vec<&str> = inner.split(", ").collect();
                members.reverse();
                format!("{{\"temp\": 21.5, {}}}\n", members.join(", "))
            }
        })
        .collect();
    let mixed = read_as("x.jsonl", mixed.as_bytes(), &format(None, "")).unwrap();
    assert_eq!(plain.samples, mixed.samples);
    let nested: String = (0..100)
        .map(|i| {
            let text = values(i);
            let (acc, gyr) = text.split_at(text.match_indices(',').nth(2).unwrap().0);
            format!(
                "{{\"t\": {}, \"acc\": [{acc}], \"gyr\": [{}]}}\n",
                even(i),
                &gyr[1..]
            )
        })
        .collect();
    let nested = read_as("x.jsonl", nested.as_bytes(), &format(None, "")).unwrap();
    assert_eq!(plain.samples, nested.samples);
}

#[test]
fn well_formed_tables_give_the_samples_that_they_hold() {
    let got = read_as("x.csv", control().as_bytes(), &format(None, "")).unwrap();
    let expected: Vec<f32> = (0..300)
        .flat_map(|i| {
            let row = values(i);
            row.split(',')
                .map(|x| x.parse().unwrap())
                .collect::<Vec<f32>>()
        })
        .collect();
    assert_eq!((got.hz, got.samples.len()), (50, expected.len()));
    let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-4;
    assert!(!got.samples.iter().zip(&expected).any(differs));
}

#[test]
fn files_of_any_name_are_read_if_text_is_in_them() {
    for name in ["x.txt", "x.tsv", "x.dat", "x", "x.CSV", "x.json"] {
        let got = read_as(name, control().as_bytes(), &format(None, "")).unwrap();
        assert_eq!((got.hz, got.segments), (50, 1), "{name}");
        read_as(name, json(100, even).as_bytes(), &format(None, "")).unwrap();
    }
    let sandbox = Sandbox::cold();
    sandbox.write("x.txt", control());
    let run = sandbox.run("embed x.txt --backbone imu -o x.npy").ok();
    assert_eq!(run.json_lines()[0]["seconds"], 6.0);
}

#[test]
fn texts_that_cannot_be_used_say_why() {
    let quoted = table(HEAD, 300, |i| {
        let row = format!("{},{}", even(i), values(i)).replace('.', ";");
        let fields: Vec<String> = row
            .split(',')
            .map(|x| format!("\"{}\"", x.replace(';', ",")))
            .collect();
        fields.join(",")
    });
    let untimed = HEAD.replace("time [s]", "time");
    let array = format!("[{}]", json(10, even).trim_end().replace('\n', ","));
    for (name, text, rate, expected) in [
        (
            "x.csv",
            quoted.into_bytes(),
            None,
            &[
                "no usable rows",
                "no time that can be read",
                "line 2",
                "0,000000",
            ][..],
        ),
        (
            "x.csv",
            timed(&untimed, |i| format!("day {i}")).into_bytes(),
            None,
            &["have no time", "line 2", "day 0"],
        ),
        (
            "x.csv",
            format!("{HEAD}\n").into_bytes(),
            None,
            &["it has no rows"],
        ),
        (
            "x.csv",
            format!("{HEAD}\n").into_bytes(),
            Some(50.0),
            &["it has no rows"],
        ),
        ("x.csv", vec![0; 900], None, &["not text"]),
        ("x.csv", Vec::new(), None, &["it is empty"]),
        ("x.json", (array + "\n").into_bytes(), None, &["JSON lines"]),
        (
            "x.csv",
            timed(HEAD, |i| (20 * i).to_string()).into_bytes(),
            None,
            &["20.0000 s apart", "unit"],
        ),
        (
            "x.csv",
            timed(HEAD, |i| (i * 7_919 % 1_000).to_string()).into_bytes(),
            None,
            &["do not follow"],
        ),
        (
            "x.csv",
            control().replace("az", &"z".repeat(200)).into_bytes(),
            None,
            &["not a channel name", "zzz..."],
        ),
    ] {
        let error = read_as(name, &text, &format(rate, "")).unwrap_err();
        let SourceError::Unrecognised { kind, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*kind, Recorded::Sensor);
        let error = error.to_string();
        assert!(expected.iter().all(|text| error.contains(text)), "{error}");
        assert!(error.len() < 250, "{error}");
    }
    assert!("0.01".parse::<SensorRate>().is_err());
}

#[test]
fn any_bytes_are_refused_or_read_and_never_panic() {
    let texts = [
        control(),
        json(60, even),
        timed(HEAD, |i| even(i / 32 * 32)),
    ];
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for round in 0..300 {
        let mut bytes = texts[round % texts.len()].clone().into_bytes();
        bytes.truncate(600 + next() % 3_000);
        for _ in 0..1 + next() % 12 {
            let at = next() % bytes.len();
            bytes[at] = [0, 0xff, b'"', b',', b'\n', b'9', b'-', b'{', b';', b'e'][next() % 10];
        }
        let rate = (round % 2 == 0).then_some(50.0);
        if let Ok(got) = read_as("x.csv", &bytes, &format(rate, "")) {
            assert!(got.samples.iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn a_live_table_goes_on_deciding_after_a_restart_and_tells_it() {
    let sandbox = Sandbox::cold().with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    let before = timed(HEAD, |i| format!("{:.6}", 100.0 + f64::from(i) * 0.02));
    let after = control();
    let (_, after) = after.split_once('\n').unwrap();
    let listen = "listen --windows --source stdin --window 2 --every 1";
    let mut listening = ListeningProcess::start(sandbox.afield(listen).pipe_stdin());
    listening.read();
    let mut stdin = listening.child.stdin.take().unwrap();
    stdin
        .write_all(format!("{before}{after}").as_bytes())
        .unwrap();
    stdin.flush().unwrap();
    // It still runs: the notes are told while it does.
    listening.wait_for("time stepped 1 time");
    let mut last = 0.0;
    for _ in 0..7 {
        let time = listening.next().unwrap()["time"].as_f64().unwrap();
        assert!(time > last, "time goes on");
        last = time;
    }
    assert!(last > 6.5, "{last}");
    drop(stdin);
    listening.end();
}

#[test]
fn lines_of_a_board_on_a_serial_port_are_read() {
    for text in [
        format!("boot v1.2\r\n{}", control().replace('\n', "\r\n")),
        control().replace('\n', "\r\n$GPGGA,123519,4807.038,N*47\r\n"),
        json(300, even),
    ] {
        let (mut near, far) = TTYPort::pair().expect("a pair of pseudo-terminals");
        let spec = SourceSpec::parse(&format!("serial:{}", far.name().unwrap())).unwrap();
        let options = afield::source::SourceOptions {
            serial_lines: true,
            ..Default::default()
        };
        let mut text = Cursor::new(text);
        thread::scope(|scope| {
            scope.spawn(|| {
                // Opening a port drops what was sent before.
                thread::sleep(Duration::from_millis(500));
                let _ = std::io::copy(&mut text, &mut near);
            });
            let rate = afield::signal::SampleRate::ONE_HZ;
            let mut source = spec.open_live(Recorded::Sensor, rate, &options).unwrap();
            let (mut chunk, mut samples) = (Chunk::default(), 0);
            while samples < 280 * 6 {
                assert!(source.read(&mut chunk).unwrap());
                samples += chunk.samples.len();
            }
            assert_eq!(source.rate().hz(), 50);
        });
    }
}
