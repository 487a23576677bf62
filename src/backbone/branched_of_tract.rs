//! Reads a network with branches from tract's typed graph.
//!
//! Each node with one input continues the chain of layers of that input, as in `chain_of_tract`.
//! A chain ends where another node reads its value too, or where values are joined.

use std::collections::HashMap;

use tract_core::ops::array::TypedConcat;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::nn::Sigmoid;
use tract_core::ops::source::TypedSource;
use tract_onnx::prelude::*;

use super::Layout;
use super::branched::{Branched, Op, Step};
use super::chain::{Read, Size};
use super::chain_of_tract::{agrees, constant, take};
use super::chain_reader::Reader;
use super::joined_shapes::Joined;

/// Reads `model`, whose input is one window of `layout`.
pub(super) fn read(model: &TypedModel, layout: &Layout) -> Read<Branched> {
    let order = model.eval_order().map_err(|e| format!("{e:#}"))?;
    let output = *model.outputs.first().ok_or("it has no output")?;
    let mut reading = Reading {
        model,
        steps: Vec::new(),
        input: Reader::new(layout).size(),
        open: HashMap::new(),
    };
    for id in order {
        let node = &model.nodes[id];
        let is_constant = (node.outputs.iter()).all(|outlet| outlet.fact.konst.is_some());
        if !is_constant && constant(model, id.into()).is_none() {
            reading.node(node, layout)?;
        }
    }
    let embedding = reading.close(output)?;
    embedding.reader.check_flat(layout)?;
    Ok(Branched {
        steps: reading.steps,
        input: reading.input,
        output: embedding.value,
    })
}

/// A value that nodes may read, and the layers on top of it that have not become steps yet.
#[derive(Clone)]
struct Open {
    value: usize,
    reader: Reader,
}

struct Reading<'a> {
    model: &'a TypedModel,
    steps: Vec<Step>,
    input: Size,
    open: HashMap<OutletId, Open>,
}

impl Reading<'_> {
    fn node(&mut self, node: &TypedNode, layout: &Layout) -> Read<()> {
        let outlet: OutletId = node.id.into();
        if node.op_is::<TypedSource>() {
            let reader = Reader::new(layout);
            self.open.insert(outlet, Open { value: 0, reader });
            return Ok(());
        }
        if node.outputs.len() != 1 {
            return Err(format!("{} has several outputs", node.op.name()));
        }
        if is_gate(self.model, node) {
            // It is read with the product that it is for.
            return Ok(());
        }
        let inputs = node.inputs.iter().copied();
        let data: Vec<OutletId> = inputs
            .filter(|&input| constant(self.model, input).is_none())
            .collect();
        let next = match data[..] {
            [only] => {
                let mut open = self.follow(only)?;
                take(&mut open.reader, self.model, node)?;
                open
            }
            [a, b] => match gated(self.model, node, a, b) {
                Some(value) => {
                    let mut open = self.follow_gated(value)?;
                    open.reader.swish()?;
                    open
                }
                None => self.join(node, &data)?,
            },
            _ => self.join(node, &data)?,
        };
        agrees(&next.reader, self.model, node)?;
        self.open.insert(outlet, next);
        Ok(())
    }

    /// The value of `outlet`, to be continued by its only reader, or from a step that others read
    /// too.
    fn follow(&mut self, outlet: OutletId) -> Read<Open> {
        let readers = self.model.outlet_successors(outlet).len();
        if readers == 1 && !self.model.outputs.contains(&outlet) {
            return self.open.remove(&outlet).ok_or_else(|| missing(outlet));
        }
        self.close(outlet)
    }

    /// As [`Self::follow`], if its two readers are a gate and the product with it.
    fn follow_gated(&mut self, outlet: OutletId) -> Read<Open> {
        let readers = self.model.outlet_successors(outlet).len();
        if readers == 2 && !self.model.outputs.contains(&outlet) {
            return self.open.remove(&outlet).ok_or_else(|| missing(outlet));
        }
        self.close(outlet)
    }

    /// The value of `outlet` as that of a step.
    fn close(&mut self, outlet: OutletId) -> Read<Open> {
        let open = self.open.remove(&outlet).ok_or_else(|| missing(outlet))?;
        let closed = self.flush(open)?;
        self.open.insert(outlet, closed.clone());
        Ok(closed)
    }

    fn flush(&mut self, mut open: Open) -> Read<Open> {
        for layer in open.reader.take_layers()? {
            self.steps.push(Step {
                size: layer.output,
                op: Op::Layer(Box::new(layer)),
                inputs: vec![open.value],
            });
            open.value = self.steps.len();
        }
        Ok(open)
    }

    fn join(&mut self, node: &TypedNode, data: &[OutletId]) -> Read<Open> {
        if data.len() != node.inputs.len() || data.is_empty() {
            return Err(format!("{} joins values and constants", node.op.name()));
        }
        let values: Vec<Open> = data.iter().map(|&d| self.close(d)).collect::<Read<_>>()?;
        let readers: Vec<&Reader> = values.iter().map(|open| &open.reader).collect();
        let (op, reader, swapped) = if let Some(concat) = node.op_as::<TypedConcat>() {
            (
                Op::Concat,
                Reader::concatenated(&readers, concat.axis)?,
                false,
            )
        } else {
            let name = node.op_as::<TypedBinOp>().map(|op| op.0.name());
            let [a, b] = readers[..] else {
                return Err(format!("{} joins several values", node.op.name()));
            };
            match (name, a.joined(b)) {
                (Some("Add"), Joined::Alike) => (Op::Add, a.clone(), false),
                (Some("Mul"), Joined::ByChannel) => (Op::Scale, a.clone(), false),
                (Some("Mul"), Joined::OtherByChannel) => (Op::Scale, b.clone(), true),
                _ => return Err(format!("{} joins values of other shapes", node.op.name())),
            }
        };
        let mut inputs: Vec<usize> = values.iter().map(|open| open.value).collect();
        if swapped {
            inputs.reverse();
        }
        self.steps.push(Step {
            op,
            inputs,
            size: reader.size(),
        });
        let value = self.steps.len();
        Ok(Open { value, reader })
    }
}

fn missing(outlet: OutletId) -> String {
    format!("value {outlet:?} is read before it is there")
}

fn is_sigmoid(node: &TypedNode) -> bool {
    let op = node.op_as::<ElementWiseOp>();
    op.is_some_and(|op| op.0.downcast_ref::<Sigmoid>().is_some())
}

/// Whether the node is the sigmoid of `x * sigmoid(x)`, and nothing else reads it.
fn is_gate(model: &TypedModel, node: &TypedNode) -> bool {
    let outlet: OutletId = node.id.into();
    let [reader] = model.outlet_successors(outlet) else {
        return false;
    };
    let product = &model.nodes[reader.node];
    is_sigmoid(node)
        && !model.outputs.contains(&outlet)
        && (product.op_as::<TypedBinOp>()).is_some_and(|op| op.0.name() == "Mul")
        && product.inputs.len() == 2
        && product.inputs.contains(&node.inputs[0])
}

/// The `x` of `x * sigmoid(x)`.
fn gated(model: &TypedModel, product: &TypedNode, a: OutletId, b: OutletId) -> Option<OutletId> {
    let is_product = product
        .op_as::<TypedBinOp>()
        .is_some_and(|op| op.0.name() == "Mul");
    let gates = |gate: OutletId, x: OutletId| {
        let node = &model.nodes[gate.node];
        is_gate(model, node) && node.inputs[0] == x
    };
    match is_product {
        true if gates(b, a) => Some(a),
        true if gates(a, b) => Some(b),
        _ => None,
    }
}
