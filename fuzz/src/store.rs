//! Opens any bytes as a learner's database, and queries and teaches it, or rejects them.

use std::fs;

use afield::engine::{ClipEmbeddings, Session};
use afield::signal::{Label, Micros};
use afield::store::ClipFilter;

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a writable folder for temporary files");
    fs::write(folder.path().join("learner.sqlite"), bytes).expect("a writable folder");
    let Ok(mut session) = Session::open(folder.path()) else {
        return;
    };
    let _ = session.status();
    let _ = session.groups();
    let _ = session.clips(&ClipFilter::default());
    let heard = ClipEmbeddings {
        windows: vec![0.5; session.learner().contract().embedding_size],
        clip_sha256: [9; 32],
        duration: Micros(1),
        ..ClipEmbeddings::default()
    };
    let label = Label::new("fuzz").expect("a label");
    if session.teach(&label, &heard, "fuzz", 1).is_ok() {
        session
            .predict(&heard)
            .expect("what was taught can be asked");
    }
    let _ = session.close();
}
