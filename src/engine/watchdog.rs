//! Notifies a service manager that listening continues.
//!
//! Under systemd (`Type=notify`, `WatchdogSec=`) a process that hangs is restarted, also if its
//! microphone hangs. Each processed chunk is a keep-alive signal, and nothing else is. Elsewhere
//! nothing happens.

use std::time::{Duration, Instant};

/// Sends keep-alive signals, if a service manager expects them.
#[derive(Debug)]
pub struct Watchdog {
    /// The interval between signals; `None` if none are expected.
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    /// Reports that the process is ready, and reads the interval of the watchdog.
    pub fn ready() -> Self {
        #[cfg(target_os = "linux")]
        let every = {
            // A missing service manager is not an error.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            // Send twice as often as required.
            sd_notify::watchdog_enabled().map(|most| most / 2)
        };
        #[cfg(not(target_os = "linux"))]
        let every = None;
        Self {
            every,
            last: Instant::now(),
        }
    }

    /// Signals that the process is alive, if a signal is due.
    pub fn alive(&mut self) {
        if self.every.is_some_and(|every| self.last.elapsed() >= every) {
            self.last = Instant::now();
            #[cfg(target_os = "linux")]
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
    }
}
