//! Evaluations from a data set to a report.

use afield::head::HeadKind;
use afield::learner::{Pool, Transform};
use afield::rehearsal::Capacity;
use afield_lab::data::{Clips, Dataset, Names, TestSide};
use afield_lab::evaluate::{
    Contracts, Evaluation, EvaluationProgress, Fits, HeadChoice, Percentiles, Report, TaskAccuracy,
    Tried, TriedTransform, contract_for,
};
use afield_lab::streams::{LabelNoise, Protocol, StreamOrder};

/// Four classes on the axes of a plane, two groups on either side of it.
fn dataset() -> Dataset {
    let mut state = 3_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.4
    };
    let corners = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
    let classes: Vec<i64> = (0..160).map(|i| i % 4).collect();
    let groups: Vec<i64> = (0..160).map(|i| i / 4 % 2).collect();
    let windows: Vec<f32> = classes
        .iter()
        .zip(&groups)
        .flat_map(|(&class, &group)| {
            let [x, y] = corners[class as usize];
            [x + noise(), y + noise(), group as f32 * 0.2]
        })
        .collect();
    let test = (0..160).map(|i| i >= 120).collect();
    let (classes, groups) = (
        Names::from_integers(&classes),
        Names::from_integers(&groups),
    );
    let clips = Clips::of_rows(3, windows, classes, Some(groups), Some(test)).unwrap();
    Dataset::new(clips, &TestSide::Marked).unwrap()
}

fn report(protocol: Protocol, seed: u64) -> Report {
    let dataset = dataset();
    let contract = contract_for(&dataset, Pool::Mean, Transform::None).unwrap();
    let rehearsal = Capacity::Examples(40).into();
    let heads = HeadKind::ALL.map(HeadChoice::from).to_vec();
    let evaluation = Evaluation {
        order: protocol.into(),
        heads,
        rehearsal,
        seed,
        contracts: contract.into(),
        upper_bound: true,
    };
    evaluation
        .run(&dataset, &mut Fits::default(), &mut |_| {})
        .unwrap()
}

#[test]
fn only_finetune_forgets_earlier_classes() {
    let report = report(Protocol::ClassIncremental, 0);
    assert_eq!(report.tasks.len(), 4);
    assert!(report.upper_bound.unwrap() > 0.95, "{report:?}");
    for head in &report.heads {
        assert_eq!(head.accuracy_after.len(), 4);
        assert_eq!(head.accuracy_after[0], 1.0, "one class is never mistaken");
        let kind: HeadKind = head.head.parse().unwrap();
        if kind.is_baseline() && kind != HeadKind::FINETUNE {
            // Somewhere in between.
            continue;
        }
        let forgets = kind == HeadKind::FINETUNE;
        assert_eq!(head.continual.final_accuracy < 0.6, forgets, "{head:?}");
        assert_eq!(head.continual.forgetting > 0.5, forgets, "{head:?}");
    }
}

#[test]
fn progress_reports_equal_the_final_report() {
    let dataset = dataset();
    let evaluation = Evaluation {
        order: Protocol::ClassIncremental.into(),
        heads: HeadKind::ALL.map(HeadChoice::from).to_vec(),
        rehearsal: Capacity::Examples(40).into(),
        seed: 0,
        contracts: (contract_for(&dataset, Pool::Mean, Transform::None).unwrap()).into(),
        upper_bound: true,
    };
    let mut told: Vec<(String, Vec<TaskAccuracy>)> = Vec::new();
    let mut learned = 0;
    let report = evaluation.run(
        &dataset,
        &mut Fits::default(),
        &mut |progress| match progress {
            EvaluationProgress::Learning { done, .. } => {
                assert_eq!(done, learned + 1);
                learned = done;
            }
            EvaluationProgress::Taught {
                stage,
                task,
                standings,
                ..
            } => {
                assert_eq!(stage, told.len());
                assert_eq!(learned, (stage + 1) * HeadKind::ALL.len() * 30);
                told.push((task.to_owned(), standings.to_vec()));
            }
            EvaluationProgress::UpperBound => assert_eq!(told.len(), 4),
            EvaluationProgress::Choosing { .. } => panic!("nothing is left open"),
        },
    );
    let report = report.unwrap();
    for (stage, (task, standings)) in told.iter().enumerate() {
        assert_eq!(task, &report.tasks[stage]);
        for (standing, head) in standings.iter().zip(&report.heads) {
            assert_eq!(standing.accuracy, head.accuracy_after[stage]);
        }
    }
    let first = report
        .class_names
        .iter()
        .position(|name| *name == told[0].0);
    for (standing, head) in told[3].1.iter().zip(&report.heads) {
        assert_eq!(standing.on_first_task, head.class_accuracy[first.unwrap()]);
    }
}

#[test]
fn finetune_forgets_little_in_iid_order() {
    let report = report(Protocol::Iid, 0);
    assert_eq!(report.tasks.len(), 10);
    for head in &report.heads {
        // Which holds on to what it met first, mixed or not.
        let least = if head.head == "ewc" { 0.6 } else { 0.85 };
        assert!(head.continual.final_accuracy > least, "{head:?}");
    }
}

/// `report` without what depends on the clock.
fn untimed(mut report: Report) -> Report {
    report.peak_rss_bytes = None;
    report.encode_us = Percentiles::default();
    if let Some(fit) = &mut report.upper_bound_fit {
        fit.seconds = 0.0;
    }
    for head in &mut report.heads {
        head.learn_us = Percentiles::default();
        head.predict_us = Percentiles::default();
        head.solve_us = Percentiles::default();
    }
    report
}

#[test]
fn the_same_seed_gives_the_same_report_except_timings() {
    let of = |seed| untimed(report(Protocol::ClassIncremental, seed));
    assert_eq!(of(5), of(5));
    assert_ne!(of(5), of(6));
}

/// Everything left to choose, on `dataset`.
fn chosen(dataset: &Dataset, seed: u64, fits: &mut Fits) -> Report {
    let tried = Transform::ALL.map(|t| contract_for(dataset, Pool::Mean, t).unwrap());
    let evaluation = Evaluation {
        order: StreamOrder {
            label_noise: LabelNoise::new(0.1).unwrap(),
            ..Protocol::Iid.into()
        },
        heads: vec![HeadChoice::Best, HeadKind::NCM.into()],
        rehearsal: Capacity::Examples(40).into(),
        seed,
        contracts: Contracts::new(None, tried.to_vec()).unwrap(),
        upper_bound: true,
    };
    evaluation.run(dataset, fits, &mut |_| {}).unwrap()
}

#[test]
fn the_best_head_and_transform_of_cross_validation_are_chosen() {
    let report = chosen(&dataset(), 1, &mut Fits::default());
    let top = |of: &dyn Fn(&&Tried) -> bool| {
        let scores = report.tried.iter().filter(of);
        let score = |tried: &Tried| tried.cross_validated_accuracy;
        scores
            .rev()
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .unwrap()
    };
    let (all, ncm) = (top(&|_| true), top(&|tried| tried.head == "ncm"));
    let expected = [
        format!("best ({} after {})", all.head, all.transform),
        format!("ncm after {}", ncm.transform),
    ];
    for (head, expected) in report.heads.iter().zip(expected) {
        assert_eq!(head.head, expected);
    }
    let kinds = HeadChoice::tried().len();
    assert_eq!(report.tried.len(), kinds * Transform::ALL.len());
    let fit = report.upper_bound_fit.unwrap();
    let loss = |tried: &TriedTransform| tried.penalty.cross_validated_log_loss;
    let least = fit.tried.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)));
    assert_eq!(fit.transform, least.unwrap().transform);
}

#[test]
fn the_choice_ignores_the_test_side() {
    let spoilt = {
        let clean = dataset();
        let clips = clean.clips();
        let window = |clip| match clean.test().contains(&clip) {
            true => vec![7.0, -7.0, 7.0],
            false => clips.windows(clip).to_vec(),
        };
        let windows: Vec<f32> = (0..clips.len()).flat_map(window).collect();
        let names =
            |of: &[usize]| Names::from_integers(&of.iter().map(|&n| n as i64).collect::<Vec<_>>());
        let groups = Some(names(clips.groups().unwrap().of()));
        let test = clips.marked_test().map(<[bool]>::to_vec);
        let clips = Clips::of_rows(3, windows, names(clips.labels()), groups, test);
        Dataset::new(clips.unwrap(), &TestSide::Marked).unwrap()
    };
    let [clean, spoilt] =
        [dataset(), spoilt].map(|dataset| chosen(&dataset, 2, &mut Fits::default()));
    assert_eq!(clean.tried, spoilt.tried);
    let names = |report: &Report| report.heads.iter().map(|h| h.head.clone()).collect();
    let (a, b): (Vec<_>, Vec<_>) = (names(&clean), names(&spoilt));
    assert_eq!(a, b);
    assert_ne!(clean.upper_bound, spoilt.upper_bound, "but the test does");
    let tried = |report: Report| report.upper_bound_fit.unwrap().tried;
    assert_eq!(tried(clean), tried(spoilt));
}

#[test]
fn a_run_gives_the_same_results_alone_and_after_others() {
    let dataset = dataset();
    let mut fits = Fits::default();
    for seed in 0..3 {
        let alone = chosen(&dataset, seed, &mut Fits::default());
        let after_others = chosen(&dataset, seed, &mut fits);
        assert_eq!(untimed(alone), untimed(after_others));
    }
}

#[test]
fn the_joint_fit_is_computed_once_for_each_split_and_labelling() {
    let dataset = dataset();
    let mut fits = Fits::default();
    let mut run = |seed, noise| {
        let evaluation = Evaluation {
            order: StreamOrder {
                label_noise: LabelNoise::new(noise).unwrap(),
                ..Protocol::Iid.into()
            },
            heads: vec![],
            rehearsal: Capacity::None.into(),
            seed,
            contracts: contract_for(&dataset, Pool::Mean, Transform::None)
                .unwrap()
                .into(),
            upper_bound: true,
        };
        evaluation.run(&dataset, &mut fits, &mut |_| {}).unwrap();
        fits.joint_fits()
    };
    assert_eq!([run(0, 0.0), run(1, 0.0), run(2, 0.0)], [1, 1, 1]);
    assert_eq!([run(0, 0.1), run(1, 0.1), run(1, 0.1)], [2, 3, 3]);
}

#[test]
fn memorising_clips_does_not_win_the_choice() {
    // Labels that nothing tells, and room enough to learn all of them.
    let mut state = 5_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let windows: Vec<f32> = (0..90 * 100).map(|_| noise()).collect();
    let classes: Vec<i64> = (0..90).map(|_| i64::from(noise() > 0.0)).collect();
    let test = (0..90).map(|i| i >= 80).collect();
    let names = Names::from_integers(&classes);
    let clips = Clips::of_rows(100, windows, names, None, Some(test)).unwrap();
    let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
    // Bursts repeat clips: a repeat must not be asked for after its twin was taught.
    let evaluation = Evaluation {
        order: Protocol::Bursty.into(),
        heads: vec![HeadChoice::Best],
        rehearsal: Capacity::Examples(80).into(),
        seed: 0,
        contracts: contract_for(&dataset, Pool::Mean, Transform::None)
            .unwrap()
            .into(),
        upper_bound: false,
    };
    let report = evaluation.run(&dataset, &mut Fits::default(), &mut |_| {});
    for tried in report.unwrap().tried {
        let accuracy = tried.cross_validated_accuracy;
        assert!((0.3..0.7).contains(&accuracy), "{}: {accuracy}", tried.head);
    }
}
