//! Hints for errors of sources, front ends and nouns.

use std::error::Error;

/// One thing to type or check, where there is one.
pub fn of(_error: &(dyn Error + 'static)) -> Option<String> {
    None
}
