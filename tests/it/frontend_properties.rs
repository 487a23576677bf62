//! Properties of the front end and the resampler for any input, in chunks of any size.

use std::f64::consts::TAU;

use afield::frontend::{LogMelFrontend, Resampler};
use afield::model::Card;
use afield::signal::SampleRate;
use proptest::collection::vec;
use proptest::prelude::*;

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

fn card(yamnet: bool) -> Card {
    toml::from_str(if yamnet {
        include_str!("../../models/yamnet.toml")
    } else {
        include_str!("../../models/speech-embedding.toml")
    })
    .unwrap()
}

fn noise(samples: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|s| s.to_bits()).collect()
}

/// `samples` in pieces of the given lengths, the last one taking the rest.
fn pieces<'a>(mut samples: &'a [f32], lengths: &[usize]) -> Vec<&'a [f32]> {
    let mut pieces = Vec::new();
    for &length in lengths {
        let (now, later) = samples.split_at(length.min(samples.len()));
        pieces.push(now);
        samples = later;
    }
    pieces.push(samples);
    pieces
}

fn resample(from: u32, to: u32, input: &[&[f32]]) -> Vec<f32> {
    let mut resampler = Resampler::new(rate(from), rate(to)).unwrap();
    let mut out = Vec::new();
    for piece in input {
        resampler.push(piece, &mut out);
    }
    resampler.finish(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_do_not_depend_on_how_samples_are_cut(
        samples in 0usize..12_000,
        seed: u32,
        lengths in vec(prop_oneof![0usize..600, 0usize..6_000], 0..24),
        yamnet: bool,
        hop in prop_oneof![Just(160usize), 1usize..700],
        bad in vec((0usize..12_000, prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(1e30f32)]), 0..4),
    ) {
        let card = card(yamnet);
        let mut spec = card.log_mel().unwrap().clone();
        spec.hop_samples = hop;
        let mut samples = noise(samples, seed);
        for (at, value) in bad {
            if let Some(sample) = samples.get_mut(at) {
                *sample = value;
            }
        }
        let mut whole = Vec::new();
        LogMelFrontend::new(&spec, card.sample_rate).unwrap().push(&samples, &mut whole);
        let mut cut = Vec::new();
        let mut frontend = LogMelFrontend::new(&spec, card.sample_rate).unwrap();
        for piece in pieces(&samples, &lengths) {
            frontend.push(piece, &mut cut);
        }
        prop_assert_eq!(bits(&whole), bits(&cut));
        prop_assert!(whole.iter().all(|x| x.is_finite()));
        let expected = (samples.len() + hop).saturating_sub(spec.frame_samples) / hop;
        prop_assert_eq!(whole.len(), expected * spec.bands);
    }

    #[test]
    fn resampling_does_not_depend_on_how_samples_are_cut(
        samples in 0usize..9_000,
        seed: u32,
        lengths in vec(0usize..3_000, 0..16),
        from in prop_oneof![
            Just(8_000u32), Just(11_025), Just(16_000), Just(22_050), Just(44_100), Just(48_000),
            Just(96_000), 1_000u32..50_000,
        ],
    ) {
        let samples = noise(samples, seed);
        let whole = resample(from, 16_000, &[&samples]);
        let cut = resample(from, 16_000, &pieces(&samples, &lengths));
        prop_assert_eq!(bits(&whole), bits(&cut));
        let exact = samples.len() as f64 * 16_000.0 / f64::from(from);
        prop_assert_eq!(whole.len(), (exact + 0.5).floor() as usize);
        prop_assert!(whole.iter().all(|x| x.is_finite()));
    }
}

/// Samples at either end where the silence outside reaches in.
const EDGE_SAMPLES: usize = 1_400;

fn decibel(amplitude: f64) -> f64 {
    20.0 * amplitude.max(1e-12).log10()
}

fn sine(hz: f64, rate: u32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|n| (TAU * hz * n as f64 / f64::from(rate)).sin() as f32)
        .collect()
}

#[test]
fn a_sine_comes_out_in_place_with_errors_under_115_db() {
    for from in [8_000u32, 11_025, 22_050, 44_100, 48_000, 96_000] {
        for share in [0.02, 0.3, 0.7, 0.94] {
            let hz = share * f64::from(from.min(16_000)) / 2.0;
            let out = resample(from, 16_000, &[&sine(hz, from, from as usize)]);
            assert_eq!(out.len(), 16_000);
            let worst = (EDGE_SAMPLES..16_000 - EDGE_SAMPLES)
                .map(|j| (f64::from(out[j]) - (TAU * hz * j as f64 / 16_000.0).sin()).abs())
                .fold(0.0, f64::max);
            let worst = decibel(worst);
            println!("{from} Hz, sine of {hz:.0} Hz: error {worst:.0} dB");
            assert!(worst < -115.0, "{from} Hz, sine of {hz} Hz: {worst} dB");
        }
    }
}

#[test]
fn tones_above_the_nyquist_frequency_vanish_instead_of_aliasing() {
    for from in [44_100u32, 48_000, 96_000] {
        for hz in [8_200.0, 9_000.0, 12_000.0, 16_000.0, 21_000.0] {
            let out = resample(from, 16_000, &[&sine(hz, from, from as usize)]);
            let loudest = out[EDGE_SAMPLES..16_000 - EDGE_SAMPLES]
                .iter()
                .fold(0.0, |m: f64, s| m.max(f64::from(s.abs())));
            println!("{from} Hz, tone of {hz} Hz: {:.0} dB", decibel(loudest));
            assert!(decibel(loudest) < -120.0, "{from} Hz, {hz} Hz");
        }
    }
}

#[test]
fn equal_rates_copy_samples_and_a_finished_resampler_starts_again() {
    let samples = noise(5_000, 1);
    assert_eq!(bits(&resample(16_000, 16_000, &[&samples])), bits(&samples));

    let mut resampler = Resampler::new(rate(44_100), rate(16_000)).unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for out in [&mut first, &mut second] {
        resampler.push(&samples, out);
        resampler.finish(out);
    }
    assert_eq!(bits(&first), bits(&second));
}

#[test]
fn a_nan_counts_as_zero_and_is_counted() {
    let mut samples = noise(20_000, 1);
    samples[7_000] = 0.0;
    let clean = resample(48_000, 16_000, &[&samples]);
    samples[7_000] = f32::NAN;
    assert_eq!(bits(&resample(48_000, 16_000, &[&samples])), bits(&clean));
    let mut resampler = Resampler::new(rate(48_000), rate(16_000)).unwrap();
    resampler.push(&samples, &mut Vec::new());
    assert_eq!(resampler.repaired_samples(), 1);
}

#[test]
fn rates_without_a_common_divisor_are_resampled() {
    let hz = 200.0;
    let out = resample(15_013, 16_000, &[&sine(hz, 15_013, 60_052)]);
    assert_eq!(out.len(), 64_000);
    let worst = (30_000..40_000)
        .map(|j| (f64::from(out[j]) - (TAU * hz * j as f64 / 16_000.0).sin()).abs())
        .fold(0.0, f64::max);
    assert!(decibel(worst) < -100.0, "{} dB", decibel(worst));
}
