//! `auto`: five heads learn, and the most accurate one on the rehearsal memory answers.

use super::kind::Kind;
use super::knn::Knn;
use super::left_out::LeftOutEvidence;
use super::recipe::Recipe;
use super::selection::{CANDIDATES, Selection};
use super::statistic_state::damaged;
use super::trained::Trained;
use super::{DeferredHead, Evidence, Formula, Head, HeadError, HeadKind, MemoryHead, Replay};

/// Runs all [`Selection`] candidates side by side. Every candidate learns every example. The heads
/// are first compared on the rehearsal memory after 20 examples, and then each time the number of
/// examples has grown by half. `lda` answers until the first comparison.
///
/// Learning costs as much as all candidates together. A comparison trains every candidate three
/// times on the memory. With 200 remembered examples of 10 classes it takes 0.1 s at 96 features,
/// 0.3 s at 1,024 and 0.7 to 1.1 s at 2,048, on one x86-64 core. The state contains the states of
/// all candidates.
#[derive(Debug)]
pub(crate) struct Auto {
    steps: Vec<f32>,
    seed: u64,
    /// `lda`, `ridge`, `ncm`: these unlearn to the bit.
    exact: [Box<dyn Head>; 3],
    linear: Trained,
    knn: Knn,
    selection: Selection,
    /// Number of learned examples at which the next comparison is due.
    next: u64,
}

const EXACT: [HeadKind; 3] = [HeadKind::LDA, HeadKind::RIDGE, HeadKind::NCM];

impl Auto {
    /// Number of learned examples at which the first comparison is due.
    const FIRST: u64 = 20;

    pub(super) fn new(steps: &[f32], seed: u64) -> Self {
        Self {
            steps: steps.to_vec(),
            seed,
            exact: EXACT.map(|kind| kind.build(steps, seed, 1)),
            linear: Trained::new(Recipe::of(HeadKind::LINEAR), steps, seed),
            knn: Knn::new(Knn::NEIGHBOURS, steps),
            selection: Selection::start(),
            next: Self::FIRST,
        }
    }

    fn head(&self, kind: HeadKind) -> &dyn Head {
        match kind.0 {
            Kind::Linear(_) => &self.linear,
            Kind::Knn(_) => &self.knn,
            _ => {
                let index = EXACT.iter().position(|&exact| exact == kind);
                &*self.exact[index.unwrap_or(0)]
            }
        }
    }

    /// The head whose distances count: the one that answers if it has some, or the nearest rows of
    /// the memory.
    fn measuring(&self) -> &dyn Head {
        match self.measures_by_memory() {
            true => &self.knn,
            false => self.head(self.selection.head),
        }
    }

    fn measures_by_memory(&self) -> bool {
        matches!(self.selection.head.0, Kind::Linear(_) | Kind::Ridge(_))
    }

    fn chosen(&mut self) -> &mut dyn Head {
        match self.selection.head.0 {
            Kind::Linear(_) => &mut self.linear,
            Kind::Knn(_) => &mut self.knn,
            _ => {
                let chosen = self.selection.head;
                let index = EXACT.iter().position(|&exact| exact == chosen);
                &mut *self.exact[index.unwrap_or(0)]
            }
        }
    }

    fn examples(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// Applies `change` to all exact heads or to none: if one of them fails, `back` undoes the
    /// changes already made.
    fn all_exact(
        &mut self,
        change: impl Fn(&mut dyn Head) -> Result<(), HeadError>,
        back: impl Fn(&mut dyn Head) -> Result<(), HeadError>,
    ) -> Result<(), HeadError> {
        for index in 0..self.exact.len() {
            if let Err(error) = change(&mut *self.exact[index]) {
                for done in &mut self.exact[..index] {
                    back(&mut **done)?;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn load(steps: &[f32], seed: u64, bytes: &[u8]) -> Result<Self, HeadError> {
        let mut rest = bytes;
        let next = u64::from_le_bytes(chunk(&mut rest)?);
        let selection: Selection = serde_json::from_slice(sized(&mut rest)?)
            .map_err(|_| damaged("what was compared is unreadable"))?;
        let mut exact = Vec::new();
        for kind in EXACT {
            exact.push(kind.load(steps, seed, 1, sized(&mut rest)?)?);
        }
        let linear = Recipe::of(HeadKind::LINEAR);
        let linear = Trained::load(linear, steps, seed, sized(&mut rest)?)?;
        let knn = Knn::load(Knn::NEIGHBOURS, steps, sized(&mut rest)?)?;
        let exact =
            <[Box<dyn Head>; 3]>::try_from(exact).map_err(|_| damaged("heads are missing"))?;
        let auto = Self {
            steps: steps.to_vec(),
            seed,
            exact,
            linear,
            knn,
            selection,
            next,
        };
        if !rest.is_empty() {
            return Err(damaged("bytes left over"));
        }
        let counts = auto.counts();
        if CANDIDATES
            .iter()
            .any(|&kind| auto.head(kind).counts() != counts)
        {
            return Err(damaged("its heads have learned different things"));
        }
        if !auto.selection.is_sound() || auto.next <= auto.examples() {
            return Err(damaged("what was compared contradicts itself"));
        }
        Ok(auto)
    }

    fn selection_json(&self) -> Vec<u8> {
        // Contains only names and numbers, so writing JSON cannot fail.
        serde_json::to_vec(&self.selection).unwrap_or_default()
    }
}

impl Head for Auto {
    fn counts(&self) -> &[u64] {
        self.exact[0].counts()
    }

    fn learn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.learn_with(x, class, Replay::default())
    }

    fn unlearn_one(&mut self, x: &[i16], class: usize) -> Result<(), HeadError> {
        self.unlearn_with(x, class, Replay::default())
    }

    fn evidence_into(&self, x: &[i16], evidence: &mut Evidence) -> Result<(), HeadError> {
        self.head(self.selection.head).evidence_into(x, evidence)?;
        match evidence.squared_distances() {
            Some(_) => Ok(()),
            None => self.knn.distances_into(x, evidence),
        }
    }

    fn left_out_into(
        &self,
        rows: &[i16],
        class: usize,
        weights: &[f64],
        left_out: &mut LeftOutEvidence,
    ) -> bool {
        let is_known = (self.measuring()).left_out_into(rows, class, weights, left_out);
        if self.measures_by_memory() {
            left_out.log_scores.clear();
        }
        is_known
    }

    fn metric_into(&self, x: &[i16], point: &mut Vec<f32>, direction: &mut Vec<f32>) {
        self.head(self.selection.head)
            .metric_into(x, point, direction);
    }

    fn solve(&self) {
        self.head(self.selection.head).solve();
    }

    fn formula(&self) -> Option<Formula> {
        self.head(self.selection.head).formula()
    }

    fn selection(&self) -> Option<&Selection> {
        Some(&self.selection)
    }

    fn save_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.next.to_le_bytes());
        let json = self.selection_json();
        put_len(out, json.len());
        out.extend_from_slice(&json);
        let parts = EXACT.into_iter().chain([HeadKind::LINEAR, HeadKind::KNN]);
        for head in parts.map(|kind| self.head(kind)) {
            put_len(out, head.saved_bytes());
            head.save_into(out);
        }
    }

    fn saved_bytes(&self) -> usize {
        let heads = CANDIDATES
            .iter()
            .map(|&kind| 8 + self.head(kind).saved_bytes());
        8 + 8 + self.selection_json().len() + heads.sum::<usize>()
    }

    /// Returns the chosen head. This head ignores a solution for a previously chosen head, because
    /// the versions differ.
    fn deferred(&mut self) -> Option<&mut dyn DeferredHead> {
        self.chosen().deferred()
    }

    fn memory(&mut self) -> Option<&mut dyn MemoryHead> {
        Some(self)
    }
}

impl MemoryHead for Auto {
    fn learn_with(&mut self, x: &[i16], class: usize, replay: Replay<'_>) -> Result<(), HeadError> {
        self.all_exact(
            |head| head.learn_one(x, class),
            |head| head.unlearn_one(x, class),
        )?;
        self.linear.learn_with(x, class, replay)?;
        self.knn.learn_with(x, class, replay)
    }

    fn unlearn_with(&mut self, x: &[i16], class: usize, kept: Replay<'_>) -> Result<(), HeadError> {
        // Check this first: it can fail even if the example was learned.
        self.linear.can_refit(class, kept)?;
        self.all_exact(
            |head| head.unlearn_one(x, class),
            |head| head.learn_one(x, class),
        )?;
        self.linear.unlearn_with(x, class, kept)?;
        self.knn.unlearn_with(x, class, kept)?;
        // The last comparison used this example.
        self.selection.forget();
        Ok(())
    }

    fn set_memory(&mut self, kept: Replay<'_>) {
        self.knn.set_memory(kept);
        let examples = self.examples();
        if examples >= self.next {
            let Self { steps, seed, .. } = self;
            self.selection.compare(steps, *seed, kept, examples);
            self.next = examples + examples / 2;
        }
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u64).to_le_bytes());
}

fn chunk<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HeadError> {
    let (taken, tail) = rest.split_first_chunk().ok_or(damaged("it is cut short"))?;
    *rest = tail;
    Ok(*taken)
}

/// Takes bytes that follow their length.
fn sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], HeadError> {
    let len = u64::from_le_bytes(chunk(rest)?);
    let taken = usize::try_from(len)
        .ok()
        .and_then(|len| rest.split_at_checked(len));
    let (taken, tail) = taken.ok_or(damaged("it is cut short"))?;
    *rest = tail;
    Ok(taken)
}
