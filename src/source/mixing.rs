//! Mixes interleaved channels to one, and looks at each channel on the way.

use super::{ChannelChoice, Note};
use crate::signal::SampleRate;

/// Samples at or above this magnitude are at full scale.
const FULL_SCALE: f32 = 0.999;
/// So many samples in a row at full scale are clipped.
const CLIPPED_RUN: u32 = 3;
/// The share of clipped samples from which it is told.
const CLIPPED_SHARE: f64 = 1e-3;
/// Peaks beyond this are no sound: integers were stored as floats without a scale.
const ABSURD_PEAK: f32 = 100.0;
/// The mean of two channels in antiphase has at most this share of their power: -20 dB.
const ANTIPHASE: f64 = 0.01;
/// Power below which a channel is not judged: -80 dB of full scale.
const QUIET: f64 = 1e-8;
/// The most samples of all channels that are held to choose one.
const MOST_HELD: usize = 1 << 20;

/// Turns interleaved samples into mono. Counts what is odd about the channels.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    /// The channel that is used, from 0; `None` for the mean.
    used: Option<usize>,
    /// Whether `used` was chosen because the channels cancel each other.
    is_antiphase: bool,
    channels: Vec<Channel>,
    frames: u64,
    not_finite: u64,
    /// Sum of squares of the mean of the channels.
    mixed: f64,
}

/// What was seen of one channel.
#[derive(Debug, Default, Clone)]
struct Channel {
    squares: f64,
    peak: f32,
    /// Samples at full scale in a row, now; and the samples of runs that count as clipped.
    run: u32,
    clipped: u64,
}

impl Mixing {
    /// The number of frames that [`Self::new`] needs to choose: those of the first second, or 0 if
    /// the choice does not depend on the samples.
    pub(super) fn frames_to_choose(
        choice: ChannelChoice,
        channels: usize,
        rate: SampleRate,
    ) -> usize {
        let depends = match choice {
            ChannelChoice::Mix => channels == 2,
            ChannelChoice::Best => channels > 1,
            ChannelChoice::Only(_) => false,
        };
        if depends {
            (rate.hz() as usize).min(MOST_HELD / channels)
        } else {
            0
        }
    }

    /// Chooses a channel by the first interleaved samples. `Err` with the number of channels if
    /// the chosen one is not there.
    pub(super) fn new(
        choice: ChannelChoice,
        channels: usize,
        first: &[f32],
    ) -> Result<Self, usize> {
        let mut sums = vec![0.0; channels];
        let mut mixed = 0.0;
        for frame in first.chunks_exact(channels.max(1)) {
            let finite = |x: f32| if x.is_finite() { f64::from(x) } else { 0.0 };
            for (sum, &sample) in sums.iter_mut().zip(frame) {
                *sum += finite(sample).powi(2);
            }
            let mean = frame.iter().map(|&x| finite(x)).sum::<f64>() / channels as f64;
            mixed += mean.powi(2);
        }
        let frames = (first.len() / channels.max(1)).max(1) as f64;
        let power = sums.iter().sum::<f64>() / channels.max(1) as f64;
        let is_antiphase = choice == ChannelChoice::Mix
            && channels == 2
            && power > QUIET * frames
            && sums.iter().all(|&sum| sum > QUIET * frames)
            && mixed < ANTIPHASE * power;
        let used = match choice {
            ChannelChoice::Mix => is_antiphase.then_some(0),
            ChannelChoice::Only(channel) => {
                let index = usize::from(channel) - 1;
                if index >= channels {
                    return Err(channels);
                }
                Some(index)
            }
            ChannelChoice::Best => {
                let mut best = 0;
                for (index, sum) in sums.iter().enumerate() {
                    if *sum > sums.get(best).copied().unwrap_or(0.0) {
                        best = index;
                    }
                }
                Some(best)
            }
        };
        Ok(Self {
            used: used.filter(|_| channels > 1),
            is_antiphase,
            ..Self::default()
        })
    }

    /// Appends one sample for each frame of `channels` interleaved samples. NaN and infinities
    /// become 0.
    pub(super) fn mix(&mut self, interleaved: &mut [f32], channels: usize, out: &mut Vec<f32>) {
        if channels == 0 {
            return;
        }
        if self.channels.len() < channels {
            if let [only] = self.channels.as_slice() {
                // Mono sound until here, as in files that were joined.
                self.mixed = only.squares;
            }
            self.channels.resize(channels, Channel::default());
        }
        for sample in interleaved.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
            self.not_finite += 1;
        }
        for (index, seen) in self.channels.iter_mut().enumerate().take(channels) {
            for &sample in interleaved.iter().skip(index).step_by(channels) {
                seen.take(sample);
            }
        }
        self.frames += (interleaved.len() / channels) as u64;
        let before = out.len();
        match self.used.filter(|&used| used < channels) {
            Some(used) => out.extend(interleaved.iter().skip(used).step_by(channels)),
            None if channels == 1 => out.extend_from_slice(interleaved),
            None => out.extend(
                interleaved
                    .chunks_exact(channels)
                    .map(|frame| frame.iter().sum::<f32>() / channels as f32),
            ),
        }
        if self.channels.len() > 1 {
            let mixed = out.get(before..).unwrap_or_default();
            self.mixed += mixed.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        }
    }

    /// What is odd about the samples so far.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.not_finite > 0 {
            notes.push(Note::NotFinite {
                samples: self.not_finite,
            });
        }
        let peak = self.channels.iter().map(|c| c.peak).fold(0.0, f32::max);
        if peak > ABSURD_PEAK {
            notes.push(Note::OverFullScale {
                peak: f64::from(peak),
            });
        }
        let all = self.frames * self.channels.len() as u64;
        let clipped: u64 = self.channels.iter().map(|c| c.clipped).sum();
        let share = clipped as f64 / all.max(1) as f64;
        if share >= CLIPPED_SHARE && peak <= ABSURD_PEAK {
            notes.push(Note::Clipped { share });
        }
        let power = |squares: f64| squares / self.frames.max(1) as f64;
        let has_sound = self.channels.iter().any(|c| power(c.squares) > QUIET);
        for (index, channel) in self.channels.iter().enumerate() {
            let matters = self.used.is_none_or(|used| used == index);
            if has_sound && matters && channel.peak == 0.0 {
                notes.push(Note::SilentChannel { channel: index + 1 });
            }
        }
        let mean = self.channels.iter().map(|c| power(c.squares)).sum::<f64>()
            / self.channels.len().max(1) as f64;
        let all_sound = self.channels.iter().all(|c| power(c.squares) > QUIET);
        if self.is_antiphase {
            notes.push(Note::Antiphase {
                used: self.used.map(|used| used + 1),
            });
        } else if self.used.is_none()
            && self.channels.len() == 2
            && all_sound
            && power(self.mixed) < ANTIPHASE * mean
        {
            notes.push(Note::Antiphase { used: None });
        }
        notes
    }
}

/// Turns the interleaved samples of a microphone into mono, without a delay.
///
/// The first second decides, as for a recording. Until it is over, the mean is used.
#[cfg(any(test, feature = "mic"))]
#[derive(Debug)]
pub(super) struct LiveMixing {
    choice: ChannelChoice,
    channels: usize,
    /// The samples of the first second, until the channel is chosen.
    first: Vec<f32>,
    wanted: usize,
    used: Option<usize>,
}

#[cfg(any(test, feature = "mic"))]
impl LiveMixing {
    /// `Err` with the number of channels if the chosen one is not there.
    pub(super) fn new(
        choice: ChannelChoice,
        channels: usize,
        rate: SampleRate,
    ) -> Result<Self, usize> {
        let wanted = Mixing::frames_to_choose(choice, channels, rate) * channels;
        let used = match choice {
            ChannelChoice::Only(_) => Mixing::new(choice, channels, &[])?.used,
            ChannelChoice::Mix | ChannelChoice::Best => None,
        };
        Ok(Self {
            choice,
            channels: channels.max(1),
            first: Vec::with_capacity(wanted),
            wanted,
            used,
        })
    }

    /// One sample for each frame.
    pub(super) fn mix(&mut self, interleaved: impl Iterator<Item = f32>) -> Vec<f32> {
        let interleaved: Vec<f32> = interleaved.collect();
        let frames = interleaved.chunks_exact(self.channels);
        let mono = match self.used {
            Some(used) => frames
                .filter_map(|frame| frame.get(used).copied())
                .collect(),
            None => frames
                .map(|frame| frame.iter().sum::<f32>() / self.channels as f32)
                .collect(),
        };
        if self.first.len() < self.wanted {
            let missing = self.wanted - self.first.len();
            self.first.extend(interleaved.iter().take(missing));
            if self.first.len() == self.wanted {
                let chosen = Mixing::new(self.choice, self.channels, &self.first);
                self.used = chosen.ok().and_then(|mixing| mixing.used);
            }
        }
        mono
    }
}

impl Channel {
    fn take(&mut self, sample: f32) {
        let size = sample.abs();
        self.squares += f64::from(sample).powi(2);
        self.peak = self.peak.max(size);
        if size < FULL_SCALE {
            self.run = 0;
            return;
        }
        self.run += 1;
        if self.run == CLIPPED_RUN {
            self.clipped += u64::from(CLIPPED_RUN);
        } else if self.run > CLIPPED_RUN {
            self.clipped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frames: usize, gains: &[f32]) -> Vec<f32> {
        (0..frames)
            .flat_map(|i| {
                let x = (i as f32 * 0.3).sin() * 0.5;
                gains.iter().map(move |gain| x * gain).collect::<Vec<_>>()
            })
            .collect()
    }

    fn mixed(choice: ChannelChoice, gains: &[f32]) -> (Vec<f32>, Vec<Note>) {
        let mut samples = tone(2_000, gains);
        let mut mixing = Mixing::new(choice, gains.len(), &samples).unwrap();
        let mut out = Vec::new();
        // The cut into packets does not matter.
        for part in samples.chunks_mut(gains.len() * 7) {
            mixing.mix(part, gains.len(), &mut out);
        }
        (out, mixing.notes())
    }

    #[test]
    fn channels_in_antiphase_are_not_mixed() {
        let (out, notes) = mixed(ChannelChoice::Mix, &[1.0, -1.0]);
        assert_eq!(out, tone(2_000, &[1.0]));
        assert_eq!(notes, [Note::Antiphase { used: Some(1) }]);
        let (out, notes) = mixed(ChannelChoice::Only(2), &[1.0, -1.0]);
        assert_eq!((out, notes), (tone(2_000, &[-1.0]), vec![]));
        let (out, notes) = mixed(ChannelChoice::Mix, &[1.0, -0.5]);
        assert_eq!((out, notes), (tone(2_000, &[0.25]), vec![]));
    }

    #[test]
    fn the_best_channel_has_the_most_power() {
        let (out, notes) = mixed(ChannelChoice::Best, &[0.1, 0.0, 0.8, 0.2]);
        assert_eq!((out, notes), (tone(2_000, &[0.8]), vec![]));
        let (_, notes) = mixed(ChannelChoice::Mix, &[0.1, 0.0]);
        assert_eq!(notes, [Note::SilentChannel { channel: 2 }]);
        assert_eq!(Mixing::new(ChannelChoice::Only(3), 2, &[]).err(), Some(2));
    }

    #[test]
    fn clipped_absurd_and_missing_samples_are_noted() {
        let mut mixing = Mixing::new(ChannelChoice::Mix, 1, &[]).unwrap();
        let mut out = Vec::new();
        let mut samples = vec![0.5; 1_000];
        samples[10] = f32::NAN;
        samples[11] = f32::NEG_INFINITY;
        samples[20..24].fill(-1.0);
        samples[30..32].fill(1.0);
        mixing.mix(&mut samples, 1, &mut out);
        assert_eq!((out[10], out[11], out[20]), (0.0, 0.0, -1.0));
        let expected = [
            Note::NotFinite { samples: 2 },
            Note::Clipped { share: 0.004 },
        ];
        assert_eq!(mixing.notes(), expected);
        mixing.mix(&mut [16_384.0], 1, &mut out);
        assert!(
            mixing
                .notes()
                .contains(&Note::OverFullScale { peak: 16_384.0 })
        );
    }

    #[test]
    fn a_microphone_uses_the_best_channel_after_the_first_second() {
        let rate = SampleRate::new(100).unwrap();
        let samples = tone(150, &[0.5, -1.0]);
        for size in [2, 14, 300] {
            let mut live = LiveMixing::new(ChannelChoice::Best, 2, rate).unwrap();
            let parts = samples.chunks(size);
            let out: Vec<f32> = parts
                .flat_map(|part| live.mix(part.iter().copied()))
                .collect();
            assert_eq!(out[..100], tone(100, &[-0.25])[..]);
            if size < 300 {
                assert_eq!(out[100 + size / 2..], tone(150, &[-1.0])[100 + size / 2..]);
            }
        }
        let mut live = LiveMixing::new(ChannelChoice::Only(2), 2, rate).unwrap();
        assert_eq!(live.mix([0.25, 0.5].into_iter()), [0.5]);
        assert_eq!(
            LiveMixing::new(ChannelChoice::Only(3), 2, rate).err(),
            Some(2)
        );
    }
}
