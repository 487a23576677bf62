//! Random numbers of the memory. Each event has its own ChaCha8 stream, so the whole random state
//! is a counter.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The random stream of the example with number `shown`.
pub(super) fn of_insert(seed: u64, shown: u64) -> ChaCha8Rng {
    stream(seed, shown.wrapping_mul(2))
}

/// The random stream of draw number `draw`.
pub(super) fn of_draw(seed: u64, draw: u64) -> ChaCha8Rng {
    stream(seed, draw.wrapping_mul(2).wrapping_add(1))
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// A number in `0..n`, by Lemire's multiplication; the bias is below `n / 2^64`.
pub(super) fn below(random: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(n)) >> 64) as u64
}
