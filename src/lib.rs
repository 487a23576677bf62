//! Afield: a frozen backbone listens, a head learns, nothing is forgotten.
//!
//! The modules below stand in the order in which data flows.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod signal;

pub mod model;

pub mod head;

pub mod rehearsal;

pub mod learner;

pub mod evaluate;
