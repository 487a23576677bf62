//! Joins consecutive windows with one answer to segments.
//!
//! The windows of published classes have no margin over a background, so a segment is a run of
//! windows with the same label. Unlike a [`Segmenter`](super::Segmenter), it weighs no scores.

use super::{Answer, AnswerFrom, Segment, SegmentKind};
use crate::signal::Micros;

/// Windows without the answer that do not end a segment.
const MOST_BETWEEN: u32 = 1;

/// One window and its answer.
#[derive(Debug, Clone)]
pub(crate) struct AnsweredWindow {
    pub(crate) start: Micros,
    pub(crate) end: Micros,
    /// `None` if the window is unknown.
    pub(crate) answer: Option<Answer>,
    pub(crate) p_value: Option<f32>,
}

impl AnsweredWindow {
    /// The window as a segment of its own.
    pub(crate) fn segment(self) -> Segment {
        let kind = match &self.answer {
            Some(answer) if answer.label.is_silent() => SegmentKind::Background,
            Some(_) => SegmentKind::Known,
            None => SegmentKind::Unknown,
        };
        let (from, confidence) = of(self.answer.as_ref());
        Segment {
            start: self.start,
            end: self.end,
            peak: self.middle(),
            kind,
            label: self.answer.map(|answer| answer.label),
            from,
            confidence,
            p_value: self.p_value,
        }
    }

    fn middle(&self) -> Micros {
        Micros(self.start.0 + self.end.0.saturating_sub(self.start.0) / 2)
    }

    fn quarter(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0) / 4
    }
}

fn of(answer: Option<&Answer>) -> (Option<AnswerFrom>, f32) {
    answer.map_or((None, 0.0), |answer| (Some(answer.from), answer.confidence))
}

/// Joins windows to segments. It is stepped by the windows of one stream in their order.
///
/// Windows with one label in a row are one segment, also with one other window between them. The
/// class [`background`](crate::signal::Label::BACKGROUND) gives none. Unknown windows give one only if the
/// class background is taught: otherwise nothing says that something sounds in them.
#[derive(Debug, Default)]
pub(crate) struct AnswerRuns {
    open: Option<Open>,
    /// Windows since the last one of the open segment.
    between: u32,
    /// The end of the latest window, and of the latest segment.
    seen: Option<Micros>,
    until: Micros,
    longest: Micros,
}

#[derive(Debug)]
struct Open {
    first: AnsweredWindow,
    /// The clearest window.
    best: AnsweredWindow,
    last: (Micros, u64),
    /// Whether its windows overlap each other or a neighbour.
    overlaps: bool,
}

impl AnswerRuns {
    /// At the beginning of a stream. A segment that is longer than `longest` is given in several.
    pub(crate) fn new(longest: Micros) -> Self {
        Self {
            longest,
            ..Self::default()
        }
    }

    /// Takes the next window, and adds the segments that ended before it to `out`.
    pub(crate) fn step(
        &mut self,
        window: AnsweredWindow,
        knows_background: bool,
        out: &mut Vec<Segment>,
    ) {
        let overlaps = self.seen.is_some_and(|seen| window.start < seen);
        self.seen = Some(window.end);
        let label = window.answer.as_ref().map(|answer| &answer.label);
        let is_event = match label {
            Some(label) => !label.is_silent(),
            None => knows_background,
        };
        if let Some(open) = &mut self.open {
            open.overlaps |= overlaps;
            let open_label = open.first.answer.as_ref().map(|answer| &answer.label);
            let length = window.end.0.saturating_sub(open.first.start.0);
            if is_event && label == open_label && length <= self.longest.0 {
                open.last = (window.end, window.quarter());
                self.between = 0;
                if of(window.answer.as_ref()).1 > of(open.best.answer.as_ref()).1 {
                    open.best = window;
                }
                return;
            }
            if !is_event && self.between < MOST_BETWEEN {
                self.between += 1;
                return;
            }
            self.close(out);
        }
        if is_event {
            self.open = Some(Open {
                last: (window.end, window.quarter()),
                best: window.clone(),
                first: window,
                overlaps,
            });
        }
    }

    /// Ends the stream, or its part before a gap or a quiet time.
    pub(crate) fn finish(&mut self, out: &mut Vec<Segment>) {
        self.close(out);
        self.seen = None;
    }

    fn close(&mut self, out: &mut Vec<Segment>) {
        self.between = 0;
        let Some(open) = self.open.take() else {
            return;
        };
        let (end, quarter) = open.last;
        let (mut start, mut end) = (open.first.start, end);
        // A sound seldom fills its first and its last window.
        if open.overlaps {
            let cut = (
                Micros(start.0 + open.first.quarter()).max(self.until),
                Micros(end.0.saturating_sub(quarter)),
            );
            if cut.0 < cut.1 {
                (start, end) = cut;
            }
        }
        self.until = end;
        let mut segment = open.best.segment();
        (segment.start, segment.end) = (start, end);
        out.push(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Label;

    /// The segments of windows of 4 s every 2 s: their label, start and end in seconds.
    fn runs(labels: &[&str], knows_background: bool) -> Vec<(Option<String>, u64, u64)> {
        let mut runs = AnswerRuns::new(Micros(20_000_000));
        let mut out = Vec::new();
        for (index, label) in (0..).zip(labels) {
            let label = (*label != "?").then(|| Label::new(*label).unwrap());
            let window = AnsweredWindow {
                start: Micros(index * 2_000_000),
                end: Micros(index * 2_000_000 + 4_000_000),
                answer: label.map(|label| Answer {
                    label,
                    from: AnswerFrom::Published,
                    confidence: index as f32 / 100.0,
                }),
                p_value: None,
            };
            runs.step(window, knows_background, &mut out);
        }
        runs.finish(&mut out);
        let seconds = |time: Micros| time.0 / 1_000_000;
        let segments = out.into_iter();
        segments
            .map(|segment| {
                let label = segment.label.map(String::from);
                (label, seconds(segment.start), seconds(segment.end))
            })
            .collect()
    }

    #[test]
    fn windows_of_one_label_are_one_segment_over_a_gap_of_one_window() {
        let known = |label: &str, start, end| (Some(label.to_owned()), start, end);
        assert_eq!(
            runs(&["?", "a", "a", "?", "a", "?", "?"], false),
            [known("a", 3, 11)]
        );
        assert_eq!(
            runs(&["a", "?", "?", "a"], false),
            [known("a", 1, 3), known("a", 7, 9)]
        );
        assert_eq!(
            runs(&["a", "b", "background"], false),
            [known("a", 1, 3), known("b", 3, 5)]
        );
        assert_eq!(runs(&["a"], false), [known("a", 0, 4)]);
        let long = runs(&["a"; 12], false);
        assert_eq!(long.len(), 2);
        assert!(long[0].2 <= long[1].1 + 1);
    }

    #[test]
    fn unknown_windows_are_segments_only_if_the_background_is_known() {
        let labels = ["background", "?", "?", "background"];
        assert_eq!(runs(&labels, false), []);
        assert_eq!(runs(&labels, true), [(None, 3, 7)]);
    }
}
