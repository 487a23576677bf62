//! What several tests share.
//!
//! [`Sandbox`] is a folder in which the real program runs, [`Program`] one run of it, and
//! [`Run`] what that run printed. The other modules make recordings, models, learners, disks
//! and boards. A test that needs something that a machine may lack asks [`skip`].

pub mod board;
pub mod disk;
mod faulty;
pub mod folder;
pub mod heads;
pub mod listener;
pub mod models;
#[cfg(feature = "tract")]
pub mod onnx_runtime;
mod program;
pub mod recording;
mod sandbox;
pub mod shared_data;
pub mod synthetic;
pub mod teaching;
pub mod watch;

pub use program::{Arguments, Program, Run};
pub use sandbox::Sandbox;

/// Says on standard error that `test` is skipped, and why.
///
/// # Panics
/// Where the environment sets `CI`: there, nothing may be missing, so that no skip goes
/// unnoticed.
pub fn skip(test: &str, why: impl std::fmt::Display) {
    let message = format!("{test} needs {why}");
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("skipped: {message}");
}
