//! Selects the head that is most accurate on the rehearsal memory.
//!
//! This is cross-validation: parts of the memory are held out in turn, and every candidate learns
//! the rest from scratch. If groups are known, whole groups are held out, because a speaker in
//! both parts would favour a head that learns speakers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::recipe::Recipe;
use super::trained::Trained;
use super::{Evidence, Head, HeadKind, Replay};

/// The head that answers, and the reason.
///
/// Its text form is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Selection {
    /// The head that answers.
    pub head: HeadKind,
    /// Examples learned when it was chosen; 0 if it is the initial head.
    pub since: u64,
    /// Examples learned at the last comparison; 0 before the first.
    pub compared_at: u64,
    /// Remembered examples in the comparison.
    pub rows: u64,
    /// Number of known groups that were held out; 0 if single examples were held out.
    pub groups: u64,
    /// Number of correct rows of each candidate. Empty before the first comparison.
    pub scores: Vec<Score>,
}

/// The result of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Score {
    /// The candidate.
    pub head: HeadKind,
    /// Rows that it classified correctly.
    pub correct: u64,
}

/// The candidates, in order of accuracy on the data that was measured first. On a tie, the earlier
/// candidate wins.
pub(super) const CANDIDATES: [HeadKind; 5] = [
    HeadKind::LDA,
    HeadKind::RIDGE,
    HeadKind::LINEAR,
    HeadKind::NCM,
    HeadKind::KNN,
];

impl Selection {
    /// Maximum number of held-out parts. Each part costs one training of every candidate.
    const PARTS: usize = 3;
    /// Maximum number of rows in a comparison.
    const MOST_ROWS: usize = 300;
    /// Minimum number of rows for a conclusion.
    const FEWEST_ROWS: usize = 20;
    /// Number of standard errors by which another head must be ahead. With one standard error,
    /// four challengers and ten comparisons a stream selected heads that were lucky, not better,
    /// on FSDD and seglearn. This is the second rule tried; there was no third.
    const STANDARD_ERRORS: f64 = 2.0;

    /// The selection before the first comparison.
    pub(super) fn start() -> Self {
        Self {
            head: CANDIDATES[0],
            since: 0,
            compared_at: 0,
            rows: 0,
            groups: 0,
            scores: Vec::new(),
        }
    }

    /// Compares the candidates on `kept` after `examples` examples. Selects another head only if
    /// it is better by more than two standard errors of the difference between the two.
    pub(super) fn compare(&mut self, steps: &[f32], seed: u64, kept: Replay<'_>, examples: u64) {
        let parts = Parts::of(kept, seed ^ examples);
        let mut right: Vec<[bool; CANDIDATES.len()]> = Vec::new();
        for part in 0..parts.count {
            parts.ask(part, steps, seed, kept, &mut right);
        }
        if right.len() < Self::FEWEST_ROWS {
            return;
        }
        let correct = |c: usize| right.iter().filter(|row| row[c]).count() as u64;
        let now = (CANDIDATES.iter().position(|&c| c == self.head)).unwrap_or_default();
        let mut best = now;
        for other in 0..CANDIDATES.len() {
            if ahead(&right, other, now) && correct(other) > correct(best) {
                best = other;
            }
        }
        if best != now {
            self.head = CANDIDATES[best];
            self.since = examples;
        }
        self.compared_at = examples;
        self.rows = right.len() as u64;
        self.groups = parts.groups;
        self.scores = (CANDIDATES.iter().enumerate())
            .map(|(c, &head)| Score {
                head,
                correct: correct(c),
            })
            .collect();
    }

    /// Discards the last comparison, because it no longer describes the learned examples.
    pub(super) fn forget(&mut self) {
        self.scores.clear();
        (self.rows, self.groups, self.compared_at) = (0, 0, 0);
    }

    /// Whether [`Self::compare`] can have produced these values.
    pub(super) fn is_sound(&self) -> bool {
        let heads = self.scores.iter().map(|score| score.head);
        CANDIDATES.contains(&self.head)
            && (self.scores.is_empty() || heads.eq(CANDIDATES))
            && self.scores.iter().all(|score| score.correct <= self.rows)
    }
}

/// Whether `one` is ahead of `other` by more than two standard errors of the paired difference
/// (McNemar 1947: only rows on which they differ count).
fn ahead(right: &[[bool; CANDIDATES.len()]], one: usize, other: usize) -> bool {
    let count = |a: usize, b: usize| right.iter().filter(|row| row[a] && !row[b]).count() as u64;
    let (won, lost) = (count(one, other), count(other, one));
    if won <= lost {
        return false;
    }
    let (differing, lead) = ((won + lost) as f64, (won - lost) as f64);
    let variance = differing - lead * lead / right.len() as f64;
    lead * lead > Selection::STANDARD_ERRORS.powi(2) * variance
}

/// Rows of the memory, and the part in which each is held out.
struct Parts {
    /// Row and part.
    rows: Vec<(usize, usize)>,
    count: usize,
    groups: u64,
}

impl Parts {
    fn of(kept: Replay<'_>, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut rows = balanced_draw(kept.classes, Selection::MOST_ROWS, &mut random);
        // A duplicate row could be in the training part and the held-out part.
        let width = kept.features.len() / kept.classes.len().max(1);
        let mut seen = BTreeSet::new();
        rows.retain(|&row| seen.insert(&kept.features[row * width..(row + 1) * width]));
        let group = |row: usize| kept.groups.get(row).copied().unwrap_or(0);
        // The groups by size, the largest first. Rows without a known group form one more group.
        let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
        for &row in &rows {
            *sizes.entry(group(row)).or_default() += 1;
        }
        let known = sizes.keys().filter(|&&group| group != 0).count();
        if known < 2 {
            // Distributes each class over the parts in turn, so that every part has its share of
            // each class.
            let mut next = 0;
            let mut by_class: Vec<usize> = rows;
            by_class.sort_by_key(|&row| kept.classes[row]);
            let rows: Vec<_> = (by_class.into_iter())
                .map(|row| {
                    next += 1;
                    (row, (next - 1) % Selection::PARTS)
                })
                .collect();
            return Self {
                count: Selection::PARTS,
                rows,
                groups: 0,
            };
        }
        let mut groups: Vec<(u64, usize)> = sizes.into_iter().collect();
        groups.sort_by_key(|&(group, size)| (usize::MAX - size, group));
        let count = groups.len().min(Selection::PARTS);
        let mut filled = vec![0; count];
        let mut part_of = BTreeMap::new();
        for (group, size) in groups {
            let emptiest = (0..count).min_by_key(|&part| filled[part]).unwrap_or(0);
            filled[emptiest] += size;
            part_of.insert(group, emptiest);
        }
        Self {
            rows: (rows.into_iter())
                .map(|row| (row, part_of.get(&group(row)).copied().unwrap_or(0)))
                .collect(),
            count,
            groups: known as u64,
        }
    }

    /// Trains every candidate on all parts but `part` and tests it on `part`. Classes that occur
    /// only in `part` are left out, because no candidate can know them.
    fn ask(
        &self,
        part: usize,
        steps: &[f32],
        seed: u64,
        kept: Replay<'_>,
        right: &mut Vec<[bool; CANDIDATES.len()]>,
    ) {
        let width = steps.len();
        let features = |row: usize| &kept.features[row * width..(row + 1) * width];
        let mut known: BTreeMap<usize, usize> = BTreeMap::new();
        let (mut taught, mut classes) = (Vec::new(), Vec::new());
        for &(row, _) in self.rows.iter().filter(|&&(_, p)| p != part) {
            let next = known.len();
            classes.push(*known.entry(kept.classes[row]).or_insert(next));
            taught.extend_from_slice(features(row));
        }
        if known.len() < 2 {
            return;
        }
        let training = Replay {
            features: &taught,
            classes: &classes,
            groups: &[],
        };
        let heads = CANDIDATES.map(|kind| trained(kind, steps, seed, training));
        let (mut evidence, mut shares) = (Evidence::default(), Vec::new());
        for &(row, _) in self.rows.iter().filter(|&&(_, p)| p == part) {
            let Some(&truth) = known.get(&kept.classes[row]) else {
                continue;
            };
            let mut answers = [false; CANDIDATES.len()];
            for (answer, head) in answers.iter_mut().zip(&heads) {
                if head.evidence_into(features(row), &mut evidence).is_ok() {
                    // Compares shares, as `decision` does: rounding creates ties.
                    evidence.shares_into(&mut shares);
                    *answer = argmax(&shares) == Some(truth);
                }
            }
            right.push(answers);
        }
    }
}

/// Returns a candidate that has learned `training`.
fn trained(kind: HeadKind, steps: &[f32], seed: u64, training: Replay<'_>) -> Box<dyn Head> {
    if kind == HeadKind::LINEAR {
        let mut linear = Trained::new(Recipe::of(kind), steps, seed);
        linear.fit(training);
        return Box::new(linear);
    }
    let mut head = kind.build(steps, seed, 1);
    let rows = training.features.chunks_exact(steps.len().max(1));
    for (row, &class) in rows.zip(training.classes) {
        // Classes are numbered in order of first occurrence.
        let learned = head.learn_one(row, class);
        debug_assert!(learned.is_ok());
    }
    if let Some(head) = head.memory() {
        head.set_memory(training);
    }
    head.solve();
    head
}

fn argmax(values: &[f32]) -> Option<usize> {
    let best = (values.iter().enumerate()).reduce(|best, at| if at.1 > best.1 { at } else { best });
    best.map(|(index, _)| index)
}

/// Draws at most `most` rows in random order, with equal numbers of each class where possible.
fn balanced_draw(classes: &[usize], most: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..classes.len()).collect();
    for end in (1..rows.len()).rev() {
        // The bias of the remainder is below 2^-32 for every possible memory.
        rows.swap(end, (random.next_u64() % (end as u64 + 1)) as usize);
    }
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, usize)> = (rows.into_iter())
        .map(|row| {
            let turn = taken.entry(classes[row]).or_default();
            *turn += 1;
            (*turn, row)
        })
        .collect();
    // Sorts the first row of every class before the second of every class, and so on.
    turns.sort_by_key(|&(turn, _)| turn);
    turns.truncate(most);
    turns.into_iter().map(|(_, row)| row).collect()
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.head;
        match self.since {
            0 => write!(f, "{head} from the start")?,
            since => write!(f, "{head} since example {since}")?,
        }
        let share = |score: &Score| score.correct as f64 / self.rows.max(1) as f64;
        let mine = self.scores.iter().find(|score| score.head == head);
        let others = self.scores.iter().filter(|score| score.head != head);
        let best = others.reduce(|a, b| if b.correct > a.correct { b } else { a });
        let (Some(mine), Some(best)) = (mine, best) else {
            return f.write_str(", compared with nothing yet");
        };
        write!(
            f,
            ": {:.3} right of {} remembered examples, {} {:.3}",
            share(mine),
            self.rows,
            best.head,
            share(best),
        )?;
        if best.correct > mine.correct {
            f.write_str(" (not beyond chance)")?;
        }
        match self.groups {
            0 => f.write_str(", examples held out in turn"),
            groups => write!(f, ", {groups} groups held out in turn"),
        }?;
        write!(f, ", at example {}", self.compared_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` rows: candidate 0 is right on the first `a`, candidate 1 on the last `b`.
    fn answers(n: usize, a: usize, b: usize) -> Vec<[bool; CANDIDATES.len()]> {
        let row = |i: usize| [i < a, i >= n - b, false, false, false];
        (0..n).map(row).collect()
    }

    #[test]
    fn ahead_takes_more_than_two_standard_errors() {
        // 30 differ, 10 more won than lost: 100 < 4 * 29.
        assert!(!ahead(&answers(100, 80, 90), 1, 0));
        // 30 differ, 12 more won: 144 > 4 * 28.6.
        assert!(ahead(&answers(100, 79, 91), 1, 0));
        assert!(!ahead(&answers(100, 79, 91), 0, 1));
        // A few rows never suffice.
        assert!(!ahead(&answers(50, 49, 50), 1, 0));
        assert!(!ahead(&answers(50, 47, 50), 1, 0));
        assert!(ahead(&answers(50, 46, 50), 1, 0));
        assert!(!ahead(&answers(50, 50, 50), 1, 0), "a tie");
    }

    #[test]
    fn a_draw_takes_equally_many_rows_of_each_class() {
        let classes: Vec<usize> = (0..100).map(|i| usize::from(i >= 90)).collect();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let drawn = balanced_draw(&classes, 30, &mut random);
        let rare = drawn.iter().filter(|&&row| row >= 90).count();
        assert_eq!((drawn.len(), rare), (30, 10));
        let mut rows = drawn.clone();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 30);
    }

    #[test]
    fn a_repeated_row_is_asked_once() {
        let kept = Replay {
            features: &[1, 2, 3, 4, 1, 2, 1, 3],
            classes: &[0, 1, 0, 1],
            groups: &[],
        };
        assert_eq!(Parts::of(kept, 1).rows.len(), 3);
    }

    #[test]
    fn groups_are_never_split() {
        let classes: Vec<usize> = (0..60).map(|i| i % 3).collect();
        let groups: Vec<u64> = (0..60).map(|i| [5, 5, 7, 9][i / 15]).collect();
        let features: Vec<i16> = (0..60).collect();
        let kept = |groups| Replay {
            features: &features,
            classes: &classes,
            groups,
        };
        let parts = Parts::of(kept(&groups), 4);
        assert_eq!((parts.count, parts.groups, parts.rows.len()), (3, 3, 60));
        for &(row, part) in &parts.rows {
            for &(other, its) in &parts.rows {
                assert!(groups[row] != groups[other] || part == its);
            }
        }
        // Without groups, every part has equally many rows of each class.
        let parts = Parts::of(kept(&[]), 4);
        assert_eq!(parts.groups, 0);
        for part in 0..3 {
            let mut of_class = [0; 3];
            for &(row, _) in parts.rows.iter().filter(|&&(_, p)| p == part) {
                of_class[classes[row]] += 1;
            }
            assert!(of_class.iter().all(|n| (6..=7).contains(n)), "{of_class:?}");
        }
    }
}
