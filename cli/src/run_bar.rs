//! The progress of an evaluation that may be many runs long.

use afield_lab::evaluate::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Progress over all runs; on stderr, and only where that is a terminal.
pub struct RunBar {
    bar: ProgressBar,
    runs: usize,
    run: usize,
    /// Examples of the runs before, and of this one.
    before: usize,
    total: usize,
}

impl RunBar {
    /// A bar for this many runs.
    pub fn new(runs: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} learned, {msg} [{elapsed}]");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::new(0).with_style(style),
            runs,
            run: 0,
            before: 0,
            total: 0,
        }
    }

    /// Shows what a run tells.
    pub fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Choosing { head, transform } => {
                self.say(format!("choosing: {head} after {transform}"));
            }
            Progress::Learning { head, done, total } => {
                if self.total != total || done == 1 {
                    self.total = total;
                    // Streams differ in length; this one stands for those to come.
                    let all = self.before + total * (self.runs - self.run);
                    self.bar.set_length(all as u64);
                }
                self.bar.set_position((self.before + done) as u64);
                self.say(head.to_owned());
            }
            Progress::Taught { .. } => {}
            Progress::UpperBound => self.say("joint upper bound".to_owned()),
        }
    }

    fn say(&self, what: String) {
        let message = match self.runs {
            1 => what,
            runs => format!("run {} of {runs}, {what}", self.run + 1),
        };
        if self.bar.message() != message {
            self.bar.set_message(message);
        }
    }

    /// A run is over.
    pub fn next_run(&mut self) {
        self.run += 1;
        self.before += std::mem::take(&mut self.total);
        if self.run == self.runs {
            self.bar.finish_and_clear();
        }
    }
}
