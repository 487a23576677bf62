//! Afield: a frozen backbone listens, a head learns, nothing is forgotten.
//!
//! The modules below stand in the order in which data flows.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod signal;

pub mod model;

pub mod corpus;

pub mod source;

pub mod frontend;

pub mod backbone;

pub mod head;

pub mod rehearsal;

pub mod learner;

pub mod decision;

pub mod pipeline;

pub mod evaluate;

pub mod store;

pub mod control;
