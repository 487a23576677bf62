//! Converters: scripts that make clips out of a file of a Python package.

/// Converters by the name that cards use. Their arguments are FILE and DIR.
pub(super) const CONVERTERS: [(&str, &str); 1] = [("watch", include_str!("watch.py"))];
/// Whether a card's converter is known.
pub(super) fn has_converter(name: &str) -> bool {
    CONVERTERS.iter().any(|(known, _)| *known == name)
}
