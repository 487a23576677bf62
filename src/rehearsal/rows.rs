//! Rows read from the memory.

/// Examples side by side, for one batch or all that is held.
///
/// Kept from call to call, it is allocated once.
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
    /// Empties it, and keeps its room.
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
