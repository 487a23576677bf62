//! Afield's laboratory: data sets, streams of examples, continual-learning metrics, the
//! joint offline fit, days in the field, exams of learners (classes left out, wrong labels, learning
//! without labels), a monitored pump, and reports.
//!
//! A room uses only the rooms above it in the list below; `module_order.rs` checks this, and
//! the order of the files in each room. No code here runs on a device.

#![deny(clippy::unwrap_used, clippy::expect_used)]

pub mod corpus;

pub mod data;

pub mod streams;

pub mod joint;

pub mod evaluate;

pub mod field;

pub mod exam;

pub mod unknown;

pub mod guard;

pub mod adapt;

pub mod monitor;

pub mod render;

pub mod demo;

#[cfg(test)]
mod module_order;
