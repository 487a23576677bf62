//! A progress bar over the runs of an evaluation.

use afield_lab::evaluate::EvaluationProgress;
use indicatif::{ProgressBar, ProgressStyle};

/// Progress over all runs, on stderr, if stderr is a terminal.
pub struct RunBar {
    bar: ProgressBar,
    runs: usize,
    run: usize,
    /// Examples of the earlier runs, and of this one.
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

    /// Shows the progress of the run at position `run`.
    pub fn show(&mut self, run: usize, progress: EvaluationProgress<'_>) {
        if self.run != run {
            self.run = run;
            self.before += std::mem::take(&mut self.total);
        }
        match progress {
            EvaluationProgress::Choosing { head, transform } => {
                self.say(format!("choosing: {head} after {transform}"));
            }
            EvaluationProgress::Learning { head, done, total } => {
                if self.total != total || done == 1 {
                    self.total = total;
                    // Later runs count as long as this one.
                    let all = self.before + total * (self.runs - self.run);
                    self.bar.set_length(all as u64);
                }
                self.bar.set_position((self.before + done) as u64);
                self.say(head.to_owned());
            }
            EvaluationProgress::Taught { .. } => {}
            EvaluationProgress::UpperBound => self.say("joint upper bound".to_owned()),
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

    /// Removes the bar after the last run.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
