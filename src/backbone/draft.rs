//! Drafts the card of an ONNX or TFLite file: what the graph shows, and guesses where it shows nothing.
//!
//! A graph states the shapes of its input and outputs. It does not state its sample rate or front
//! end. The draft takes these from a shipped card with the same input, and marks what is open with
//! comments. It decides nothing: the user corrects the draft or answers its questions.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tract_onnx::prelude::*;

use super::draft_input::{Input, Kind};
use super::draft_questions::{FRONT_END, OpenQuestion};
use super::graph::{self, declared_input};
use super::pb::{GraphProto, ModelProto};
use super::tract_parse::{knows, parse};
use super::{BackboneError, operators, precision};
use crate::model::LogMel;

/// A card that is being drafted for an ONNX file.
///
/// [`Self::text`] is a card from the start: it has guesses where the graph shows nothing.
/// [`Self::questions`] names them, and [`Self::answer`] replaces them.
#[derive(Clone)]
pub struct CardDraft {
    pub(super) path: PathBuf,
    sha256: String,
    /// What Afield cannot run in it.
    note: Option<String>,
    pub(super) proto: ModelProto,
    input_name: String,
    pub(super) declared: Vec<Option<usize>>,
    pub(super) input: Input,
    /// The names and shapes of the outputs.
    pub(super) outputs: Vec<(String, Option<Vec<usize>>)>,
    /// By topic.
    pub(super) answers: BTreeMap<String, String>,
}

/// A declared shape, with `?` for open sizes.
pub(super) struct Shape<'a>(pub(super) &'a [Option<usize>]);

impl CardDraft {
    /// A draft of the card of the ONNX file in `bytes`. Messages and the draft call it `path`.
    /// `sha256` is its checksum.
    ///
    /// # Errors
    /// [`BackboneError`] if the bytes are no usable ONNX graph, or if its input cannot be frames.
    pub fn of(bytes: &[u8], path: &Path, sha256: &str) -> Result<Self, BackboneError> {
        let mut proto = graph::decoded(bytes, path, (None, None))?;
        let graph = proto.graph.get_or_insert_default();
        precision::widen(graph);
        let (input_name, declared) = declared_input(path, graph)?;
        let refused = |reason: String| BackboneError::Unsupported {
            path: path.to_owned(),
            reason,
        };
        if let Some(&Some(batch)) = declared.first()
            && declared.len() > 2
            && batch > 1
        {
            let path = path.to_owned();
            return Err(BackboneError::Batch { path, batch });
        }
        let input = Input::of(&declared).map_err(refused)?;
        let runs = operators::check(path, graph, &knows);
        let outputs = outputs(&proto, &input.shape);
        Ok(Self {
            path: path.to_owned(),
            sha256: sha256.to_owned(),
            note: runs.err().map(|error| error.to_string()),
            proto,
            input_name,
            declared,
            input,
            outputs,
            answers: BTreeMap::new(),
        })
    }

    /// The card as TOML. Lines with CHECK have guesses.
    pub fn text(&self) -> String {
        let open = self.questions();
        let is_open = |topic: &str| open.iter().any(|question| question.topic == topic);
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = card_name(&self.path.file_stem().unwrap_or_default().to_string_lossy());
        let (output, output_shape) = self.output();
        let size: usize = output_shape.iter().product();
        let check = |topic: &str| if is_open(topic) { " # CHECK" } else { "" };
        let mut text = match &self.note {
            Some(note) => format!("# NOTE: {note}\n"),
            None => String::new(),
        };
        text.push_str(match open.is_empty() {
            true => "# What the graph does not show was answered by hand.\n",
            false => "# A draft. What the graph does not show is a guess: correct every line with CHECK.\n",
        });
        let (input, declared) = (quoted(&self.input_name), Shape(&self.declared));
        let _ = writeln!(text, "# input   {input} {declared:?}");
        for (name, shape) in &self.outputs {
            let shape = match shape {
                Some(shape) => format!("{shape:?}, {} numbers", shape.iter().product::<usize>()),
                None => "shape unknown".to_owned(),
            };
            let _ = writeln!(text, "# output  {} {shape}", quoted(name));
        }
        let is_structural = |topic: &str| {
            topic == "time axis" || topic == "output" || topic.starts_with("size of axis")
        };
        for question in open
            .iter()
            .filter(|question| is_structural(&question.topic))
        {
            let _ = writeln!(
                text,
                "# CHECK: {} {} is a guess",
                question.text, question.guess
            );
        }
        let stated = |topic: &str, question: &str| match self.answers.get(topic) {
            Some(answer) => quoted(answer),
            None => quoted(&format!("CHECK: {question}")),
        };
        let max_abs_check = match is_open("max-abs") {
            true => " # CHECK: about twice the largest magnitude on real input",
            false => "",
        };
        let _ = write!(
            text,
            r#"name = "{name}"
task = {task}
licence = {licence}
source = {source}
sample-rate = {rate}{rate_check}

[origin]
kind = "file"
file-name = {file}
sha256 = "{sha256}"
obtain = {obtain}

[input]
shape = {shape:?}
frames-axis = {frames_axis}
{bands_axis}
[output]
name = {output}
shape = {output_shape:?}

[embedding]
size = {size}
hop-frames = {hop}{hop_check}
max-abs = {max_abs:?}{max_abs_check}
pool = "mean"
transform = "none"

[padding]
fill = "zeros"
align = "start"
windows = 1

"#,
            task = stated("task", "what it is for"),
            licence = stated("licence", "SPDX licence of the weights"),
            source = stated("source", "who trained it, and where it is described"),
            rate = self.rate(),
            rate_check = check("rate"),
            obtain = stated("obtain", "how to obtain the file"),
            file = quoted(&file),
            sha256 = self.sha256,
            shape = self.input.shape,
            frames_axis = self.input.frames_axis,
            bands_axis = match self.input.bands_axis {
                Some(axis) => format!("bands-axis = {axis}\n"),
                None => String::new(),
            },
            output = quoted(&output),
            hop = self.hop(),
            hop_check = check("hop"),
            max_abs = self.max_abs(),
        );
        text.push_str(&self.front_end(&open));
        text
    }

    /// The output that the draft proposes.
    pub(super) fn output(&self) -> (String, Vec<usize>) {
        let answer = self.answers.get("output");
        let chosen = answer.and_then(|name| self.outputs.iter().find(|(other, _)| other == name));
        let known = || self.outputs.iter().find(|(_, shape)| shape.is_some());
        match chosen.or_else(known).or(self.outputs.first()) {
            Some((name, shape)) => (name.clone(), shape.clone().unwrap_or_else(|| vec![1, 1])),
            None => (String::new(), vec![1, 1]),
        }
    }

    /// The front end, with a remark if any of these questions is about it.
    fn front_end(&self, open: &[OpenQuestion]) -> String {
        let is_log_mel = matches!(self.input.kind, Kind::Known(_) | Kind::LogMel);
        let has = |topic: &str| {
            open.iter()
                .any(|question| question.topic.starts_with(topic))
        };
        let topics = match self.input.kind {
            Kind::Known(_) | Kind::LogMel => ["front end", FRONT_END],
            Kind::Sensor => ["channels", "scales"],
            Kind::Waveform => ["sample scale", "normalise"],
        };
        let mut text = match (&self.input.kind, topics.into_iter().any(has)) {
            (_, false) => String::new(),
            (Kind::Known(card), _) if !has(FRONT_END) => format!(
                "# CHECK: the front end of {}, whose input has the same shape\n",
                card.name
            ),
            (Kind::Known(_) | Kind::LogMel, _) => {
                "# CHECK: each line, from the code that computed the features in training\n".to_owned()
            }
            (Kind::Waveform, _) => {
                "# CHECK: full scale of the samples in training, and how a window is normalised\n"
                    .to_owned()
            }
            (Kind::Sensor, _) => {
                "# CHECK: names and units as the sensor states them, mean and deviation of training\n"
                    .to_owned()
            }
        };
        if is_log_mel {
            return text + &self.front_end_text();
        }
        if matches!(self.input.kind, Kind::Waveform) {
            let (scale, normalise) = (self.sample_scale(), quoted(&self.normalise()));
            let _ = writeln!(
                text,
                "[waveform]\nsample-scale = {scale}\nnormalise = {normalise}"
            );
            return text;
        }
        text.push_str("[sensor]\nchannels = [\n");
        for (channel, scale) in self.channels().iter().zip(self.scales()) {
            let (name, unit) = match channel.trim_end_matches(']').rsplit_once('[') {
                Some((name, unit)) => (name.trim(), unit.trim()),
                None => (channel.as_str(), "x"),
            };
            let (mean, deviation) = scale.split_once('/').unwrap_or(("0.0", "1.0"));
            let number = |text: &str| text.trim().parse::<f32>().unwrap_or(1.0);
            let _ = writeln!(
                text,
                "    {{ name = {}, unit = {}, mean = {:?}, deviation = {:?} }},",
                quoted(name),
                quoted(unit),
                number(mean),
                number(deviation)
            );
        }
        text.push_str("]\n");
        text
    }
}

impl fmt::Debug for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.0.iter();
        let sizes = sizes.map(|size| size.map_or("?".to_owned(), |size| size.to_string()));
        write!(f, "[{}]", sizes.collect::<Vec<_>>().join(", "))
    }
}

/// The names and shapes of the outputs for an input of this shape. `None` if tract cannot tell.
pub(super) fn outputs(proto: &ModelProto, input: &[usize]) -> Vec<(String, Option<Vec<usize>>)> {
    let names = |graph: &GraphProto| -> Vec<String> {
        graph.output.iter().map(|o| o.name.clone()).collect()
    };
    let names = proto.graph.as_ref().map(names).unwrap_or_default();
    let analysed = std::panic::catch_unwind(|| -> TractResult<_> {
        let parsed = parse(proto)?;
        let mut model = parsed.model;
        model.set_input_fact(0, f32::fact(input).into())?;
        model.analyse(true)?;
        let shape = |name: &String| -> Option<Vec<usize>> {
            let outlet = parsed.outlets_by_name.get(name)?;
            let fact = model.outlet_fact(*outlet).ok()?;
            Some(fact.shape.as_concrete_finite().ok()??.to_vec())
        };
        Ok(names.iter().map(shape).collect::<Vec<_>>())
    });
    match analysed {
        Ok(Ok(shapes)) => names.into_iter().zip(shapes).collect(),
        _ => names.into_iter().map(|name| (name, None)).collect(),
    }
}

pub(super) fn log_mel_text(front: &LogMel) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        frontend: &'a LogMel,
    }
    toml::to_string(&Table { frontend: front }).unwrap_or_default()
}

/// A basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let keys: BTreeMap<&str, &str> = [("k", text)].into();
    let line = toml::to_string(&keys).unwrap_or_default();
    let value = line.trim_end().strip_prefix("k = ");
    // A name over several lines would leave its comment.
    match value {
        Some(value) if !value.contains('\n') => value.to_owned(),
        _ => "\"\"".to_owned(),
    }
}

/// A valid name of a card.
fn card_name(stem: &str) -> String {
    let lower = stem.to_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("-").chars().take(64).collect();
    match name.trim_end_matches('-') {
        "" => "mine".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_names_of_cards() {
        assert_eq!(card_name("My Model_v2.1"), "my-model-v2-1");
        assert_eq!(card_name("é"), "mine");
        assert_eq!(card_name(&"a".repeat(99)).len(), 64);
    }
}
