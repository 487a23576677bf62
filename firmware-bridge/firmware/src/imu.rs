//! A synthetic IMU: three motions in turn, three seconds each.
//!
//! A function of the sample's number and time alone, without floating point, so
//! that a host can compute what must have come.

/// Channels of a sample: acceleration and rate of turn, x, y, z.
pub const CHANNELS: usize = 6;
/// What a count of acceleration is worth: plus and minus 8 g in 16 bits.
pub const ACCELERATION: f32 = 9.806_65 * 16.0 / 65_536.0;
/// What a count of turn is worth: plus and minus 2,000 degrees a second.
pub const TURN: f32 = 4_000.0 / 65_536.0 * (core::f32::consts::PI / 180.0);

/// How long one motion lasts.
pub const MOTION_US: u64 = 3_000_000;

/// What the device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// It lies on a table.
    Rest,
    /// It is shaken along x, three times a second.
    Shake,
    /// It is turned about z, to and fro, once a second.
    Turn,
}

/// The motion at a time.
pub fn motion(time_us: u64) -> Motion {
    match time_us / MOTION_US % 3 {
        0 => Motion::Rest,
        1 => Motion::Shake,
        _ => Motion::Turn,
    }
}

/// The counts of one sample.
pub fn sample(number: u64, time_us: u64) -> [i16; CHANNELS] {
    const ONE_G: i16 = 4_096;
    let mut values = [0, 0, ONE_G, 0, 0, 0];
    match motion(time_us) {
        Motion::Rest => {}
        Motion::Shake => values[0] = triangle(time_us, 333_333, 6_000),
        Motion::Turn => values[5] = triangle(time_us, 1_000_000, 9_000),
    }
    let mut noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for value in &mut values {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        *value += (noise % 129) as i16 - 64;
    }
    values
}

/// A triangle between plus and minus `peak`.
fn triangle(time_us: u64, period_us: u64, peak: i64) -> i16 {
    let phase = (time_us % period_us * 4 / 10) as i64;
    let quarter = (period_us / 10) as i64;
    let folded = match phase {
        p if p < quarter => p,
        p if p < 3 * quarter => 2 * quarter - p,
        p => p - 4 * quarter,
    };
    (folded * peak / quarter) as i16
}
