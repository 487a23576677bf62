//! A trained head as bytes. The format is little-endian and has no checksum of its own.
//!
//! The state starts with `statistic | parameters f32`. These parts follow if the head has them:
//! Adam's moments (`first f32 | second f32 | 1 + K ages u32`), ER-ACE's window
//! (`n u32 | n classes u32`), and the anchor (`classes u32 | parameters f32`, with
//! `fisher f32 | gathered f32 | examples u64` for `ewc`).

use super::recipe::Recipe;
use super::statistic_state::{damaged, take, take_many};
use super::trained::Trained;
use super::{HeadError, Moments, Statistic};

/// The largest weight that loads. Training stays far below it. Up to this weight, no sum over
/// inputs reaches infinity, because rounding to the grid also bounds the inputs.
const LARGEST: f32 = 1e9;

/// The largest Fisher information that loads. An input is at most 2e5 deviations away, so the
/// maximum number of examples stays below it.
const MOST_INFORMATION: f32 = 1e22;

impl Trained {
    /// Loads the head that [`super::Head::save_into`] wrote.
    pub(super) fn load(
        recipe: Recipe,
        steps: &[f32],
        seed: u64,
        mut bytes: &[u8],
    ) -> Result<Self, HeadError> {
        let bytes = &mut bytes;
        let mut head = Self::new(recipe, steps, seed);
        head.statistic = Statistic::take(steps.len(), Moments::Diagonal, bytes)?;
        let shape = head.shape();
        let len = |classes| shape.len(classes).ok_or(damaged("cut short"));
        let classes = head.statistic.counts().len();
        let parameters = len(classes)?;
        head.parameters = take_reals(bytes, parameters, LARGEST)?;
        if head.descent.remembers() {
            head.descent.first = take_reals(bytes, parameters, LARGEST)?;
            head.descent.second = take_reals(bytes, parameters, LARGEST)?;
            head.descent.ages = take_many(bytes, 1 + classes, u32::from_le_bytes)?;
            if !head.descent.is_possible() {
                return Err(damaged("moments that no gradient leaves"));
            }
        }
        if head.recent.limit() > 0 {
            let n = u32::from_le_bytes(take(bytes)?) as usize;
            head.recent.classes = take_many(bytes, n, u32::from_le_bytes)?;
            let known = |&class: &u32| (class as usize) < classes;
            if n > head.recent.limit() || !head.recent.classes.iter().all(known) {
                return Err(damaged("impossible recent classes"));
            }
        }
        if head.anchor.remembers() {
            let anchored = u32::from_le_bytes(take(bytes)?) as usize;
            if anchored >= classes.max(1) {
                return Err(damaged("an anchor of unknown classes"));
            }
            // There is no anchored network before the first border, not even a hidden layer.
            let n = if anchored == 0 { 0 } else { len(anchored)? };
            head.anchor.parameters = take_reals(bytes, n, LARGEST)?;
            if head.anchor.gathers() {
                head.anchor.fisher = take_reals(bytes, n, MOST_INFORMATION)?;
                head.anchor.gathered = take_reals(bytes, parameters, MOST_INFORMATION)?;
                head.anchor.examples = u64::from_le_bytes(take(bytes)?);
                let mut information = head.anchor.fisher.iter().chain(&head.anchor.gathered);
                if information.any(|&f| f < 0.0) {
                    return Err(damaged("negative Fisher information"));
                }
            }
        }
        if !bytes.is_empty() {
            return Err(damaged("bytes left over"));
        }
        head.centring.update(&head.statistic, &head.steps);
        Ok(head)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let reals = |out: &mut Vec<u8>, values: &[f32]| {
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        };
        self.statistic.save_into(out);
        reals(out, &self.parameters);
        if self.descent.remembers() {
            reals(out, &self.descent.first);
            reals(out, &self.descent.second);
            out.extend(self.descent.ages.iter().flat_map(|age| age.to_le_bytes()));
        }
        if self.recent.limit() > 0 {
            let recent = &self.recent.classes;
            out.extend_from_slice(&(recent.len() as u32).to_le_bytes());
            out.extend(recent.iter().flat_map(|class| class.to_le_bytes()));
        }
        if self.anchor.remembers() {
            out.extend_from_slice(&(self.anchored() as u32).to_le_bytes());
            reals(out, &self.anchor.parameters);
            if self.anchor.gathers() {
                reals(out, &self.anchor.fisher);
                reals(out, &self.anchor.gathered);
                out.extend_from_slice(&self.anchor.examples.to_le_bytes());
            }
        }
    }

    pub(super) fn written_bytes(&self) -> usize {
        let parameters = self.parameters.len();
        let mut bytes = self.statistic.saved_bytes() + 4 * parameters;
        if self.descent.remembers() {
            bytes += 8 * parameters + 4 * self.descent.ages.len();
        }
        if self.recent.limit() > 0 {
            bytes += 4 + 4 * self.recent.classes.len();
        }
        if self.anchor.remembers() {
            bytes += 4 + 4 * self.anchor.parameters.len();
            if self.anchor.gathers() {
                bytes += 4 * (self.anchor.fisher.len() + self.anchor.gathered.len()) + 8;
            }
        }
        bytes
    }

    /// Classes of the anchored network.
    fn anchored(&self) -> usize {
        let outputs = self.anchor.parameters.len();
        outputs.saturating_sub(self.shape().hidden_len()) / (self.shape().fan_in() + 1)
    }
}

fn take_reals(bytes: &mut &[u8], n: usize, largest: f32) -> Result<Vec<f32>, HeadError> {
    let values = take_many(bytes, n, f32::from_le_bytes)?;
    // This form also rejects NaN.
    match values.iter().all(|value| value.abs() <= largest) {
        true => Ok(values),
        false => Err(damaged("a weight out of range")),
    }
}
