//! The frames of a segment, and its embeddings, which are computed when a decision uses them.
//!
//! An embedding depends only on the frames of its window. So an embedding that no decision uses is
//! not computed, and one that is computed late is the same to the bit. Frames are kept as long as
//! a later look may need them. A backbone that is far behind restarts at the first frame that is
//! needed.
//!
//! Several readers may share it. Each look names the oldest row that any of them still needs.
//! Nothing from that row on is dropped.

use super::PipelineError;
use crate::backbone::Stream;
use crate::model::Card;

/// The frames of a segment, and the embeddings of the latest look.
pub(super) struct Lookback {
    backbone: Stream,
    bands: usize,
    size: usize,
    hop_frames: u64,
    window_frames: u64,
    /// The frames held, oldest first; the number of frames of the segment before them.
    frames: Vec<f32>,
    frames_before: u64,
    /// The number of frames of the segment that the backbone has received or skipped. This is also
    /// the number of its next frame.
    fed: u64,
    /// The embeddings held, oldest first; the number of the first.
    rows: Vec<f32>,
    first_row: u64,
    /// The number of embeddings so far that were not finite.
    not_finite: u64,
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
            not_finite: 0,
        }
    }

    /// Numbers in an embedding.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The number of embeddings so far, over all segments, with NaN or infinity.
    pub(super) fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// Takes the next frame of the segment.
    pub(super) fn push(&mut self, frame: &[f32]) {
        match frame {
            // A frame of one sample, at the rate of sound.
            &[sample] => self.frames.push(sample),
            frame => self.frames.extend_from_slice(frame),
        }
    }

    /// The number of frames of the segment so far.
    pub(super) fn frames_seen(&self) -> u64 {
        self.frames_before + (self.frames.len() / self.bands) as u64
    }

    /// The frame at which the window of `row` begins.
    pub(super) fn first_frame(&self, row: u64) -> u64 {
        row * self.hop_frames
    }

    /// The first row whose frames are all held.
    pub(super) fn first_row_in_reach(&self) -> u64 {
        self.frames_before.div_ceil(self.hop_frames)
    }

    /// The number of embeddings that a look can use.
    pub(super) fn rows_seen(&self) -> u64 {
        self.rows_within(self.window_frames + self.backbone.lag_frames() as u64)
    }

    /// The number of embeddings that a look can use after the segment has ended.
    pub(super) fn rows_at_end(&self) -> u64 {
        self.rows_within(self.window_frames)
    }

    fn rows_within(&self, window: u64) -> u64 {
        let beyond = self.frames_seen().checked_sub(window);
        beyond.map_or(0, |beyond| beyond / self.hop_frames + 1)
    }

    /// Returns the embeddings `[first, end)`. Computes missing embeddings, also those from `oldest
    /// <= first` on. `oldest` is the first row that any reader still needs. From look to look,
    /// neither `oldest` nor `end` may decrease.
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
        let known = self.rows.len();
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
        let new = self.rows.get(known..).unwrap_or_default();
        let new = new.chunks_exact(self.size);
        self.not_finite += new.filter(|row| !is_finite(row)).count() as u64;
        let held = self.rows.len() / self.size;
        let past = (oldest.saturating_sub(self.first_row) as usize).min(held);
        self.rows.drain(..past * self.size);
        self.first_row += past as u64;
        let of = |row: u64| row.saturating_sub(self.first_row) as usize * self.size;
        Ok(self.rows.get(of(first)..of(end)).unwrap_or_default())
    }

    /// Whether the backbone has to restart at `oldest`: its next frames are gone, or it would cost
    /// more to compute all rows up to there. A restart is not possible if a frame of that row was
    /// already received and is no longer held.
    fn is_left_behind(&self, oldest: u64) -> bool {
        let next = self.first_row + (self.rows.len() / self.size) as u64;
        let far = oldest > next + self.backbone.restart_rows() as u64;
        let held = self.first_frame(oldest) >= self.frames_before;
        (far && held) || self.fed < self.frames_before
    }

    /// Drops all frames that a look at `oldest` or later does not need.
    pub(super) fn forget_before(&mut self, oldest: u64) {
        let needed = if self.is_left_behind(oldest) {
            self.first_frame(oldest)
        } else {
            self.fed
        };
        let spare = needed.saturating_sub(self.frames_before) as usize * self.bands;
        // Drop at least half of the frames, so that moving the rest stays cheap.
        if spare * 2 >= self.frames.len() {
            let spare = spare.min(self.frames.len());
            self.frames.drain(..spare);
            self.frames_before += (spare / self.bands) as u64;
        }
    }

    /// Ends the segment and starts a new one.
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

/// Whether all numbers of an embedding are finite.
pub(super) fn is_finite(row: &[f32]) -> bool {
    row.iter().all(|x| x.is_finite())
}
