//! Arguments to assembled parts to output; used by nothing else.

pub mod evaluate;
