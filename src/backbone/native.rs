//! Afield's own execution of chains: windowed and streaming.
//!
//! Both use the same kernels and the same sums, so they agree to the bit. The layers of a chain
//! show whether it can be streamed.

use std::sync::Arc;

use super::chain::Chain;
use super::network::{Network, State};
use super::{BackboneError, Execution, Layout};

/// The most hops that one step computes. With more hops, each loaded weight is used more often,
/// until the activations no longer fit into the cache.
const MOST_HOPS: usize = 8;

/// A network and its execution on a signal.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    network: Arc<Network>,
    motion: Motion,
}

#[derive(Debug, Clone, Copy)]
enum Motion {
    /// Every window is computed as a whole.
    Windows,
    /// Only new frames are computed. An embedding depends on the first `receptive` frames of its
    /// window.
    Hops { receptive: usize },
}

impl Plan {
    pub(super) fn windowed(chain: &Chain, layout: &Layout) -> Self {
        Self {
            network: Arc::new(Network::windowed(chain, layout.hop_frames)),
            motion: Motion::Windows,
        }
    }

    /// # Errors
    /// [`BackboneError::NotStreamable`] with the layer's reason.
    pub(super) fn streaming(mut chain: Chain, layout: &Layout) -> Result<Self, BackboneError> {
        if let Some(reason) = chain.not_streamable_because(layout.hop_frames) {
            return Err(BackboneError::NotStreamable { reason });
        }
        chain.stride_by_hops(layout.hop_frames);
        let receptive = chain.receptive_frames();
        if receptive > layout.window_frames {
            let reason = format!("an embedding sees {receptive} frames, more than a window");
            return Err(BackboneError::NotStreamable { reason });
        }
        Ok(Self {
            network: Arc::new(Network::streaming(&chain, MOST_HOPS * layout.hop_frames)),
            motion: Motion::Hops { receptive },
        })
    }

    /// Runs a whole signal.
    #[cfg(feature = "tract")]
    pub(super) fn run(&self, layout: &Layout, frames: &[f32], embeddings: &mut Vec<f32>) {
        self.stream(layout).push(layout, frames, embeddings);
    }

    pub(super) fn execution(&self) -> Execution {
        match self.motion {
            Motion::Windows => Execution::Windowed,
            Motion::Hops { .. } => Execution::Streaming,
        }
    }

    pub(super) fn stream(&self, layout: &Layout) -> Stream {
        Stream {
            state: self.network.state(),
            network: Arc::clone(&self.network),
            motion: self.motion,
            pending: Vec::with_capacity(2 * layout.window_frames * layout.bands),
            to_boundary: self.motion.first_boundary(layout),
        }
    }
}

/// The execution of a network on one signal.
pub(super) struct Stream {
    network: Arc<Network>,
    motion: Motion,
    state: State,
    /// Frames that have not been computed yet; in windowed execution, from the start of the next
    /// window.
    pending: Vec<f32>,
    /// Frames until a step may end.
    to_boundary: usize,
}

impl Stream {
    pub(super) fn push(&mut self, layout: &Layout, frames: &[f32], embeddings: &mut Vec<f32>) {
        self.pending.extend_from_slice(frames);
        let taken = match self.motion {
            Motion::Windows => self.windows(layout, embeddings),
            Motion::Hops { receptive } => self.hops(layout, receptive, embeddings),
        };
        self.pending
            .drain(..(taken * layout.bands).min(self.pending.len()));
    }

    /// Number of hops that cost as much as a new start: the first embedding needs so many hops of
    /// frames before its own.
    pub(super) fn restart_rows(&self, layout: &Layout) -> usize {
        match self.motion {
            Motion::Windows => 0,
            Motion::Hops { receptive } => (receptive - 1) / layout.hop_frames,
        }
    }

    pub(super) fn reset(&mut self, layout: &Layout) {
        self.state.clear();
        self.pending.clear();
        self.to_boundary = self.motion.first_boundary(layout);
    }

    fn windows(&mut self, layout: &Layout, embeddings: &mut Vec<f32>) -> usize {
        let window = layout.window_frames * layout.bands;
        let mut taken = 0;
        while let Some(values) =
            (self.pending).get(taken * layout.bands..taken * layout.bands + window)
        {
            self.network.window(&mut self.state, values, embeddings);
            taken += layout.hop_frames;
        }
        taken
    }

    /// Steps end where an embedding can be computed, so that no embedding waits for frames after
    /// its own window.
    fn hops(&mut self, layout: &Layout, receptive: usize, embeddings: &mut Vec<f32>) -> usize {
        let unseen = layout.window_frames - receptive;
        let held = (self.pending.len() / layout.bands).saturating_sub(unseen);
        let mut taken = 0;
        while let Some(beyond) = (held - taken).checked_sub(self.to_boundary) {
            let hops = (beyond / layout.hop_frames).min(MOST_HOPS - 1);
            let frames = self.to_boundary + hops * layout.hop_frames;
            let range = taken * layout.bands..(taken + frames) * layout.bands;
            self.network
                .step(&mut self.state, &self.pending[range], embeddings);
            taken += frames;
            self.to_boundary = layout.hop_frames;
        }
        taken
    }
}

impl Motion {
    /// Frames until the first step may end.
    fn first_boundary(self, layout: &Layout) -> usize {
        match self {
            Self::Windows => 0,
            Self::Hops { receptive } => (receptive - 1) % layout.hop_frames + 1,
        }
    }
}
