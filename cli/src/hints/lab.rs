//! Hints for errors of data sets, evaluation and reports.

use std::error::Error;

/// One thing to type or check, where there is one.
pub fn of(_error: &(dyn Error + 'static)) -> Option<String> {
    None
}
