//! Embeds many clips, with a progress bar.

use afield::model::Card;
use afield::pipeline::Window;
use afield::source::SensorFormat;
use afield_lab::data::{self, ClipList, Clips};
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::model::Places;

/// Embeds the clips of `list`, cut into pieces if `cut` is given.
pub fn embed_clips(
    list: &ClipList,
    card: &Card,
    format: &SensorFormat,
    cut: Option<Window>,
    places: &Places,
) -> Result<Clips> {
    let bar = progress(0, "embedded");
    let show = |done: usize, of: usize| advance(&bar, done, of);
    let clips = data::embed_clips(list, card, format, cut, &places.cache()?, &show);
    bar.finish_and_clear();
    Ok(clips?)
}

/// A progress bar on stderr, if stderr is a terminal.
pub fn progress(len: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} [{elapsed}, {eta} left]");
    ProgressBar::new(len as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

fn advance(bar: &ProgressBar, done: usize, of: usize) {
    bar.set_length(of as u64);
    bar.set_position(done as u64);
}
