//! Hints: one thing to type or check for each error that a user can act on.
//!
//! The library's errors say what went wrong. Only this module knows that there is a command line.
//! If an error wraps another one transparently, the file of the wrapping error's own room matches
//! it and passes the inner error on.

mod engine;
mod lab;
mod learner;
mod model;
mod options;
mod source;

use std::error::Error;
use std::str::FromStr;

use afield::Error as EngineError;

/// The flag that the first error in the chain is about, if any.
pub fn flag(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(options::flag)
}

/// The hint for the first error in the chain that has one.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of)
}

fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(EngineError::Of { error, .. }) = error.downcast_ref() {
        return of(&**error);
    }
    (engine::of(error))
        .or_else(|| options::of(error))
        .or_else(|| learner::of(error))
        .or_else(|| source::of(error))
        .or_else(|| model::of(error))
        .or_else(|| lab::of(error))
}

/// Parses the value of an argument. The error includes its hint.
pub fn parse<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| {
        let error = anyhow::Error::from(error);
        match hint(&error) {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        }
    })
}
