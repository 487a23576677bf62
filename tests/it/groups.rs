//! Groups: every clip keeps its group in the log and in the rehearsal memory, after merging,
//! after reopening, and after an upgrade from the format without groups.

use std::fs;
use std::path::Path;

use afield::engine::{ClipEmbeddings, Error, Session, TaughtAs};
use afield::head::HeadKind;
use afield::signal::{Group, Label, Micros};
use afield::store::{ClipFilter, TaughtClip};
use rusqlite::Connection;

use crate::harness::folder::create;
use crate::harness::{Sandbox, recording};

fn heard(seed: u8) -> ClipEmbeddings {
    ClipEmbeddings {
        windows: (0..16)
            .map(|j| f32::from(seed.wrapping_mul(37).wrapping_add(j * 11)) / 64.0)
            .collect(),
        clip_sha256: [seed; 32],
        duration: Micros(500_000),
        ..ClipEmbeddings::default()
    }
}

fn teach_as(session: &mut Session, label: &str, seed: u8, group: Option<&str>) -> TaughtAs {
    let (label, group) = (Label::new(label).unwrap(), group.map(Group::new));
    let group = group.transpose().unwrap();
    session
        .teach_from(&label, &heard(seed), "test", group.as_ref(), seed.into())
        .unwrap()
}

fn class(seed: u8) -> &'static str {
    ["rain", "kettle", "dog"][usize::from(seed % 3)]
}

/// Clip `seed` is of the group that `group` says.
fn teach(session: &mut Session, seeds: std::ops::Range<u8>, group: fn(u8) -> Option<&'static str>) {
    for seed in seeds {
        teach_as(session, class(seed), seed, group(seed));
    }
}

fn by_two(seed: u8) -> Option<&'static str> {
    Some(["anna", "ben"][usize::from(seed % 2)])
}

/// The number of each group in the memory, and of how many examples.
fn remembered(session: &Session) -> Vec<(u64, usize)> {
    let mut all = std::collections::BTreeMap::new();
    let memory = session.learner().rehearsal().unwrap().statistics();
    for group in memory.classes.iter().flat_map(|class| &class.groups) {
        *all.entry(group.group).or_default() += group.held;
    }
    all.into_iter().collect()
}

fn number(name: &str) -> u64 {
    Group::new(name).unwrap().number()
}

fn taught(session: &Session, group: &str) -> Vec<TaughtClip> {
    let which = ClipFilter {
        group: Some(Group::new(group).unwrap()),
        ..ClipFilter::default()
    };
    session.clips(&which).unwrap()
}

fn groups(session: &Session) -> Vec<(String, u64)> {
    let groups = session.groups().unwrap().into_iter();
    groups.map(|group| (group.group, group.examples)).collect()
}

#[test]
fn the_memory_keeps_the_group_of_every_example_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LINEAR);
    teach(&mut session, 0..12, by_two);
    teach(&mut session, 12..15, |_| None);
    let mut expected = vec![(0, 3), (number("anna"), 6), (number("ben"), 6)];
    expected.sort_unstable();
    assert_eq!(remembered(&session), expected);
    let state = session.learner().save();
    drop(session);
    let reopened = Session::open(dir.path()).unwrap();
    assert_eq!(remembered(&reopened), expected);
    assert!(reopened.learner().save() == state);
    assert_eq!(groups(&reopened), [("anna".into(), 6), ("ben".into(), 6)]);
}

#[test]
fn groups_do_not_change_the_state_of_exact_heads() {
    for head in [HeadKind::NCM, HeadKind::LDA, HeadKind::RIDGE] {
        let dir = tempfile::tempdir().unwrap();
        let mut grouped = create(&dir.path().join("a"), head);
        let mut without = create(&dir.path().join("b"), head);
        teach(&mut grouped, 0..12, by_two);
        teach(&mut without, 0..12, |_| None);
        assert!(grouped.learner().save() == without.learner().save());
        assert!(without.groups().unwrap().is_empty());
    }
}

#[test]
fn forgetting_a_group_gives_the_state_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(&dir.path().join("a"), HeadKind::LDA);
    teach(&mut session, 0..24, by_two);
    let ben = ClipFilter {
        group: Some(Group::new("ben").unwrap()),
        ..ClipFilter::default()
    };
    let both = ClipFilter {
        label: Some(Label::new("rain").unwrap()),
        ..ben.clone()
    };
    assert_eq!(session.forget(&both, 99).unwrap().len(), 4);
    assert_eq!(session.forget(&ben, 99).unwrap().len(), 8);
    let mut never = create(&dir.path().join("b"), HeadKind::LDA);
    for seed in (0..24).step_by(2) {
        teach_as(&mut never, class(seed), seed, Some("anna"));
    }
    assert!(session.learner().save() == never.learner().save());
    assert_eq!(groups(&session), [("anna".into(), 12)]);
}

#[test]
fn a_clip_keeps_its_group_until_it_is_taught_with_another_group() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LINEAR);
    teach_as(&mut session, "rain", 0, None);
    assert_eq!(
        teach_as(&mut session, "rain", 1, Some("anna")),
        TaughtAs::New
    );
    assert_eq!(teach_as(&mut session, "rain", 1, None), TaughtAs::Already);
    assert_eq!(
        teach_as(&mut session, "rain", 1, Some("anna")),
        TaughtAs::Already
    );
    let corrected = teach_as(&mut session, "kettle", 1, None);
    assert_eq!(
        corrected,
        TaughtAs::Corrected {
            from: Label::new("rain").unwrap()
        }
    );
    assert_eq!(taught(&session, "anna").len(), 1);
    let regrouped = teach_as(&mut session, "kettle", 1, Some("ben"));
    assert_eq!(
        regrouped,
        TaughtAs::Regrouped {
            from: Some(Group::new("anna").unwrap())
        }
    );
    assert_eq!(taught(&session, "anna").len(), 0);
    assert_eq!(groups(&session), [("ben".into(), 1)]);
    assert_eq!(remembered(&session), [(0, 1), (number("ben"), 1)]);
    // A clip of before anyone thought of groups.
    teach_as(&mut session, "dog", 2, None);
    let regrouped = teach_as(&mut session, "dog", 2, Some("ben"));
    assert_eq!(regrouped, TaughtAs::Regrouped { from: None });
    assert_eq!(groups(&session), [("ben".into(), 2)]);
}

#[test]
fn auto_merges_reopens_and_forgets_by_replaying_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let parts = [
        create(&at("a"), HeadKind::AUTO),
        create(&at("b"), HeadKind::AUTO),
    ];
    let [mut first, mut second] = parts;
    teach(&mut first, 0..20, by_two);
    teach(&mut second, 20..40, by_two);
    Session::merge(&[first, second], &at("both"), 0).unwrap();
    let mut alone = create(&at("alone"), HeadKind::AUTO);
    teach(&mut alone, 0..40, by_two);
    let mut both = Session::open(&at("both")).unwrap();
    assert_eq!(both.learner().save(), alone.learner().save());
    let selection = both.learner().selection().unwrap().clone();
    assert_eq!((selection.compared_at, selection.groups), (30, 2));
    assert_eq!(both.status().selection, Some(selection));
    // A correction, then a class and a group taken back, one after the other.
    teach_as(&mut both, "dog", 0, Some("anna"));
    for (class, group) in [(Some("kettle"), None), (None, Some("ben"))] {
        let which = ClipFilter {
            label: class.map(|class| Label::new(class).unwrap()),
            group: group.map(|group| Group::new(group).unwrap()),
            ..ClipFilter::default()
        };
        assert!(!both.forget(&which, 99).unwrap().is_empty());
    }
    assert!(
        !both
            .learner()
            .classes()
            .iter()
            .any(|class| class.as_str() == "kettle")
    );
    let saved = both.learner().save();
    drop(both);
    assert_eq!(Session::open(&at("both")).unwrap().learner().save(), saved);
}

#[test]
fn merging_keeps_groups_whatever_the_order_of_the_parts() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut parts = vec![
        create(&at("a"), HeadKind::LINEAR),
        create(&at("b"), HeadKind::LINEAR),
        create(&at("c"), HeadKind::LINEAR),
    ];
    teach(&mut parts[0], 0..6, |_| Some("anna"));
    teach(&mut parts[1], 6..12, |_| None);
    // The latest teaching of clips 3 to 8, and it knows no group.
    for seed in 3..9 {
        let label = Label::new(class(seed)).unwrap();
        parts[2].teach(&label, &heard(seed), "late", 90).unwrap();
    }
    Session::merge(&parts, &at("all"), 0).unwrap();
    parts.reverse();
    Session::merge(&parts, &at("reversed"), 0).unwrap();
    let all = Session::open(&at("all")).unwrap();
    let reversed = Session::open(&at("reversed")).unwrap();
    assert_eq!(groups(&all), [("anna".into(), 6)]);
    let anna: Vec<u8> = (taught(&all, "anna").iter())
        .map(|taught| taught.id.as_bytes()[0])
        .collect();
    assert_eq!(anna, [0, 1, 2, 3, 4, 5]);
    assert_eq!(remembered(&all), [(0, 6), (number("anna"), 6)]);
    assert!(all.learner().save() == reversed.learner().save());
    let log = |session: &Session| session.clips(&ClipFilter::default()).unwrap();
    assert_eq!(log(&all), log(&reversed));
}

/// A learner of format 1, which knew no groups, in `dir`: three low and three
/// high tones, one of which was corrected and one forgotten.
fn of_format_1(dir: &Path) -> Connection {
    let fixture = crate::root().join("tests/fixtures/format-1.sqlite");
    fs::copy(fixture, dir.join("learner.sqlite")).unwrap();
    Connection::open(dir.join("learner.sqlite")).unwrap()
}

/// Everything that format 1 knows of its operations, as SQL literals.
fn log(db: &Connection) -> Vec<String> {
    let columns = "quote(id) || quote(kind) || quote(label) || quote(features) || \
                   quote(clip_sha256) || quote(clip_micros) || quote(source) || \
                   quote(taught_unix_ms)";
    let mut rows = db
        .prepare(&format!("SELECT {columns} FROM operations ORDER BY id"))
        .unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The same of the current format.
fn current_log(db: &Connection) -> Vec<String> {
    let columns = "quote(id) || quote(kind) || quote(label) || quote(payload) || \
                   quote(clip_sha256) || quote(clip_micros) || quote(source) || \
                   quote(taught_unix_ms)";
    let mut rows = db
        .prepare(&format!("SELECT {columns} FROM entries ORDER BY id"))
        .unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn format(db: &Connection) -> i64 {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[test]
fn a_learner_of_the_format_without_groups_is_upgraded_completely() {
    let dir = tempfile::tempdir().unwrap();
    let db = of_format_1(dir.path());
    let before = log(&db);
    assert_eq!((before.len(), format(&db)), (9, 1));
    drop(db);

    // Whoever comes first upgrades it; the others find it done.
    let opened: Vec<Result<Session, Error>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Session::open(dir.path())))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let mut sessions: Vec<Session> = opened.into_iter().map(Result::unwrap).collect();
    let db = Connection::open(dir.path().join("learner.sqlite")).unwrap();
    assert_eq!(current_log(&db), before);
    assert_eq!(format(&db), 4);

    let session = &mut sessions[0];
    let status = session.status();
    let counts: Vec<(&str, u64)> = (status.classes.iter())
        .map(|class| (class.label.as_str(), class.examples))
        .collect();
    assert_eq!(counts, [("low", 2), ("high", 3)]);
    assert_eq!(groups(session), []);
    let standing = session.clips(&ClipFilter::default()).unwrap();
    assert!(standing.iter().all(|taught| taught.group.is_none()));
    let sources: Vec<&str> = standing.iter().map(|t| t.source.as_str()).collect();
    let expected = [
        "low/0.wav",
        "low/1.wav",
        "high/0.wav",
        "high/2.wav",
        "low/2.wav",
    ];
    assert_eq!(sources, expected);

    // It goes on as any other.
    teach_as(session, "high", 1, Some("anna"));
    drop(sessions);
    let session = Session::open(dir.path()).unwrap();
    assert_eq!(groups(&session), [("anna".into(), 1)]);
    assert_eq!(session.status().examples, 6);
}

#[test]
fn an_interrupted_upgrade_leaves_the_old_learner() {
    let dir = tempfile::tempdir().unwrap();
    let db = of_format_1(dir.path());
    let before = log(&db);
    // What the new column is called is taken: the upgrade fails in the middle.
    db.execute_batch("ALTER TABLE operations ADD COLUMN clip_group TEXT")
        .unwrap();
    let error = Session::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("learner.sqlite"), "{error}");
    assert_eq!((log(&db), format(&db)), (before, 1));
    db.execute_batch("ALTER TABLE operations DROP COLUMN clip_group")
        .unwrap();
    assert_eq!(Session::open(dir.path()).unwrap().status().examples, 5);
}

#[test]
fn an_invalid_group_in_the_log_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(dir.path(), HeadKind::LDA);
    teach(&mut session, 0..3, by_two);
    drop(session);
    let db = Connection::open(dir.path().join("learner.sqlite")).unwrap();
    db.execute_batch("UPDATE entries SET clip_group = '' WHERE id = 2")
        .unwrap();
    let error = Session::open(dir.path()).err().unwrap().to_string();
    assert!(
        error.contains("entry 2 of the log does not have its checksum"),
        "{error}"
    );
}

/// A learner that rehearses, and the clips `tones/{anna,ben}_{0,1,2}.wav`.
fn with_clips() -> Sandbox {
    let sandbox = Sandbox::new().with_learner("box");
    drop(create(&sandbox.path("box"), HeadKind::LINEAR));
    for (speaker, seed) in [("anna", 0), ("ben", 10)] {
        for take in 0..3 {
            let samples = recording::tone(16_000, 400.0, 0.4, seed + take);
            sandbox.wav(&format!("tones/{speaker}_{take}.wav"), 16_000, &samples);
        }
    }
    sandbox
}

#[test]
fn the_commands_teach_show_and_forget_groups() {
    let sandbox = with_clips();
    sandbox
        .run("teach low tones --group-pattern ^([a-z]+)_")
        .ok();
    let expected = serde_json::json!([
        {"group": "anna", "examples": 3},
        {"group": "ben", "examples": 3},
    ]);
    assert_eq!(sandbox.status()["groups"], expected);
    let text = sandbox.run("status").ok();
    text.prints(["groups     2: anna 3, ben 3\n"]);
    let report = sandbox.run("memory --json").ok().json();
    let numbers = report["memory"]["classes"][0]["groups"].as_array().unwrap();
    let mut numbers: Vec<u64> = (numbers.iter())
        .map(|group| group["group"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    let mut expected = [number("anna"), number("ben")];
    expected.sort_unstable();
    assert_eq!(numbers, expected);

    let moved = sandbox.run("teach low tones/ben_0.wav --group cleo").ok();
    assert_eq!(
        moved.stderr,
        "tones/ben_0.wav: was of ben, is of cleo\nlow: 0 new, 1 corrected, 0 known already\n"
    );
    let listed = sandbox.run("forget --group ben --dry-run").ok();
    assert_eq!(listed.stdout.lines().count(), 2, "{listed}");
    let ben = |line: &str| line.contains("tones/ben_") && line.ends_with("  of ben");
    assert!(listed.stdout.lines().all(ben), "{listed}");
    let forgotten = sandbox.run("forget --group ben").ok();
    assert_eq!(forgotten.stderr, "forgot 2 clips of low\n");
    let text = sandbox.run("status").ok();
    text.prints(["groups     2: anna 3, cleo 1\n"]);
}

#[test]
fn unusable_groups_are_refused_before_anything_is_taught() {
    let sandbox = with_clips();
    sandbox.wav("tones/x.wav", 16_000, &[100; 8_000]);
    for (arguments, words) in [
        ("teach low tones --group-pattern ^([a-z]+)_", "x.wav"),
        ("teach low tones --group-pattern anna", "has no capture"),
        (
            "teach low tones --group-pattern ^(z*)",
            "\"\" is not a group",
        ),
        ("forget --group nobody", "nothing that is taught"),
    ] {
        let said = sandbox.run(arguments).refused();
        assert!(said.contains(words), "{said}");
    }
    let blank = sandbox.run(["teach", "low", "tones", "--group", " "]);
    blank.fails(2).says(["is not a group"]);
    let both = sandbox.run("teach low tones --group a --group-pattern (a)");
    both.fails(2).says(["cannot be used with"]);
    assert_eq!(sandbox.open("box").status().examples, 0);
}
