//! Sizes that a TFLite graph computes from the shapes of its tensors, computed in advance.

use std::collections::HashMap;

use super::file::{File, Kind, Operator};

/// The most numbers of a tensor that is computed here.
const MOST: usize = 4096;

/// Lists of whole numbers that are known before anything runs, by tensor.
pub(super) struct Sizes(HashMap<usize, Vec<i64>>);

impl Sizes {
    /// Computes all that follows from constants and shapes. Operators are in the order in which
    /// they run.
    pub(super) fn of(file: &File<'_>) -> Self {
        let mut known = HashMap::new();
        for (index, tensor) in file.tensors.iter().enumerate() {
            let small = tensor.count().is_some_and(|count| count <= MOST);
            if small && let Some(values) = tensor.ints() {
                known.insert(index, values);
            }
        }
        for operator in &file.operators {
            if let Some(values) = computed(file, operator, &known)
                && values.len() <= MOST
                && let [output] = operator.outputs[..]
            {
                known.insert(output, values);
            }
        }
        Self(known)
    }

    pub(super) fn get(&self, tensor: usize) -> Option<&[i64]> {
        self.0.get(&tensor).map(Vec::as_slice)
    }
}

fn computed(
    file: &File<'_>,
    operator: &Operator<'_>,
    known: &HashMap<usize, Vec<i64>>,
) -> Option<Vec<i64>> {
    let input = |slot: usize| *operator.inputs.get(slot)?;
    let list = |slot: usize| known.get(&input(slot)?);
    let one = |slot: usize| list(slot)?.first().copied();
    let rank = |slot: usize| Some(file.tensors[input(slot)?].shape.len());
    let whole = |tensor: usize| matches!(file.tensors[tensor].kind, Kind::I32 | Kind::I64);
    if !operator.outputs.iter().all(|&output| whole(output)) {
        return None;
    }
    match operator.code {
        // SHAPE
        77 => {
            let tensor = &file.tensors[input(0)?];
            let sizes = || tensor.shape.iter().map(|&size| size as i64).collect();
            tensor.is_fixed.then(sizes)
        }
        // RANK
        110 => Some(vec![rank(0)? as i64]),
        // RESHAPE, CAST, SQUEEZE, EXPAND_DIMS
        22 | 53 | 43 | 70 => list(0).cloned(),
        // PACK, CONCATENATION
        83 | 2 => {
            let parts = (0..operator.inputs.len()).map(list);
            let mut all = Vec::new();
            for part in parts {
                all.extend_from_slice(part?);
            }
            Some(all)
        }
        // ADD, SUB, MUL, FLOOR_DIV, MAXIMUM, MINIMUM
        0 | 41 | 18 | 90 | 55 | 57 => {
            let (a, b) = (list(0)?, list(1)?);
            let count = a.len().max(b.len());
            if ![a.len(), b.len()].iter().all(|&n| n == 1 || n == count) {
                return None;
            }
            let pairs = a.iter().cycle().zip(b.iter().cycle()).take(count);
            pairs
                .map(|(&a, &b)| arithmetic(operator.code, a, b))
                .collect()
        }
        // REDUCE_PROD
        81 => {
            let product = list(0)?
                .iter()
                .try_fold(1i64, |n, &size| n.checked_mul(size));
            Some(vec![product?])
        }
        // GATHER
        36 => {
            let (values, indices) = (list(0)?, list(1)?);
            let at = |&index: &i64| values.get(usize::try_from(index).ok()?).copied();
            indices.iter().map(at).collect()
        }
        // SLICE
        65 => {
            let (values, start, size) = (list(0)?, one(1)?, one(2)?);
            let start = usize::try_from(start).ok()?;
            let end = match size {
                -1 => values.len(),
                size => start.checked_add(usize::try_from(size).ok()?)?,
            };
            Some(values.get(start..end)?.to_vec())
        }
        // STRIDED_SLICE of a list
        45 if rank(0)? == 1 => {
            let values = list(0)?;
            let (step, count) = (one(3)?, values.len() as i64);
            if step != 1 {
                return None;
            }
            let place = |given: i64| if given < 0 { given + count } else { given };
            let start = if operator.int(0, 0) & 1 == 1 {
                0
            } else {
                place(one(1)?)
            };
            let end = match (operator.int(4, 0) & 1, operator.int(1, 0) & 1) {
                (1, _) => start.checked_add(1)?,
                (_, 1) => count,
                _ => place(one(2)?).min(count),
            };
            let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
            Some(values.get(start..end)?.to_vec())
        }
        _ => None,
    }
}

fn arithmetic(code: i32, a: i64, b: i64) -> Option<i64> {
    match code {
        0 => a.checked_add(b),
        41 => a.checked_sub(b),
        18 => a.checked_mul(b),
        90 => a.checked_div_euclid(b).filter(|_| b > 0),
        55 => Some(a.max(b)),
        _ => Some(a.min(b)),
    }
}
