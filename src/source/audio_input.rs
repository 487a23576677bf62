//! Chooses one of a microphone's configurations.

use crate::signal::SampleRate;

/// A range of rates that a microphone supports with this number of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) channels: u16,
    pub(super) lowest_hz: u32,
    pub(super) highest_hz: u32,
    /// Rank of its sample format; lower is better.
    pub(super) format: u8,
}

/// Chooses the best of several offers. Returns its index and the rate to ask for.
///
/// The rate counts first: `wanted`, else the nearest rate above it, which loses nothing, else the
/// highest rate. Then the fewest channels count, then the rank of the sample format.
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
    fn the_best_offer_is_chosen_by_rate_then_channels_then_format() {
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
        // An offer with the wanted rate is better than one with fewer channels.
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
