//! The latest embeddings of a signal, computed when somebody looks at them.
//!
//! An embedding depends on the frames of its window and on nothing else. So what
//! nobody looks at need not be computed, and what is computed late is the same
//! to the bit: frames are kept for as long as a later look may want them, and a
//! backbone that was left behind starts afresh at the first one wanted.

use super::PipelineError;
use crate::backbone::Stream;
use crate::model::Card;

/// A signal's frames, and the embeddings that were looked at last.
pub(super) struct Lookback {
    backbone: Stream,
    bands: usize,
    size: usize,
    hop_frames: u64,
    window_frames: u64,
    /// Frames held, oldest first; frames of the signal before them.
    frames: Vec<f32>,
    frames_before: u64,
    /// Frames of the signal that the backbone is done with: the next one that it
    /// is given is this.
    fed: u64,
    /// Embeddings held, oldest first; the number of the first.
    rows: Vec<f32>,
    first_row: u64,
}

impl Lookback {
    pub(super) fn new(card: &Card, backbone: Stream) -> Self {
        Self {
            backbone,
            bands: card.bands(),
            size: card.embedding.size,
            hop_frames: card.embedding.hop_frames as u64,
            window_frames: card.window_frames() as u64,
            frames: Vec::new(),
            frames_before: 0,
            fed: 0,
            rows: Vec::new(),
            first_row: 0,
        }
    }

    /// Takes the next frame of the signal.
    pub(super) fn push(&mut self, frame: &[f32]) {
        self.frames.extend_from_slice(frame);
    }

    /// Frames of the signal so far.
    pub(super) fn frames_seen(&self) -> u64 {
        self.frames_before + (self.frames.len() / self.bands) as u64
    }

    /// The frame at which the window of `row` begins.
    pub(super) fn first_frame(&self, row: u64) -> u64 {
        row * self.hop_frames
    }

    /// Embeddings that can be looked at.
    pub(super) fn rows_seen(&self) -> u64 {
        self.rows_within(self.window_frames + self.backbone.lag_frames() as u64)
    }

    /// Embeddings that can be looked at when the signal has ended.
    pub(super) fn rows_at_end(&self) -> u64 {
        self.rows_within(self.window_frames)
    }

    fn rows_within(&self, window: u64) -> u64 {
        let beyond = self.frames_seen().checked_sub(window);
        beyond.map_or(0, |beyond| beyond / self.hop_frames + 1)
    }

    /// The embeddings `[first, end)`, computed where they have not been. Looks
    /// never go back: neither `first` nor `end` may fall.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] when the graph fails.
    pub(super) fn look(&mut self, first: u64, end: u64) -> Result<&[f32], PipelineError> {
        if self.is_left_behind(first) {
            self.backbone.finish(&mut self.rows)?;
            self.rows.clear();
            self.first_row = first;
            self.fed = self.first_frame(first);
        }
        let lag = self.backbone.lag_frames() as u64;
        let wanted = self.first_frame(end.saturating_sub(1)) + self.window_frames + lag;
        let to = wanted.min(self.frames_seen());
        let at = |frame: u64| frame.saturating_sub(self.frames_before) as usize * self.bands;
        if let Some(frames) = self.frames.get(at(self.fed)..at(to)) {
            self.backbone.push(frames, &mut self.rows)?;
            self.fed = to;
        }
        if to < wanted {
            // The signal has ended within the backbone's last step.
            self.backbone.finish(&mut self.rows)?;
        }
        let held = self.rows.len() / self.size;
        let past = (first.saturating_sub(self.first_row) as usize).min(held);
        self.rows.drain(..past * self.size);
        self.first_row += past as u64;
        let of = |row: u64| row.saturating_sub(self.first_row) as usize * self.size;
        Ok(self.rows.get(of(first)..of(end)).unwrap_or_default())
    }

    /// Whether computing all up to `first` would cost more than a fresh start.
    fn is_left_behind(&self, first: u64) -> bool {
        let next = self.first_row + (self.rows.len() / self.size) as u64;
        first > next + self.backbone.restart_rows() as u64
    }

    /// Lets go of all that a look at `first` or later does not need.
    pub(super) fn forget_before(&mut self, first: u64) {
        let needed = match self.is_left_behind(first) {
            true => self.first_frame(first),
            false => self.fed,
        };
        let spare = needed.saturating_sub(self.frames_before) as usize * self.bands;
        // Half of it at least, so that moving the rest stays cheap.
        if spare * 2 >= self.frames.len() {
            let spare = spare.min(self.frames.len());
            self.frames.drain(..spare);
            self.frames_before += (spare / self.bands) as u64;
        }
    }

    /// Ends the signal and starts afresh.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] when the graph fails.
    pub(super) fn restart(&mut self) -> Result<(), PipelineError> {
        self.backbone.finish(&mut self.rows)?;
        self.rows.clear();
        self.frames.clear();
        (self.frames_before, self.fed, self.first_row) = (0, 0, 0);
        Ok(())
    }
}
