//! Exact heads on embeddings of real recordings: ESC-10 clips through YAMNet-256, spoken digits
//! through the speech embedding.

use crate::harness::models;
use crate::harness::shared_data;

use std::collections::BTreeMap;

use afield::backbone::{Backbone, Mode};
use afield::engine::{backbone_contract, embed};
use afield::head::HeadKind;
use afield::learner::{Contract, Example, Learner, Settings};
use afield::signal::Label;
use afield::source::{AudioFile, Recorded, labelled_recordings};

/// Clips of each class.
const EACH: usize = 6;

struct Heard {
    contract: Contract,
    clips: Vec<(Example, Label)>,
}

/// Some clips of every class of a folder of the shared data.
fn heard(folder: &str, backbone: &str) -> Option<Heard> {
    let test = "exactness on recordings";
    let (card, path) = models::real(backbone, test)?;
    let shared = shared_data::folder(test)?;
    let backbone = Backbone::load(&path, &card, Mode::Auto).unwrap();
    let contract = backbone_contract(&card, None, None).unwrap();
    let encoder = Learner::new(contract.clone(), Settings::default()).unwrap();
    let mut clips = Vec::new();
    let mut taken = BTreeMap::<Label, usize>::new();
    for clip in labelled_recordings(shared.join(folder), Recorded::Sound).unwrap() {
        let label = clip.label.unwrap();
        let of_class = taken.entry(label.clone()).or_default();
        if *of_class < EACH {
            *of_class += 1;
            let mut file = AudioFile::open(&clip.path).unwrap();
            let windows = embed(&mut file, &card, &backbone).unwrap().windows;
            clips.push((encoder.encode(&windows).unwrap(), label));
        }
    }
    assert!(clips.len() >= 9 * EACH, "{} clips", clips.len());
    Some(Heard { contract, clips })
}

impl Heard {
    fn learner(&self, head: HeadKind) -> Learner {
        let settings = Settings {
            head,
            ..Settings::default()
        };
        Learner::new(self.contract.clone(), settings).unwrap()
    }

    fn taught(&self, head: HeadKind, order: &[usize]) -> Learner {
        let mut learner = self.learner(head);
        for &i in order {
            let (example, label) = &self.clips[i];
            learner.learn_one(example, label).unwrap();
        }
        learner
    }

    /// State, and by label the bits of its probability for every clip.
    fn knowledge(&self, learner: &Learner) -> (Vec<u8>, Vec<Vec<(Label, u32)>>) {
        let predicted = self.clips.iter().map(|(example, _)| {
            let scores = learner.predict_one(example).unwrap().0;
            let bits = scores.into_iter().map(f32::to_bits);
            let mut by_label: Vec<_> = learner.classes().iter().cloned().zip(bits).collect();
            by_label.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            by_label
        });
        (learner.save(), predicted.collect())
    }
}

/// A permutation that `seed` decides: every `stride`th, the stride coprime.
fn permuted(len: usize, seed: usize) -> Vec<usize> {
    let shared =
        |stride: usize| (2..=stride).any(|d| len.is_multiple_of(d) && stride.is_multiple_of(d));
    let stride = (seed + 7..).find(|&stride| !shared(stride)).unwrap();
    (0..len).map(|i| (seed + i * stride) % len).collect()
}

fn check(heard: &Heard) {
    let all = heard.clips.len();
    let in_order: Vec<usize> = (0..all).collect();
    for head in crate::harness::heads::exact() {
        let expected = heard.knowledge(&heard.taught(head, &in_order));
        for seed in [3, 20] {
            let order = permuted(all, seed);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, in_order, "a permutation");
            let another = heard.taught(head, &order);
            assert!(
                heard.knowledge(&another) == expected,
                "{head}: order {seed}"
            );

            let (a, b) = order.split_at(all / 3 + seed);
            let mut merged = heard.taught(head, b);
            merged.merge(&heard.taught(head, a)).unwrap();
            assert!(
                heard.knowledge(&merged) == expected,
                "{head}: merged at {seed}"
            );

            // A third is taught wrongly first, and corrected.
            let mut learner = heard.learner(head);
            for (turn, &i) in order.iter().enumerate() {
                let (example, label) = &heard.clips[i];
                let wrong = &heard.clips[(i + all / 2) % all].1;
                if turn % 3 == 0 && wrong != label {
                    learner.learn_one(example, wrong).unwrap();
                    if turn % 2 == 0 {
                        learner.solve();
                    }
                    learner.unlearn_one(example, wrong).unwrap();
                }
                learner.learn_one(example, label).unwrap();
            }
            assert!(
                heard.knowledge(&learner) == expected,
                "{head}: corrected, {seed}"
            );
        }
        // What is left after forgetting a class is what never had it.
        let gone = heard.clips[0].1.clone();
        let rest: Vec<usize> = (0..all).filter(|&i| heard.clips[i].1 != gone).collect();
        let mut forgot = heard.taught(head, &in_order);
        for (example, label) in heard.clips.iter().filter(|(_, label)| *label == gone) {
            forgot.unlearn_one(example, label).unwrap();
        }
        let never = heard.knowledge(&heard.taught(head, &rest));
        assert!(heard.knowledge(&forgot) == never, "{head}: forgotten class");
        assert!(never != expected, "{head}: the class mattered");
    }
}

#[test]
fn exact_heads_give_the_same_bits_for_sounds_in_any_order() {
    if let Some(heard) = heard("esc10", "yamnet-256") {
        check(&heard);
    }
}

#[test]
fn exact_heads_give_the_same_bits_for_spoken_digits_in_any_order() {
    if let Some(heard) = heard("fsdd", "speech-embedding") {
        check(&heard);
    }
}
