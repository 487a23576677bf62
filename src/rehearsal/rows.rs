//! Rows read from the memory.

/// Rows for one batch, or all stored rows.
///
/// A buffer that is reused between calls allocates only once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Row-major features, `[len, width]`.
    pub(crate) features: Vec<i16>,
    /// The class of each row.
    pub(crate) classes: Vec<usize>,
    /// The group of each row ([`Origin::group`](super::Origin::group)).
    pub(crate) groups: Vec<u64>,
}

impl Rows {
    /// Clears the rows and keeps the allocation.
    pub(crate) fn clear(&mut self) {
        self.features.clear();
        self.classes.clear();
        self.groups.clear();
    }

    /// Number of rows.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }
}
