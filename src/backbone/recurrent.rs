//! Recurrent layers on tract: LSTM, GRU, RNN and Scan.
//!
//! ONNX starts every run with a layer's initial state. tract keeps the state of the previous run, so
//! the embedding of a window would depend on the windows before it. This module makes every run
//! start afresh, and finds the layers for which streaming would have to keep a state.

use tract_core::ops::gru_seq::GruSeq;
use tract_core::ops::logic::IfThenElse;
use tract_core::ops::scan::{OptScan, Scan};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Makes each recurrent layer of `model` start with its initial state in every run.
pub(super) fn start_afresh(model: &mut TypedModel) {
    for node in model.nodes_mut() {
        if let Some(scan) = node.op_as_mut::<Scan>() {
            scan.reset_every_turn = true;
            start_afresh(&mut scan.body);
        } else if let Some(gru) = node.op_as_mut::<GruSeq>() {
            gru.reset_every_turn = true;
        } else if let Some(choice) = node.op_as_mut::<IfThenElse>() {
            start_afresh(&mut choice.then_body);
            start_afresh(&mut choice.else_body);
        }
    }
}

/// The name of the first recurrent layer of `model`.
pub(super) fn first_layer(model: &TypedModel) -> Option<&str> {
    model.nodes().iter().find_map(|node| {
        if let Some(choice) = node.op_as::<IfThenElse>() {
            return first_layer(&choice.then_body).or_else(|| first_layer(&choice.else_body));
        }
        let recurrent = node.op_is::<Scan>() || node.op_is::<GruSeq>();
        recurrent.then_some(node.name.as_str())
    })
}

/// Whether a run of `model` can depend on earlier runs with the same state.
pub(super) fn keeps_state(model: &TypedModel) -> bool {
    model.nodes().iter().any(|node| {
        if let Some(scan) = node.op_as::<OptScan>() {
            return !scan.reset_every_turn || keeps_state(scan.plan.model());
        }
        if let Some(scan) = node.op_as::<Scan>() {
            return !scan.reset_every_turn || keeps_state(&scan.body);
        }
        if let Some(gru) = node.op_as::<GruSeq>() {
            return !gru.reset_every_turn;
        }
        !matches!(node.op.state(&EvalContext::out_of_plan()), Ok(None))
    })
}
