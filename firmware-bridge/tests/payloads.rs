//! Payloads: the vectors of `WIRE.md`, and bytes that lie.

use firmware_bridge::{
    Acknowledge, Channel, Command, Frame, MAX_CHANNELS, MAX_PAYLOAD, MAX_REQUEST, MAX_VALUES,
    Outcome, Payload, PayloadError, Request, Samples, State, Status, StreamInfo, Window,
};
use heapless::{String, Vec};
use proptest::prelude::*;

fn text<const N: usize>(text: &str) -> String<N> {
    String::try_from(text).unwrap()
}

fn list<T: Clone, const N: usize>(items: &[T]) -> Vec<T, N> {
    Vec::from_slice(items).unwrap_or_else(|_| panic!("too many items"))
}

fn bytes<P: Payload>(payload: &P) -> std::vec::Vec<u8> {
    let frame = Frame::<MAX_PAYLOAD>::carrying(1, 1_500_000, payload).unwrap();
    frame.payload.to_vec()
}

fn stream_info() -> StreamInfo {
    let channel = |name, unit, scale| Channel {
        name: text(name),
        unit: text(unit),
        scale,
    };
    StreamInfo {
        device: std::array::from_fn(|i| i as u8 + 1),
        name: text("pump 3"),
        rate_mhz: 104_167,
        channels: list(&[
            channel("acc-x", "m/s2", 0.5),
            channel("gyr-z", "rad/s", -0.25),
        ]),
    }
}

fn samples() -> Samples {
    Samples {
        epoch: 2,
        first: 300,
        time_us: 1_400_000,
        channels: 2,
        values: list(&[0, -1, 32_767, -32_768]),
    }
}

fn requests() -> std::vec::Vec<Request> {
    let commands = [
        Command::Identify,
        Command::Start,
        Command::Stop,
        Command::SetRate { rate_mhz: 50_000 },
        Command::Show {
            label: text("Tür"),
            percent: 93,
        },
        Command::ReportStatus,
        Command::Learn { class: 3 },
        Command::Export,
    ];
    let request = |command| Request { id: 200, command };
    commands.into_iter().map(request).collect()
}

fn acknowledge() -> Acknowledge {
    Acknowledge {
        id: 200,
        outcome: Outcome::Refused,
    }
}

fn status() -> Status {
    Status {
        running: true,
        epoch: 2,
        samples: 1_000,
        dropped: 3,
        queue_most: 17,
        frames_sent: 100,
        frames_received: 5,
        frames_bad: 1,
        bytes_dropped: 0,
        learned: 4,
    }
}

fn window() -> Window {
    Window {
        first: 128,
        time_us: 1_450_000,
        taught: Some(1),
        features: list(&[5, -5]),
        ncm: list(&[0.0, 1.5]),
        lda: list(&[2.0, -1.0]),
    }
}

fn state() -> State {
    State {
        total: 300,
        offset: 256,
        bytes: list(&[0xAA, 0xBB]),
    }
}

/// Reads what `vector` says, and writes it again.
fn is_vector<P: Payload + PartialEq + std::fmt::Debug>(vector: &[u8], payload: &P) {
    assert_eq!(
        bytes(payload),
        vector,
        "{payload:?}: {:02x?}",
        bytes(payload)
    );
    let frame = Frame::<MAX_PAYLOAD>::new(P::KIND, 0, 0, vector).unwrap();
    assert_eq!(&frame.read::<P>().unwrap(), payload);
}

#[test]
fn the_vectors_of_the_document_are_what_is_written_and_read() {
    let hex = |line: &str| -> std::vec::Vec<u8> {
        let byte = |word| u8::from_str_radix(word, 16).unwrap();
        line.split_whitespace().map(byte).collect()
    };
    let document = include_str!("../WIRE.md");
    let mut vectors = (document.lines())
        .filter_map(|line| line.strip_prefix("payload:"))
        .map(hex);
    let mut next = || vectors.next().expect("a vector");
    is_vector(&next(), &stream_info());
    is_vector(&next(), &samples());
    for request in requests() {
        is_vector(&next(), &request);
    }
    is_vector(&next(), &acknowledge());
    is_vector(&next(), &status());
    is_vector(&next(), &window());
    is_vector(&next(), &state());
    assert_eq!(vectors.next(), None);
}

#[test]
fn the_fullest_payload_of_each_kind_fits_its_frame() {
    let fits = |length: usize, most| assert!(length <= most, "{length} of {most} bytes");
    let channel = Channel {
        name: text(&"n".repeat(12)),
        unit: text(&"u".repeat(8)),
        scale: 1.0,
    };
    let info = StreamInfo {
        name: text(&"n".repeat(32)),
        rate_mhz: 100_000_000,
        channels: list(&vec![channel; MAX_CHANNELS]),
        ..stream_info()
    };
    fits(bytes(&info).len(), MAX_PAYLOAD);
    let samples = Samples {
        epoch: u16::MAX,
        first: u64::MAX - 1_000,
        time_us: u64::MAX,
        channels: 16,
        values: list(&[i16::MIN; MAX_VALUES]),
    };
    fits(bytes(&samples).len(), MAX_PAYLOAD);
    let show = Command::Show {
        label: text(&"l".repeat(64)),
        percent: 100,
    };
    let request = Request {
        id: u16::MAX,
        command: show,
    };
    fits(bytes(&request).len(), MAX_REQUEST);
    let window = Window {
        first: u64::MAX,
        time_us: u64::MAX,
        taught: Some(7),
        features: list(&[i16::MIN; 32]),
        ncm: list(&[1.0; 8]),
        lda: list(&[1.0; 8]),
    };
    fits(bytes(&window).len(), MAX_PAYLOAD);
    let state = State {
        total: u32::MAX,
        offset: u32::MAX - 256,
        bytes: list(&[0; 256]),
    };
    fits(bytes(&state).len(), MAX_PAYLOAD);
}

#[test]
fn payloads_that_break_a_rule_are_refused() {
    fn refused<P: Payload + std::fmt::Debug>(payload: &P) {
        let frame = Frame::<MAX_PAYLOAD>::carrying(0, 0, payload).unwrap();
        let kind = P::KIND;
        assert_eq!(
            frame.read::<P>().unwrap_err(),
            PayloadError::Malformed { kind }
        );
    }
    for rate_mhz in [0, 100_000_001] {
        refused(&StreamInfo {
            rate_mhz,
            ..stream_info()
        });
    }
    refused(&StreamInfo {
        channels: Vec::new(),
        ..stream_info()
    });
    for scale in [0.0, f32::NAN, f32::INFINITY] {
        let mut info = stream_info();
        info.channels[0].scale = scale;
        refused(&info);
    }
    for channels in [0, 3, 17] {
        refused(&Samples {
            channels,
            ..samples()
        });
    }
    refused(&Samples {
        values: Vec::new(),
        ..samples()
    });
    refused(&Samples {
        first: u64::MAX,
        ..samples()
    });
    refused(&State {
        total: 257,
        ..state()
    });
    // A longer payload, and one of another kind.
    let mut longer = Frame::<MAX_PAYLOAD>::carrying(0, 0, &acknowledge()).unwrap();
    longer.payload.push(0).unwrap();
    assert!(longer.read::<Acknowledge>().is_err());
    assert!(matches!(
        longer.read::<Status>(),
        Err(PayloadError::Kind { .. })
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_read_the_same_again(
        payload in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        fn check<P: Payload>(payload: &[u8]) {
            let frame = Frame::<MAX_PAYLOAD>::new(P::KIND, 0, 0, payload).unwrap();
            if let Ok(read) = frame.read::<P>() {
                // Varints may be longer than they need: compare what was understood.
                let once = bytes(&read);
                let frame = Frame::<MAX_PAYLOAD>::new(P::KIND, 0, 0, &once).unwrap();
                assert_eq!(bytes(&frame.read::<P>().unwrap()), once);
            }
        }
        check::<StreamInfo>(&payload);
        check::<Samples>(&payload);
        check::<Request>(&payload);
        check::<Acknowledge>(&payload);
        check::<Status>(&payload);
        check::<Window>(&payload);
        check::<State>(&payload);
    }

    #[test]
    fn blocks_come_back(
        epoch: u16,
        first in 0..u64::MAX / 2,
        time_us: u64,
        channels in 1..=16_u8,
        values in prop::collection::vec(any::<i16>(), 1..=160),
    ) {
        let whole = values.len() / usize::from(channels) * usize::from(channels);
        prop_assume!(whole > 0);
        let block = Samples { epoch, first, time_us, channels, values: list(&values[..whole]) };
        let frame = Frame::<MAX_PAYLOAD>::carrying(0, 0, &block).unwrap();
        prop_assert_eq!(frame.read::<Samples>().unwrap(), block);
    }
}
