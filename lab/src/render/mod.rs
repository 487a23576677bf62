//! Reports as text for a terminal and as self-contained HTML pages.
//!
//! This room computes no figure: it formats what a [`Report`](crate::evaluate::Report) or
//! a [`Series`](crate::evaluate::Series) holds.

mod chart;
mod curves;
mod error;
mod html;
mod page;
mod percent;
mod provenance;
mod scoreboard;
mod style;
mod table;

pub use curves::{curves, verdict};
pub use error::ChartError;
pub use html::{html, series_html};
pub use provenance::Provenance;
pub use scoreboard::Scoreboard;
pub use table::{series_table, table};
