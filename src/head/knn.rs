//! Nearest neighbours in the rehearsal memory.

use std::num::NonZeroU8;
use std::sync::OnceLock;

use super::discriminant::dot;
use super::left_out::LeftOutEvidence;
use super::statistic_state::{damaged, take, take_many};
use super::{Evidence, Formula, Head, HeadError, MemoryHead, Neighbours, Replay, Statistic};

/// Cosine k-nearest neighbours in the rehearsal memory. The vote is weighted by similarity (Dudani
/// 1976, with exponential weights).
///
/// This head is not trained. Its own state is the counts. It receives the rows of the memory by
/// [`MemoryHead::set_memory`] after every change. Every class has a small minimum probability,
/// even if the memory holds no row of it.
#[derive(Debug)]
pub(crate) struct Knn {
    k: NonZeroU8,
    steps: Vec<f32>,
    counts: Vec<u64>,
    features: Vec<i16>,
    classes: Vec<usize>,
    solved: OnceLock<Neighbourhood>,
}

/// The copy of the memory that is searched.
#[derive(Debug)]
struct Neighbourhood {
    /// Mean of the classes' means, in real units.
    centre: Vec<f32>,
    /// `[n, width]`, relative to the centre, of length 1 (or 0).
    rows: Vec<f32>,
}

impl Knn {
    /// The default number of neighbours. It was chosen together with the temperature, as the
    /// settings of the trained heads were (see `recipe.rs`). At 0.05, any of 1 to 50 neighbours
    /// gives a mean accuracy of 0.941 to 0.943. 10 neighbours give a lower log loss than fewer
    /// (0.22 nats; 0.26 for 3).
    pub(crate) const NEIGHBOURS: NonZeroU8 = NonZeroU8::new(10).unwrap();

    /// The decrease in similarity that divides the weight of a neighbour by e. The accuracy is
    /// 0.943 at 0.05, 0.942 at 0.02, 0.939 at 0.1 and 0.919 at 0.3. Angles are measured around the
    /// centre of the classes; around zero the accuracy is 0.01 lower.
    const TEMPERATURE: f32 = 0.05;

    /// The initial value of every class; the vote of the nearest neighbour is 1.
    const FLOOR: f32 = 0.01;

    /// A row of a class that is at least as similar to an example is the example itself, as the
    /// memory stores it.
    const SAME: f32 = 0.999;

    /// The squared distance of opposite directions.
    const FARTHEST: f32 = 4.0;

    /// Creates a head without classes that uses `k` neighbours. One unit of feature `i` is worth
    /// `steps[i]`.
    pub(crate) fn new(k: NonZeroU8, steps: &[f32]) -> Self {
        Self {
            k,
            steps: steps.to_vec(),
            counts: Vec::new(),
            features: Vec::new(),
            classes: Vec::new(),
            solved: OnceLock::new(),
        }
    }

    /// Loads the head that [`Head::save_into`] wrote. It has no rows until
    /// [`MemoryHead::set_memory`].
    ///
    /// # Errors
    /// [`HeadError::Damaged`]
    pub(crate) fn load(k: NonZeroU8, steps: &[f32], mut bytes: &[u8]) -> Result<Self, HeadError> {
        let mut head = Self::new(k, steps);
        let classes = u32::from_le_bytes(take(&mut bytes)?) as usize;
        head.counts = take_many(&mut bytes, classes, u64::from_le_bytes)?;
        let total = (head.counts.iter()).try_fold(0_u64, |total, &n| total.checked_add(n));
        let possible = total.is_some_and(|total| total <= Statistic::MAX_EXAMPLES);
        if !possible || head.counts.contains(&0) {
            return Err(damaged("impossible counts"));
        }
        if !bytes.is_empty() {
            return Err(damaged("bytes left over"));
        }
        Ok(head)
    }

    fn check_width(&self, x: &[i16]) -> Result<(), HeadError> {
        let (expected, actual) = (self.steps.len(), x.len());
        match expected == actual {
            true => Ok(()),
            false => Err(HeadError::Width { expected, actual }),
        }
    }

    /// The head that only measures: with these counts and rows, and the default number of
    /// neighbours.
    pub(super) fn of_memory(steps: &[f32], counts: &[u64], kept: Replay<'_>) -> Self {
        let mut head = Self::new(Self::NEIGHBOURS, steps);
        head.counts.extend_from_slice(counts);
        head.set_memory(kept);
        head
    }

    /// Overwrites `similarities` with the direction of the example, followed by its similarity to
    /// each row.
    fn similarities_into<'a>(&self, x: &[i16], similarities: &'a mut Vec<f32>) -> &'a mut [f32] {
        let Neighbourhood { centre, rows } = self.solved();
        let width = self.steps.len();
        similarities.clear();
        similarities.extend(x.iter().zip(&self.steps).map(|(&x, s)| f32::from(x) * s));
        direct(similarities, centre);
        for row in rows.chunks_exact(width.max(1)) {
            let similarity = dot(&similarities[..width], row);
            similarities.push(similarity);
        }
        &mut similarities[width..]
    }

    /// Overwrites `votes` with the votes of the most similar rows, and `similarities` with minus
    /// infinity for them.
    fn votes_into(&self, similarities: &mut [f32], votes: &mut Vec<f32>) {
        votes.clear();
        votes.resize(self.counts.len(), Self::FLOOR);
        let nearest = |similarities: &[f32]| {
            // The first of equal similarities.
            let numbered = similarities.iter().copied().enumerate().rev();
            numbered.max_by(|(_, a), (_, b)| a.total_cmp(b))
        };
        let top = nearest(similarities).map_or(0.0, |(_, top)| top);
        for _ in 0..self.k.get() {
            let Some((row, similarity)) = nearest(similarities) else {
                break;
            };
            if similarity == f32::NEG_INFINITY {
                break;
            }
            similarities[row] = f32::NEG_INFINITY;
            if let Some(vote) = self.classes.get(row).and_then(|&c| votes.get_mut(c)) {
                *vote += ((similarity - top) / Self::TEMPERATURE).exp();
            }
        }
    }

    /// Appends the squared distance from a direction to the nearest one of each class,
    /// `2 - 2 similarity`; the greatest one, 4, to a class of which no row is held.
    fn append_distances(&self, similarities: &[f32], distances: &mut Vec<f32>) {
        let start = distances.len();
        distances.resize(start + self.counts.len(), Self::FARTHEST);
        for (&similarity, &class) in similarities.iter().zip(&self.classes) {
            if let Some(distance) = distances.get_mut(start + class) {
                *distance = distance.min((2.0 - 2.0 * similarity).max(0.0));
            }
        }
    }

    fn solved(&self) -> &Neighbourhood {
        self.solved.get_or_init(|| {
            let width = self.steps.len();
            let mut rows = Vec::with_capacity(self.features.len());
            for row in self.features.chunks_exact(width) {
                rows.extend(row.iter().zip(&self.steps).map(|(&x, s)| f32::from(x) * s));
            }
            let centre = centre(&rows, &self.classes, self.counts.len(), width);
            for row in rows.chunks_exact_mut(width) {
                direct(row, &centre);
            }
            Neighbourhood { centre, rows }
        })
    }
}

impl Head for Knn {
    fn counts(&self) -> &[u64] {
        &self.counts
    }

    fn learn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.check_width(x)?;
        let (classes, limit) = (self.counts.len(), Statistic::MAX_EXAMPLES);
        if class > classes {
            return Err(HeadError::Class { class, classes });
        }
        if self.counts.iter().sum::<u64>() >= limit {
            return Err(HeadError::Full { limit });
        }
        if class == classes {
            self.counts.push(0);
        }
        self.counts[class] += 1;
        Ok(())
    }

    fn unlearn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.unlearn_with(x, class, Replay::default())
    }

    fn evidence_into(&self, x: &[i16], evidence: &mut Evidence) -> Result<(), HeadError> {
        self.check_width(x)?;
        evidence.start(&self.counts, 1);
        if evidence.distances().is_some() {
            self.distances_into(x, evidence)?;
        } else {
            self.similarities_into(x, evidence.votes().1);
        }
        let (votes, scratch) = evidence.votes();
        self.votes_into(&mut scratch[self.steps.len()..], votes);
        Ok(())
    }

    fn distances_into(&self, x: &[i16], evidence: &mut Evidence) -> Result<(), HeadError> {
        self.check_width(x)?;
        if let Some((distances, scratch)) = evidence.distances() {
            distances.clear();
            let similarities = self.similarities_into(x, scratch);
            self.append_distances(similarities, distances);
        }
        Ok(())
    }

    /// The rows that are as similar to one of `rows` as it is to itself do not count. If the
    /// rows weigh as much as the class, it has no rows.
    fn left_out_into(
        &self,
        rows: &[i16],
        class: usize,
        weights: &[f64],
        left_out: &mut LeftOutEvidence,
    ) -> bool {
        let Some(&n) = self.counts.get(class) else {
            return false;
        };
        let whole = weights.iter().sum::<f64>() > n as f64 - 0.5;
        let (mut similarities, mut votes) = (Vec::new(), Vec::new());
        let mut own = vec![whole; self.classes.len()];
        for row in rows.chunks_exact(self.steps.len()) {
            let similarities = self.similarities_into(row, &mut similarities);
            for (own, &similarity) in own.iter_mut().zip(&*similarities) {
                *own |= similarity >= Self::SAME;
            }
        }
        left_out.squared_distances.clear();
        left_out.log_scores.clear();
        for row in rows.chunks_exact(self.steps.len()) {
            let similarities = self.similarities_into(row, &mut similarities);
            for ((similarity, &other), &own) in similarities.iter_mut().zip(&self.classes).zip(&own)
            {
                if own && other == class {
                    *similarity = f32::NEG_INFINITY;
                }
            }
            let start = left_out.squared_distances.len();
            self.append_distances(similarities, &mut left_out.squared_distances);
            if whole {
                left_out.squared_distances[start + class] = f32::INFINITY;
            }
            self.votes_into(similarities, &mut votes);
            left_out
                .log_scores
                .extend(votes.iter().map(|vote| vote.ln()));
        }
        true
    }

    fn solve(&self) {
        self.solved();
    }

    fn formula(&self) -> Option<Formula> {
        let Neighbourhood { centre, rows } = self.solved();
        (!self.counts.is_empty()).then(|| {
            Formula::Neighbours(Neighbours {
                k: self.k.get().into(),
                steps: self.steps.clone(),
                centre: centre.clone(),
                rows: rows.clone(),
                classes: self.classes.clone(),
                known: self.counts.len(),
                temperature: Self::TEMPERATURE,
                floor: Self::FLOOR,
            })
        })
    }

    fn save_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.counts.len() as u32).to_le_bytes());
        out.extend(self.counts.iter().flat_map(|n| n.to_le_bytes()));
    }

    fn saved_bytes(&self) -> usize {
        4 + 8 * self.counts.len()
    }

    fn memory(&mut self) -> Option<&mut dyn MemoryHead> {
        Some(self)
    }
}

impl MemoryHead for Knn {
    fn learn_with(&mut self, x: &[i16], class: usize, _: Replay<'_>) -> Result<(), HeadError> {
        self.learn_one(x, class)
    }

    fn unlearn_with(&mut self, x: &[i16], class: usize, kept: Replay<'_>) -> Result<(), HeadError> {
        self.check_width(x)?;
        let classes = self.counts.len();
        let Some(count) = self.counts.get_mut(class) else {
            return Err(HeadError::Class { class, classes });
        };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(class);
        }
        self.set_memory(kept);
        Ok(())
    }

    fn set_memory(&mut self, kept: Replay<'_>) {
        self.features.clear();
        self.features.extend_from_slice(kept.features);
        self.classes.clear();
        self.classes.extend_from_slice(kept.classes);
        self.solved.take();
    }
}

/// The mean of the class means. A class with more examples has no more weight than another.
fn centre(rows: &[f32], of: &[usize], classes: usize, width: usize) -> Vec<f32> {
    let mut held = vec![0_u32; classes];
    for &class in of {
        if let Some(held) = held.get_mut(class) {
            *held += 1;
        }
    }
    let present = held.iter().filter(|&&n| n > 0).count().max(1) as f32;
    let mut centre = vec![0.0; width];
    for (row, &class) in rows.chunks_exact(width.max(1)).zip(of) {
        let share = held.get(class).map_or(0.0, |&n| 1.0 / (n as f32 * present));
        for (centre, x) in centre.iter_mut().zip(row) {
            *centre += share * x;
        }
    }
    centre
}

/// Replaces `row` by its direction from `centre`: of length 1, or 0 at the centre.
fn direct(row: &mut [f32], centre: &[f32]) {
    for (x, centre) in row.iter_mut().zip(centre) {
        *x -= centre;
    }
    let norm = dot(row, row).sqrt();
    if norm > 0.0 {
        for x in row {
            *x /= norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [f32; 2] = [0.5, 0.25];

    fn knn(k: u8, counts: &[usize]) -> Knn {
        let mut head = Knn::new(NonZeroU8::new(k).unwrap(), &STEPS);
        for (class, &count) in counts.iter().enumerate() {
            for _ in 0..count {
                head.learn_one(&[0, 0], class).unwrap();
            }
        }
        head
    }

    fn set_memory(head: &mut Knn, rows: &[[i16; 2]], classes: &[usize]) {
        head.set_memory(Replay {
            features: rows.as_flattened(),
            classes,
            groups: &[],
        });
    }

    fn probabilities(head: &Knn, x: [i16; 2]) -> Vec<f32> {
        crate::head::testing::probabilities(head, &x)
    }

    #[test]
    fn the_nearest_direction_wins_in_real_units() {
        let mut head = knn(1, &[1, 1]);
        // Relative to the centre: one along x, and one along y with twice the length.
        set_memory(
            &mut head,
            &[[100, 0], [-100, 0], [0, 200], [0, -200]],
            &[0, 0, 1, 1],
        );
        for (x, class) in [([900, 1000], 0), ([-900, 1000], 0), ([400, 1000], 1)] {
            let p = probabilities(&head, x);
            assert!(p[class] > 0.9, "{x:?} {p:?}");
        }
    }

    #[test]
    fn a_majority_of_near_rows_outvotes_the_nearest() {
        let rows = [[100, 0], [100, 2], [100, -2], [-100, 0]];
        let mut head = knn(3, &[1, 2, 1]);
        set_memory(&mut head, &rows, &[0, 1, 1, 2]);
        let p = probabilities(&head, [100, 0]);
        assert!(p[1] > p[0] && p[0] > p[2], "{p:?}");
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_class_without_rows_keeps_a_minimum_probability() {
        let mut head = knn(5, &[3, 3, 3]);
        set_memory(&mut head, &[[100, 0], [0, 100]], &[0, 1]);
        let p = probabilities(&head, [100, 1]);
        assert!(p[2] > 0.0 && p[2] < 0.02, "{p:?}");
        // At the centre, all directions are equally near.
        set_memory(&mut head, &[[8, 8]], &[1]);
        let p = probabilities(&head, [8, 8]);
        assert!(p.iter().all(|p| p.is_finite()) && p[1] > 0.9, "{p:?}");
    }

    #[test]
    fn a_distance_is_that_to_the_nearest_row_of_a_class_other_than_the_example() {
        let mut head = knn(1, &[2, 2]);
        let rows = [[100, 0], [100, 20], [-100, 0], [-100, -20]];
        set_memory(&mut head, &rows, &[0, 0, 1, 1]);
        let mut evidence = Evidence::with_distances();
        head.evidence_into(&[100, 0], &mut evidence).unwrap();
        let distances = evidence.squared_distances().unwrap();
        assert!(distances[0] < 1e-6 && distances[1] > 3.9, "{distances:?}");
        let (votes, near) = (evidence.scores().to_vec(), distances[1]);
        // Without itself, its class is as far as the other row of it.
        let mut left_out = LeftOutEvidence::default();
        assert!(head.left_out_into(&[100, 0], 0, &[1.0], &mut left_out));
        let own = left_out.squared_distances[0];
        assert!((0.005..0.02).contains(&own), "{own}");
        assert_eq!(left_out.squared_distances[1], near);
        assert!(left_out.log_scores[0] > left_out.log_scores[1]);
        // Votes without distances are the same.
        let mut plain = Evidence::default();
        head.evidence_into(&[100, 0], &mut plain).unwrap();
        assert_eq!(plain.scores(), votes);
        // Its whole class left out.
        assert!(head.left_out_into(&rows.as_flattened()[..4], 0, &[1.0; 2], &mut left_out));
        assert!(left_out.squared_distances[0].is_infinite());
        assert!(!head.left_out_into(&[100, 0], 2, &[1.0], &mut left_out));
    }

    #[test]
    fn unlearning_a_class_removes_its_rows() {
        let mut head = knn(1, &[1, 1, 1]);
        set_memory(&mut head, &[[100, 0], [0, 100], [-100, 0]], &[0, 1, 2]);
        let kept = [[100_i16, 0], [-100, 0]];
        let kept = Replay {
            features: kept.as_flattened(),
            classes: &[0, 1],
            groups: &[],
        };
        head.unlearn_with(&[0, 100], 1, kept).unwrap();
        assert_eq!(head.counts(), [1, 1]);
        assert!(probabilities(&head, [-100, 3])[1] > 0.9);
    }
}
