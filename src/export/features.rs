//! Adds the operators that turn embeddings into the fixed-point features of an example:
//! pooling, stages and rounding, each in the same precision as in [`crate::learner`].

use tract_onnx::pb::ValueInfoProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::nodes::{Length, Name, Nodes, integer, tensor};
use crate::learner::{Contract, Nuisance, Pool, Stage};

const FEATURES: &str = "features";

/// The graph's output `features`: the integers that an example is stored as.
pub(super) fn output(contract: &Contract) -> ValueInfoProto {
    let doc = "the clip as a learner would learn it, in the contract's fixed point";
    tensor(
        FEATURES,
        DataType::Int16,
        &[Length::Fixed(contract.width())],
        doc,
    )
}

/// Adds that output, computed from embeddings, float `[windows, size]`. Returns the same
/// features as double `[1, width]`, each a whole number.
pub(super) fn add(nodes: &mut Nodes, contract: &Contract, embeddings: &Name) -> Name {
    let pooled = pool(nodes, contract, embeddings);
    let stages = contract.stages().iter();
    let x = stages.fold(pooled, |x, of| stage(nodes, of, &x));
    let x = nodes.double(&x);
    // The scales are powers of two, so the products are exact.
    let scales: Vec<f64> = (contract.fixed_point().steps().iter())
        .map(|&step| f64::from(step).recip())
        .collect();
    let scales = nodes.doubles(&scales, &[scales.len()]);
    let scaled = nodes.add("Mul", &[&x, &scales], &[]);
    let rounded = nodes.add("Round", &[&scaled], &[]);
    let features = nodes.clip(&rounded, -32767.0, 32767.0);
    nodes.add_named(
        "Cast",
        &[&features],
        &[integer("to", DataType::Int16 as i64)],
        FEATURES,
    );
    nodes.reshape(&features, &[1, contract.width() as i64])
}

/// The pooled vector, float `[width]`.
fn pool(nodes: &mut Nodes, contract: &Contract, embeddings: &Name) -> Name {
    let shape = nodes.add("Shape", &[embeddings], &[]);
    let first = nodes.integers(&[0], &[]);
    let windows = nodes.add("Gather", &[&shape, &first], &[]);
    let windows = nodes.double(&windows);
    let values = nodes.double(embeddings);
    let sum = nodes.sum_first(&values);
    let mean = nodes.add("Div", &[&sum, &windows], &[]);
    let mut parts = vec![nodes.float(&mean)];
    if contract.pool == Pool::MeanStdMax {
        let difference = nodes.add("Sub", &[&values, &mean], &[]);
        let squares = nodes.add("Mul", &[&difference, &difference], &[]);
        let sum = nodes.sum_first(&squares);
        let variance = nodes.add("Div", &[&sum, &windows], &[]);
        let deviation = nodes.add("Sqrt", &[&variance], &[]);
        parts.push(nodes.float(&deviation));
    }
    if contract.pool != Pool::Mean {
        let (largest, _) = nodes.top_k(embeddings, 1, 0);
        parts.push(nodes.reshape(&largest, &[contract.embedding_size as i64]));
    }
    let parts: Vec<&Name> = parts.iter().collect();
    nodes.add("Concat", &parts, &[integer("axis", 0)])
}

/// The vector after a stage, float `[width]`.
fn stage(nodes: &mut Nodes, stage: &Stage, x: &Name) -> Name {
    match stage {
        Stage::L2 => {
            let x = nodes.double(x);
            let length = nodes.length(&x);
            let x = nodes.quotient(&x, &length);
            nodes.float(&x)
        }
        Stage::SignedSqrt => {
            let sign = nodes.add("Sign", &[x], &[]);
            let size = nodes.add("Abs", &[x], &[]);
            let root = nodes.add("Sqrt", &[&size], &[]);
            nodes.add("Mul", &[&sign, &root], &[])
        }
        Stage::Standardise(statistics) => {
            let x = nodes.double(x);
            let width = [statistics.width()];
            let means = nodes.widened(statistics.means(), &width);
            let deviations = nodes.widened(statistics.deviations(), &width);
            let x = nodes.add("Sub", &[&x, &means], &[]);
            let x = nodes.add("Div", &[&x, &deviations], &[]);
            let largest = f64::from(f32::MAX);
            let x = nodes.clip(&x, -largest, largest);
            nodes.float(&x)
        }
        Stage::Nuisance(nuisance) => damped(nodes, nuisance, x),
    }
}

fn damped(nodes: &mut Nodes, nuisance: &Nuisance, x: &Name) -> Name {
    let (count, width) = (nuisance.directions().len(), nuisance.width());
    let directions = nuisance.directions().concat();
    let directions = nodes.widened(&directions, &[count, width]);
    let x = nodes.double(x);
    let extents = nodes.add("MatMul", &[&directions, &x], &[]);
    let nuisance = nodes.add("MatMul", &[&extents, &directions], &[]);
    let x = nodes.add("Sub", &[&x, &nuisance], &[]);
    let largest = f64::from(f32::MAX);
    let x = nodes.clip(&x, -largest, largest);
    nodes.float(&x)
}
