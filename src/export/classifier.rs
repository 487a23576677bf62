//! Adds the operators that turn features into probabilities and a label: a head's [`Formula`]
//! in ONNX operators, in double precision.

use tract_onnx::pb::ValueInfoProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::nodes::{Length, Name, Nodes, integer, tensor};
use crate::head::{Formula, Layer, Neighbours};
use crate::signal::Label;

const PROBABILITIES: &str = "probabilities";
const LABEL: &str = "label";

/// The graph's outputs.
pub(super) fn outputs(classes: usize) -> Vec<ValueInfoProto> {
    let doc = "of the labels in the metadata afield.labels, in their order";
    let shape = [Length::Fixed(classes)];
    vec![
        tensor(PROBABILITIES, DataType::Float, &shape, doc),
        tensor(LABEL, DataType::String, &[], "the most probable label"),
    ]
}

/// Adds the graph's outputs, computed from features, double `[1, width]`.
pub(super) fn add(nodes: &mut Nodes, formula: &Formula, labels: &[Label], features: &Name) {
    let shares = shares(nodes, formula, features);
    let shares = nodes.float(&shares);
    let shape = nodes.integers(&[labels.len() as i64], &[1]);
    let probabilities = PROBABILITIES.to_owned();
    nodes.add_named("Reshape", &[&shares, &shape], &[], PROBABILITIES);
    let attributes = [integer("axis", 0), integer("keepdims", 0)];
    let best = nodes.add("ArgMax", &[&probabilities], &attributes);
    let labels: Vec<&str> = labels.iter().map(Label::as_str).collect();
    let labels = nodes.strings(&labels);
    nodes.add_named("Gather", &[&labels, &best], &[], LABEL);
}

/// Probabilities, double `[1, classes]`.
fn shares(nodes: &mut Nodes, formula: &Formula, x: &Name) -> Name {
    match formula {
        Formula::Linear(layer) => {
            let logits = affine(nodes, layer, x);
            softmax(nodes, &logits)
        }
        Formula::Cosine { layer, steps } => {
            let logits = affine(nodes, layer, x);
            let steps = nodes.widened(steps, &[1, steps.len()]);
            let real = nodes.add("Mul", &[x, &steps], &[]);
            let length = nodes.length(&real);
            let logits = nodes.quotient(&logits, &length);
            softmax(nodes, &logits)
        }
        Formula::Hidden { first, output } => {
            let hidden = affine(nodes, first, x);
            let hidden = nodes.add("Relu", &[&hidden], &[]);
            let logits = affine(nodes, output, &hidden);
            softmax(nodes, &logits)
        }
        Formula::Projected {
            signs,
            aligned,
            shift,
            direct,
            layer,
        } => {
            let inputs = aligned.len();
            let units: Vec<f64> = aligned.iter().map(|&a| 2_f64.powi(a.into())).collect();
            let units = nodes.doubles(&units, &[1, inputs]);
            let common = nodes.add("Mul", &[x, &units], &[]);
            let signs = nodes.small(signs, &[inputs, signs.len() / inputs.max(1)]);
            let sums = nodes.add("MatMul", &[&common, &signs], &[]);
            let unit = 2_f64.powi(i32::try_from(*shift).unwrap_or(i32::MAX));
            let half = nodes.doubles(&[(unit / 2.0).floor()], &[]);
            let unit = nodes.doubles(&[unit], &[]);
            let sums = nodes.add("Add", &[&sums, &half], &[]);
            let sums = nodes.add("Div", &[&sums, &unit], &[]);
            let sums = nodes.add("Floor", &[&sums], &[]);
            let mut features = nodes.clip(&sums, 0.0, 32767.0);
            if *direct {
                features = nodes.add("Concat", &[x, &features], &[integer("axis", 1)]);
            }
            let logits = affine(nodes, layer, &features);
            softmax(nodes, &logits)
        }
        Formula::Neighbours(neighbours) => vote(nodes, neighbours, x),
    }
}

/// `x W^T + b`, double `[1, outputs]`.
fn affine(nodes: &mut Nodes, layer: &Layer, x: &Name) -> Name {
    let outputs = layer.biases.len();
    let inputs = layer.weights.len() / outputs.max(1);
    let weights = nodes.widened(&layer.weights, &[outputs, inputs]);
    let biases = nodes.widened(&layer.biases, &[outputs]);
    nodes.add("Gemm", &[x, &weights, &biases], &[integer("transB", 1)])
}

fn softmax(nodes: &mut Nodes, logits: &Name) -> Name {
    nodes.add("Softmax", &[logits], &[integer("axis", 1)])
}

/// The vote of the nearest rows; see [`Neighbours`].
fn vote(nodes: &mut Nodes, of: &Neighbours, x: &Name) -> Name {
    let (n, width) = (of.classes.len(), of.steps.len());
    let floors = vec![of.floor; of.known];
    let floors = nodes.widened(&floors, &[1, of.known]);
    if n == 0 {
        return normalised(nodes, &floors);
    }
    let steps = nodes.widened(&of.steps, &[1, width]);
    let centre = nodes.widened(&of.centre, &[1, width]);
    let real = nodes.add("Mul", &[x, &steps], &[]);
    let offset = nodes.add("Sub", &[&real, &centre], &[]);
    let length = nodes.length(&offset);
    let direction = nodes.quotient(&offset, &length);
    let rows = nodes.widened(&of.rows, &[n, width]);
    let similar = nodes.add("Gemm", &[&direction, &rows], &[integer("transB", 1)]);
    // In single precision, equal rows have equal similarity in every runtime.
    let similar = nodes.float(&similar);
    let k = of.k.min(n) as i64;
    let (nearest, at) = nodes.top_k(&similar, k, 1);
    let nearest = nodes.double(&nearest);
    let (top, _) = nodes.top_k(&nearest, 1, 1);
    let behind = nodes.add("Sub", &[&nearest, &top], &[]);
    let temperature = nodes.widened(&[of.temperature], &[]);
    let behind = nodes.add("Div", &[&behind, &temperature], &[]);
    let votes = nodes.add("Exp", &[&behind], &[]);
    let classes: Vec<i64> = of.classes.iter().map(|&class| class as i64).collect();
    let classes = nodes.integers(&classes, &[n]);
    let voted = nodes.add("Gather", &[&classes, &at], &[]);
    let voted = nodes.reshape(&voted, &[k, 1]);
    let known: Vec<i64> = (0..of.known as i64).collect();
    let known = nodes.integers(&known, &[1, of.known]);
    let of_class = nodes.add("Equal", &[&voted, &known], &[]);
    let of_class = nodes.double(&of_class);
    let counted = nodes.add("MatMul", &[&votes, &of_class], &[]);
    let counted = nodes.add("Add", &[&counted, &floors], &[]);
    normalised(nodes, &counted)
}

fn normalised(nodes: &mut Nodes, shares: &Name) -> Name {
    let total = nodes.add("ReduceSum", &[shares], &[integer("keepdims", 0)]);
    nodes.add("Div", &[shares, &total], &[])
}
