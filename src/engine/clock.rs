//! The wall clock, as one argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of an [`Engine`](super::Engine). All code below the engine receives the time as an
/// argument. With a clock that always returns the same time, two runs write the same bytes.
#[derive(Debug, Clone, Copy)]
pub struct Clock(fn() -> i64);

impl Clock {
    /// The system's clock.
    pub const SYSTEM: Self = Self(system_unix_ms);

    /// A clock that calls `unix_ms`, which returns milliseconds of Unix time.
    pub const fn new(unix_ms: fn() -> i64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds of Unix time.
    pub fn unix_ms(self) -> i64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::SYSTEM
    }
}

fn system_unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
