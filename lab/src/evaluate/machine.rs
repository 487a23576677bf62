//! The machine that a measurement was taken on.

use std::fs;
use std::thread;

use serde::Serialize;

/// The machine that durations were measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's name, where the system reports it.
    pub processor: Option<String>,
    /// Threads that may run at once.
    pub threads: usize,
    /// Architecture and operating system.
    pub platform: String,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            processor: field(&cpuinfo, "model name").or_else(|| field(&cpuinfo, "Model")),
            threads: thread::available_parallelism().map_or(1, usize::from),
            platform: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
        }
    }
}

/// Peak memory of this process, in bytes. `None` if the system does not report it (every system
/// except Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = field(&status, "VmHWM")?;
    kibibytes
        .trim_end_matches("kB")
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "VmHWMark: 1 kB\nVmHWM:\t  2048 kB\n";
        assert_eq!(field(text, "VmHWM").as_deref(), Some("2048 kB"));
        assert_eq!(field(text, "VmH"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_grows_with_memory_that_is_touched() {
        let before = peak_rss_bytes().unwrap();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = peak_rss_bytes().unwrap();
        assert!(after >= before && after >= held.len() as u64);
    }
}
