//! The exact statistic of the closed-form heads.

use pulp::{Arch, Simd, WithSimd};

use super::HeadError;

/// Counts, sums and second moments of all learned examples, in integers.
///
/// For `K` classes of `d` features: `n_k`, `S_k = sum x` per class, and
/// optionally `G = sum x x^T` over all examples. Integer addition commutes, so
/// the statistic is the same to the bit for every order of examples, and
/// [`Self::remove`] is exactly the inverse of [`Self::add`].
///
/// No sum can overflow: a feature is an `i16`, so `|x| <= 2^15` and
/// `|x_i x_j| <= 2^30`; with at most [`Self::MAX_EXAMPLES`]` = 2^32` examples
/// `|S| <= 2^47` and `|G| <= 2^62`, inside an `i64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statistic {
    pub(super) width: usize,
    pub(super) moments: Moments,
    pub(super) counts: Vec<u64>,
    /// `[classes, width]`
    pub(super) sums: Vec<i64>,
    /// See [`Moments`].
    pub(super) second: Vec<i64>,
    /// Examples that count as one independent observation: the copies of a clip. It is an option
    /// of the head and not saved.
    pub(super) unit: u64,
}

/// Which second moments a statistic keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moments {
    /// The diagonal of `G`: `d` numbers.
    Diagonal,
    /// The lower triangle of `G` packed by columns: `d (d + 1) / 2` numbers.
    Full,
}

impl Moments {
    pub(super) fn len(self, width: usize) -> usize {
        match self {
            Self::Diagonal => width,
            Self::Full => width * (width + 1) / 2,
        }
    }
}

impl Statistic {
    /// The maximum number of examples for which no overflow is proven.
    pub(crate) const MAX_EXAMPLES: u64 = 1 << 32;

    /// An empty statistic.
    pub(crate) fn new(width: usize, moments: Moments) -> Self {
        Self {
            width,
            moments,
            counts: Vec::new(),
            sums: Vec::new(),
            second: vec![0; moments.len(width)],
            unit: 1,
        }
    }

    /// This statistic with `unit` examples for one independent observation, at least 1.
    pub(crate) fn of_units(self, unit: u64) -> Self {
        Self { unit, ..self }
    }

    /// Number of independent observations of a class, at least 1.
    pub(crate) fn observations(&self, class: usize) -> u64 {
        self.counts
            .get(class)
            .map_or(1, |&n| (n / self.unit).max(1))
    }

    /// The observations by which the uncertainty of the mean of a class is counted, if `fewer` of
    /// them are left out.
    ///
    /// Where a clip is several examples, at least 4: in a stream of sounds a mean of fewer would
    /// have so much subtracted from its distance that most sounds were nearest to it.
    pub(crate) fn observations_of_mean(&self, class: usize, fewer: u64) -> u64 {
        let least = if self.unit == 1 { 1 } else { 4 };
        self.observations(class).saturating_sub(fewer).max(least)
    }

    /// Number of features of an example.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// `n_k`, all at least 1.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of examples of all classes.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// `S_k`
    pub(crate) fn sum(&self, class: usize) -> &[i64] {
        &self.sums[class * self.width..(class + 1) * self.width]
    }

    /// The second moments, in the layout of [`Moments`].
    pub(crate) fn second(&self) -> &[i64] {
        &self.second
    }

    /// The diagonal of `G`.
    pub(crate) fn squares(&self) -> impl Iterator<Item = i64> {
        let full = self.moments == Moments::Full;
        let mut at = 0;
        (0..self.width).map(move |j| {
            let value = self.second[at];
            at += if full { self.width - j } else { 1 };
            value
        })
    }

    /// Adds one example. If `class` equals the number of classes, it starts a new class.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], [`HeadError::Full`]; the statistic is then
    /// unchanged.
    pub(crate) fn add(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.check_width(x)?;
        let classes = self.counts.len();
        if class > classes {
            return Err(HeadError::Class { class, classes });
        }
        let limit = Self::MAX_EXAMPLES;
        if self.total() >= limit {
            return Err(HeadError::Full { limit });
        }
        if class == classes {
            self.counts.push(0);
            self.sums.resize(self.sums.len() + self.width, 0);
        }
        self.counts[class] += 1;
        self.accumulate::<1>(x, class);
        Ok(())
    }

    /// Removes one example. An empty class is removed.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`], and [`HeadError::NeverLearned`] if the sums
    /// prove that the example was never added; the statistic is then unchanged.
    pub(crate) fn remove(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.check_removable(x, class)?;
        self.accumulate::<-1>(x, class);
        self.counts[class] -= 1;
        if self.counts[class] == 0 {
            self.counts.remove(class);
            self.sums
                .drain(class * self.width..(class + 1) * self.width);
        }
        Ok(())
    }

    /// Adds all examples of another statistic of the same layout. `classes[i]` is the index here
    /// of the other statistic's class `i`. Indices from the number of classes on are new classes,
    /// in order.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`] if `classes` names a class twice, leaves a gap
    /// or has another length, [`HeadError::Full`]; the statistic is then unchanged.
    pub(crate) fn merge(&mut self, other: &Self, classes: &[usize]) -> Result<(), HeadError> {
        let mut known = self.counts.len();
        if other.width != self.width || other.moments != self.moments {
            return Err(HeadError::Width {
                expected: self.width,
                actual: other.width,
            });
        }
        for (i, &class) in classes.iter().enumerate() {
            if class > known || classes[..i].contains(&class) || classes.len() != other.counts.len()
            {
                let classes = known;
                return Err(HeadError::Class { class, classes });
            }
            known += usize::from(class == known);
        }
        if classes.len() != other.counts.len() {
            let (class, classes) = (classes.len(), other.counts.len());
            return Err(HeadError::Class { class, classes });
        }
        let limit = Self::MAX_EXAMPLES;
        if self.total() + other.total() > limit {
            return Err(HeadError::Full { limit });
        }
        self.counts.resize(known, 0);
        self.sums.resize(known * self.width, 0);
        for (theirs, &class) in classes.iter().enumerate() {
            self.counts[class] += other.counts[theirs];
            let sums = &mut self.sums[class * self.width..(class + 1) * self.width];
            for (sum, theirs) in sums.iter_mut().zip(other.sum(theirs)) {
                *sum += theirs;
            }
        }
        for (moment, theirs) in self.second.iter_mut().zip(&other.second) {
            *moment += theirs;
        }
        Ok(())
    }

    /// Removes all examples of another statistic of the same layout: the inverse of
    /// [`Self::merge`]. Empty classes are removed.
    ///
    /// # Errors
    /// [`HeadError::Width`], [`HeadError::Class`] if `classes` names an unknown class, and
    /// [`HeadError::NeverLearned`] if the sums prove that some example was never added; the
    /// statistic is then unchanged.
    pub(crate) fn unmerge(&mut self, other: &Self, classes: &[usize]) -> Result<(), HeadError> {
        if other.width != self.width || other.moments != self.moments {
            return Err(HeadError::Width {
                expected: self.width,
                actual: other.width,
            });
        }
        let mut left = self.clone();
        let known = self.counts.len();
        for (theirs, count) in other.counts.iter().enumerate() {
            let class = classes.get(theirs).copied().unwrap_or(known);
            let Some(ours) = left.counts.get_mut(class) else {
                let classes = known;
                return Err(HeadError::Class { class, classes });
            };
            *ours = ours.checked_sub(*count).ok_or(HeadError::NeverLearned)?;
            let bound = *ours << 15;
            let sums = &mut left.sums[class * self.width..(class + 1) * self.width];
            for (sum, theirs) in sums.iter_mut().zip(other.sum(theirs)) {
                *sum -= theirs;
                if sum.unsigned_abs() > bound {
                    return Err(HeadError::NeverLearned);
                }
            }
        }
        for (moment, theirs) in left.second.iter_mut().zip(&other.second) {
            *moment -= theirs;
        }
        let bound = left.total() << 30;
        if left.second.iter().any(|m| m.unsigned_abs() > bound) || left.squares().any(|s| s < 0) {
            return Err(HeadError::NeverLearned);
        }
        for class in (0..known)
            .rev()
            .filter(|&class| left.counts[class] == 0)
            .collect::<Vec<_>>()
        {
            left.counts.remove(class);
            (left.sums).drain(class * self.width..(class + 1) * self.width);
        }
        *self = left;
        Ok(())
    }

    /// Checks for the errors of [`Self::remove`] without removing anything.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub(crate) fn check_removable(&self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.check_width(x)?;
        let classes = self.counts.len();
        let Some(&count) = self.counts.get(class) else {
            return Err(HeadError::Class { class, classes });
        };
        let bound = (count as i64 - 1) << 15;
        let sums_agree =
            (self.sum(class).iter().zip(x)).all(|(&sum, &x)| (sum - i64::from(x)).abs() <= bound);
        let bound = (self.total() as i64 - 1) << 30;
        let squares_agree = (self.squares().zip(x))
            .all(|(square, &x)| (0..=bound).contains(&(square - i64::from(x) * i64::from(x))));
        if sums_agree && squares_agree {
            Ok(())
        } else {
            Err(HeadError::NeverLearned)
        }
    }

    /// The classes in an order that depends only on what was learned: by count, then by sums.
    /// Floating-point sums over classes in this order are the same to the bit for every order of
    /// teaching, because classes that compare equal contribute equally.
    pub(crate) fn canonical_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.counts.len()).collect();
        let key = |class: usize| (self.counts[class], self.sum(class));
        order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
        order
    }

    /// Whether two classes have the same count and the same sums.
    pub(super) fn same(&self, a: usize, b: usize) -> bool {
        self.counts[a] == self.counts[b] && self.sum(a) == self.sum(b)
    }

    pub(super) fn check_width(&self, x: &[i16]) -> Result<(), HeadError> {
        if x.len() == self.width {
            return Ok(());
        }
        Err(HeadError::Width {
            expected: self.width,
            actual: x.len(),
        })
    }

    fn accumulate<const SIGN: i32>(&mut self, x: &[i16], class: usize) {
        let sums = &mut self.sums[class * self.width..(class + 1) * self.width];
        for (sum, &x) in sums.iter_mut().zip(x) {
            *sum += i64::from(SIGN * i32::from(x));
        }
        match self.moments {
            Moments::Diagonal => {
                for (square, &x) in self.second.iter_mut().zip(x) {
                    *square += i64::from(SIGN * i32::from(x) * i32::from(x));
                }
            }
            Moments::Full => Arch::new().dispatch(AddOuter::<SIGN> {
                packed: &mut self.second,
                x,
            }),
        }
    }
}

/// `G += SIGN x x^T` on the lower triangle, packed by columns. It is compiled for several vector
/// instruction sets; the program selects one at run time.
struct AddOuter<'a, const SIGN: i32> {
    packed: &'a mut [i64],
    x: &'a [i16],
}

impl<const SIGN: i32> WithSimd for AddOuter<'_, SIGN> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { mut packed, mut x } = self;
        while let Some((&first, below)) = x.split_first() {
            let (column, rest) = packed.split_at_mut(x.len());
            // Embeddings after a ReLU are sparse. A zero does not change its column.
            if first != 0 {
                let factor = SIGN * i32::from(first);
                for (g, &x) in column.iter_mut().zip(x) {
                    *g += i64::from(factor * i32::from(x));
                }
            }
            (packed, x) = (rest, below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_triangle_is_the_sum_of_outer_products() {
        let mut statistic = Statistic::new(3, Moments::Full);
        statistic.add(&[1, -2, 3], 0).unwrap();
        statistic.add(&[10, 0, 5], 1).unwrap();
        assert_eq!(statistic.second, [101, -2, 53, 4, -6, 34]);
        assert_eq!(statistic.squares().collect::<Vec<_>>(), [101, 4, 34]);
        assert_eq!(statistic.sum(1), [10, 0, 5]);
    }

    #[test]
    fn no_sum_overflows_at_the_largest_count() {
        // A state as if the extreme example had been added 2^32 - 1 times.
        let n = Statistic::MAX_EXAMPLES - 1;
        let mut statistic = Statistic {
            width: 2,
            moments: Moments::Full,
            counts: vec![n],
            sums: vec![-32768 * n as i64; 2],
            second: vec![(1 << 30) * n as i64; 3],
            unit: 1,
        };
        statistic.add(&[-32768; 2], 0).unwrap();
        assert_eq!(statistic.second, [1_i64 << 62; 3]);
        let before = statistic.clone();
        let limit = Statistic::MAX_EXAMPLES;
        assert_eq!(
            statistic.add(&[0; 2], 0),
            Err(HeadError::Full { limit }),
            "one more is refused, not wrapped"
        );
        assert_eq!(statistic, before);
    }

    #[test]
    fn removing_an_example_that_was_never_added_is_refused() {
        let mut statistic = Statistic::new(2, Moments::Full);
        statistic.add(&[5, 6], 0).unwrap();
        statistic.add(&[7, 8], 1).unwrap();
        let before = statistic.clone();
        assert_eq!(statistic.remove(&[5, 7], 0), Err(HeadError::NeverLearned));
        assert_eq!(statistic.remove(&[7, 8], 0), Err(HeadError::NeverLearned));
        assert!(statistic.remove(&[7, 8], 2).is_err());
        assert!(statistic.remove(&[7], 1).is_err());
        assert_eq!(statistic, before);
    }

    fn examples() -> impl Strategy<Value = Vec<(Vec<i16>, usize)>> {
        proptest::collection::vec(
            (proptest::collection::vec(any::<i16>(), 5), 0_usize..3),
            1..30,
        )
    }

    #[test]
    fn unmerging_a_never_merged_statistic_is_refused() {
        let mut ours = Statistic::new(2, Moments::Full);
        ours.add(&[5, 6], 0).unwrap();
        ours.add(&[7, 8], 1).unwrap();
        let mut theirs = Statistic::new(2, Moments::Full);
        theirs.add(&[5, 7], 0).unwrap();
        let before = ours.clone();
        assert_eq!(ours.unmerge(&theirs, &[0]), Err(HeadError::NeverLearned));
        assert!(ours.unmerge(&theirs, &[2]).is_err());
        assert!(ours.unmerge(&theirs, &[]).is_err());
        assert!(
            ours.unmerge(&Statistic::new(3, Moments::Full), &[])
                .is_err()
        );
        assert_eq!(ours, before);
    }

    #[test]
    fn sums_of_a_million_extreme_examples_are_exact() {
        let x = [i16::MIN, i16::MAX, 0, 1, -1, i16::MIN];
        let mut statistic = Statistic::new(6, Moments::Full);
        for _ in 0..1_000_000 {
            statistic.add(&x, 0).unwrap();
        }
        let expected: Vec<i64> = x.iter().map(|&x| i64::from(x) * 1_000_000).collect();
        assert_eq!(statistic.sum(0), expected);
        assert_eq!(statistic.second()[0], (1 << 30) * 1_000_000);
        let mut doubled = statistic.clone();
        doubled.merge(&statistic, &[0]).unwrap();
        assert_eq!(doubled.counts(), [2_000_000]);
        for _ in 0..999_999 {
            statistic.remove(&x, 0).unwrap();
        }
        let mut once = Statistic::new(6, Moments::Full);
        once.add(&x, 0).unwrap();
        assert_eq!(statistic, once);
    }

    proptest! {
        #[test]
        fn unmerging_restores_the_state_to_the_bit(
            ours in examples(),
            theirs in examples(),
            full: bool,
        ) {
            let moments = if full { Moments::Full } else { Moments::Diagonal };
            let of = |examples: &[(Vec<i16>, usize)]| {
                let mut statistic = Statistic::new(5, moments);
                for (x, class) in examples {
                    let class = (*class).min(statistic.counts().len());
                    statistic.add(x, class).unwrap();
                }
                statistic
            };
            let (mut merged, theirs) = (of(&ours), of(&theirs));
            let before = merged.clone();
            // Their first class is the first class here; the others are new.
            let known = merged.counts().len();
            let to: Vec<usize> = (0..theirs.counts().len())
                .map(|class| if class == 0 { 0 } else { known + class - 1 })
                .collect();
            merged.merge(&theirs, &to).unwrap();
            prop_assert_ne!(&merged, &before);
            merged.unmerge(&theirs, &to).unwrap();
            prop_assert_eq!(merged, before);
        }

        #[test]
        fn removal_restores_the_state_to_the_bit(
            examples in examples(),
            extra in proptest::collection::vec(any::<i16>(), 5),
            class in 0_usize..4,
            full: bool,
        ) {
            let moments = if full { Moments::Full } else { Moments::Diagonal };
            let mut statistic = Statistic::new(5, moments);
            for (x, class) in &examples {
                let class = (*class).min(statistic.counts().len());
                statistic.add(x, class).unwrap();
            }
            let before = statistic.clone();
            let class = class.min(statistic.counts().len());
            statistic.add(&extra, class).unwrap();
            prop_assert_ne!(&statistic, &before);
            statistic.remove(&extra, class).unwrap();
            prop_assert_eq!(statistic, before);
        }
    }
}
