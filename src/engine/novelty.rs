//! The scores of taught clips, by which a session judges what is new.

use std::sync::Arc;

use super::Session;
use crate::decision::Novelty;

impl Session {
    /// What is known of how unlike their class examples may be.
    pub fn novelty(&mut self) -> Arc<Novelty> {
        Arc::clone(&self.memory.novelty)
    }
}
