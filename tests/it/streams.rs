//! Properties of the streams that every protocol draws.

use afield_lab::data::{Clips, Dataset, Names, TestSide};
use afield_lab::streams::{
    ExampleStream, Imbalance, LabelNoise, Protocol, StreamError, StreamOrder, Task,
};

/// Five classes, four groups, the last of them held out.
fn dataset() -> Dataset {
    let classes: Vec<i64> = (0..400).map(|i| i % 5).collect();
    let groups: Vec<i64> = (0..400).map(|i| i / 100).collect();
    let (classes, groups) = (
        Names::from_integers(&classes),
        Names::from_integers(&groups),
    );
    let clips = Clips::of_rows(1, vec![0.0; 400], classes, Some(groups), None).unwrap();
    Dataset::new(clips, &TestSide::Groups(vec!["3".into()])).unwrap()
}

fn draw(order: impl Into<StreamOrder>, seed: u64) -> ExampleStream {
    ExampleStream::draw(&dataset(), order.into(), seed).unwrap()
}

fn noisy(protocol: Protocol, share: f64) -> StreamOrder {
    StreamOrder {
        label_noise: LabelNoise::new(share).unwrap(),
        ..protocol.into()
    }
}

fn met(tasks: &[Task]) -> Vec<usize> {
    let mut met: Vec<usize> = tasks.iter().flat_map(|task| task.clips.clone()).collect();
    met.sort_unstable();
    met
}

#[test]
fn every_training_clip_is_taught_and_only_bursts_repeat_clips() {
    for protocol in Protocol::ALL {
        let stream = draw(protocol, 7);
        let mut met = met(stream.tasks());
        assert_eq!(met.len(), stream.examples());
        assert_eq!(met.len() > 300, protocol == Protocol::Bursty);
        met.dedup();
        assert_eq!(met, (0..300).collect::<Vec<_>>(), "{protocol}");
        let clips: Vec<usize> = stream.clips().into_iter().map(|(clip, _)| clip).collect();
        assert_eq!(clips, met);
    }
}

#[test]
fn labels_are_true_without_noise_and_test_clips_are_not_taught() {
    for protocol in Protocol::ALL {
        let stream = draw(protocol, 7);
        for task in stream.tasks() {
            assert_eq!(task.clips.len(), task.labels.len());
            assert!(task.tested.iter().all(|&clip| clip >= 300));
            for (&clip, &label) in task.clips.iter().zip(&task.labels) {
                assert_eq!(label, stream.truth()[clip]);
                assert!(protocol == Protocol::Drift || label == clip % 5);
            }
        }
    }
}

#[test]
fn a_task_is_one_class_one_group_or_a_tenth() {
    for (position, task) in draw(Protocol::ClassIncremental, 7)
        .tasks()
        .iter()
        .enumerate()
    {
        assert!(task.clips.iter().all(|c| (c % 5).to_string() == task.name));
        assert_eq!(task.tested.len(), (position + 1) * 20);
    }
    for task in draw(Protocol::DomainIncremental, 7).tasks() {
        assert!(
            task.clips
                .iter()
                .all(|c| (c / 100).to_string() == task.name)
        );
        assert_eq!(task.tested.len(), 100);
    }
    for protocol in [Protocol::Iid, Protocol::Bursty] {
        let stream = draw(protocol, 7);
        let tenth = stream.examples() / 10;
        assert_eq!(stream.tasks().len(), 10);
        for task in stream.tasks() {
            assert!([tenth, tenth + 1].contains(&task.clips.len()));
            assert_eq!(task.tested.len(), 100);
        }
    }
}

#[test]
fn the_seed_alone_decides_the_stream() {
    for protocol in Protocol::ALL {
        let order = StreamOrder {
            imbalance: Imbalance::new(3.0).unwrap(),
            ..noisy(protocol, 0.2)
        };
        assert_eq!(draw(order, 1), draw(order, 1));
        assert_ne!(draw(order, 1).tasks(), draw(order, 2).tasks());
    }
}

#[test]
fn label_noise_changes_only_its_share_of_labels() {
    for protocol in Protocol::ALL {
        let (clean, noisy) = (draw(protocol, 5), draw(noisy(protocol, 0.2), 5));
        let mut wrong = 0;
        for (clean, noisy) in clean.tasks().iter().zip(noisy.tasks()) {
            assert_eq!((&clean.clips, &clean.tested), (&noisy.clips, &noisy.tested));
            let pairs = clean.labels.iter().zip(&noisy.labels);
            wrong += pairs.filter(|(a, b)| a != b).count();
        }
        let expected = (clean.examples() as f64 * 0.2).round() as usize;
        assert_eq!(wrong, expected, "{protocol}");
        assert_eq!(clean.truth(), noisy.truth());
    }
    let first = &draw(noisy(Protocol::ClassIncremental, 0.2), 5).tasks()[0].clone();
    let own = first.clips[0] % 5;
    assert!(first.labels.iter().any(|&label| label != own), "early ones");
}

#[test]
fn imbalance_thins_only_the_training_side() {
    let order = StreamOrder {
        imbalance: Imbalance::new(30.0).unwrap(),
        ..Protocol::Iid.into()
    };
    let stream = draw(order, 3);
    let met = met(stream.tasks());
    let size = |class| met.iter().filter(|&&clip| clip % 5 == class).count();
    let mut sizes: Vec<usize> = (0..5).map(size).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 5, 11, 26, 60]);
    assert!(stream.tasks().iter().all(|task| task.tested.len() == 100));
}

#[test]
fn a_drifting_class_has_its_current_label_in_training_and_testing() {
    for seed in 0..10 {
        let stream = draw(Protocol::Drift, seed);
        let drift = stream.drift().unwrap();
        assert_ne!(drift.class, drift.becomes);
        assert_eq!((stream.tasks().len(), drift.task), (10, 5));
        for (position, task) in stream.tasks().iter().enumerate() {
            let absent = match position < 5 {
                true => drift.becomes,
                false => drift.class,
            };
            let everything = task.clips.iter().chain(&task.tested);
            assert!(everything.clone().all(|clip| clip % 5 != absent));
            assert!(task.labels.iter().all(|&label| label != drift.becomes));
            assert_eq!(task.tested.len(), 80);
            let of_class = |clip: &&usize| stream.truth()[**clip] == drift.class;
            assert_eq!(task.tested.iter().filter(of_class).count(), 20);
        }
    }
}

#[test]
fn an_offline_fit_learns_the_labels_at_the_end() {
    let stream = draw(Protocol::Drift, 1);
    let drift = stream.drift().unwrap();
    let valid = stream.valid_clips();
    assert_eq!((stream.clips().len(), valid.len()), (300, 240));
    for (clip, label) in valid {
        assert_ne!(clip % 5, drift.class);
        let becomes = clip % 5 == drift.becomes;
        assert_eq!(label, if becomes { drift.class } else { clip % 5 });
    }
}

#[test]
fn drift_needs_three_classes() {
    let names = Names::from_integers(&[0, 1, 0, 1]);
    let test = Some(vec![false, false, true, true]);
    let clips = Clips::of_rows(1, vec![0.0; 4], names, None, test).unwrap();
    let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
    let fault = ExampleStream::draw(&dataset, Protocol::Drift.into(), 0).unwrap_err();
    assert!(matches!(
        fault,
        StreamError::DriftClasses { classes: 2, .. }
    ));
}
