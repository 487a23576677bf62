//! A segment's frames, and embeddings that are computed when a decision looks at them.
//!
//! An embedding depends on the frames of its window and on nothing else. So an embedding that
//! no decision looks at is not computed, and one that is computed late is the same to the bit.
//! Frames are kept for as long as a later look may need them. A backbone that is far behind
//! starts afresh at the first frame that is needed.
//!
//! Several readers may share it. Each look says which row is the oldest that any of them still
//! needs, and nothing from that row on is dropped.

use super::PipelineError;
use crate::backbone::Stream;
use crate::model::Card;

/// The frames of a segment, and the embeddings that were looked at last.
pub(super) struct Lookback {
    backbone: Stream,
    bands: usize,
    size: usize,
    hop_frames: u64,
    window_frames: u64,
    /// Frames held, oldest first; frames of the segment before them.
    frames: Vec<f32>,
    frames_before: u64,
    /// Frames of the segment that the backbone has taken or skipped: the next one that it is
    /// given is this.
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

    /// Takes the next frame of the segment.
    pub(super) fn push(&mut self, frame: &[f32]) {
        self.frames.extend_from_slice(frame);
    }

    /// Frames of the segment so far.
    pub(super) fn frames_seen(&self) -> u64 {
        self.frames_before + (self.frames.len() / self.bands) as u64
    }

    /// The frame at which the window of `row` begins.
    pub(super) fn first_frame(&self, row: u64) -> u64 {
        row * self.hop_frames
    }

    /// The first row of which all frames are held.
    pub(super) fn first_row_in_reach(&self) -> u64 {
        self.frames_before.div_ceil(self.hop_frames)
    }

    /// Embeddings that can be looked at.
    pub(super) fn rows_seen(&self) -> u64 {
        self.rows_within(self.window_frames + self.backbone.lag_frames() as u64)
    }

    /// Embeddings that can be looked at when the segment has ended.
    pub(super) fn rows_at_end(&self) -> u64 {
        self.rows_within(self.window_frames)
    }

    fn rows_within(&self, window: u64) -> u64 {
        let beyond = self.frames_seen().checked_sub(window);
        beyond.map_or(0, |beyond| beyond / self.hop_frames + 1)
    }

    /// The embeddings `[first, end)`, computed where they have not been, and those from
    /// `oldest <= first` on with them. `oldest` is the first row that any reader still needs.
    /// Neither it nor `end` may fall.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] if the graph fails.
    pub(super) fn look(
        &mut self,
        first: u64,
        end: u64,
        oldest: u64,
    ) -> Result<&[f32], PipelineError> {
        if self.is_left_behind(oldest) {
            self.backbone.finish(&mut self.rows)?;
            self.rows.clear();
            self.first_row = oldest;
            self.fed = self.first_frame(oldest);
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
            // The segment has ended within the backbone's last step.
            self.backbone.finish(&mut self.rows)?;
        }
        let held = self.rows.len() / self.size;
        let past = (oldest.saturating_sub(self.first_row) as usize).min(held);
        self.rows.drain(..past * self.size);
        self.first_row += past as u64;
        let of = |row: u64| row.saturating_sub(self.first_row) as usize * self.size;
        Ok(self.rows.get(of(first)..of(end)).unwrap_or_default())
    }

    /// Whether the backbone has to start afresh at `oldest`: the frames that it would take
    /// next are gone, or computing all rows up to there would cost more. It cannot if it has
    /// taken a frame of that row which is not held any more.
    fn is_left_behind(&self, oldest: u64) -> bool {
        let next = self.first_row + (self.rows.len() / self.size) as u64;
        let far = oldest > next + self.backbone.restart_rows() as u64;
        let held = self.first_frame(oldest) >= self.frames_before;
        (far && held) || self.fed < self.frames_before
    }

    /// Drops all that a look at `oldest` or later does not need.
    pub(super) fn forget_before(&mut self, oldest: u64) {
        let needed = if self.is_left_behind(oldest) {
            self.first_frame(oldest)
        } else {
            self.fed
        };
        let spare = needed.saturating_sub(self.frames_before) as usize * self.bands;
        // Half of it at least, so that moving the rest stays cheap.
        if spare * 2 >= self.frames.len() {
            let spare = spare.min(self.frames.len());
            self.frames.drain(..spare);
            self.frames_before += (spare / self.bands) as u64;
        }
    }

    /// Ends the segment and starts afresh.
    ///
    /// # Errors
    /// [`PipelineError::Backbone`] if the graph fails.
    pub(super) fn restart(&mut self) -> Result<(), PipelineError> {
        self.backbone.finish(&mut self.rows)?;
        self.rows.clear();
        self.frames.clear();
        (self.frames_before, self.fed, self.first_row) = (0, 0, 0);
        Ok(())
    }
}
