//! Compares heads in fixed memory with heads of any size: the same bits where this is promised,
//! the same answers elsewhere.

use microhead::{Statistic, triangle};
use proptest::prelude::*;

use super::lda::Lda;
use super::lda::LdaOptions;
use super::ncm::Distance;
use super::ncm::Ncm;
use super::{HeadKind, Moments, Statistic as Host};

const D: usize = 6;
const K: usize = 4;
const M: usize = triangle(D);
const STEPS: [f32; D] = [0.01, 0.5, 1.0, 0.003, 0.25, 0.125];

type Micro = Statistic<D, K, M>;

/// Generates separated classes with noise, or arbitrary examples.
fn examples() -> impl Strategy<Value = Vec<([i16; D], usize)>> {
    let centred = (0..K, prop::array::uniform6(-2_000..2_000_i16)).prop_map(|(class, noise)| {
        let centre = |j: usize| ((class * 7 + j * 3) % 5) as i16 * 4_000 - 8_000;
        (std::array::from_fn(|j| centre(j) + noise[j]), class)
    });
    let any = (prop::array::uniform6(any::<i16>()), 0..K).prop_map(|(x, class)| (x, class));
    prop_oneof![
        4 => prop::collection::vec(centred, 1..60),
        1 => prop::collection::vec(any, 1..30),
    ]
}

/// Builds both statistics from the same examples. A class index that would leave a gap becomes the
/// next class.
fn both(examples: &[([i16; D], usize)]) -> (Micro, Host) {
    let (mut micro, mut host) = (Micro::new(), Host::new(D, Moments::Full));
    for (x, class) in examples {
        let class = (*class).min(host.counts().len());
        micro.add(x, class).unwrap();
        host.add(x, class).unwrap();
    }
    (micro, host)
}

fn saved(host: &Host) -> Vec<u8> {
    let mut bytes = Vec::new();
    host.save_into(&mut bytes);
    bytes
}

fn probabilities(scores: [f32; K], classes: usize) -> Vec<f32> {
    let mut p = scores[..classes].to_vec();
    microhead::arithmetic::softmax(&mut p);
    p
}

proptest! {
    #[test]
    fn both_heads_learn_the_same_bits_and_load_each_others_state(examples in examples()) {
        let (micro, host) = both(&examples);
        let bytes: Vec<u8> = micro.saved().collect();
        prop_assert_eq!(micro.saved().total(), bytes.len());
        prop_assert_eq!(&bytes, &saved(&host));
        prop_assert_eq!(Micro::load(&bytes).unwrap(), micro);
        prop_assert_eq!(Host::take(D, Moments::Full, &mut &bytes[..]).unwrap(), host);
    }

    #[test]
    fn unlearning_gives_the_same_bits(
        examples in examples(),
        at in any::<prop::sample::Index>(),
    ) {
        let (mut micro, mut host) = both(&examples);
        let (x, class) = examples[at.index(examples.len())];
        let classes = host.counts().len();
        for class in [class, class + 1, 9] {
            let removed = host.remove(&x, class).is_ok();
            prop_assert_eq!(micro.remove(&x, class).is_ok(), removed);
            if host.counts().len() < classes { break; }
        }
        prop_assert_eq!(micro.saved().collect::<Vec<u8>>(), saved(&host));
    }

    #[test]
    fn nearest_class_means_score_to_the_bit(
        examples in examples(),
        x in prop::array::uniform6(any::<i16>()),
    ) {
        let (micro, host) = both(&examples);
        let head = Ncm::load(&STEPS, Distance::Euclidean, &{
            let (mut diagonal, order) = (Host::new(D, Moments::Diagonal), host.counts().len());
            for (x, class) in &examples {
                diagonal.add(x, (*class).min(diagonal.counts().len())).unwrap();
            }
            assert_eq!(diagonal.counts().len(), order);
            saved(&diagonal)
        }).unwrap();
        let expected = super::testing::probabilities(&head, &x);
        let scores = microhead::Ncm::solve(&micro, &STEPS).scores(&x);
        let actual = probabilities(scores, expected.len());
        let bits = |p: &[f32]| p.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&actual), bits(&expected));
    }

    #[test]
    fn discriminants_give_the_same_answers(
        examples in examples(),
        x in prop::array::uniform6(-12_000..12_000_i16),
    ) {
        let (micro, host) = both(&examples);
        let head = Lda::load(&STEPS, LdaOptions::default(), &saved(&host)).unwrap();
        let expected = super::testing::probabilities(&head, &x);
        let scores = microhead::Lda::solve(&micro, &STEPS).scores(&x);
        let actual = probabilities(scores, expected.len());
        for (a, b) in actual.iter().zip(&expected) {
            prop_assert!((a - b).abs() < 1e-4, "{:?} {:?}", actual, expected);
        }
    }

    #[test]
    fn clips_of_windows_are_learned_alike(
        examples in examples(),
        x in prop::array::uniform6(-12_000..12_000_i16),
        unlearned in any::<prop::sample::Index>(),
    ) {
        let (mut micro, mut host) = (Micro::new().of_clips(), Host::new(D, Moments::Full));
        let mut clips = Vec::new();
        for (at, clip) in examples.chunks(4).enumerate() {
            let windows = 1 << (at % 3).min(clip.len().ilog2() as usize);
            let class = clip[0].1.min(host.counts().len());
            let clip: Vec<[i16; D]> = clip[..windows].iter().map(|(x, _)| *x).collect();
            micro.add_clip(&clip, class).unwrap();
            for window in &clip {
                (0..16 / windows).for_each(|_| host.add(window, class).unwrap());
            }
            clips.push((clip, class));
        }
        let (clip, class) = &clips[unlearned.index(clips.len())];
        let before = micro.clone();
        if host.counts()[*class] > 16 {
            micro.remove_clip(clip, *class).unwrap();
            prop_assert_eq!(micro.counts()[*class], before.counts()[*class] - 16);
            micro.add_clip(clip, *class).unwrap();
        }
        prop_assert_eq!(&micro, &before);
        let bytes = saved(&host);
        prop_assert_eq!(&micro.saved().collect::<Vec<u8>>(), &bytes);
        prop_assert_eq!(&Micro::load(&bytes).unwrap().of_clips(), &micro);
        let head = HeadKind::LDA.load(&STEPS, 0, 16, &bytes).unwrap();
        let expected = super::testing::probabilities(&*head, &x);
        let actual = probabilities(microhead::Lda::solve(&micro, &STEPS).scores(&x), expected.len());
        for (a, b) in actual.iter().zip(&expected) {
            prop_assert!((a - b).abs() < 1e-4, "{:?} {:?}", actual, expected);
        }
    }

    #[test]
    fn bytes_load_on_both_sides_or_on_neither(
        examples in examples(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let (micro, _) = both(&examples);
        let whole: Vec<u8> = micro.saved().collect();
        let mut bytes = whole.clone();
        bytes[at.index(whole.len())] = byte;
        let host = |bytes: &[u8]| {
            let mut rest = bytes;
            let loaded = Host::take(D, Moments::Full, &mut rest);
            loaded.is_ok_and(|host| rest.is_empty() && host.counts().len() <= K)
        };
        prop_assert_eq!(Micro::load(&bytes).is_ok(), host(&bytes));
        let cut = &whole[..cut.index(whole.len())];
        prop_assert!(Micro::load(cut).is_err());
    }
}

#[test]
fn a_clip_that_was_never_learned_is_refused() {
    let mut micro = Micro::new().of_clips();
    micro.add_clip(&[[5; D], [7; D]], 0).unwrap();
    let before = micro.clone();
    let never = [[5; D], [5; D], [7; D], [9000; D]];
    assert_eq!(
        micro.remove_clip(&never, 0),
        Err(microhead::Refusal::NeverLearned)
    );
    assert_eq!(
        micro.add_clip(&[[0; D]; 3], 0),
        Err(microhead::Refusal::Windows)
    );
    assert_eq!(micro.add_clip(&[], 0), Err(microhead::Refusal::Windows));
    assert_eq!(micro, before);
    micro.remove_clip(&[[5; D], [7; D]], 0).unwrap();
    assert_eq!(micro.counts(), [0_u64; 0]);
}

#[test]
fn a_class_beyond_the_capacity_is_refused() {
    let mut micro = Micro::new();
    for class in 0..K {
        assert!(micro.add(&[0; D], class + 1).is_err());
        micro.add(&[class as i16; D], class).unwrap();
    }
    assert_eq!(micro.add(&[9; D], K), Err(microhead::Refusal::Class));
    assert_eq!(micro.total(), K as u64);
}
