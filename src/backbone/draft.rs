//! Drafts the card of an ONNX file: what the graph shows, and guesses where it shows nothing.
//!
//! A graph states the shapes of its input and outputs. It does not state its sample rate or front
//! end. The draft takes these from a shipped card with the same input, and marks what is open with
//! comments. It decides nothing: the user corrects the draft and adds it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use tract_onnx::prelude::*;

use super::graph::{self, declared_input};
use super::pb::{GraphProto, ModelProto};
use super::tract_parse::{knows, parse};
use super::{BackboneError, operators, precision};
use crate::model::{Card, LogMel};

/// Frames of a window if the file leaves them open.
const OPEN_FRAMES: usize = 96;
/// Samples of a window if the file leaves them open.
const OPEN_SAMPLES: usize = 16_000;
/// An input of at most so many bands counts as a sensor's channels.
const MOST_CHANNELS: usize = 16;

/// A draft of the card of the ONNX file in `bytes`, as TOML with comments. Messages and the draft
/// call it `path`. `sha256` is its checksum.
///
/// # Errors
/// [`BackboneError`] if the bytes are no usable ONNX graph, or if its input cannot be frames.
pub fn draft_card(bytes: &[u8], path: &Path, sha256: &str) -> Result<String, BackboneError> {
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
    let draft = Draft {
        path,
        sha256,
        input_name,
        declared,
        input,
        outputs,
    };
    let mut text = draft.text();
    if let Err(error) = runs {
        text.insert_str(0, &format!("# NOTE: {error}\n"));
    }
    Ok(text)
}

/// The input of a draft.
struct Input {
    shape: Vec<usize>,
    frames_axis: usize,
    bands_axis: Option<usize>,
    kind: Kind,
    questions: Vec<String>,
}

enum Kind {
    /// Frames of a shipped card.
    Known(Box<Card>),
    LogMel,
    Sensor,
    Waveform,
}

impl Input {
    fn of(declared: &[Option<usize>]) -> Result<Self, String> {
        let mut questions = Vec::new();
        let long: Vec<usize> = (0..declared.len())
            .filter(|&axis| match declared[axis] {
                // A symbolic first axis of several is the batch.
                None => axis > 0 || declared.len() == 1,
                Some(size) => size != 1,
            })
            .collect();
        let size = |axis: usize| declared.get(axis).copied().flatten();
        let (frames_axis, bands_axis, kind) = match *long.as_slice() {
            [axis] => (axis, None, Kind::Waveform),
            [a, b] => match [(a, b), (b, a)]
                .into_iter()
                .find_map(|(f, b)| Some((f, b, known(size(f), size(b))?)))
            {
                Some((f, b, card)) => (f, Some(b), Kind::Known(Box::new(card))),
                None => {
                    // The open axis, or the longer one, is time.
                    let (f, b) = match (size(a), size(b)) {
                        (None, _) => (a, b),
                        (_, None) => (b, a),
                        (Some(x), Some(y)) if x >= y => (a, b),
                        _ => (b, a),
                    };
                    questions.push(format!("is axis {f} time, and axis {b} bands or channels?"));
                    let kind = match size(b) {
                        Some(bands) if bands > MOST_CHANNELS => Kind::LogMel,
                        _ => Kind::Sensor,
                    };
                    (f, Some(b), kind)
                }
            },
            _ => {
                return Err(format!(
                    "its input has {} axes that can be longer than 1; a card describes frames and bands",
                    long.len()
                ));
            }
        };
        let frames = match &kind {
            Kind::Known(card) => card.window_frames(),
            Kind::Waveform => OPEN_SAMPLES,
            _ => OPEN_FRAMES,
        };
        let shape: Vec<usize> = (declared.iter().enumerate())
            .map(|(axis, size)| match size {
                Some(size) => *size,
                None if axis == frames_axis => {
                    let what = if matches!(kind, Kind::Waveform) {
                        "samples"
                    } else {
                        "frames"
                    };
                    questions.push(format!("how many {what} has a window? {frames} is a guess"));
                    frames
                }
                None => 1,
            })
            .collect();
        Ok(Self {
            shape,
            frames_axis,
            bands_axis,
            kind,
            questions,
        })
    }
}

/// The shipped card for audio whose input has these sizes.
fn known(frames: Option<usize>, bands: Option<usize>) -> Option<Card> {
    let fits = |card: &&Card| {
        card.log_mel().is_some()
            && bands == Some(card.bands())
            && frames.is_none_or(|frames| frames == card.window_frames())
    };
    Card::built_in().iter().find(fits).cloned()
}

/// The names and shapes of the outputs for an input of this shape. `None` if tract cannot tell.
fn outputs(proto: &ModelProto, input: &[usize]) -> Vec<(String, Option<Vec<usize>>)> {
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

struct Draft<'a> {
    path: &'a Path,
    sha256: &'a str,
    input_name: String,
    declared: Vec<Option<usize>>,
    input: Input,
    outputs: Vec<(String, Option<Vec<usize>>)>,
}

impl Draft<'_> {
    fn text(&self) -> String {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = card_name(&self.path.file_stem().unwrap_or_default().to_string_lossy());
        let Input {
            shape,
            frames_axis,
            bands_axis,
            kind,
            ..
        } = &self.input;
        let bands_axis = bands_axis.map_or(String::new(), |axis| format!("bands-axis = {axis}\n"));
        let (output, output_shape) = self.first_output();
        let hop = (shape[*frames_axis] / 2).max(1);
        let size: usize = output_shape.iter().product();
        let rate = match kind {
            Kind::Known(card) => card.sample_rate.hz(),
            Kind::LogMel => 16_000,
            Kind::Waveform => rate_of(shape[*frames_axis]),
            Kind::Sensor => 50,
        };
        let mut text = String::from(
            "# A draft. What the graph does not show is a guess: correct every line with CHECK.\n",
        );
        let declared: Vec<String> = (self.declared.iter())
            .map(|size| size.map_or("?".to_owned(), |size| size.to_string()))
            .collect();
        let _ = writeln!(
            text,
            "# input   {} [{}]",
            quoted(&self.input_name),
            declared.join(", ")
        );
        for (name, shape) in &self.outputs {
            let shape = match shape {
                Some(shape) => format!("{shape:?}, {} numbers", shape.iter().product::<usize>()),
                None => "shape unknown".to_owned(),
            };
            let _ = writeln!(text, "# output  {} {shape}", quoted(name));
        }
        if self.outputs.len() > 1 {
            text.push_str("# CHECK: which output is the embedding?\n");
        }
        for question in &self.input.questions {
            let _ = writeln!(text, "# CHECK: {question}");
        }
        let _ = write!(
            text,
            r#"name = "{name}"
task = "CHECK: what it is for"
licence = "CHECK: SPDX licence of the weights"
source = "CHECK: who trained it, and where it is described"
sample-rate = {rate} # CHECK

[origin]
kind = "file"
file-name = {file}
sha256 = "{sha256}"
obtain = "CHECK: how to obtain the file"

[input]
shape = {shape:?}
frames-axis = {frames_axis}
{bands_axis}
[output]
name = {output}
shape = {output_shape:?}

[embedding]
size = {size}
hop-frames = {hop} # CHECK
max-abs = 64.0 # CHECK: about twice the largest magnitude on real input
pool = "mean"
transform = "none"

[padding]
fill = "zeros"
align = "start"
windows = 1

"#,
            file = quoted(&file),
            sha256 = self.sha256,
            output = quoted(&output),
        );
        text.push_str(&self.front_end());
        text
    }

    /// The output that the draft proposes.
    fn first_output(&self) -> (String, Vec<usize>) {
        let known = self.outputs.iter().find(|(_, shape)| shape.is_some());
        match known.or(self.outputs.first()) {
            Some((name, shape)) => (name.clone(), shape.clone().unwrap_or_else(|| vec![1, 1])),
            None => (String::new(), vec![1, 1]),
        }
    }

    fn front_end(&self) -> String {
        let bands = self.input.bands_axis;
        let bands = bands.and_then(|axis| self.input.shape.get(axis)).copied();
        let bands = bands.unwrap_or(1);
        match &self.input.kind {
            Kind::Known(card) => {
                let note = format!(
                    "# CHECK: the front end of {}, whose input has the same shape\n",
                    card.name
                );
                let front = card.log_mel().map(log_mel_text);
                note + &front.unwrap_or_default()
            }
            Kind::LogMel => {
                let template = Card::built_in().iter().find_map(Card::log_mel);
                let front = template.map(|front| LogMel {
                    bands,
                    ..front.clone()
                });
                let note =
                    "# CHECK: each line, from the code that computed the features in training\n";
                note.to_owned() + &front.as_ref().map(log_mel_text).unwrap_or_default()
            }
            Kind::Waveform => "\
# CHECK: full scale of the samples in training, 1.0 or 32768.0; normalise can be \"min-max\" or
# \"mean-deviation\", for each window
[waveform]
sample-scale = 1.0
normalise = \"none\"
"
            .to_owned(),
            Kind::Sensor => {
                let mut text = String::from(
                    "# CHECK: names and units as the sensor states them, mean and deviation of training\n",
                );
                text.push_str("[sensor]\nchannels = [\n");
                for channel in 0..bands {
                    let _ = writeln!(
                        text,
                        "    {{ name = \"c{channel}\", unit = \"x\", mean = 0.0, deviation = 1.0 }},"
                    );
                }
                text.push_str("]\n");
                text
            }
        }
    }
}

/// The usual rate of graphs that take so many samples.
fn rate_of(samples: usize) -> u32 {
    match samples {
        // Three or five seconds of bird recorders.
        144_000 | 240_000 => 48_000,
        // Perch.
        160_000 => 32_000,
        n if n.is_multiple_of(32_000) && n >= 160_000 => 32_000,
        n if n.is_multiple_of(44_100) => 44_100,
        n if n.is_multiple_of(22_050) => 22_050,
        _ => 16_000,
    }
}

fn log_mel_text(front: &LogMel) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        frontend: &'a LogMel,
    }
    toml::to_string(&Table { frontend: front }).unwrap_or_default()
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
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

    #[test]
    fn the_axis_of_time_is_guessed_from_known_cards_and_sizes() {
        let of = |declared: &[Option<usize>]| {
            let input = Input::of(declared).unwrap();
            (
                input.frames_axis,
                input.bands_axis.unwrap_or(9),
                input.shape,
            )
        };
        assert_eq!(of(&[None, None, Some(64)]), (1, 2, vec![1, 96, 64]));
        assert_eq!(of(&[Some(1), Some(32), Some(76)]), (2, 1, vec![1, 32, 76]));
        assert_eq!(of(&[Some(1), Some(6), Some(128)]), (2, 1, vec![1, 6, 128]));
        assert_eq!(of(&[None, Some(15_600)]), (1, 9, vec![1, 15_600]));
        assert_eq!(of(&[None]), (0, 9, vec![OPEN_SAMPLES]));
        assert_eq!(of(&[None, None, Some(9)]), (1, 2, vec![1, OPEN_FRAMES, 9]));
        assert!(Input::of(&[Some(1), Some(3), Some(4), Some(5)]).is_err());
        assert!(Input::of(&[Some(1)]).is_err());
        assert_eq!((rate_of(144_000), rate_of(15_600)), (48_000, 16_000));
    }
}
