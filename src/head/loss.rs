//! Cross-entropy and its derivative, over all or some classes.

use super::Replay;

/// The classes of the latest examples taught. Under ER-ACE (Caccia et al. 2022) a new example
/// competes among these classes only.
///
/// In the paper, the set is the classes of the incoming batch. A single example would compete only
/// with itself, and its gradient would vanish. So the batch here is the latest examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recent {
    limit: usize,
    /// The oldest first.
    pub(super) classes: Vec<u32>,
}

impl Recent {
    /// Remembers at most `limit` examples; 0 for losses that do not need them.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            classes: Vec::new(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn push(&mut self, class: usize) {
        if self.limit == 0 {
            return;
        }
        if self.classes.len() >= self.limit {
            self.classes.remove(0);
        }
        self.classes.push(class as u32);
    }

    /// Whether `class` competes with an incoming example.
    fn has(&self, class: usize) -> bool {
        self.limit == 0 || self.classes.contains(&(class as u32))
    }
}

/// The rows of one gradient step, and their classes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// `[n, width]`, centred.
    pub(super) rows: Vec<f32>,
    pub(super) classes: Vec<usize>,
    /// Whether the first row is the new example.
    pub(super) incoming: bool,
    /// Added to the logits, one a class, to account for class frequencies.
    pub(super) offsets: Vec<f32>,
}

impl Batch {
    /// Clears the batch and keeps its allocations.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.classes.clear();
        self.incoming = false;
    }

    /// Sets the classes of a new example and of its replayed rows.
    pub(super) fn set_classes(&mut self, class: usize, replay: Replay<'_>) {
        self.classes.clear();
        self.classes.push(class);
        self.classes.extend_from_slice(replay.classes);
        self.incoming = true;
    }

    /// Sets the offsets to `strength` times the logarithm of each class's share of `counts` (logit
    /// adjustment, Menon et al. 2021). A strength of 0 sets no offsets.
    pub(super) fn adjust(&mut self, counts: &[u64], strength: f32) {
        self.offsets.clear();
        if strength != 0.0 {
            let total: u64 = counts.iter().sum();
            let share = |&n: &u64| n as f64 / total.max(1) as f64;
            let offsets = counts.iter().map(share);
            (self.offsets).extend(offsets.map(|share| strength * share.ln() as f32));
        }
    }

    /// Replaces the logits of all rows by the derivatives of their mean
    /// cross-entropy.
    pub(super) fn derive(&self, logits: &mut [f32], recent: &Recent) {
        let n = self.classes.len().max(1);
        let known = logits.len() / n;
        let weight = 1.0 / n as f32;
        let rows = logits.chunks_exact_mut(known.max(1)).zip(&self.classes);
        for (row, (logits, &class)) in rows.enumerate() {
            for (logit, offset) in logits.iter_mut().zip(&self.offsets) {
                *logit += offset;
            }
            if row == 0 && self.incoming {
                for (k, logit) in logits.iter_mut().enumerate() {
                    if !(k == class || recent.has(k)) {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
            normalise(logits, 1.0);
            if let Some(own) = logits.get_mut(class) {
                *own -= 1.0;
            }
            for error in logits {
                *error *= weight;
            }
        }
    }
}

/// Softmax at a temperature, summed in class order. It is for training only, where the order of
/// teaching matters anyway.
pub(super) fn normalise(logits: &mut [f32], temperature: f32) {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for logit in logits.iter_mut() {
        *logit = ((*logit - top) / temperature).exp();
        total += *logit;
    }
    for logit in logits {
        *logit /= total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(classes: &[usize], incoming: bool) -> Batch {
        Batch {
            classes: classes.to_vec(),
            incoming,
            ..Batch::default()
        }
    }

    #[test]
    fn an_incoming_example_competes_only_with_recent_classes() {
        let mut recent = Recent::new(2);
        for class in [2, 0, 1] {
            recent.push(class);
        }
        let mut logits = [0.0, 0.0, 5.0, 0.0, 0.0, 0.0];
        batch(&[1, 2], true).derive(&mut logits, &recent);
        // Class 2 is no longer recent, so the first row does not push it down.
        assert_eq!(logits[..3], [0.25, -0.25, 0.0]);
        let third = 1.0 / 6.0;
        for (error, expected) in logits[3..].iter().zip([third, third, third - 0.5]) {
            assert!((error - expected).abs() < 1e-6, "{logits:?}");
        }
    }

    #[test]
    fn with_a_window_of_one_the_gradient_of_the_new_example_vanishes() {
        let mut recent = Recent::new(1);
        recent.push(0);
        let mut logits = [0.3, 0.9];
        batch(&[0], true).derive(&mut logits, &recent);
        assert_eq!(logits, [0.0, 0.0]);
    }

    #[test]
    fn adjusted_logits_leave_no_gradient_when_they_equal_the_frequencies() {
        let mut batch = batch(&[0, 0, 0, 1], false);
        batch.adjust(&[3, 1], 1.0);
        // With equal logits only the prior is left to learn, and it is already known.
        let mut logits = [0.0; 8];
        batch.derive(&mut logits, &Recent::new(0));
        let sum: f32 = logits.chunks(2).map(|row| row[0]).sum();
        assert!(sum.abs() < 1e-6, "{logits:?}");
        batch.adjust(&[3, 1], 0.0);
        logits = [0.0; 8];
        batch.derive(&mut logits, &Recent::new(0));
        let sum: f32 = logits.chunks(2).map(|row| row[0]).sum();
        assert!((sum + 0.25).abs() < 1e-6, "{logits:?}");
    }
}
