//! Hints for errors of the engine: learners at work, their store and their bundles.

use std::error::Error;

/// One thing to type or check, where there is one.
pub fn of(_error: &(dyn Error + 'static)) -> Option<String> {
    None
}
