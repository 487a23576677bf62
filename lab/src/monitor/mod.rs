//! Condition monitoring: a simulated pump, a learner that is taught only `normal`, and the trend of
//! p-values by time.
//!
//! The vibration is simulated. It shows how alarms and trends work, not how early the bearing of a
//! real machine is found.

mod pump;
mod run;
mod trend;

pub use pump::{Fault, Pump};
pub use run::{MonitorPlan, MonitorReport};
pub use trend::{Block, Trend, TrendPoint};
