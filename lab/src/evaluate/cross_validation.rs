//! Cross-validation: estimates how well a head would do, from the training side alone.
//!
//! A candidate is taught the stream in its order and with its labels, but without the clips of one
//! fold. It is then tested on that fold. Standardising uses the means and deviations of the other
//! folds. Folds are whole groups if groups are known. No test clip is read. If labels are noisy,
//! the noisy labels count.

use afield::head::HeadKind;
use afield::learner::{LearnError, Learner, Settings};
use afield::rehearsal::Plan;

use super::calibration::standardised_by;
use super::encoded::Encoded;
use super::error::EvaluateError;
use super::fits::{Fits, Ingredients};
use super::judged::Judged;
use crate::data::Dataset;
use crate::joint::{FOLD_SEED, Folds};
use crate::streams::ExampleStream;

/// Cross-validation over the training side of a stream.
pub(crate) struct CrossValidation<'a> {
    stream: &'a ExampleStream,
    dataset: &'a Dataset,
    rehearsal: Plan,
    seed: u64,
    /// Clips that are tested: those with labels that are true at the end of the stream.
    asked: Vec<(usize, usize)>,
    /// The fold of every taught clip; out of range for other clips.
    fold_of: Vec<usize>,
    folds: usize,
}

impl<'a> CrossValidation<'a> {
    pub fn new(
        dataset: &'a Dataset,
        stream: &'a ExampleStream,
        rehearsal: Plan,
        seed: u64,
    ) -> Self {
        let taught = stream.clips();
        let labels: Vec<usize> = taught.iter().map(|&(_, label)| label).collect();
        let groups: Option<Vec<usize>> = (dataset.clips().groups())
            .map(|groups| taught.iter().map(|&(clip, _)| groups.of()[clip]).collect());
        let folds = Folds::deal(&labels, groups.as_deref(), FOLD_SEED);
        let mut fold_of = vec![usize::MAX; dataset.clips().len()];
        for (&(clip, _), &fold) in taught.iter().zip(folds.of()) {
            fold_of[clip] = fold;
        }
        Self {
            stream,
            dataset,
            rehearsal,
            seed,
            asked: stream.valid_clips(),
            fold_of,
            folds: folds.count(),
        }
    }

    /// Accuracy over all folds, in `[0, 1]`. A result in `fits` is not computed again.
    pub fn accuracy(
        &self,
        head: HeadKind,
        encoded: &Encoded,
        fits: &mut Fits,
    ) -> Result<Judged, EvaluateError> {
        let mut lessons = self.lessons();
        if head.is_exact() {
            // Order and seed cannot change an exact head, so runs that differ only in them share
            // its accuracy.
            lessons.sort_unstable();
        }
        let mut ingredients = Ingredients::default();
        ingredients.text(&head.to_string());
        ingredients.contract(&encoded.contract);
        if !head.is_exact() {
            ingredients.text(&self.rehearsal.to_string());
            ingredients.text(&self.seed.to_string());
        }
        for &(clip, label) in lessons.iter().chain(&self.asked) {
            ingredients.number(self.fold_of[clip]);
            ingredients.example(&encoded.examples[clip], label);
        }
        let fingerprint = ingredients.fingerprint();
        if let Some(known) = fits.accuracies.get(&fingerprint) {
            return Ok(known.clone());
        }
        let mut judged = Judged::default();
        let mut right = 0;
        for fold in 0..self.folds {
            let in_fold = self.right(head, encoded, &lessons, fold)?;
            let asked = (self.asked.iter()).filter(|(clip, _)| self.fold_of[*clip] == fold);
            judged
                .folds
                .push(in_fold as f64 / asked.count().max(1) as f64);
            right += in_fold;
        }
        judged.accuracy = right as f64 / self.asked.len().max(1) as f64;
        fits.accuracies.insert(fingerprint, judged.clone());
        Ok(judged)
    }

    /// The encoding with means and deviations from the other folds only. `None` if they do not
    /// change it, or if too few clips remain to standardise.
    fn without(&self, fold: usize, encoded: &Encoded) -> Result<Option<Encoded>, EvaluateError> {
        if encoded.contract.standardisation().is_none() {
            return Ok(None);
        }
        let taught = |clip: &usize| self.fold_of[*clip] != usize::MAX;
        let clips = (0..self.fold_of.len()).filter(taught);
        let others: Vec<usize> = clips.filter(|&clip| self.fold_of[clip] != fold).collect();
        let clips = self.dataset.clips();
        match standardised_by(encoded.contract.clone(), clips, &others) {
            Err(EvaluateError::Learner(LearnError::Calibration { .. })) => Ok(None),
            contract => Ok(Some(Encoded::new(&contract?, clips)?)),
        }
    }

    /// All lessons in order: clip and label.
    fn lessons(&self) -> Vec<(usize, usize)> {
        let tasks = self.stream.tasks().iter();
        tasks
            .flat_map(|task| task.clips.iter().copied().zip(task.labels.iter().copied()))
            .collect()
    }

    /// Number of right answers on one fold by a learner that was taught all others.
    fn right(
        &self,
        head: HeadKind,
        encoded: &Encoded,
        lessons: &[(usize, usize)],
        fold: usize,
    ) -> Result<usize, EvaluateError> {
        let classes = self.dataset.clips().classes();
        let settings = Settings {
            head,
            rehearsal: self.rehearsal,
            seed: self.seed,
        };
        let restandardised = self.without(fold, encoded)?;
        let encoded = restandardised.as_ref().unwrap_or(encoded);
        let mut learner = Learner::new(encoded.contract.clone(), settings)?;
        for &(clip, label) in lessons
            .iter()
            .filter(|(clip, _)| self.fold_of[*clip] != fold)
        {
            let origin = self.dataset.clips().origin(clip);
            learner.learn_from(&encoded.examples[clip], &classes[label], origin)?;
        }
        let mut right = 0;
        for &(clip, label) in self
            .asked
            .iter()
            .filter(|(clip, _)| self.fold_of[*clip] == fold)
        {
            let scores = learner.predict_one(&encoded.examples[clip])?;
            let answer = scores
                .best()
                .and_then(|(class, _)| learner.classes().get(class));
            right += usize::from(answer == classes.get(label));
        }
        Ok(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Clips, Names, TestSide};
    use crate::evaluate::contract_for;
    use crate::streams::Protocol;
    use afield::learner::{Pool, Standardisation, Transform};

    #[test]
    fn the_tested_fold_sets_no_means_and_deviations() {
        // Clip i is the number i. The last four clips are test clips, which this test does not use.
        let windows: Vec<f32> = (0..16_u8).map(f32::from).collect();
        let classes = Names::from_integers(&(0..16).map(|i| i % 2).collect::<Vec<_>>());
        let groups = Names::from_integers(&(0..16).map(|i| i / 4).collect::<Vec<_>>());
        let test = Some((0..16).map(|i| i >= 12).collect());
        let clips = Clips::of_rows(1, windows, classes, Some(groups), test).unwrap();
        let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
        let stream = ExampleStream::draw(&dataset, Protocol::Iid.into(), 0).unwrap();
        let validation = CrossValidation::new(&dataset, &stream, Plan::default(), 0);
        let contract = contract_for(&dataset, Pool::Mean, Transform::Standardise).unwrap();
        let encoded = Encoded::new(&contract, dataset.clips()).unwrap();
        assert_eq!(validation.folds, 3);
        for fold in 0..3 {
            let others: Vec<[f32; 1]> = (0..12_u8)
                .filter(|&clip| validation.fold_of[usize::from(clip)] != fold)
                .map(|clip| [f32::from(clip)])
                .collect();
            let refitted = validation.without(fold, &encoded).unwrap().unwrap();
            let expected = Standardisation::of(&others).unwrap();
            assert_eq!(others.len(), 8);
            assert_eq!(refitted.contract.standardisation(), Some(&expected));
            assert_ne!(refitted.contract, encoded.contract);
        }
        let plain = contract_for(&dataset, Pool::Mean, Transform::None).unwrap();
        let plain = Encoded::new(&plain, dataset.clips()).unwrap();
        assert!(validation.without(0, &plain).unwrap().is_none());
    }
}
