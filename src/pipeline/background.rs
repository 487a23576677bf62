//! The background: the level of a place when nothing happens.
//!
//! The background is the quietest block of frames within the last five minutes. This is minimum
//! statistics (R. Martin, Noise power spectral density estimation based on optimal smoothing and
//! minimum statistics, IEEE Trans. Speech Audio Process. 9(5), 2001), applied to whole blocks, so
//! that all bands come from the same moment. The background falls at once. It rises only after
//! five minutes without a block that is as quiet. It measures levels and recognises no sounds: a
//! sound that lasts longer than five minutes without a pause becomes background.

/// Seconds of one block.
const BLOCK_SECONDS: f64 = 0.64;
/// The number of blocks in an epoch. The quietest block of each epoch is kept.
const EPOCH_BLOCKS: usize = 16;
/// The number of epochs kept: five minutes.
const EPOCHS: usize = 30;

/// The quietest recent block, band by band.
#[derive(Debug, Clone)]
pub(super) struct Background {
    block_frames: usize,
    frames: usize,
    blocks: usize,
    epochs: usize,
    /// The sum of the current block.
    sums: Vec<f32>,
    /// The quietest block of each epoch, the current one included, and its level.
    quietest: Vec<f32>,
    levels: [f32; EPOCHS],
    /// The quietest of all.
    bands: Vec<f32>,
}

impl Background {
    /// No background yet, for frames of `bands` values every `frame_seconds`.
    pub(super) fn new(bands: usize, frame_seconds: f64) -> Self {
        Self {
            block_frames: (BLOCK_SECONDS / frame_seconds).ceil().clamp(1.0, 1e6) as usize,
            frames: 0,
            blocks: 0,
            epochs: 0,
            sums: vec![0.0; bands],
            quietest: vec![0.0; bands * EPOCHS],
            levels: [f32::INFINITY; EPOCHS],
            bands: vec![0.0; bands],
        }
    }

    /// Clears the background.
    pub(super) fn clear(&mut self) {
        (self.frames, self.blocks, self.epochs) = (0, 0, 0);
        self.sums.fill(0.0);
        self.levels.fill(f32::INFINITY);
    }

    /// Adds a frame.
    pub(super) fn push(&mut self, frame: &[f32]) {
        for (sum, value) in self.sums.iter_mut().zip(frame) {
            *sum += value;
        }
        self.frames += 1;
        if self.frames == self.block_frames {
            self.end_block();
        }
    }

    /// The background, or `None` in the first ten seconds, which may hold any sound.
    pub(super) fn bands(&self) -> Option<&[f32]> {
        (self.epochs > 0).then_some(&self.bands)
    }

    fn end_block(&mut self) {
        let scale = 1.0 / self.frames as f32;
        self.sums.iter_mut().for_each(|sum| *sum *= scale);
        let level: f32 = self.sums.iter().sum();
        let epoch = self.epochs % EPOCHS;
        if let Some(least) = self.levels.get_mut(epoch)
            && (self.blocks == 0 || level < *least)
        {
            *least = level;
            let start = epoch * self.sums.len();
            self.quietest[start..start + self.sums.len()].copy_from_slice(&self.sums);
        }
        self.sums.fill(0.0);
        self.frames = 0;
        self.blocks += 1;
        if self.blocks == EPOCH_BLOCKS {
            self.blocks = 0;
            self.epochs += 1;
        }
        let levels = self.levels.iter().enumerate();
        if let Some((best, _)) = levels.min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            let of = best * self.bands.len()..(best + 1) * self.bands.len();
            self.bands.copy_from_slice(&self.quietest[of]);
        }
    }
}
