//! Afield's laboratory: data sets, streams of examples, continual-learning metrics, the
//! joint offline fit, and reports.
//!
//! Each room uses only the rooms above it in the list below, and each file of a room uses
//! only the files above it in the room's own list; a test checks both. No code here runs
//! on a device.

#![deny(clippy::unwrap_used, clippy::expect_used)]

pub mod corpus;

pub mod data;

pub mod streams;

pub mod joint;

pub mod evaluate;

pub mod render;

pub mod demo;

#[cfg(test)]
mod module_order;
