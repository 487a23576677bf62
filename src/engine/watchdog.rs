//! Tells a service manager that listening goes on.
//!
//! Under systemd (`Type=notify`, `WatchdogSec=`) a process that hangs silently,
//! or whose microphone does, is started again: each chunk that has been listened
//! to is a sign of life, and nothing else is. Elsewhere nothing happens.

use std::time::{Duration, Instant};

/// Signs of life, where somebody waits for them.
#[derive(Debug)]
pub struct Watchdog {
    /// As often as they are wanted.
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    /// Says that the process is ready, and asks how often it shall be heard of.
    pub fn ready() -> Self {
        #[cfg(target_os = "linux")]
        let every = {
            // Nobody being there to tell is no failure.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            // Twice as often as would do.
            sd_notify::watchdog_enabled().map(|most| most / 2)
        };
        #[cfg(not(target_os = "linux"))]
        let every = None;
        Self {
            every,
            last: Instant::now(),
        }
    }

    /// A sign of life; said when one is due.
    pub fn alive(&mut self) {
        if self.every.is_some_and(|every| self.last.elapsed() >= every) {
            self.last = Instant::now();
            #[cfg(target_os = "linux")]
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
    }
}
