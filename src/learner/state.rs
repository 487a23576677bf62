//! The learner as bytes.
//!
//! `"afield-learner" | version u16 | contract | settings | classes u32 |
//! per class: label | head | rehearsal | sha256 of all before`, little-endian.
//! Contract and settings are JSON. Contract, settings, labels, head and rehearsal each follow
//! their length, a u64. The rehearsal is empty if none is kept.

use sha2::{Digest, Sha256};

use super::{Contract, LearnError, Learner, Settings};
use crate::rehearsal::{Rehearsal, Rows};
use crate::signal::Label;

const MAGIC: &[u8; 14] = b"afield-learner";
const VERSION: u16 = 2;
const CHECKSUM_BYTES: usize = 32;

impl Learner {
    /// The whole state: [`Self::state_bytes`] bytes. Learners that were taught the same examples
    /// in the same order save the same bytes. With an exact head the bytes are the same for every
    /// order, after any unlearning, and after merging any parts.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.state_bytes());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        put(&mut out, self.contract.to_json().as_bytes());
        put(&mut out, self.settings_json().as_bytes());
        out.extend_from_slice(&(self.classes.len() as u32).to_le_bytes());
        let exact = self.head.exact();
        let mut order: Vec<usize> = (0..self.classes.len()).collect();
        if exact.is_some() {
            // The order of teaching is not part of an exact head's state: classes are
            // sorted by label, so that equal states are equal bytes.
            order.sort_by(|&a, &b| self.classes[a].as_str().cmp(self.classes[b].as_str()));
        }
        for &class in &order {
            put(&mut out, self.classes[class].as_str().as_bytes());
        }
        put_len(&mut out, self.head.saved_bytes());
        match exact {
            Some(exact) => exact.statistic().save_in_order(&order, &mut out),
            None => self.head.save_into(&mut out),
        }
        put_len(&mut out, self.rehearsal_bytes());
        if let Some(rehearsal) = &self.rehearsal {
            rehearsal.save_into(&mut out);
        }
        let checksum = Sha256::digest(&out);
        out.extend_from_slice(&checksum);
        out
    }

    /// Number of bytes that [`Self::save`] returns.
    pub fn state_bytes(&self) -> usize {
        let labels = self.classes.iter().map(|label| 8 + label.as_str().len());
        let text = 8 + self.contract.to_json().len() + 8 + self.settings_json().len();
        let parts = 8 + self.head.saved_bytes() + 8 + self.rehearsal_bytes();
        MAGIC.len() + 2 + text + 4 + labels.sum::<usize>() + parts + CHECKSUM_BYTES
    }

    /// Loads the learner that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`LearnError::Damaged`] for anything but the bytes of a learner,
    /// [`LearnError::OtherContract`] and [`LearnError::OtherSettings`] if it was saved with
    /// others, and the errors of [`Self::new`].
    pub fn load(contract: Contract, settings: Settings, bytes: &[u8]) -> Result<Self, LearnError> {
        let mut rest = checked(bytes)?;
        let saved: Contract = json(take(&mut rest)?, "contract")?;
        if let Some(difference) = contract.difference(&saved) {
            return Err(LearnError::OtherContract(Box::new(difference)));
        }
        let saved: Settings = json(take(&mut rest)?, "settings")?;
        check_settings(&settings, &saved)?;

        let mut learner = Self::new(contract, settings)?;
        let count = rest.split_first_chunk().ok_or_else(cut_short)?;
        rest = count.1;
        for _ in 0..u32::from_le_bytes(*count.0) {
            let label = label(take(&mut rest)?)?;
            if learner.classes.contains(&label) {
                return Err(damaged(format!("{label} twice")));
            }
            learner.classes.push(label);
        }
        let sorted = |pair: &[Label]| pair[0].as_str() < pair[1].as_str();
        if settings.head.is_exact() && !learner.classes.windows(2).all(sorted) {
            return Err(damaged("labels out of order".into()));
        }
        let head = take(&mut rest)?;
        let steps = learner.contract.fixed_point().steps();
        let unit = learner.copies_of_clip();
        learner.head = settings.head.load(&steps, settings.seed, unit, head)?;
        if learner.head.counts().len() != learner.classes.len() {
            return Err(damaged("labels and counts differ in number".into()));
        }
        let memory = take(&mut rest)?;
        if learner.rehearsal.is_some() {
            let width = learner.contract.width();
            let loaded = Rehearsal::load(settings.rehearsal, width, settings.seed, memory)?;
            if loaded.classes() > learner.classes.len() {
                return Err(damaged("rehearsal of unknown classes".into()));
            }
            learner.rehearsal = Some(loaded);
        } else if !memory.is_empty() {
            return Err(damaged("a rehearsal memory that should not be".into()));
        }
        if !rest.is_empty() {
            return Err(damaged("bytes left over".into()));
        }
        learner.replay = Rows::default();
        learner.show_memory();
        Ok(learner)
    }

    /// Contains only three plain fields, so writing JSON cannot fail.
    fn settings_json(&self) -> String {
        serde_json::to_string(&self.settings).unwrap_or_default()
    }

    fn rehearsal_bytes(&self) -> usize {
        self.rehearsal.as_ref().map_or(0, Rehearsal::saved_bytes)
    }
}

/// The bytes between the version and the checksum, after the checksum was verified.
fn checked(bytes: &[u8]) -> Result<&[u8], LearnError> {
    let (body, checksum) = bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(cut_short)?;
    let rest = body
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("these are other bytes".into()))?;
    let (version, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let version = u16::from_le_bytes(*version);
    if version != VERSION {
        return Err(damaged(format!(
            "state format {version}, this build reads {VERSION}"
        )));
    }
    if Sha256::digest(body).as_slice() != checksum {
        return Err(damaged("the checksum is wrong".into()));
    }
    Ok(rest)
}

fn check_settings(asked: &Settings, saved: &Settings) -> Result<(), LearnError> {
    let fields = [
        ("head", saved.head.to_string(), asked.head.to_string()),
        (
            "rehearsal",
            saved.rehearsal.to_string(),
            asked.rehearsal.to_string(),
        ),
        ("seed", saved.seed.to_string(), asked.seed.to_string()),
    ];
    match fields.into_iter().find(|(_, saved, asked)| saved != asked) {
        Some((field, saved, asked)) => Err(LearnError::OtherSettings {
            field,
            saved,
            asked,
        }),
        None => Ok(()),
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u64).to_le_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], LearnError> {
    let (len, tail) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| cut_short())?;
    let (taken, tail) = tail.split_at_checked(len).ok_or_else(cut_short)?;
    *rest = tail;
    Ok(taken)
}

fn json<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, LearnError> {
    serde_json::from_slice(bytes).map_err(|error| damaged(format!("its {what}: {error}")))
}

fn label(bytes: &[u8]) -> Result<Label, LearnError> {
    let text = str::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    Label::stored(text.to_owned()).map_err(|error| damaged(error.to_string()))
}

fn cut_short() -> LearnError {
    damaged("it is cut short".into())
}

fn damaged(what: String) -> LearnError {
    LearnError::Damaged { what }
}
