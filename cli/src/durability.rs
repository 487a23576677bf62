//! Options of the commands that teach: when an example is durable, and the limit of disk use.

use std::time::Duration;

use afield::engine::Durability;
use afield::rehearsal::Capacity;

/// The lowest limit of disk use. Below it, SQLite's own pages leave no room.
const LEAST_DISK: usize = 256 << 10;

/// Reads `immediate` or `batched:SECONDS`.
pub fn durability(text: &str) -> Result<Durability, String> {
    if text == "immediate" {
        return Ok(Durability::Immediate);
    }
    let seconds = text.strip_prefix("batched:").and_then(|s| s.parse().ok());
    match seconds {
        Some(seconds) if (0.1..=3600.0).contains(&seconds) => {
            Ok(Durability::Batched(Duration::from_secs_f64(seconds)))
        }
        _ => Err("expected immediate or batched:SECONDS, with 0.1 to 3600 seconds".to_owned()),
    }
}

/// A limit of disk use, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLimit(pub Option<u64>);

/// Reads `none` or a size such as `64MiB`.
pub fn disk_limit(text: &str) -> Result<DiskLimit, String> {
    match text.parse() {
        Ok(Capacity::None) => Ok(DiskLimit(None)),
        Ok(Capacity::Bytes(bytes)) if bytes >= LEAST_DISK => Ok(DiskLimit(Some(bytes as u64))),
        _ => {
            Err("expected a size with its unit such as 64MiB, at least 256KiB, or none".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_immediate_or_some_seconds() {
        assert_eq!(durability("immediate"), Ok(Durability::Immediate));
        let batched = Durability::Batched(Duration::from_millis(2500));
        assert_eq!(durability("batched:2.5"), Ok(batched));
        for text in [
            "",
            "batched",
            "batched:",
            "batched:0",
            "batched:NaN",
            "2",
            "batched:1e9",
        ] {
            assert!(durability(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_disk_limit_has_a_unit_and_leaves_room() {
        assert_eq!(disk_limit("1MiB"), Ok(DiskLimit(Some(1 << 20))));
        assert_eq!(disk_limit("none"), Ok(DiskLimit(None)));
        for text in ["", "200", "10KiB", "-1MiB", "MiB"] {
            assert!(disk_limit(text).is_err(), "{text}");
        }
    }
}
