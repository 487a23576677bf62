//! Afield's laboratory: data sets, evaluation streams, metrics, the joint offline bound and
//! reports. Nothing here is on a device's path.

#![deny(clippy::unwrap_used, clippy::expect_used)]

pub mod corpus;

pub mod evaluate;
