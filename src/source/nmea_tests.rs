use super::*;
use crate::source::SensorRate;
use crate::source::sensor_text::sensor_text;

fn with_sum(body: &str) -> String {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n")
}

/// Chunks, channels and notes.
type Read = (Vec<Chunk>, Vec<String>, Vec<Note>);

fn read(text: String, columns: &[&str], hz: Option<f64>) -> Result<Read, SourceError> {
    let format = SensorFormat {
        rate: hz.map(|hz| SensorRate::new(hz).unwrap()),
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        ..SensorFormat::default()
    };
    let mut source = sensor_text(std::io::Cursor::new(text), "test", &format)?;
    let (mut chunks, mut chunk) = (Vec::new(), Chunk::default());
    while source.read(&mut chunk)? {
        chunks.push(chunk.clone());
    }
    let channels = source.channels().iter().map(Channel::to_string).collect();
    Ok((chunks, channels, source.notes()))
}

/// A receiver at 1 Hz from `seconds` of the day on, with a boot message and satellites in view.
fn receiver(seconds: std::ops::Range<u32>) -> String {
    let mut text = "u-blox AG\r\n".to_owned();
    for second in seconds {
        let day = second % 86_400;
        let time = format!("{:02}{:02}{:02}.00", day / 3_600, day / 60 % 60, day % 60);
        text += &with_sum(&format!(
            "GNRMC,{time},A,4807.038,N,01131.000,W,{}.5,84.4,010626,,,A",
            second % 7
        ));
        text += &with_sum("GPGSV,1,1,01,21,00,000,");
        text += &with_sum(&format!(
            "GNGGA,{time},4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"
        ));
    }
    text
}

#[test]
fn sentences_of_a_receiver_are_rows_with_their_time() {
    let text = receiver(86_390..86_410);
    let (chunks, channels, notes) = read(
        text,
        &["speed=RMC.speed", "GGA.altitude", "RMC.longitude"],
        None,
    )
    .unwrap();
    assert_eq!(
        channels,
        ["speed [kn]", "GGA.altitude [m]", "RMC.longitude [deg]"]
    );
    // Midnight is no step.
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].samples.len(), 20 * 3);
    let first = &chunks[0].samples[..3];
    assert_eq!(first[..2], [(86_390 % 7) as f32 + 0.5, 545.4]);
    assert!((first[2] + 11.516_667).abs() < 1e-5, "{first:?}");
    let texts: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(
        texts,
        [
            "not read: sentences GSV, which are lists or have no chosen column",
            "1 row skipped: text before the first row (first at line 1)"
        ]
    );
}

#[test]
fn without_a_choice_every_number_is_a_channel() {
    let (_, channels, _) = read(receiver(0..8), &[], None).unwrap();
    let expected = [
        "RMC.latitude [deg]",
        "RMC.longitude [deg]",
        "RMC.speed [kn]",
        "RMC.course [deg]",
        "GGA.latitude [deg]",
        "GGA.longitude [deg]",
        "GGA.satellites",
        "GGA.hdop",
        "GGA.altitude [m]",
    ];
    assert_eq!(channels, expected);
}

#[test]
fn a_wrong_checksum_costs_a_row_and_is_told() {
    let text = receiver(0..20);
    let damaged = text.replacen("05.00,A,4807", "05.00,A,4809", 1);
    assert_ne!(text, damaged);
    let (chunks, _, notes) = read(damaged, &["RMC.latitude"], None).unwrap();
    let told = notes
        .iter()
        .map(Note::to_string)
        .find(|note| note.contains("checksum"));
    assert_eq!(
        told.unwrap(),
        "1 row skipped: a missing or wrong checksum (first at line 17)"
    );
    assert_eq!(chunks.len(), 2, "a second is missing");
    let all: Vec<f32> = chunks
        .iter()
        .flat_map(|chunk| chunk.samples.clone())
        .collect();
    assert_eq!(all.len(), 19);
    assert!(all.iter().all(|x| (x - 48.1173).abs() < 1e-4), "{all:?}");
}

#[test]
fn transducers_and_sentences_of_makers_are_rows_at_a_stated_rate() {
    let mut text = "boot\r\n".to_owned();
    for i in 0..10 {
        text += &with_sum(&format!("IIXDR,A,{i}.5,D,PITCH,A,-37.1,D,ROLL"));
        text += &with_sum(&format!("PIMU,{i},ok,0.25"));
        text += "\r\n";
    }
    let columns = ["pitch=XDR.PITCH", "ax=PIMU.3 [g]"];
    let (chunks, channels, _) = read(text.clone(), &columns, Some(10.0)).unwrap();
    assert_eq!(channels, ["pitch [deg]", "ax [g]"]);
    assert_eq!(chunks[0].samples[..4], [0.5, 0.25, 1.5, 0.25]);
    let error = read(text.clone(), &columns, None)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("nothing states its rate"), "{error}");
    let error = read(text, &["PIMU.9"], Some(10.0))
        .err()
        .unwrap()
        .to_string();
    let told =
        "it has no column \"PIMU.9\"; its columns are XDR.PITCH [deg], XDR.ROLL [deg], PIMU.1";
    assert!(error.contains(told), "{error}");
}

#[test]
fn without_a_position_there_is_no_value() {
    let void = |time: u32| {
        with_sum(&format!(
            "GPRMC,0000{time:02},V,4807.0,N,01131.0,E,3.0,,010626,,"
        ))
    };
    let valid = |time: u32| {
        with_sum(&format!(
            "GPRMC,0000{time:02},A,4807.0,N,01131.0,E,4.0,,010626,,"
        ))
    };
    let text: String = (0..30)
        .map(|i| {
            if (10..15).contains(&i) {
                void(i)
            } else {
                valid(i)
            }
        })
        .collect();
    let (chunks, _, notes) = read(text, &["RMC.speed"], None).unwrap();
    assert_eq!(chunks.len(), 2);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.samples.iter().all(|x| *x == 4.0))
    );
    let told = Note::joined(&notes);
    assert!(told.contains("5 rows skipped: no number"), "{told}");
}

#[test]
fn only_intact_sentences_are_sentences() {
    assert!(is_sentence("$GPGLL,5057.970,N,00146.110,E,142451,A*27"));
    for text in [
        "",
        "$",
        "$*00",
        "$GPGLL,5057.970,N,00146.110,E,142451,A",
        "$GPGLL,5057.970,N,00146.110,E,142451,A*28",
        "$GPGLL,5057.970,N,00146.110,E,142451,A*",
        "$time,ax*5c",
        "time,$GPGLL",
        "$é,1*00",
    ] {
        assert!(!is_sentence(text), "{text}");
    }
    let odd = with_sum("GPRMC,999999,A,x,N,,,,,,");
    assert!(sentence(odd.trim()).unwrap().time().is_none());
    assert!(
        sentence(with_sum("GPRMC,é,A").trim())
            .unwrap()
            .time()
            .is_none()
    );
}

#[test]
fn sentences_after_a_loss_of_the_port_have_the_same_columns_or_are_an_error() {
    let roll = |unit: &str, count: u32| -> String {
        (0..count)
            .map(|i| with_sum(&format!("IIXDR,A,{i}.5,{unit},ROLL")))
            .collect()
    };
    let gps = |count: u32| -> String {
        (0..count)
            .map(|_| with_sum("GPVTG,1.0,T,,M,2.0,N,3.0,K"))
            .collect()
    };
    let come_back = |after: String| {
        let loss = std::str::from_utf8(crate::source::lines::LOSS).unwrap();
        let text = [&roll("D", 4), "$IIX", loss, "*00\r\n", &after].concat();
        read(text, &["XDR.ROLL"], Some(10.0)).map(|(chunks, ..)| {
            let samples = chunks.into_iter().map(|chunk| chunk.samples.len());
            samples.sum::<usize>()
        })
    };
    assert_eq!(come_back(roll("D", 5)).unwrap(), 9);
    // Another kind comes more often.
    assert_eq!(
        come_back([gps(40), roll("D", 5)].concat())
            .err()
            .map(|_| ()),
        Some(())
    );
    assert_eq!(come_back([gps(20), roll("D", 5)].concat()).unwrap(), 9);
    for (after, found) in [
        (roll("C", 1), "XDR.ROLL [C]"),
        (gps(40), "VTG.course [deg], VTG.speed [km/h]"),
        ("1,2\r\n".repeat(4), "rows of a table"),
        ("{\"a\":1}\r\n".repeat(4), "JSON lines"),
    ] {
        let error = come_back(after).err().unwrap().to_string();
        let expected = format!("came back with other columns: {found}; expected XDR.ROLL [deg]");
        assert!(error.ends_with(&expected), "{error}");
    }
}
