//! The result of a head for one example: scores, distances and counts, not probabilities.
//!
//! `decision` computes probabilities and decisions from it. The buffers are reused: once they have
//! grown, filling them allocates nothing.

use microhead::arithmetic::softmax;

/// The meaning of a head's scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreKind {
    /// Natural logarithms of unnormalised probabilities, so only their differences have a meaning.
    /// All heads but `knn` return these.
    #[default]
    Log,
    /// Weighted votes, each above 0: unnormalised probabilities (`knn`).
    Votes,
}

/// What a head knows about one example, one value a class in the head's class order.
///
/// ```
/// use afield::head::{Evidence, HeadKind};
/// use afield::learner::{Contract, EmbeddingSpace, Learner, Pool, Settings, Transform};
/// use afield::signal::Label;
/// let contract = Contract::new(EmbeddingSpace::new("toy", 2, 4.0), Pool::Mean, Transform::None)?;
/// let settings = Settings { head: HeadKind::NCM, ..Settings::default() };
/// let mut learner = Learner::new(contract, settings)?;
/// for (example, label) in [([0.0, 2.0], "rain"), ([3.0, 0.0], "dog")] {
///     learner.learn_one(&learner.encode(&example)?, &Label::new(label)?)?;
/// }
/// let mut evidence = Evidence::with_distances();
/// learner.evidence_into(&learner.encode(&[3.0, 1.0])?, &mut evidence)?;
/// assert_eq!(evidence.counts(), [1, 1]);
/// assert!(evidence.scores()[1] > evidence.scores()[0]);
/// let distances = evidence.squared_distances().unwrap();
/// assert!((distances[1] - 1.0).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    kind: ScoreKind,
    scores: Vec<f32>,
    counts: Vec<u64>,
    wants_distances: bool,
    squared_distances: Vec<f32>,
    scratch: Vec<f32>,
}

impl Evidence {
    /// Creates evidence that also requests squared distances. For them, `lda` computes a
    /// triangular solve that is quadratic in the features. [`Evidence::default`] omits the
    /// distances.
    pub fn with_distances() -> Self {
        Self {
            wants_distances: true,
            ..Self::default()
        }
    }

    /// The meaning of the scores.
    pub fn kind(&self) -> ScoreKind {
        self.kind
    }

    /// The score of each class. Empty before anything was learned.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Examples learned of each class, all at least 1.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The squared distance from the example to the mean of each class, at least 0.
    ///
    /// The distance is Euclidean, in the units of the embedding, for `ncm`, and `2 - 2 cos` for
    /// `ncm:cosine`. For heads with a rehearsal memory it is not that to the mean, but to the nearest
    /// row of the class in the memory, `2 - 2 cos` around the centre of the classes; `auto` takes
    /// the distances of the head that answers, if that has some. For `lda` it is Mahalanobis,
    /// under the shrunk covariance within classes, for `lda`. The mean of `n` examples lies
    /// farther away than the true mean, by `features / n` on average for `lda`. For a learner of
    /// decision windows this excess is subtracted, counted as of at least four clips; a quarter of
    /// the distance stays. Otherwise it is not. Returns `None` for other heads, before anything was learned, and
    /// unless [`Self::with_distances`] made this evidence.
    pub fn squared_distances(&self) -> Option<&[f32]> {
        let measured = !self.squared_distances.is_empty();
        measured.then_some(&self.squared_distances)
    }

    /// Clears the evidence and sets the counts, in observations of `unit` examples.
    pub(super) fn start(&mut self, counts: &[u64], unit: u64) {
        self.kind = ScoreKind::Log;
        self.scores.clear();
        self.counts.clear();
        self.counts.extend(counts.iter().map(|n| n / unit));
        self.squared_distances.clear();
    }

    /// Adds the scores and distances of another example.
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.scores, &other.scores),
            (&mut self.squared_distances, &other.squared_distances),
        ];
        for (sums, values) in pairs {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// Divides the scores and distances, which are sums over `n` examples.
    pub(crate) fn divide(&mut self, n: usize) {
        let values = self.scores.iter_mut().chain(&mut self.squared_distances);
        values.for_each(|value| *value /= n as f32);
    }

    /// The buffer for log scores.
    pub(super) fn log_scores(&mut self) -> &mut Vec<f32> {
        self.kind = ScoreKind::Log;
        &mut self.scores
    }

    /// The buffer for votes, and a scratch buffer.
    pub(super) fn votes(&mut self) -> (&mut Vec<f32>, &mut Vec<f32>) {
        self.kind = ScoreKind::Votes;
        (&mut self.scores, &mut self.scratch)
    }

    /// Whether squared distances were requested.
    pub(crate) fn wants_distances(&self) -> bool {
        self.wants_distances
    }

    /// The buffer for squared distances, and a scratch buffer. `None` if distances were not
    /// requested.
    pub(super) fn distances(&mut self) -> Option<(&mut Vec<f32>, &mut Vec<f32>)> {
        let wanted = self.wants_distances;
        wanted.then_some((&mut self.squared_distances, &mut self.scratch))
    }

    /// Overwrites `shares` with the scores as shares of 1: the head's own probabilities, before
    /// `decision` adjusts them.
    pub(crate) fn shares_into(&self, shares: &mut Vec<f32>) {
        shares.clear();
        shares.extend_from_slice(&self.scores);
        match self.kind {
            ScoreKind::Log => softmax(shares),
            ScoreKind::Votes => {
                let total: f32 = shares.iter().sum();
                for share in shares {
                    *share /= total;
                }
            }
        }
    }
}
