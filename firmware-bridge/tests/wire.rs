//! The wire: the vectors of `WIRE.md`, and lines that split, garble and lie.

use firmware_bridge::{Acknowledge, DecodeError, Decoder, EncodeError, Frame, Kind, Outcome};
use proptest::prelude::*;

const N: usize = 300;
const KINDS: [Kind; 7] = [
    Kind::StreamInfo,
    Kind::Samples,
    Kind::Command,
    Kind::Acknowledge,
    Kind::Status,
    Kind::Window,
    Kind::State,
];

fn encoded(frame: &Frame<N>) -> Vec<u8> {
    let mut out = vec![0xAA; Frame::<N>::MAX_ENCODED];
    let length = frame.encode(&mut out).unwrap();
    out.truncate(length);
    out
}

fn decoded(decoder: &mut Decoder<N>, mut bytes: &[u8]) -> Vec<Result<Frame<N>, DecodeError>> {
    std::iter::from_fn(|| decoder.next(&mut bytes)).collect()
}

fn one(bytes: &[u8]) -> Result<Frame<N>, DecodeError> {
    let results = decoded(&mut Decoder::new(), bytes);
    assert_eq!(results.len(), 1);
    results.into_iter().next().unwrap()
}

/// The hex bytes of `WIRE.md` after each `wire:`.
fn vectors() -> Vec<Vec<u8>> {
    let hex = |text: &str| -> Vec<u8> {
        let byte = |word| u8::from_str_radix(word, 16).unwrap();
        text.split_whitespace().map(byte).collect()
    };
    include_str!("../WIRE.md")
        .lines()
        .filter_map(|line| line.strip_prefix("wire:"))
        .map(hex)
        .collect()
}

#[test]
fn the_vectors_of_the_document_are_what_is_written_and_read() {
    let refusal = Acknowledge {
        id: 200,
        outcome: Outcome::Refused,
    };
    let frames = [
        Frame::<N>::new(Kind::Command, 0, 0, &[]),
        Frame::<N>::new(Kind::Samples, 258, 1_000_000, &[0, 1, 0, 255]),
        Frame::<N>::new(Kind::Status, 65_535, u64::MAX, b"ok"),
        Frame::<N>::carrying(1, 1_500_000, &refusal),
    ];
    let vectors = vectors();
    assert_eq!(vectors.len(), frames.len());
    for (frame, wire) in frames.into_iter().zip(vectors) {
        let frame = frame.unwrap();
        assert_eq!(encoded(&frame), wire, "{:02x?}", encoded(&frame));
        assert_eq!(one(&wire), Ok(frame));
    }
}

#[test]
fn each_fault_is_told_apart() {
    let frame = Frame::<N>::new(Kind::Samples, 1, 2, &[3; 20]).unwrap();
    let wire = encoded(&frame);
    assert_eq!(one(&[5, 1, 0]), Err(DecodeError::Truncated { missing: 3 }));
    assert_eq!(one(&[3, 1, 2, 0]), Err(DecodeError::TooShort { bytes: 2 }));
    let limit = 12 + N + 4;
    assert_eq!(
        one(&[[1; 317].as_slice(), &[1, 0]].concat()),
        Err(DecodeError::TooLong { limit })
    );
    let mut flipped = wire.clone();
    let last = flipped.len() - 2;
    flipped[last] ^= 0x10;
    assert!(matches!(one(&flipped), Err(DecodeError::Crc { .. })));
    // Intact frames of another version and of an unknown kind.
    assert_eq!(
        one(&sealed(&[2, 2])),
        Err(DecodeError::Version { version: 2 })
    );
    assert_eq!(one(&sealed(&[1, 77])), Err(DecodeError::Kind { kind: 77 }));
}

/// A frame with the given first bytes, a header of ones else, and a valid CRC,
/// stuffed by hand: it holds no 0.
fn sealed(head: &[u8]) -> Vec<u8> {
    let mut body = head.to_vec();
    body.resize(12, 1);
    let mut crc = u32::MAX;
    for &byte in &body {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
        }
    }
    body.extend((!crc).to_le_bytes());
    assert!(!body.contains(&0), "choose a body without 0");
    [&[body.len() as u8 + 1], body.as_slice(), &[0]].concat()
}

#[test]
fn what_does_not_fit_is_refused() {
    let payload = EncodeError::Payload {
        limit: 4,
        actual: 5,
    };
    assert_eq!(Frame::<4>::new(Kind::Status, 0, 0, &[0; 5]), Err(payload));
    let frame = Frame::<4>::new(Kind::Status, 0, 0, &[9; 4]).unwrap();
    let mut out = [0; Frame::<4>::MAX_ENCODED];
    let length = frame.encode(&mut out).unwrap();
    for short in 0..length {
        let refused = frame.encode(&mut out[..short]);
        assert!(
            matches!(refused, Err(EncodeError::Buffer { .. })),
            "{short}"
        );
    }
    assert_eq!(frame.encode(&mut out[..length]), Ok(length));
}

#[test]
fn every_single_flipped_bit_is_noticed() {
    let frame = Frame::<N>::new(Kind::Samples, 9, 12_345, &[0, 7, 0, 0, 255, 1]).unwrap();
    let wire = encoded(&frame);
    for at in 0..wire.len() * 8 {
        let mut bad = wire.clone();
        bad[at / 8] ^= 1 << (at % 8);
        bad.push(0);
        for result in decoded(&mut Decoder::new(), &bad) {
            assert!(result.is_err(), "bit {at}: {result:?}");
        }
    }
}

fn frames() -> impl Strategy<Value = Frame<N>> {
    let byte = prop_oneof![Just(0_u8), any::<u8>(), 1..=255_u8];
    let payload = prop::collection::vec(byte, 0..=N);
    let long = (250..=N).prop_map(|length| vec![7; length]);
    let payload = prop_oneof![4 => payload, 1 => long];
    (
        prop::sample::select(&KINDS[..]),
        any::<u16>(),
        any::<u64>(),
        payload,
    )
        .prop_map(|(kind, seq, time, payload)| Frame::new(kind, seq, time, &payload).unwrap())
}

proptest! {
    #[test]
    fn frames_come_back_however_the_bytes_are_split(
        frames in prop::collection::vec(frames(), 1..6),
        pieces in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let wire: Vec<u8> = frames.iter().flat_map(encoded).collect();
        let mut decoder = Decoder::new();
        let (mut rest, mut results) = (wire.as_slice(), Vec::new());
        for size in pieces.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            results.extend(decoded(&mut decoder, piece));
            rest = after;
        }
        let frames: Vec<_> = frames.into_iter().map(Ok).collect();
        prop_assert_eq!(results, frames);
    }

    #[test]
    fn a_frame_never_exceeds_its_bound_nor_holds_a_zero(frame in frames()) {
        let wire = encoded(&frame);
        prop_assert!(wire.len() <= Frame::<N>::MAX_ENCODED);
        let (end, stuffing) = wire.split_last().unwrap();
        prop_assert!(*end == 0 && !stuffing.contains(&0));
    }

    #[test]
    fn noise_yields_no_frame_and_no_panic(noise in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for result in decoded(&mut Decoder::new(), &noise) {
            prop_assert!(result.is_err());
        }
    }

    #[test]
    fn after_garbage_the_frame_after_the_next_zero_is_whole(
        garbage in prop::collection::vec(any::<u8>(), 0..800),
        cut in any::<prop::sample::Index>(),
        lost in frames(),
        frame in frames(),
    ) {
        let broken = encoded(&lost);
        let broken = &broken[cut.index(broken.len())..];
        let mut decoder = Decoder::new();
        decoded(&mut decoder, &garbage);
        decoded(&mut decoder, broken);
        let results = decoded(&mut decoder, &encoded(&frame));
        prop_assert_eq!(results, vec![Ok(frame)]);
    }
}
