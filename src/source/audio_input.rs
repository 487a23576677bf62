//! Chooses one of a microphone's configurations.

use crate::signal::SampleRate;

/// A range of rates at which a microphone has so many channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) channels: u16,
    pub(super) lowest_hz: u32,
    pub(super) highest_hz: u32,
    /// Rank of its sample format; lower is better.
    pub(super) format: u8,
}

/// The best of several offers, by its place, and the rate to ask for: `wanted`, or else the
/// nearest above it, which loses nothing, or else the highest; one channel, or else the fewest;
/// the best-liked kind of sample.
pub(super) fn best(offers: &[Offer], wanted: SampleRate) -> Option<(usize, SampleRate)> {
    let wanted = wanted.hz();
    let ranked = offers.iter().enumerate().filter_map(|(place, offer)| {
        let possible = offer.channels > 0 && offer.lowest_hz <= offer.highest_hz;
        let hz = wanted.clamp(offer.lowest_hz.min(offer.highest_hz), offer.highest_hz);
        let rate = SampleRate::new(hz).ok().filter(|_| possible)?;
        let below = hz < wanted;
        let rank = (below, hz.abs_diff(wanted), offer.channels, offer.format);
        Some((rank, place, rate))
    });
    let best = ranked.min_by_key(|&(rank, place, _)| (rank, place));
    best.map(|(_, place, rate)| (place, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(offers: &[(u16, u32, u32, u8)], wanted: u32) -> Option<(usize, u32)> {
        let offers: Vec<Offer> = offers
            .iter()
            .map(|&(channels, lowest_hz, highest_hz, format)| Offer {
                channels,
                lowest_hz,
                highest_hz,
                format,
            })
            .collect();
        let best = best(&offers, SampleRate::new(wanted).unwrap());
        best.map(|(place, rate)| (place, rate.hz()))
    }

    #[test]
    fn the_nearest_rate_above_comes_first_then_few_channels_then_the_format() {
        let any = [
            (2, 8_000, 48_000, 0),
            (1, 8_000, 48_000, 3),
            (1, 8_000, 48_000, 1),
        ];
        assert_eq!(chosen(&any, 16_000), Some((2, 16_000)));
        let usb = [(1, 44_100, 44_100, 0), (2, 48_000, 48_000, 0)];
        assert_eq!(chosen(&usb, 16_000), Some((0, 44_100)));
        assert_eq!(chosen(&usb, 46_000), Some((1, 48_000)));
        assert_eq!(
            chosen(&usb, 96_000),
            Some((1, 48_000)),
            "the highest there is"
        );
        // One that has it beats a nearer number of channels.
        let telephone = [(1, 8_000, 8_000, 0), (4, 16_000, 96_000, 0)];
        assert_eq!(chosen(&telephone, 16_000), Some((1, 16_000)));
    }

    #[test]
    fn impossible_offers_are_ignored() {
        let odd = [
            (0, 8_000, 48_000, 0),
            (1, 48_000, 8_000, 0),
            (1, 0, 0, 0),
            (1, 4_000_000, u32::MAX, 0),
        ];
        assert_eq!(chosen(&odd, 16_000), None);
        assert_eq!(chosen(&[], 16_000), None);
        assert_eq!(chosen(&[(1, 0, u32::MAX, 0)], 16_000), Some((0, 16_000)));
    }
}
