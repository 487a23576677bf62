//! The open questions of a drafted card, and their answers.

use serde::Deserialize;

use super::CardDraft;
use super::draft::{Shape, quoted};
use super::draft_input::{Kind, rate_of};
use crate::model::{Card, LogMel, Origin};

/// The start of the topics of a front end's values.
pub(super) const FRONT_END: &str = "frontend.";
/// What stands for a text that is not known.
const NOT_STATED: &str = "not stated";

/// What the graph does not show, and the value that the draft has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// A short name, such as `rate`, for [`CardDraft::answer`].
    pub topic: String,
    /// The question.
    pub text: String,
    /// The draft's guess.
    pub guess: String,
}

impl CardDraft {
    /// The questions that are open, in the order in which to answer them. An answer may change the
    /// guesses of later ones.
    pub fn questions(&self) -> Vec<OpenQuestion> {
        let mut all = Vec::new();
        let mut ask = |topic: &str, text: String, guess: String| {
            if !self.is_answered(topic) {
                let topic = topic.to_owned();
                all.push(OpenQuestion { topic, text, guess });
            }
        };
        let input = &self.input;
        if input.may_swap {
            let text = format!(
                "Which axis of the input {:?} is time, {} or {}?",
                Shape(&self.declared),
                input.frames_axis.min(input.bands_axis.unwrap_or(0)),
                input.frames_axis.max(input.bands_axis.unwrap_or(0))
            );
            ask("time axis", text, input.frames_axis.to_string());
        }
        for &axis in &input.open {
            let text = match axis == input.frames_axis {
                true if input.bands_axis.is_none() => {
                    format!("How many samples has a window (axis {axis})?")
                }
                true => format!("How many frames has a window (axis {axis})?"),
                false => format!("How many bands or channels has a frame (axis {axis})?"),
            };
            ask(&size_of(axis), text, input.shape[axis].to_string());
        }
        if self.outputs.len() > 1 {
            let names: Vec<String> = (self.outputs.iter())
                .map(|(name, shape)| match shape {
                    Some(shape) => format!("{name} {shape:?}"),
                    None => name.clone(),
                })
                .collect();
            let text = format!("Which output is the embedding? {}", names.join(", "));
            ask("output", text, self.output().0);
        }
        let what = match input.kind {
            Kind::Sensor => "Rows a second that the network was trained on?",
            _ => "Sample rate in Hz that the network was trained on?",
        };
        ask("rate", what.to_owned(), self.rate().to_string());
        match &input.kind {
            Kind::Known(_) | Kind::LogMel => {
                let names: Vec<&str> = front_ends().map(|(name, _)| name).collect();
                let text = format!(
                    "Front end: log-mel as that of which backbone ({})?",
                    names.join(", ")
                );
                ask("front end", text, self.front_end_name());
                if !self.is_front_end_of_a_card() {
                    for (key, value) in self.front_end_values() {
                        let text = format!("Front end, {key}?");
                        ask(&format!("{FRONT_END}{key}"), text, value);
                    }
                }
            }
            Kind::Waveform => {
                let text = "Full scale of the samples in training, 1.0 or 32768.0?";
                ask("sample scale", text.to_owned(), self.sample_scale());
                let text = "How is each window normalised: none, min-max or mean-deviation?";
                ask("normalise", text.to_owned(), self.normalise());
            }
            Kind::Sensor => {
                let text = format!(
                    "Names and units of the {} channels, such as ax [g], comma-separated?",
                    input.bands()
                );
                ask("channels", text, self.channels().join(", "));
                let text = "Mean/deviation of each channel in training, comma-separated?";
                ask("scales", text.to_owned(), self.scales().join(", "));
            }
        }
        let what = if input.bands_axis.is_some() {
            "frames"
        } else {
            "samples"
        };
        let text = format!("How many {what} from one embedding to the next?");
        ask("hop", text, self.hop().to_string());
        let text = "About twice the largest magnitude of the embedding on real input?";
        ask("max-abs", text.to_owned(), format!("{:?}", self.max_abs()));
        for (topic, text) in [
            ("task", "What is it for?"),
            ("licence", "SPDX licence of the weights?"),
            ("source", "Who trained it, and where is it described?"),
            ("obtain", "How is the file obtained?"),
        ] {
            ask(topic, text.to_owned(), NOT_STATED.to_owned());
        }
        all
    }

    /// Answers the question `topic`.
    ///
    /// # Errors
    /// The reason, for one line of text, if the answer is no value, or makes no valid card. The draft
    /// is then unchanged.
    pub fn answer(&mut self, topic: &str, answer: &str) -> Result<(), String> {
        let answer = answer.trim();
        let mut next = self.clone();
        next.apply(topic, answer)?;
        next.answers.insert(topic.to_owned(), answer.to_owned());
        let check = |draft: &Self| {
            let name = draft.path.with_extension("toml");
            Card::parse(&draft.text(), name.file_name().unwrap_or_default())
        };
        let Err(error) = check(&next) else {
            *self = next;
            return Ok(());
        };
        let reason = error.to_string().lines().collect::<Vec<_>>().join(" ");
        if topic.starts_with(FRONT_END) {
            let is_open = |question: OpenQuestion| question.topic.starts_with(FRONT_END);
            // Values that depend on each other are judged together.
            if next.questions().into_iter().any(is_open) && next.has_front_end() {
                *self = next;
                return Ok(());
            }
            if self.has_front_end() && next.has_front_end() {
                self.answers
                    .retain(|topic, _| !topic.starts_with(FRONT_END));
                return Err(format!("{reason}; these values are asked again"));
            }
            return Err(reason);
        }
        if check(self).is_ok() {
            return Err(reason);
        }
        *self = next;
        Ok(())
    }

    /// Whether the values of the front end have the right types.
    fn has_front_end(&self) -> bool {
        #[derive(Deserialize)]
        struct Table {
            #[serde(rename = "frontend")]
            _frontend: LogMel,
        }
        toml::from_str::<Table>(&self.front_end_text()).is_ok()
    }

    /// What an answer changes beside its own value.
    fn apply(&mut self, topic: &str, answer: &str) -> Result<(), String> {
        let number = || answer.parse::<usize>().ok().filter(|&number| number > 0);
        let count = self.input.bands();
        let parts = || answer.split(',').map(str::trim);
        match topic {
            "time axis" => {
                let axis = answer.parse::<usize>().ok();
                if axis.is_some() && axis == self.input.bands_axis {
                    self.input.swap();
                    self.outputs = super::draft::outputs(&self.proto, &self.input.shape);
                } else if axis != Some(self.input.frames_axis) {
                    return Err(format!("{answer:?} is none of the two axes"));
                }
            }
            _ if self.input.open.iter().any(|&axis| topic == size_of(axis)) => {
                let size = number().filter(|&size| size <= 1 << 24);
                let size = size.ok_or("expected a whole number above 0")?;
                let open = self.input.open.clone();
                for axis in open.into_iter().filter(|&axis| topic == size_of(axis)) {
                    self.input.set_size(axis, size);
                }
                self.outputs = super::draft::outputs(&self.proto, &self.input.shape);
            }
            "output" if !self.outputs.iter().any(|(name, _)| name == answer) => {
                return Err(format!("there is no output {answer:?}"));
            }
            "rate" | "hop" => drop(number().ok_or("expected a whole number above 0")?),
            "max-abs" => match answer.parse::<f32>() {
                Ok(most) if most > 0.0 && most.is_finite() => {}
                _ => return Err("expected a number above 0".to_owned()),
            },
            "front end" if !front_ends().any(|(name, _)| name == answer) => {
                return Err(format!(
                    "no shipped backbone with log-mel is called {answer:?}"
                ));
            }
            "sample scale" if !answer.parse::<f32>().is_ok_and(|scale| scale > 0.0) => {
                return Err("expected a number above 0".to_owned());
            }
            "normalise" if !["none", "min-max", "mean-deviation"].contains(&answer) => {
                return Err("expected none, min-max or mean-deviation".to_owned());
            }
            "channels" if parts().count() != count || parts().any(str::is_empty) => {
                return Err(format!("expected {count} names"));
            }
            "scales" => {
                let is_scale = |part: &str| match part.split_once('/') {
                    Some((mean, deviation)) => [mean, deviation]
                        .into_iter()
                        .all(|number| number.trim().parse::<f32>().is_ok_and(f32::is_finite)),
                    None => false,
                };
                if parts().count() != count || !parts().all(is_scale) {
                    return Err(format!(
                        "expected {count} times MEAN/DEVIATION, such as 0/1"
                    ));
                }
            }
            _ if answer.is_empty() => return Err("expected a value".to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// Whether the question has been answered.
    pub(super) fn is_answered(&self, topic: &str) -> bool {
        self.answers.contains_key(topic)
    }

    /// The answer to a question, if it has been answered.
    pub(super) fn answered<T: std::str::FromStr>(&self, topic: &str) -> Option<T> {
        self.answers.get(topic)?.parse().ok()
    }

    pub(super) fn rate(&self) -> u32 {
        let guess = match &self.input.kind {
            Kind::Known(card) => card.sample_rate.hz(),
            Kind::LogMel => 16_000,
            Kind::Waveform => rate_of(self.input.frames()),
            Kind::Sensor => 50,
        };
        self.answered("rate").unwrap_or(guess)
    }

    pub(super) fn hop(&self) -> usize {
        let guess = (self.input.frames() / 2).max(1);
        self.answered("hop").unwrap_or(guess)
    }

    pub(super) fn max_abs(&self) -> f32 {
        self.answered("max-abs").unwrap_or(64.0)
    }

    fn front_end_name(&self) -> String {
        let guess = match &self.input.kind {
            Kind::Known(card) => Some(card.name.clone()),
            _ => front_ends().next().map(|(name, _)| name.to_owned()),
        };
        (self.answered("front end")).unwrap_or(guess.unwrap_or_default())
    }

    /// Whether the frames are those of a shipped backbone. If not, each value of the front end is a
    /// guess of its own.
    fn is_front_end_of_a_card(&self) -> bool {
        let name = self.front_end_name();
        Card::built_in().iter().any(|card| {
            card.name == name
                && card.bands() == self.input.bands()
                && card.sample_rate.hz() == self.rate()
        })
    }

    /// The keys of the front end and their values, as in TOML.
    fn front_end_values(&self) -> Vec<(String, String)> {
        let text = self.front_end_text();
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        (lines.map(|(key, value)| (key.to_owned(), value.to_owned())))
            .filter(|(key, _)| key != "bands")
            .collect()
    }

    /// The table of the front end, as TOML.
    pub(super) fn front_end_text(&self) -> String {
        let name = self.front_end_name();
        let front = front_ends().find(|(other, _)| *other == name);
        let front = front.map(|(_, front)| LogMel {
            bands: self.input.bands(),
            high_hz: front.high_hz.min(f64::from(self.rate()) / 2.0),
            ..front.clone()
        });
        let text = front.as_ref().map(super::draft::log_mel_text);
        let mut table = String::new();
        for line in text.unwrap_or_default().lines() {
            let own = line.split_once(" = ").and_then(|(key, value)| {
                let answer = self.answers.get(&format!("{FRONT_END}{key}"))?;
                // Words are quoted, as they are in the guess.
                let is_quoted = value.starts_with('"') && !answer.starts_with('"');
                let answer = if is_quoted {
                    quoted(answer)
                } else {
                    answer.clone()
                };
                Some(format!("{key} = {answer}"))
            });
            table += own.as_deref().unwrap_or(line);
            table.push('\n');
        }
        table
    }

    /// Full scale of the samples that the graph takes.
    pub(super) fn sample_scale(&self) -> String {
        let scale = self.answered::<f32>("sample scale");
        format!("{:?}", scale.unwrap_or(1.0))
    }

    /// The normalisation of a window of samples.
    pub(super) fn normalise(&self) -> String {
        (self.answers.get("normalise")).map_or("none".to_owned(), Clone::clone)
    }

    /// The channels of a sensor, as `name [unit]`.
    pub(super) fn channels(&self) -> Vec<String> {
        if let Some(answer) = self.answers.get("channels") {
            return answer
                .split(',')
                .map(|part| part.trim().to_owned())
                .collect();
        }
        (0..self.input.bands())
            .map(|channel| format!("c{channel} [x]"))
            .collect()
    }

    /// Mean and deviation of each channel, as `mean/deviation`.
    pub(super) fn scales(&self) -> Vec<String> {
        match self.answers.get("scales") {
            Some(answer) => answer
                .split(',')
                .map(|part| part.trim().to_owned())
                .collect(),
            None => vec!["0.0/1.0".to_owned(); self.input.bands()],
        }
    }
}

/// The topic of the size of an axis.
fn size_of(axis: usize) -> String {
    format!("size of axis {axis}")
}

/// The log-mel front ends of the shipped backbones that others publish.
fn front_ends() -> impl Iterator<Item = (&'static str, &'static LogMel)> {
    let of_others = |card: &&Card| !matches!(card.origin, Origin::BuiltIn { .. });
    let cards = Card::built_in().iter().filter(of_others);
    cards.filter_map(|card| Some((card.name.as_str(), card.log_mel()?)))
}
