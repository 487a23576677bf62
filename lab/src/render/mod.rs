//! Reports as text for a terminal and as self-contained HTML pages.
//!
//! This room computes no figure: it formats what a [`Report`](crate::evaluate::Report) a
//! [`Series`](crate::evaluate::Series), a [`FieldReport`](crate::field::FieldReport), an
//! [`UnknownReport`](crate::unknown::UnknownReport), a [`GuardReport`](crate::guard::GuardReport), an
//! [`AdaptReport`](crate::adapt::AdaptReport), a [`MonitorReport`](crate::monitor::MonitorReport) or a
//! [`LearnerReport`](afield::engine::LearnerReport) holds.

mod adapt_report;
mod chart;
mod curves;
mod day_picture;
mod error;
mod field_page;
mod field_table;
mod figures;
mod guard_report;
mod html;
mod learner_page;
mod learner_table;
mod page;
mod percent;
mod provenance;
mod scoreboard;
mod style;
mod table;
mod trend_chart;
mod trend_page;
mod unknown_report;

pub use adapt_report::{adapt_html, adapt_table};
pub use curves::{curves, verdict};
pub use day_picture::day_picture;
pub use error::ChartError;
pub use field_page::field_html;
pub use field_table::field_table;
pub use guard_report::{guard_html, guard_table};
pub use html::{html, series_html};
pub use learner_page::learner_html;
pub use learner_table::learner_table;
pub use provenance::Provenance;
pub use scoreboard::Scoreboard;
pub use table::{series_table, table};
pub use trend_chart::{monitor_text, trend_chart};
pub use trend_page::{monitor_html, trend_html};
pub use unknown_report::{unknown_html, unknown_table};
