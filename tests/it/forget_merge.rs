//! Forgetting and merging: the learner afterwards equals, to the bit, one that was taught only
//! the examples that remain.

use std::process::Command;

use afield::engine::{ClipEmbeddings, Session, backbone_contract};
use afield::head::HeadKind;
use afield::learner::{Settings, Transform};
use afield::signal::{ClipIdPrefix, Label, Micros};
use afield::store::ClipFilter;

use crate::harness::folder::create;
use crate::harness::{Sandbox, models};

const LABELS: [&str; 3] = ["rain", "kettle", "dog"];

fn heard(seed: u64) -> ClipEmbeddings {
    let windows = (0..16)
        .map(|j| {
            let mixed = (seed * 31 + j + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed >> 40) as f32 / (1 << 24) as f32 + if j % 3 == seed % 3 { 2.0 } else { 0.0 }
        })
        .collect();
    let mut clip_sha256 = [0; 32];
    clip_sha256[..8].copy_from_slice(&seed.to_be_bytes());
    ClipEmbeddings {
        windows,
        clip_sha256,
        duration: Micros(500_000),
        ..ClipEmbeddings::default()
    }
}

/// Clip `seed` is of class `seed % 3`, taught at second `seed`.
fn teach(session: &mut Session, seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        let label = Label::new(LABELS[(seed % 3) as usize]).unwrap();
        let source = format!("day-{}/clip-{seed}.wav", seed / 10);
        session
            .teach(&label, &heard(seed), &source, seed as i64 * 1000)
            .unwrap();
    }
}

fn state(session: &Session) -> Vec<u8> {
    session.learner().save()
}

const EXACT: [HeadKind; 3] = [HeadKind::NCM, HeadKind::LDA, HeadKind::RIDGE];

#[test]
fn forgetting_gives_the_state_without_the_forgotten_examples() {
    type Forgets = fn(u64) -> bool;
    let all = ClipFilter::default;
    let cases: [(ClipFilter, Forgets); 6] = [
        (
            ClipFilter {
                label: Some(Label::new("kettle").unwrap()),
                ..all()
            },
            |seed| seed % 3 == 1,
        ),
        (
            ClipFilter {
                clip: ClipIdPrefix::parse(&format!("{:016x}", 7)),
                ..all()
            },
            |seed| seed == 7,
        ),
        (
            ClipFilter {
                source: Some("day-1".into()),
                ..all()
            },
            |seed| seed / 10 == 1,
        ),
        (
            ClipFilter {
                source: Some("*clip-?.wav".into()),
                ..all()
            },
            |seed| seed < 10,
        ),
        (
            ClipFilter {
                since_unix_ms: Some(25_000),
                ..all()
            },
            |seed| seed >= 25,
        ),
        (
            ClipFilter {
                label: Some(Label::new("rain").unwrap()),
                since_unix_ms: Some(12_000),
                ..all()
            },
            |seed| seed % 3 == 0 && seed >= 12,
        ),
    ];
    for head in EXACT {
        for (selection, forgets) in &cases {
            let dir = tempfile::tempdir().unwrap();
            let mut session = create(&dir.path().join("a"), head);
            teach(&mut session, 0..30);
            let forgotten = session.forget(selection, 99_000).unwrap();
            let expected = (0..30).filter(|&seed| forgets(seed)).count();
            assert_eq!(forgotten.len(), expected, "{selection:?}");
            let mut never = create(&dir.path().join("b"), head);
            teach(&mut never, (0..30).filter(|&seed| !forgets(seed)));
            assert_eq!(state(&session), state(&never), "{head} {selection:?}");
            drop(session);
            let reopened = Session::open(&dir.path().join("a")).unwrap();
            assert_eq!(state(&reopened), state(&never), "{head} {selection:?}");
            assert!(reopened.clips(selection).unwrap().is_empty());
        }
    }
}

#[test]
fn a_head_that_cannot_unlearn_refuses_to_forget() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = create(&dir.path().join("a"), HeadKind::FINETUNE);
    teach(&mut session, 0..9);
    let before = state(&session);
    let selection = ClipFilter {
        label: Some(Label::new("rain").unwrap()),
        ..ClipFilter::default()
    };
    let error = session.forget(&selection, 0).unwrap_err().to_string();
    assert!(error.contains("cannot unlearn"), "{error}");
    assert_eq!(state(&session), before);
    assert_eq!(session.clips(&selection).unwrap().len(), 3);
}

#[test]
fn merging_gives_the_state_of_one_learner_taught_everything() {
    for head in EXACT {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut parts = vec![
            create(&at("a"), head),
            create(&at("b"), head),
            create(&at("c"), head),
        ];
        // Shared clips, and one part in which a class came first that others met
        // last.
        teach(&mut parts[0], 0..14);
        teach(&mut parts[1], (10..24).rev());
        teach(&mut parts[2], [29, 25, 27, 26, 28, 24]);
        let merged = Session::merge(&parts, &at("all"), 0).unwrap();
        assert_eq!((merged.clips, merged.shared, merged.contested), (30, 4, 0));
        let mut one = create(&at("one"), head);
        teach(&mut one, 0..30);
        let all = Session::open(&at("all")).unwrap();
        assert_eq!(state(&all), state(&one), "{head}");
        parts.reverse();
        Session::merge(&parts, &at("reversed"), 0).unwrap();
        let reversed = Session::open(&at("reversed")).unwrap();
        assert_eq!(state(&reversed), state(&one), "{head}");
    }
}

#[test]
fn the_latest_label_of_a_contested_clip_holds() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut parts = vec![
        create(&at("a"), HeadKind::LDA),
        create(&at("b"), HeadKind::LDA),
    ];
    teach(&mut parts[0], 0..6);
    teach(&mut parts[1], 0..6);
    let door = Label::new("door").unwrap();
    parts[0].teach(&door, &heard(4), "x", 80_000).unwrap();
    let merged = Session::merge(&parts, &at("all"), 0).unwrap();
    assert_eq!((merged.clips, merged.shared, merged.contested), (6, 5, 1));
    let all = Session::open(&at("all")).unwrap();
    let door = ClipFilter {
        label: Some(Label::new("door").unwrap()),
        ..ClipFilter::default()
    };
    assert_eq!(all.clips(&door).unwrap().len(), 1);
}

#[test]
fn learners_with_different_contracts_are_not_merged() {
    let sandbox = Sandbox::new();
    create(&sandbox.path("a"), HeadKind::LDA);
    let (card, _) = models::fixture("tiny");
    let contract = backbone_contract(&card, None, Some(Transform::L2)).unwrap();
    Session::create(&sandbox.path("b"), card, contract, Settings::default(), 0).unwrap();
    let run = sandbox.run("merge a b -o c").fails(1);
    run.says(["transform is none here and l2 there"]);
    assert!(!sandbox.path("c").exists());
}

#[test]
fn the_commands_forget_and_merge_report_what_they_did() {
    let sandbox = Sandbox::new();
    teach(&mut create(&sandbox.path("a"), HeadKind::LDA), 0..12);
    teach(&mut create(&sandbox.path("b"), HeadKind::LDA), 6..20);
    let forget_dog = "forget --class dog --learner a";
    let listed = sandbox.afield(forget_dog).args("--dry-run").run().ok();
    assert_eq!(listed.stdout.lines().count(), 4, "{listed}");
    listed.prints(["dog  day-0/clip-2.wav"]);
    sandbox.run(forget_dog).ok().says(["forgot 4 clips of dog"]);
    sandbox.run(forget_dog).refused();
    // Everything is never forgotten by accident.
    sandbox.run("forget --learner a").fails(2);
    let said = sandbox.run("forget --clip xyz --learner a").refused();
    assert!(said.contains("--clip"), "{said}");
    let merged = sandbox.run("merge a b -o c").ok();
    merged.says(["18 clips, 4 of them shared"]);
    // A learner is never overwritten.
    sandbox.run("merge a b -o c").refused();
}

#[test]
fn a_failed_merge_makes_no_learner_and_can_be_repeated() {
    let sandbox = Sandbox::new();
    teach(&mut create(&sandbox.path("a"), HeadKind::LDA), 0..150);
    teach(&mut create(&sandbox.path("b"), HeadKind::LDA), 150..300);
    let merge = |limit: &str| {
        let merge = sandbox.afield("merge a b -o c").command();
        Command::new("bash")
            .arg("-c")
            // In KiB; the signal would kill what should see an error.
            .arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\""))
            .arg("bash")
            .arg(merge.get_program())
            .args(merge.get_args())
            .current_dir(sandbox.root())
            .output()
            .unwrap()
    };
    let refused = merge("45");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("hint: "),
        "{said}"
    );
    assert!(Session::open(&sandbox.path("c")).is_err());
    let made = merge("unlimited");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(sandbox.open("c").learner().examples(), 300);
}
