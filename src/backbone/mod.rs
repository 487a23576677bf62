//! The frozen backbone: frames in, one embedding every hop out.
//!
//! A [`Backbone`] is loaded once and shared. Each [`Stream`] runs one signal through it, in one
//! of two executions with the same embeddings: *windowed* recomputes the whole window at every
//! hop, *streaming* keeps each layer's tail and computes new frames only. The graph decides which
//! is possible. A chain of convolutions and pools runs on Afield's kernels (`chain`, `network`):
//! without allocation, with the same bits in both executions. tract runs any other graph. Both
//! are compared with tract's windowed execution on noise at every load. Without the feature
//! `tract`, chains are read from the file and other graphs are rejected.

mod activation;
#[cfg(feature = "tract")]
mod branched;
#[cfg(feature = "tract")]
mod branched_of_tract;
mod chain;
#[cfg(any(test, not(feature = "tract")))]
mod chain_of_onnx;
#[cfg(feature = "tract")]
mod chain_of_tract;
mod chain_reader;
mod channelwise;
mod classes;
mod dense;
mod dequantise;
#[cfg(feature = "tract")]
mod draft;
#[cfg(feature = "tract")]
mod draft_input;
#[cfg(feature = "tract")]
mod draft_questions;
#[cfg(feature = "tract")]
#[cfg(test)]
mod draft_tests;
#[cfg(feature = "tract")]
mod edges;
#[cfg(feature = "tract")]
mod element_wise;
mod error;
#[cfg(test)]
#[cfg(feature = "tract")]
mod file_tests;
mod functions;
mod graph;
#[cfg(feature = "tract")]
mod joined_shapes;
mod kernel;
mod layout;
#[cfg(not(feature = "tract"))]
mod messages;
mod native;
mod network;
#[cfg(feature = "tract")]
mod on_tract;
#[cfg(feature = "tract")]
mod operators;
mod places;
mod precision;
#[cfg(feature = "tract")]
mod recurrent;
#[cfg(feature = "tract")]
mod reverse_sequence;
mod rows;
#[cfg(feature = "tract")]
mod streaming;
#[cfg(test)]
#[cfg(feature = "tract")]
mod tests;
#[cfg(feature = "tract")]
mod tflite;
#[cfg(feature = "tract")]
mod tract_graph;
#[cfg(feature = "tract")]
mod tract_parse;
#[cfg(feature = "tract")]
mod trial;
#[cfg(feature = "tract")]
mod unit_axes;
#[cfg(feature = "tract")]
mod windowed;
mod windows;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

#[cfg(feature = "tract")]
use tract_onnx::pb;

use crate::model::Card;

#[cfg(not(feature = "tract"))]
use messages as pb;

pub use classes::{ClassScorer, PublishedClasses};
#[cfg(feature = "tract")]
pub use draft::CardDraft;
#[cfg(feature = "tract")]
pub use draft_questions::OpenQuestion;
pub use error::BackboneError;

use graph::Graph;
use layout::Layout;
use windows::Windows;

/// How the caller wants the graph to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Streaming if the graph allows it, otherwise windowed.
    #[default]
    Auto,
    /// Streaming; if it is not possible, loading fails with the reason.
    Streaming,
    /// Windowed.
    Windowed,
}

/// The execution that a backbone uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// Only new frames are computed.
    Streaming,
    /// Every window is computed as a whole.
    Windowed,
}

/// A frozen ONNX graph, loaded and ready to run.
///
/// ```no_run
/// use afield::backbone::{Backbone, Mode};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let card: afield::model::Card = todo!();
/// let backbone = Backbone::load("model.onnx".as_ref(), &card, Mode::Auto)?;
/// let mut stream = backbone.stream()?;
/// let mut embeddings = Vec::new();
/// stream.push(&vec![0.0; 80 * card.bands()], &mut embeddings)?;
/// assert_eq!(embeddings.len() % card.embedding.size, 0);
/// # Ok(())
/// # }
/// ```
pub struct Backbone {
    layout: Layout,
    plan: Plan,
    /// Computes the graph's input from each window of samples, for some cards.
    windows: Option<Windows>,
    windowed_because: Option<String>,
    tract_because: Option<String>,
}

enum Plan {
    Native(native::Plan),
    #[cfg(feature = "tract")]
    Branched(branched::Plan),
    #[cfg(feature = "tract")]
    OnTract(on_tract::Plan),
}

impl Backbone {
    /// Loads the ONNX file at `path` as its card describes it.
    ///
    /// # Errors
    /// [`BackboneError`] when the file cannot be read, is no ONNX graph, does
    /// not have the card's shapes, or cannot run in the mode asked for.
    pub fn load(path: &Path, card: &Card, mode: Mode) -> Result<Self, BackboneError> {
        Self::of_graph(&Graph::read(path, card)?, card, mode)
    }

    /// As [`Self::load`], for an ONNX file in memory. Messages name it by the name of the card.
    ///
    /// ```
    /// use afield::backbone::{Backbone, Mode};
    /// use afield::model::Cache;
    /// let cache = Cache::at("/nowhere");
    /// let imu = cache.find("imu")?;
    /// let backbone = Backbone::from_bytes(&cache.model_bytes(&imu)?, &imu, Mode::Streaming)?;
    /// assert_eq!(backbone.embedding_size(), imu.embedding.size);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(bytes: &[u8], card: &Card, mode: Mode) -> Result<Self, BackboneError> {
        let graph = Graph::parse(bytes, Path::new(&card.name), card)?;
        Self::of_graph(&graph, card, mode)
    }

    #[cfg(feature = "tract")]
    fn of_graph(graph: &Graph, card: &Card, mode: Mode) -> Result<Self, BackboneError> {
        let windows = Windows::of(card, mode)?;
        let mode = if windows.is_some() {
            Mode::Windowed
        } else {
            mode
        };
        let layout = Layout::of(card);
        // tract's windowed plan comes first in any mode. It proves that the graph agrees with its
        // card, and all other executions are compared with it.
        let model = graph.fixed(&layout)?;
        let chain = chain_of_tract::read(&model, &layout);
        let branched = match chain {
            Ok(_) => Err(String::new()),
            Err(_) => branched_of_tract::read(&model, &layout),
        };
        let windowed = windowed::Plan::new(graph, model, &layout)?;
        const DIFFER: &str = "Afield's kernels and tract differ on noise";
        let because = match chain {
            Ok(chain) => match Self::native(chain, layout.clone(), mode)? {
                (plan, why) if windowed.agrees_with(&layout, |f, e| plan.run(&layout, f, e)) => {
                    return Ok(Self {
                        windows,
                        ..Self::on_native(plan, why, layout)
                    });
                }
                _ => DIFFER.to_owned(),
            },
            Err(reason) => reason,
        };
        // A graph with branches runs on the kernels window by window, unless tract can stream it.
        let on_kernels = match branched {
            Ok(branched) => {
                let plan = branched::Plan::new(&branched);
                let agrees =
                    windowed.agrees_with(&layout, |f, e| plan.stream().push(&layout, f, e));
                if agrees {
                    Ok(plan)
                } else {
                    Err(DIFFER.to_owned())
                }
            }
            Err(reason) => Err(reason),
        };
        let (plan, windowed_because) = on_tract::Plan::new(graph, windowed, &layout, mode)?;
        let (plan, tract_because) = match on_kernels {
            Ok(kernels) if plan.execution() == Execution::Windowed => {
                (Plan::Branched(kernels), None)
            }
            Ok(_) => (Plan::OnTract(plan), Some(because)),
            Err(reason) => (Plan::OnTract(plan), Some(format!("{because}; {reason}"))),
        };
        Ok(Self {
            layout,
            plan,
            windows,
            windowed_because,
            tract_because,
        })
    }

    #[cfg(not(feature = "tract"))]
    fn of_graph(graph: &Graph, card: &Card, mode: Mode) -> Result<Self, BackboneError> {
        let windows = Windows::of(card, mode)?;
        let mode = if windows.is_some() {
            Mode::Windowed
        } else {
            mode
        };
        let layout = Layout::of(card);
        let inner = graph.proto.graph.as_ref();
        let read = inner.map(|inner| chain_of_onnx::read(inner, &layout));
        let (chain, shape) = read
            .unwrap_or_else(|| Err("it holds no graph".to_owned()))
            .map_err(|reason| {
                graph.unsupported(format!(
                    "this build, without the feature `tract`, runs chains of convolutions and pools only: {reason}"
                ))
            })?;
        graph.check_output(shape.iter().map(usize::to_string))?;
        let (plan, windowed_because) = Self::native(chain, layout.clone(), mode)?;
        Ok(Self {
            windows,
            ..Self::on_native(plan, windowed_because, layout)
        })
    }

    /// The chain on Afield's own kernels. If it could not be streamed in automatic mode, the reason
    /// comes with it.
    fn native(
        chain: chain::Chain,
        layout: Layout,
        mode: Mode,
    ) -> Result<(native::Plan, Option<String>), BackboneError> {
        let windowed = native::Plan::windowed(&chain, &layout);
        match mode {
            Mode::Windowed => Ok((windowed, None)),
            _ => match native::Plan::streaming(chain, &layout) {
                Ok(plan) => Ok((plan, None)),
                Err(BackboneError::NotStreamable { reason }) if mode == Mode::Auto => {
                    Ok((windowed, Some(reason)))
                }
                Err(other) => Err(other),
            },
        }
    }

    fn on_native(plan: native::Plan, windowed_because: Option<String>, layout: Layout) -> Self {
        Self {
            layout,
            plan: Plan::Native(plan),
            windows: None,
            windowed_because,
            tract_because: None,
        }
    }

    /// How the graph runs.
    pub fn execution(&self) -> Execution {
        match &self.plan {
            Plan::Native(plan) => plan.execution(),
            #[cfg(feature = "tract")]
            Plan::Branched(_) => Execution::Windowed,
            #[cfg(feature = "tract")]
            Plan::OnTract(plan) => plan.execution(),
        }
    }

    /// The reason why tract runs the graph; `None` if Afield's kernels run it.
    pub fn tract_because(&self) -> Option<&str> {
        self.tract_because.as_deref()
    }

    /// The reason why [`Mode::Auto`] chose windowed execution; `None` if it did not.
    pub fn windowed_because(&self) -> Option<&str> {
        self.windowed_because.as_deref()
    }

    /// The number of values in an embedding.
    pub fn embedding_size(&self) -> usize {
        self.layout.size
    }

    /// A new stream through the graph.
    ///
    /// # Errors
    /// [`BackboneError::Run`] when tract cannot set up the graph's state.
    pub fn stream(&self) -> Result<Stream, BackboneError> {
        Ok(Stream {
            layout: self.layout.clone(),
            windows: self.windows.clone(),
            state: match &self.plan {
                Plan::Native(plan) => State::Native(plan.stream(&self.layout)),
                #[cfg(feature = "tract")]
                Plan::Branched(plan) => State::Branched(plan.stream()),
                #[cfg(feature = "tract")]
                Plan::OnTract(plan) => State::OnTract(Box::new(plan.stream(&self.layout)?)),
            },
        })
    }
}

/// The messages of an ONNX file, checked against limits and reduced to the card's input and
/// output.
#[cfg(feature = "tract")]
pub(crate) fn checked_onnx(bytes: &[u8], card: &Card) -> Result<pb::ModelProto, BackboneError> {
    graph::checked(bytes, Path::new(&card.name), card)
}

/// The execution of a [`Backbone`] on one signal.
///
/// Embedding `i` depends only on frames `[i * hop, i * hop + window)`. It does not depend on how
/// the frames were divided into pushes.
pub struct Stream {
    layout: Layout,
    windows: Option<Windows>,
    state: State,
}

enum State {
    Native(native::Stream),
    #[cfg(feature = "tract")]
    Branched(branched::Stream),
    #[cfg(feature = "tract")]
    OnTract(Box<on_tract::Stream>),
}

impl Stream {
    /// Takes whole frames, row-major `[n, bands]`. Appends each embedding that can now be computed,
    /// row-major `[m, size]`, to `embeddings`.
    ///
    /// # Errors
    /// [`BackboneError::PartialFrame`] when the length is no multiple of the
    /// bands, [`BackboneError::Run`] when the graph fails.
    pub fn push(&mut self, frames: &[f32], embeddings: &mut Vec<f32>) -> Result<(), BackboneError> {
        let (layout, state) = (&self.layout, &mut self.state);
        match &mut self.windows {
            Some(windows) => windows.push(frames, |input| state.push(layout, input, embeddings)),
            None => state.push(layout, frames, embeddings),
        }
    }

    /// Frames beyond an embedding's window that must be pushed before it is returned: 0, unless
    /// tract streams a window that is not a whole number of hops. [`finish`](Self::finish)
    /// returns it without them.
    pub(crate) fn lag_frames(&self) -> usize {
        match &self.state {
            State::Native(_) => 0,
            #[cfg(feature = "tract")]
            State::Branched(_) => 0,
            #[cfg(feature = "tract")]
            State::OnTract(stream) => stream.lag_frames(),
        }
    }

    /// The number of consecutive embeddings that cost as much as a new start. To skip more of
    /// them, [`finish`](Self::finish) is cheaper.
    pub(crate) fn restart_rows(&self) -> usize {
        match &self.state {
            State::Native(stream) => stream.restart_rows(&self.layout),
            #[cfg(feature = "tract")]
            State::Branched(_) => 0,
            #[cfg(feature = "tract")]
            State::OnTract(stream) => stream.restart_rows(),
        }
    }

    /// Ends the signal: appends the embeddings whose frames are complete but which waited for a
    /// full step. The next push begins a new signal.
    ///
    /// # Errors
    /// [`BackboneError::Run`] when the graph fails.
    #[cfg_attr(
        not(feature = "tract"),
        expect(unused_variables, reason = "our own kernels leave nothing waiting")
    )]
    pub fn finish(&mut self, embeddings: &mut Vec<f32>) -> Result<(), BackboneError> {
        if let Some(windows) = &mut self.windows {
            windows.reset();
        }
        match &mut self.state {
            State::Native(stream) => {
                stream.reset(&self.layout);
                Ok(())
            }
            #[cfg(feature = "tract")]
            State::Branched(stream) => {
                stream.reset();
                Ok(())
            }
            #[cfg(feature = "tract")]
            State::OnTract(stream) => stream.finish(embeddings),
        }
    }
}

impl State {
    fn push(
        &mut self,
        layout: &Layout,
        frames: &[f32],
        embeddings: &mut Vec<f32>,
    ) -> Result<(), BackboneError> {
        match self {
            State::Native(stream) => {
                layout.check_whole_frames(frames)?;
                stream.push(layout, frames, embeddings);
                Ok(())
            }
            #[cfg(feature = "tract")]
            State::Branched(stream) => {
                layout.check_whole_frames(frames)?;
                stream.push(layout, frames, embeddings);
                Ok(())
            }
            #[cfg(feature = "tract")]
            State::OnTract(stream) => stream.push(frames, embeddings),
        }
    }
}

impl FromStr for Mode {
    type Err = BackboneError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Mode::Auto),
            "streaming" => Ok(Mode::Streaming),
            "windowed" => Ok(Mode::Windowed),
            _ => Err(BackboneError::UnknownMode {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Execution::Streaming => "streaming",
            Execution::Windowed => "windowed",
        })
    }
}
