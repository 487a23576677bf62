//! The store without an engine: who may append, and which snapshot is used.

use super::*;
use crate::signal::Label;

/// A new learner's folder. The store checks neither contract nor card.
fn create(dir: &Path) -> Store {
    let text = || "{}".to_owned();
    let identity = Identity {
        contract: text(),
        contract_digest: text(),
        settings: text(),
        card: text(),
        created_unix_ms: 0,
    };
    Store::create(dir, identity, &[], &Reason::new("init", 0)).unwrap()
}

/// A change that teaches clip number `seed`.
fn learned(seed: u8) -> Change {
    let clip = TaughtClip {
        label: Label::new("rain").unwrap(),
        features: vec![1; 32],
        id: ClipId::from_bytes([seed; 32]),
        duration: Micros(1),
        source: "test".to_owned(),
        group: None,
        taught_unix_ms: 0,
    };
    Change {
        reason: Reason::new("test", 0),
        entries: vec![Entry::Learn(clip)],
    }
}

#[test]
fn append_after_an_unknown_revision_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let changes = [learned(1)];
    let mut one = create(dir.path());
    let mut two = Store::open(dir.path()).unwrap();
    assert_eq!(one.append(1, &changes).unwrap().id, 2);
    let error = two.append(1, &changes).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Behind {
                known: 1,
                latest: 2
            }
        ),
        "{error}"
    );
    let count = |store: &Store| -> i64 {
        let entries = "SELECT count(*) FROM entries";
        store.db.query_row(entries, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count(&one), count(&two)), (1, 1));
    assert_eq!(two.append(2, &changes).unwrap().id, 3);
}

#[test]
fn snapshot_before_a_damaged_one_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = create(dir.path());
    let latest = store.append(1, &[learned(1), learned(2)]).unwrap();
    store.keep_snapshot(1, b"one", 0).unwrap();
    store.keep_snapshot(2, b"two", 0).unwrap();
    let lineage = store.lineage(&latest).unwrap();
    let found = |store: &Store| store.snapshot(&lineage).unwrap();
    assert_eq!(found(&store), Some((2, b"two".to_vec())));
    let damage = |store: &Store, at: i64| {
        let zeros = "UPDATE snapshots SET state = zeroblob(length(state)) WHERE operation = ?1";
        assert_eq!(store.db.execute(zeros, [at]).unwrap(), 1);
    };
    damage(&store, 2);
    assert_eq!(found(&store), Some((1, b"one".to_vec())));
    damage(&store, 1);
    assert_eq!(found(&store), None);
}
