//! Statistics of a memory.

use serde::Serialize;

use super::memory::Keeper;
use super::plan::ROW_NUMBER_BYTES;
use super::{Capacity, Draws, Origin, Plan, Policy, Rehearsal, Storage};

/// Statistics of a memory, for people and for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// The plan of the memory, in its text form.
    pub plan: Plan,
    /// Which examples are kept.
    pub(super) policy: Policy,
    /// The precision.
    pub(super) storage: Storage,
    /// How rows are drawn for replay.
    pub draws: Draws,
    /// Number of stored examples.
    pub examples: usize,
    /// Maximum number of stored examples, in the current state.
    pub capacity: usize,
    /// Examples shown, including those that were removed.
    pub shown: u64,
    /// Whether a herding memory still stores its sums; `None` for other policies.
    pub herds: Option<bool>,
    /// The bytes in use, by part.
    pub bytes: ByteStatistics,
    /// The classes, in the order in which they were first shown.
    pub classes: Vec<ClassStatistics>,
}

/// Bytes by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByteStatistics {
    /// Features.
    pub features: usize,
    /// Scales of int8 rows.
    pub scales: usize,
    /// Index entries of the classes.
    pub index: usize,
    /// Origins.
    pub origins: usize,
    /// Class sums, for herding.
    pub sums: usize,
    /// The total.
    pub total: usize,
    /// The limit, if it is in bytes.
    pub limit: Option<usize>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassStatistics {
    /// Number of stored examples.
    pub held: usize,
    /// Examples shown, minus the removed ones.
    pub seen: u64,
    /// Time of the oldest stored example, in milliseconds of Unix time; `None` if no time is
    /// known.
    pub oldest_unix_ms: Option<i64>,
    /// Time of the newest stored example.
    pub newest_unix_ms: Option<i64>,
    /// The groups of the stored examples, by number; 0 means unknown.
    pub groups: Vec<GroupStatistics>,
    /// Euclidean distance between the mean of the stored examples, as they are read, and the mean
    /// of all examples shown, in fixed-point units. `None` if the policy does not store the sums.
    pub mean_distance: Option<f64>,
    /// Length of the mean of all examples shown, in the same units.
    pub mean_length: Option<f64>,
}

/// One group within a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GroupStatistics {
    /// Its number.
    pub group: u64,
    /// Number of stored examples.
    pub held: usize,
}

impl Rehearsal {
    /// Computes the statistics. Reads all stored examples.
    pub fn statistics(&self) -> Statistics {
        let (plan, rows) = (self.plan(), self.len());
        Statistics {
            plan,
            policy: plan.policy,
            storage: plan.storage,
            draws: plan.policy.draws(),
            examples: rows,
            capacity: self.capacity(),
            shown: self.shown,
            herds: match &self.keeper {
                Keeper::Herding(herding) => Some(herding.sums.is_some()),
                _ => None,
            },
            bytes: ByteStatistics {
                features: rows * plan.storage.feature_bytes(self.width),
                scales: rows * plan.storage.scale_bytes(),
                index: rows * ROW_NUMBER_BYTES,
                origins: rows * Origin::BYTES,
                sums: self.sums_bytes(),
                total: self.bytes(),
                limit: match plan.capacity {
                    Capacity::Bytes(limit) => Some(limit),
                    _ => None,
                },
            },
            classes: (0..self.classes()).map(|class| self.class(class)).collect(),
        }
    }

    fn class(&self, class: usize) -> ClassStatistics {
        let rows = &self.held.classes[class].rows;
        let origins = rows.iter().map(|&row| self.held.arena.origin(row));
        let times = || (origins.clone().map(|o| o.at_unix_ms)).filter(|&at| at != 0);
        let mut ids: Vec<u64> = origins.clone().map(|origin| origin.group).collect();
        ids.sort_unstable();
        let groups = ids.chunk_by(|a, b| a == b).filter_map(|same| {
            let (&group, held) = (same.first()?, same.len());
            Some(GroupStatistics { group, held })
        });
        let (mean_distance, mean_length) = self.distance(class).unzip();
        ClassStatistics {
            held: rows.len(),
            seen: self.seen(class),
            oldest_unix_ms: times().min(),
            newest_unix_ms: times().max(),
            groups: groups.collect(),
            mean_distance,
            mean_length,
        }
    }

    /// The distance between the mean of the stored examples and the mean of those shown, and the
    /// length of the latter.
    fn distance(&self, class: usize) -> Option<(f64, f64)> {
        let Keeper::Herding(herding) = &self.keeper else {
            return None;
        };
        let sum = herding.sum(class, self.width)?;
        let (held, seen) = (self.held(class) as f64, self.seen(class) as f64);
        if held == 0.0 {
            return None;
        }
        let mut totals = vec![0_i64; self.width];
        for row in self.examples(class) {
            for (total, x) in totals.iter_mut().zip(row) {
                *total += i64::from(x);
            }
        }
        let length = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
        let mut gaps = (totals.iter().zip(sum)).map(|(&t, &s)| t as f64 / held - s as f64 / seen);
        let mut mean = sum.iter().map(|&s| s as f64 / seen);
        Some((length(&mut gaps).sqrt(), length(&mut mean).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_report_times_groups_and_bytes() {
        let mut memory = Rehearsal::new("recent:8:int8".parse::<Plan>().unwrap(), 4, 0).unwrap();
        for (i, group) in [7, 3, 7, 0, 7].into_iter().enumerate() {
            let at_unix_ms = if group == 0 { 0 } else { 100 + i as i64 };
            let origin = Origin { group, at_unix_ms };
            memory.insert(&[i as i16; 4], 1, origin).unwrap();
        }
        let json = serde_json::to_value(memory.statistics()).unwrap();
        let wanted = serde_json::json!({
            "plan": "recent:8:int8", "policy": "recent", "storage": "int8", "draws": "uniform",
            "examples": 5, "capacity": 8, "shown": 5, "herds": null,
            "bytes": {
                "features": 20, "scales": 10, "index": 20, "origins": 80, "sums": 0,
                "total": 130, "limit": null,
            },
            "classes": [
                {
                    "held": 0, "seen": 0, "oldest_unix_ms": null, "newest_unix_ms": null,
                    "groups": [], "mean_distance": null, "mean_length": null,
                },
                {
                    "held": 5, "seen": 5, "oldest_unix_ms": 100, "newest_unix_ms": 104,
                    "groups": [
                        {"group": 0, "held": 1}, {"group": 3, "held": 1}, {"group": 7, "held": 3},
                    ],
                    "mean_distance": null, "mean_length": null,
                },
            ],
        });
        assert_eq!(json, wanted);
    }
}
