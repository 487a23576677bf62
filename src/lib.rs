//! Afield: learning on the device, after deployment.
//!
//! A frozen backbone turns sound or sensor data into embeddings. A small head learns from
//! single examples. A log on disk keeps all that was taught, through power cuts.
//!
//! This program opens a learner or makes one, teaches it a recording, and teaches it each
//! segment of a stream that it does not know:
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let wave = |hz: f64| (0..400).fold("ax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]\n".to_owned(), |text, i| {
//! #     let x = (f64::from(i) / 50.0 * hz * 6.28).sin();
//! #     text + &format!("{x:.4},{:.4},1,{:.3},0,{:.3}\n", x * 0.2, x * 90.0, x * 30.0)
//! # });
//! # for (name, hz) in [("rowing.csv", 0.6), ("new.csv", 0.61), ("morning.csv", 2.9)] {
//! #     std::fs::write(folder.path().join(name), format!("# rate: 50 Hz\n{}", wave(hz)))?;
//! # }
//! # std::env::set_current_dir(folder.path())?;
//! use afield::{Engine, Recording, SourceSpec};
//!
//! fn main() -> afield::Result<()> {
//!     let engine = Engine::open_or_create("watch", "imu")?;
//!     engine.teach("rowing", Recording::open("rowing.csv")?)?;
//!     println!("{}", engine.predict(Recording::open("new.csv")?)?);
//!     for event in engine.listen(SourceSpec::parse("csv:morning.csv")?)? {
//!         let event = event?;
//!         println!("{event}");
//!         if event.is_unknown() {
//!             engine.teach("walking", event.recording()?)?;
//!         }
//!     }
//!     Ok(())
//! }
//! # main()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `imu` is a backbone for movements that is part of the library; `afield model get` or
//! [`model::Cache::fetch`] fetches those for sound, and [`SourceSpec`] names microphones, serial
//! lines, pipes and files alike. [`Engine`] has everything that the program `afield` does with
//! a learner: corrections by event, history, undo, forgetting.
//!
//! The rooms behind it, in the order in which data flows; ARCHITECTURE.md draws the map and
//! `tests/it/architecture.rs` enforces it:
//!
//! | module | content |
//! |---|---|
//! | [`signal`] | rates, times, chunks, labels, groups |
//! | [`source`] | samples in: files, folders, raw PCM, microphones, serial lines |
//! | [`model`] | backbones by card: found, fetched, verified |
//! | [`frontend`] | samples become frames |
//! | [`backbone`] | frames become embeddings |
//! | [`head`] | what learns: class means, discriminants, networks |
//! | [`rehearsal`] | a bounded memory of past examples |
//! | [`learner`] | contract, head and rehearsal joined |
//! | [`decision`] | evidence becomes probabilities and decisions |
//! | [`pipeline`] | samples become decisions; no I/O, no clock |
//! | [`store`] | the durable log |
//! | [`bundle`] | a learner in one signed file |
//! | `export` | a learner as one ONNX graph (feature `tract`) |
//! | [`engine`] | a learner at work: owns files, threads and the clock |

#![deny(clippy::unwrap_used, clippy::expect_used)]

pub mod signal;

pub mod model;

mod resample;

pub mod source;

pub mod frontend;

pub mod backbone;

pub mod head;

pub mod rehearsal;

pub mod learner;

pub mod decision;

pub mod pipeline;

pub mod store;

pub mod bundle;

#[cfg(feature = "tract")]
pub mod export;

pub mod engine;

pub use engine::{Engine, Error, Event, Prediction, Recording};
pub use source::SourceSpec;

/// What the front door returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The program of README.md, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
