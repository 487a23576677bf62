//! Counts, sums and second moments of all learned examples, in integers.

use core::fmt;

use crate::arithmetic::add_outer;

/// Number of elements in a lower triangle of `width` rows.
pub const fn triangle(width: usize) -> usize {
    width * (width + 1) / 2
}

/// The exact statistic of `D` features and up to `K` classes: `n_k`, `S_k = sum x`
/// per class and `G = sum x x^T` over all examples.
///
/// `M` is [`triangle`]`(D)` for the lower triangle of `G`, which [`Lda`](crate::Lda) needs, or `D`
/// for its diagonal, which is enough for [`Ncm`](crate::Ncm). Integer addition commutes, so the
/// statistic is the same to the bit for every order of examples. [`Self::remove`] is the exact
/// inverse of [`Self::add`].
///
/// No sum can overflow: with at most [`Self::MAX_EXAMPLES`]` = 2^32` examples
/// `|S| <= 2^47` and `|G| <= 2^62`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistic<const D: usize, const K: usize, const M: usize> {
    pub(crate) classes: usize,
    pub(crate) counts: [u64; K],
    pub(crate) sums: [[i64; D]; K],
    pub(crate) second: [i64; M],
    /// Examples for one independent observation, at least 1.
    pub(crate) unit: u64,
}

impl<const D: usize, const K: usize, const M: usize> Default for Statistic<D, K, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const D: usize, const K: usize, const M: usize> Statistic<D, K, M> {
    /// The maximum number of examples for which no overflow is proven.
    pub const MAX_EXAMPLES: u64 = 1 << 32;

    /// Examples of a clip in a statistic [`Self::of_clips`], as the host counts them.
    pub const ROWS_OF_CLIP: u64 = 16;

    /// Whether the whole triangle of `G` is stored.
    pub(crate) const FULL: bool = M == triangle(D);

    const LAYOUT: () = assert!(D > 0 && K > 0 && (M == triangle(D) || M == D));

    /// An empty statistic.
    pub const fn new() -> Self {
        #[allow(clippy::let_unit_value)]
        let () = Self::LAYOUT;
        Self {
            classes: 0,
            counts: [0; K],
            sums: [[0; D]; K],
            second: [0; M],
            unit: 1,
        }
    }

    /// This statistic for clips that are several examples each, the decision windows of a clip:
    /// every clip is learned as [`Self::ROWS_OF_CLIP`] examples, by [`Self::add_clip`]. The saved
    /// bytes do not say so.
    #[must_use]
    pub const fn of_clips(self) -> Self {
        Self {
            unit: Self::ROWS_OF_CLIP,
            ..self
        }
    }

    /// `n_k` of the used classes, all at least 1.
    pub fn counts(&self) -> &[u64] {
        &self.counts[..self.classes]
    }

    /// Number of examples of all classes.
    pub fn total(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// `S_k` of the used classes.
    pub fn sums(&self) -> &[[i64; D]] {
        &self.sums[..self.classes]
    }

    /// The second moments.
    pub fn second(&self) -> &[i64; M] {
        &self.second
    }

    /// Adds one example. If `class` equals the number of classes, it starts a new class.
    ///
    /// # Errors
    /// [`Refusal`]; the statistic is then unchanged.
    pub fn add(&mut self, x: &[i16; D], class: usize) -> Result<(), Refusal> {
        if class > self.classes || class >= K {
            return Err(Refusal::Class);
        }
        if self.total() >= Self::MAX_EXAMPLES {
            return Err(Refusal::Full);
        }
        self.classes = self.classes.max(class + 1);
        self.counts[class] += 1;
        self.accumulate::<1>(x, class);
        Ok(())
    }

    /// Adds the windows of a clip, 1, 2, 4, 8 or 16 of them, each so often that the clip counts as
    /// much as any other.
    ///
    /// # Errors
    /// [`Refusal`]; the statistic is then unchanged.
    pub fn add_clip(&mut self, windows: &[[i16; D]], class: usize) -> Result<(), Refusal> {
        let copies = Self::copies(windows)?;
        if class > self.classes || class >= K {
            return Err(Refusal::Class);
        }
        if self.total() > Self::MAX_EXAMPLES - Self::ROWS_OF_CLIP {
            return Err(Refusal::Full);
        }
        for window in windows {
            for _ in 0..copies {
                self.add(window, class)?;
            }
        }
        Ok(())
    }

    /// Removes a clip that [`Self::add_clip`] added.
    ///
    /// # Errors
    /// [`Refusal`]; the statistic is then unchanged.
    pub fn remove_clip(&mut self, windows: &[[i16; D]], class: usize) -> Result<(), Refusal> {
        let copies = Self::copies(windows)?;
        // A class that loses its last example in between would give its number to another.
        if (self.counts().get(class)).is_none_or(|&n| n < Self::ROWS_OF_CLIP) {
            return Err(Refusal::NeverLearned);
        }
        let mut removed = 0;
        let all = windows.len() * copies;
        while removed < all {
            if let Err(refusal) = self.remove(&windows[removed / copies], class) {
                for at in 0..removed {
                    self.add(&windows[at / copies], class)?;
                }
                return Err(refusal);
            }
            removed += 1;
        }
        Ok(())
    }

    /// How often each window of a clip counts.
    fn copies(windows: &[[i16; D]]) -> Result<usize, Refusal> {
        let all = Self::ROWS_OF_CLIP as usize;
        match windows.len() {
            0 => Err(Refusal::Windows),
            rows if !all.is_multiple_of(rows) => Err(Refusal::Windows),
            rows => Ok(all / rows),
        }
    }

    /// The observations by which the uncertainty of the mean of a class is counted. Of clips at least
    /// four: in a stream of sounds a mean of fewer would have so much subtracted from its distance
    /// that most sounds were nearest to it.
    pub(crate) fn observations_of_mean(&self, class: usize) -> u64 {
        let least = if self.unit == 1 { 1 } else { 4 };
        (self.counts[class] / self.unit).max(least)
    }

    /// Removes one example. An empty class is removed, and the classes after it move down by one.
    ///
    /// # Errors
    /// [`Refusal`]; the statistic is then unchanged.
    pub fn remove(&mut self, x: &[i16; D], class: usize) -> Result<(), Refusal> {
        if class >= self.classes {
            return Err(Refusal::Class);
        }
        let bound = (self.counts[class] as i64 - 1) << 15;
        let sums_agree =
            (self.sums[class].iter().zip(x)).all(|(&sum, &x)| (sum - i64::from(x)).abs() <= bound);
        let bound = (self.total() as i64 - 1) << 30;
        let squares_agree = (self.squares().zip(x))
            .all(|(square, &x)| (0..=bound).contains(&(square - i64::from(x) * i64::from(x))));
        if !(sums_agree && squares_agree) {
            return Err(Refusal::NeverLearned);
        }
        self.accumulate::<-1>(x, class);
        self.counts[class] -= 1;
        if self.counts[class] == 0 {
            self.counts[class..].rotate_left(1);
            self.sums[class..].rotate_left(1);
            self.classes -= 1;
        }
        Ok(())
    }

    /// The diagonal of `G`.
    pub(crate) fn squares(&self) -> impl Iterator<Item = i64> {
        let mut at = 0;
        (0..D).map(move |j| {
            let value = self.second[at];
            at += if Self::FULL { D - j } else { 1 };
            value
        })
    }

    /// The classes in an order that depends only on what was learned: by count, then by sums. Only
    /// the first [`Self::counts`]`.len()` entries are valid.
    pub(crate) fn canonical_order(&self) -> [usize; K] {
        let mut order = core::array::from_fn(|class| class);
        let key = |class: usize| (self.counts[class], &self.sums[class]);
        order[..self.classes].sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
        order
    }

    /// Whether two classes have the same count and the same sums.
    pub(crate) fn same(&self, a: usize, b: usize) -> bool {
        self.counts[a] == self.counts[b] && self.sums[a] == self.sums[b]
    }

    fn accumulate<const SIGN: i32>(&mut self, x: &[i16; D], class: usize) {
        for (sum, &x) in self.sums[class].iter_mut().zip(x) {
            *sum += i64::from(SIGN * i32::from(x));
        }
        match Self::FULL {
            true => add_outer::<SIGN>(&mut self.second, x),
            false => {
                for (square, &x) in self.second.iter_mut().zip(x) {
                    *square += i64::from(SIGN * i32::from(x) * i32::from(x));
                }
            }
        }
    }
}

/// The reason why an example or bytes are rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The class index is neither a used class nor the next one, or there is no room for a new
    /// class.
    Class,
    /// The maximum number of examples has been learned; beyond it, sums may overflow.
    Full,
    /// The sums prove that the example was never added.
    NeverLearned,
    /// No statistic of this layout saves these bytes.
    Damaged,
    /// The number of windows of a clip does not divide 16.
    Windows,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Class => "no such class, and no room or no turn for it",
            Self::Full => "as many examples as can be summed exactly",
            Self::NeverLearned => "the example was never learned",
            Self::Damaged => "the bytes are no statistic of this layout",
            Self::Windows => "a clip has 1, 2, 4, 8 or 16 windows",
        })
    }
}

impl core::error::Error for Refusal {}
