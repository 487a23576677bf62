//! What is in a memory, in numbers.

use serde::Serialize;

use super::memory::Keeper;
use super::plan::ROW_NUMBER_BYTES;
use super::{Capacity, Draws, Origin, Plan, Policy, Rehearsal, Storage};

/// A memory in numbers, for people and for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// What the memory was made with, as it is written.
    pub plan: Plan,
    /// Which examples are kept.
    pub policy: Policy,
    /// In what precision.
    pub storage: Storage,
    /// How rows are drawn for replay.
    pub draws: Draws,
    /// Examples held.
    pub examples: usize,
    /// Examples it holds at most, as things stand.
    pub capacity: usize,
    /// Examples shown, those among them that were removed again.
    pub shown: u64,
    /// Whether a herding memory still has its sums; `None` for other policies.
    pub herds: Option<bool>,
    /// What the bytes are spent on.
    pub bytes: ByteStatistics,
    /// The classes, in the order in which they were met.
    pub classes: Vec<ClassStatistics>,
}

/// Bytes by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByteStatistics {
    /// Features.
    pub features: usize,
    /// Scales of int8 rows.
    pub scales: usize,
    /// Places in the lists of the classes.
    pub index: usize,
    /// Origins.
    pub origins: usize,
    /// Sums of the classes, for herding.
    pub sums: usize,
    /// All of them.
    pub total: usize,
    /// The limit, where it is one in bytes.
    pub limit: Option<usize>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassStatistics {
    /// Examples held.
    pub held: usize,
    /// Examples shown, less those removed again.
    pub seen: u64,
    /// Time of the oldest example held, in milliseconds of Unix time; `None`
    /// where no time is known.
    pub oldest_unix_ms: Option<i64>,
    /// Time of the newest.
    pub newest_unix_ms: Option<i64>,
    /// The groups that the examples held came from, by their numbers; 0 stands
    /// for unknown.
    pub groups: Vec<GroupStatistics>,
    /// Euclidean distance from the mean of what is held, as it is read, to the
    /// mean of all that was shown, in fixed-point units; where the policy keeps
    /// the sums to know it.
    pub mean_distance: Option<f64>,
    /// Length of the mean of all that was shown, in the same units.
    pub mean_length: Option<f64>,
}

/// One group within a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GroupStatistics {
    /// Its number.
    pub group: u64,
    /// Examples held.
    pub held: usize,
}

impl Rehearsal {
    /// The memory in numbers. Reads everything held.
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

    /// From the mean of what is held to the mean of what was shown, and the
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
