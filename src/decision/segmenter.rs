//! Joins consecutive windows to segments: one segment for one sound.
//!
//! If a class [`background`](Label::BACKGROUND) is taught, a segment is where the windows speak
//! for another class and against the background, by hysteresis. Otherwise a segment is a run of
//! windows with one verdict. A segment is judged as a whole: its class, its confidence and its
//! p-value come from the mean evidence of its windows.
//!
//! It does not decide on single windows, reads no clock and does no I/O. Its memory depends on the
//! number of classes alone.

use super::tally::{Tally, log, p_value};
use super::{Novelty, ScoredWindow, Segment, SegmentKind, SegmenterOptions};
use crate::signal::{Label, Micros};

/// The most steps from one window of an event to its next: two windows between them may be below
/// [`SegmenterOptions::leave`].
const MOST_STEPS: u32 = 3;

/// Joins windows to segments. It is stepped by the windows of one stream in their order.
///
/// The log scores of three consecutive windows are averaged with weights 1/4, 1/2 and 1/4. Segments
/// of one class with a gap of at most [`join`](SegmenterOptions::join) are one, so a segment is
/// given that much late. The log score of a class is minus half its squared distance,
/// or twice the logarithm of its probability if the head has no distances.
///
/// With a class [`background`](Label::BACKGROUND), the margin of a window is the highest score of
/// another class minus the score of the background. Windows whose margin is at least
/// [`leave`](SegmenterOptions::leave) are one event, with gaps of at most two windows, if at least
/// one margin reaches [`enter`](SegmenterOptions::enter). Without such a class, each window has a
/// verdict, its most probable class or unknown, and equal verdicts in a row are one segment after a
/// majority of three.
///
/// ```
/// use afield::decision::{Novelty, Probabilities, ScoredWindow, SegmentKind};
/// use afield::decision::{Segmenter, SegmenterOptions};
/// use afield::signal::{Label, Micros};
/// let classes = [Label::new("background")?, Label::new("dog")?];
/// let mut segmenter = Segmenter::new(SegmenterOptions::default());
/// let (novelty, mut segments) = (Novelty::default(), Vec::new());
/// for (second, dog) in [0.001, 0.001, 0.9999, 0.9999, 0.9999, 0.001].into_iter().enumerate() {
///     let second = second as u64 * 1_000_000;
///     let window = ScoredWindow {
///         start: Micros(second),
///         end: Micros(second + 1_000_000),
///         classes: &classes,
///         probabilities: &Probabilities(vec![1.0 - dog, dog]),
///         squared_distances: &[],
///     };
///     segmenter.step(&window, &novelty, &mut segments);
/// }
/// segmenter.finish(&novelty, &mut segments);
/// assert_eq!(segments.len(), 1);
/// assert_eq!(segments[0].kind, SegmentKind::Known);
/// assert_eq!((segments[0].start, segments[0].end), (Micros(2_250_000), Micros(4_750_000)));
/// # Ok::<(), afield::signal::SignalError>(())
/// ```
#[derive(Debug)]
pub struct Segmenter {
    options: SegmenterOptions,
    classes: Vec<Label>,
    background: Option<usize>,
    /// The window before the latest, the latest, and the one that comes in.
    windows: [Scored; 3],
    /// How many windows before the one that comes in are valid: 0 to 2.
    held: usize,
    /// Whether windows overlap.
    overlap: bool,
    open: Option<Open>,
    /// The segment before, as long as the next one may belong to it.
    ended: Option<Segment>,
    tally: Tally,
    /// The end of the segment before.
    until: Micros,
    /// Scratch: smoothed scores and logarithms.
    scores: Vec<f32>,
    logs: Vec<f32>,
}

/// A window whose neighbours are not all known yet.
#[derive(Debug, Clone, Default)]
struct Scored {
    times: Times,
    /// Log scores, logarithms of the probabilities, and squared distances, by class.
    scores: Vec<f32>,
    logs: Vec<f32>,
    distances: Vec<f32>,
    verdict: Verdict,
    confidence: f32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    start: Micros,
    end: Micros,
}

impl Times {
    fn quarter(self) -> u64 {
        self.end.0.saturating_sub(self.start.0) / 4
    }

    fn middle(self) -> Micros {
        Micros(self.start.0 + self.end.0.saturating_sub(self.start.0) / 2)
    }
}

/// What a window says by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Verdict {
    #[default]
    Background,
    Unknown,
    Class(usize),
}

/// A segment that has not ended.
#[derive(Debug, Clone, Copy)]
struct Open {
    first: Times,
    last: Times,
    windows: u64,
    /// The verdict of its windows; `None` if it differs from the background by margins.
    verdict: Option<Verdict>,
    /// The largest margin or confidence, and the middle of its window.
    best: f32,
    peak: Micros,
    /// Whether a margin reached `enter`.
    entered: bool,
    /// The number of windows below `leave` since the last one that belongs.
    below: u32,
}

impl Segmenter {
    /// A segmenter at the beginning of a stream.
    pub fn new(options: SegmenterOptions) -> Self {
        Self {
            options,
            classes: Vec::new(),
            background: None,
            windows: Default::default(),
            held: 0,
            overlap: false,
            open: None,
            ended: None,
            tally: Tally::default(),
            until: Micros(0),
            scores: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// Changes the p-value below which a segment is unknown.
    pub fn set_unknown_below(&mut self, p_value: f32) {
        self.options.unknown_below = p_value;
    }

    /// Takes the next window, and adds the segments that ended before it to `out`. If the classes
    /// differ from those of the window before, the segment under way ends.
    pub fn step(&mut self, window: &ScoredWindow<'_>, novelty: &Novelty, out: &mut Vec<Segment>) {
        if window.classes != self.classes.as_slice() {
            self.finish(novelty, out);
            self.classes.clear();
            self.classes.extend_from_slice(window.classes);
            let is_background = |class: &Label| class.is_background();
            self.background = self.classes.iter().position(is_background);
        }
        let [_, latest, incoming] = &mut self.windows;
        incoming.set(window);
        (incoming.verdict, incoming.confidence) =
            verdict(incoming, &self.classes, &self.options, novelty);
        if self.held > 0 {
            self.overlap |= latest.times.end > incoming.times.start;
            self.settle(2, novelty, out);
        }
        let [_, _, incoming] = &self.windows;
        let is_over = |ended: &mut Segment| {
            incoming.times.start.0 > ended.end.0.saturating_add(self.options.join.0)
        };
        if self.open.is_none() {
            out.extend(self.ended.take_if(is_over));
        }
        self.windows.rotate_left(1);
        self.held = (self.held + 1).min(2);
    }

    /// Ends the stream, or its part before a gap or a quiet time: adds the last segments to `out`.
    /// The next window begins a new one.
    pub fn finish(&mut self, novelty: &Novelty, out: &mut Vec<Segment>) {
        if self.held > 0 {
            self.settle(1, novelty, out);
        }
        self.close(novelty, out);
        out.extend(self.ended.take());
        self.held = 0;
        self.overlap = false;
    }

    /// Takes the latest window, whose later neighbour is the window `next`.
    fn settle(&mut self, next: usize, novelty: &Novelty, out: &mut Vec<Segment>) {
        let before = if self.held == 2 { 0 } else { 1 };
        let [a, b, c] = [before, 1, next].map(|n| &self.windows[n]);
        smooth(&mut self.scores, &a.scores, &b.scores, &c.scores);
        smooth(&mut self.logs, &a.logs, &b.logs, &c.logs);
        if let Some(background) = self.background
            && self.classes.len() > 1
        {
            let margin = margin(&self.scores, background);
            self.settle_margin(margin, novelty, out);
        } else {
            // The majority of three; without one, the window itself.
            let verdict = if a.verdict == c.verdict {
                a.verdict
            } else {
                b.verdict
            };
            self.settle_verdict(verdict, novelty, out);
        }
    }

    fn settle_margin(&mut self, margin: f32, novelty: &Novelty, out: &mut Vec<Segment>) {
        if margin < self.options.leave || margin.is_nan() {
            if let Some(open) = &mut self.open {
                open.below += 1;
                if open.below >= MOST_STEPS {
                    self.close(novelty, out);
                }
            }
            return;
        }
        self.extend(None, margin, novelty, out);
        let enter = self.options.enter;
        if let Some(open) = &mut self.open {
            open.entered |= margin >= enter;
        }
    }

    fn settle_verdict(&mut self, verdict: Verdict, novelty: &Novelty, out: &mut Vec<Segment>) {
        let is_other = |open: &Open| open.verdict != Some(verdict);
        if self.open.as_ref().is_some_and(is_other) {
            self.close(novelty, out);
        }
        if verdict == Verdict::Background {
            return;
        }
        let [_, latest, _] = &self.windows;
        let confidence = latest.confidence;
        self.extend(Some(verdict), confidence, novelty, out);
        if let Some(open) = &mut self.open {
            open.entered = true;
        }
    }

    /// Adds the latest window to the segment under way, or begins one.
    fn extend(
        &mut self,
        verdict: Option<Verdict>,
        clear: f32,
        novelty: &Novelty,
        out: &mut Vec<Segment>,
    ) {
        let [_, latest, _] = &self.windows;
        let times = latest.times;
        let mut entered = false;
        if let Some(open) = &self.open
            && times.end.0.saturating_sub(open.first.start.0) > self.options.longest.0
        {
            // The rest of an event need not be as clear as its beginning.
            entered = open.entered;
            self.close(novelty, out);
        }
        let [_, latest, _] = &self.windows;
        if self.open.is_none() {
            self.tally.clear(self.classes.len());
        }
        // Windows in the middle of a sound hold more of it than those at its ends.
        let weight = match verdict {
            None => f64::from(clear).max(1.0).sqrt(),
            Some(_) => 1.0,
        };
        self.tally.add(weight, &self.logs, &latest.distances);
        let open = self.open.get_or_insert(Open {
            first: times,
            last: times,
            windows: 0,
            verdict,
            best: f32::NEG_INFINITY,
            peak: times.middle(),
            entered,
            below: 0,
        });
        open.last = times;
        open.windows += 1;
        open.below = 0;
        if clear > open.best {
            (open.best, open.peak) = (clear, times.middle());
        }
    }

    /// Ends the segment under way, and gives it if it is one. A sound of a silent class is none.
    fn close(&mut self, novelty: &Novelty, out: &mut Vec<Segment>) {
        let Some(open) = self.open.take().filter(|open| open.entered) else {
            return;
        };
        let class = match open.verdict {
            Some(Verdict::Class(class)) => Some(class),
            _ => None,
        };
        let background = self.background;
        let excluded = background.filter(|_| self.classes.len() > 1);
        let judged = self.tally.judge(class, excluded, novelty);
        let event = judged.filter(|judged| Some(judged.class) != background);
        let confidence = event.map_or(0.0, |judged| judged.confidence);
        let p_value = judged.and_then(|judged| judged.p_value);
        let is_known = match open.verdict {
            None => !is_unknown(confidence, p_value, &self.options),
            Some(verdict) => verdict != Verdict::Unknown,
        };
        let label = judged.filter(|_| is_known);
        let label = label.and_then(|judged| self.classes.get(judged.class).cloned());
        let (start, end) = self.times(&open);
        self.until = end;
        if label.as_ref().is_some_and(Label::is_silent) {
            return;
        }
        let segment = Segment {
            start,
            end,
            peak: open.peak,
            kind: match label {
                Some(_) => SegmentKind::Known,
                None => SegmentKind::Unknown,
            },
            label,
            from: None,
            confidence,
            p_value,
        };
        if let Some(ended) = &mut self.ended
            && is_one(ended, &segment, &self.options)
        {
            ended.end = segment.end;
            let clear = |segment: &Segment| (segment.p_value, segment.confidence);
            if clear(&segment) > clear(ended) {
                ended.peak = segment.peak;
                ended.p_value = segment.p_value;
                ended.confidence = segment.confidence;
            }
            return;
        }
        out.extend(self.ended.replace(segment));
    }

    /// The beginning and end of a segment.
    fn times(&self, open: &Open) -> (Micros, Micros) {
        let (first, last) = (open.first, open.last);
        if open.windows == 1 && !self.overlap {
            return (first.start, first.end);
        }
        let start = Micros(first.start.0 + first.quarter()).max(self.until);
        let end = Micros(last.end.0.saturating_sub(last.quarter()));
        if start < end {
            (start, end)
        } else {
            (first.start, last.end)
        }
    }
}

impl Scored {
    fn set(&mut self, window: &ScoredWindow<'_>) {
        let (start, end) = (window.start, window.end);
        self.times = Times { start, end };
        let probabilities = window.probabilities.0.iter();
        self.logs.clear();
        self.logs.extend(probabilities.map(|&p| log(p)));
        self.distances.clear();
        self.scores.clear();
        if window.squared_distances.len() == window.classes.len() {
            self.distances.extend_from_slice(window.squared_distances);
            self.scores.extend(self.distances.iter().map(|d| -d / 2.0));
        } else {
            // Probabilities stay farther from 0 than the densities that distances stand for.
            self.scores.extend(self.logs.iter().map(|log| 2.0 * log));
        }
    }
}

/// What a window says by itself, and the probability of its most probable class.
fn verdict(
    window: &Scored,
    classes: &[Label],
    options: &SegmenterOptions,
    novelty: &Novelty,
) -> (Verdict, f32) {
    let mut best: Option<(usize, f32)> = None;
    for (class, &log) in window.logs.iter().enumerate() {
        if best.is_none_or(|(_, top)| log > top) {
            best = Some((class, log));
        }
    }
    let Some((class, log)) = best else {
        return (Verdict::Unknown, 0.0);
    };
    let confidence = log.exp();
    let p_value = p_value(class, &window.distances, novelty);
    let verdict = if is_unknown(confidence, p_value, options) {
        Verdict::Unknown
    } else if classes.get(class).is_some_and(Label::is_silent) {
        Verdict::Background
    } else {
        Verdict::Class(class)
    };
    (verdict, confidence)
}

fn is_unknown(confidence: f32, p_value: Option<f32>, options: &SegmenterOptions) -> bool {
    p_value.is_some_and(|p| p < options.unknown_below) || confidence < options.min_confidence
}

/// Whether a sound that was not heard for a short time goes on.
fn is_one(ended: &Segment, next: &Segment, options: &SegmenterOptions) -> bool {
    let gap = next.start.0.saturating_sub(ended.end.0);
    let length = next.end.0.saturating_sub(ended.start.0);
    let is_same = ended.label.is_some() && ended.label == next.label;
    is_same && gap <= options.join.0 && length <= options.longest.0
}

/// The highest score but that of `background`, minus that one.
fn margin(scores: &[f32], background: usize) -> f32 {
    let others = scores.iter().enumerate();
    let others = others.filter(|&(class, _)| class != background);
    let best = others.map(|(_, &score)| score).max_by(f32::total_cmp);
    match (best, scores.get(background)) {
        (Some(best), Some(background)) => best - background,
        _ => f32::NEG_INFINITY,
    }
}

/// Averages three windows with weights 1/4, 1/2 and 1/4.
fn smooth(out: &mut Vec<f32>, before: &[f32], now: &[f32], after: &[f32]) {
    out.clear();
    let outer = before.iter().zip(after);
    out.extend(
        now.iter()
            .zip(outer)
            .map(|(now, (before, after))| 0.25 * before + 0.5 * now + 0.25 * after),
    );
}

#[cfg(test)]
#[path = "segmenter_tests.rs"]
mod tests;
