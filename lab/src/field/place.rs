//! The sound of a place, of pieces of the clips of one class.

use afield::signal::{Label, SampleRate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::error::FieldError;
use super::sound_library::SoundLibrary;
use super::sounding::{level, sounding_share};

/// The length of a piece.
const PIECE_SECONDS: f64 = 2.5;
/// The level of a place: about 34 dB below full scale.
const AMPLITUDE: f32 = 0.02;
/// Clips of which this share sounds, on average, sound throughout.
const THROUGHOUT: f64 = 0.9;

/// Which half of each clip the pieces come from. The learner hears the place from one half, and the
/// day is made of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    First,
    Second,
}

/// The classes that can be a soundscape: those whose clips sound throughout. If none does, the class
/// whose clips sound most.
pub(crate) fn continuous_classes(library: &SoundLibrary) -> Vec<Label> {
    let rate = library.rate().hz() as usize;
    let mut shares: Vec<(Label, f64)> = Vec::new();
    for label in library.classes() {
        let of_clips: Vec<f64> = (library.of_class(&label))
            .map(|samples| sounding_share(samples, rate))
            .collect();
        let mean = of_clips.iter().sum::<f64>() / of_clips.len().max(1) as f64;
        shares.push((label, mean));
    }
    let most = shares.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let enough = most.min(THROUGHOUT);
    let continuous = shares.into_iter().filter(|(_, share)| *share >= enough);
    continuous.map(|(label, _)| label).collect()
}

/// `seconds` of a place: pieces in random order with repetition, each normalised, with a sine
/// window, starting every half of a piece.
pub(crate) fn place(
    library: &SoundLibrary,
    class: &Label,
    half: Half,
    seconds: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<f32>, FieldError> {
    let rate = library.rate();
    let hop = hop(rate);
    let pieces: Vec<Vec<f32>> = (library.of_class(class))
        .flat_map(|clip| pieces(clip, half, hop * 2))
        .collect();
    if pieces.is_empty() {
        let class = class.clone();
        return Err(FieldError::SilentSoundscape { class });
    }
    let length = seconds * rate.hz() as usize;
    let window: Vec<f32> = (0..2 * hop)
        .map(|i| (std::f64::consts::PI * (i as f64 + 0.5) / (2 * hop) as f64).sin() as f32)
        .collect();
    // The first half piece and the last one lack a neighbour.
    let mut sound = vec![0.0; length + 4 * hop];
    for at in (0..length + hop).step_by(hop) {
        let piece = &pieces[rng.random_range(0..pieces.len())];
        for ((out, &x), &w) in sound[at..].iter_mut().zip(piece).zip(&window) {
            *out += AMPLITUDE * x * w;
        }
    }
    sound.drain(..hop);
    sound.truncate(length);
    Ok(sound)
}

/// Samples from one piece to the next.
fn hop(rate: SampleRate) -> usize {
    ((PIECE_SECONDS / 2.0 * f64::from(rate.hz())) as usize).max(1)
}

/// The pieces of one half of a clip, of `length` samples each, with a root mean square of 1. A
/// shorter half is repeated.
fn pieces(clip: &[f32], half: Half, length: usize) -> Vec<Vec<f32>> {
    let (first, second) = clip.split_at(clip.len() / 2);
    let half = match half {
        Half::First => first,
        Half::Second => second,
    };
    let parts: Vec<&[f32]> = match half.len() < length {
        true => vec![half],
        false => half.chunks_exact(length).collect(),
    };
    (parts.into_iter())
        .filter(|part| part.iter().any(|&sample| sample != 0.0))
        .map(|part| {
            let gain = (1.0 / level(part)) as f32;
            let repeated = part.iter().cycle().take(length);
            repeated.map(|&sample| sample * gain).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::sound_library::LibrarySound;
    use super::*;

    fn library(sounds: &[(&str, Vec<f32>)]) -> SoundLibrary {
        let sounds = sounds.iter().map(|(label, samples)| LibrarySound {
            label: Label::new(*label).unwrap(),
            samples: samples.clone(),
        });
        SoundLibrary::of_sounds(SampleRate::new(1_000).unwrap(), sounds.collect())
    }

    #[test]
    fn a_place_has_its_level_and_length_and_knows_only_its_half() {
        // The first half alternates every sample, the second every two.
        let clip: Vec<f32> = (0..5_000)
            .map(|i| match i < 2_500 {
                true => [1.0, -1.0][i % 2],
                false => [1.0, 1.0, -1.0, -1.0][i % 4],
            })
            .collect();
        let library = library(&[("rain", clip)]);
        let rain = Label::new("rain").unwrap();
        for (half, period) in [(Half::First, 2), (Half::Second, 4)] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let sound = place(&library, &rain, half, 20, &mut rng).unwrap();
            assert_eq!(sound.len(), 20_000);
            assert!(sound.iter().all(|sample| sample.abs() < 0.029));
            let sum: f32 = (sound.chunks_exact(period))
                .map(|chunk| chunk.iter().sum::<f32>().abs())
                .fold(0.0, f32::max);
            assert!(sum < 1e-3, "{sum}");
        }
    }

    #[test]
    fn the_classes_that_sound_throughout_can_be_a_place() {
        let throughout = vec![0.5; 1_000];
        let mut once = vec![0.0; 1_000];
        once[..500].fill(0.5);
        let both = library(&[("rain", throughout), ("clap", once.clone())]);
        assert_eq!(continuous_classes(&both), [Label::new("rain").unwrap()]);
        let mut rarely = once.clone();
        rarely[100..500].fill(0.0);
        let neither = library(&[("clap", once), ("knock", rarely)]);
        assert_eq!(continuous_classes(&neither), [Label::new("clap").unwrap()]);
    }

    #[test]
    fn a_silent_class_is_no_place() {
        let library = library(&[("rain", vec![0.0; 100])]);
        let rain = Label::new("rain").unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let result = place(&library, &rain, Half::First, 4, &mut rng);
        assert!(matches!(result, Err(FieldError::SilentSoundscape { .. })));
    }
}
