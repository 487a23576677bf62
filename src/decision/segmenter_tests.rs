use super::*;
use crate::decision::{LeftOutClip, Probabilities};

/// Windows of a second, every half second, of a learner with the classes `background`, `dog` and
/// `rain`.
struct Stream {
    segmenter: Segmenter,
    classes: Vec<Label>,
    novelty: Novelty,
    now: u64,
    found: Vec<Segment>,
}

const HALF: u64 = 500_000;

fn labels(names: &[&str]) -> Vec<Label> {
    let label = |name: &&str| Label::new(*name).unwrap();
    names.iter().map(label).collect()
}

impl Stream {
    fn new(names: &[&str]) -> Self {
        Self::with(names, SegmenterOptions::default())
    }

    fn with(names: &[&str], options: SegmenterOptions) -> Self {
        Self {
            segmenter: Segmenter::new(options),
            classes: labels(names),
            novelty: Novelty::default(),
            now: 0,
            found: Vec::new(),
        }
    }

    /// Twenty taught clips, whose scores are those of distances of 1 to their own class and 100
    /// to the next.
    fn knowing(mut self) -> Self {
        let clip = |n: u8| LeftOutClip {
            class: 0,
            squared_distances: vec![1.0 + f32::from(n) * 0.01, 100.0],
            log_scores: Vec::new(),
        };
        self.novelty = Novelty::calibrated(&(0..20).map(clip).collect::<Vec<_>>(), None);
        self
    }

    fn window(&mut self, probabilities: &[f32], squared_distances: &[f32]) {
        let window = ScoredWindow {
            start: Micros(self.now),
            end: Micros(self.now + 2 * HALF),
            classes: &self.classes,
            probabilities: &Probabilities(probabilities.to_vec()),
            squared_distances,
        };
        self.segmenter.step(&window, &self.novelty, &mut self.found);
        self.now += HALF;
    }

    /// Windows whose evidence for `class` exceeds that for the background (class 0) by each of
    /// these margins.
    fn margins(&mut self, class: usize, margins: &[f32]) {
        for margin in margins {
            let all = self.classes.len();
            // Only distances differ between windows far below the background.
            let mut distances = vec![400.0; all];
            (distances[0], distances[class]) = (100.0, 100.0 - 2.0 * margin);
            let mut logs: Vec<f32> = distances.iter().map(|d| (-d / 2.0_f32).exp()).collect();
            let sum: f32 = logs.iter().sum();
            logs.iter_mut().for_each(|p| *p /= sum);
            self.window(&logs, &distances);
        }
    }

    fn finish(&mut self) -> Vec<Segment> {
        self.segmenter.finish(&self.novelty, &mut self.found);
        std::mem::take(&mut self.found)
    }
}

const THREE: [&str; 3] = ["background", "dog", "rain"];

#[test]
fn an_event_enters_high_and_leaves_low() {
    let mut stream = Stream::new(&THREE);
    stream.margins(
        1,
        &[-40.0, -40.0, -40.0, 8.0, 24.0, 24.0, 8.0, 8.0, -40.0, -40.0],
    );
    let found = stream.finish();
    let [event] = found.as_slice() else {
        panic!("{found:?}");
    };
    // Smoothed, the margin of windows 4 to 6 is at least `leave`: 2 is at -28, 3 at 0, 7 at -4.
    // A quarter of a window is cut off at both ends.
    assert_eq!(event.start, Micros(4 * HALF + HALF / 2));
    assert_eq!(event.end, Micros(6 * HALF + HALF + HALF / 2));
    assert_eq!(event.kind, SegmentKind::Known);
    assert_eq!(event.label, Some(Label::new("dog").unwrap()));
    assert!(event.confidence > 0.99, "{event:?}");
    assert_eq!(event.p_value, None, "too few clips were taught");
    // Windows 4 and 5 are alike, and the first one counts.
    assert_eq!(event.peak, Micros(4 * HALF + HALF));

    // Above `leave` for long, and never at `enter`.
    let mut stream = Stream::new(&THREE);
    stream.margins(1, &[14.0; 20]);
    assert_eq!(stream.finish(), []);
    stream.margins(1, &[15.2; 20]);
    assert_eq!(stream.finish().len(), 1);
}

#[test]
fn gaps_of_two_windows_are_bridged_and_of_three_are_not() {
    let options = SegmenterOptions {
        join: Micros(0),
        ..SegmenterOptions::default()
    };
    for (gap, events) in [(1, 1), (3, 1), (4, 1), (5, 2)] {
        let mut stream = Stream::with(&THREE, options);
        stream.margins(1, &[-9.0, 30.0, 30.0]);
        // Smoothing takes one window at either side of a gap: it is above `leave` by its
        // neighbours.
        stream.margins(1, &vec![-3.0; gap]);
        stream.margins(1, &[30.0, 30.0, -9.0, -9.0]);
        assert_eq!(stream.finish().len(), events, "{gap} windows");
    }
}

#[test]
fn an_event_unlike_its_class_is_unknown() {
    // Near to the mean of its class, and far from it: the margin is the same.
    for (own, kind) in [(1.0, SegmentKind::Known), (90.0, SegmentKind::Unknown)] {
        let mut stream = Stream::new(&THREE).knowing();
        for _ in 0..6 {
            stream.window(&[0.0, 1.0, 0.0], &[own + 99.0, own, own + 99.0]);
        }
        let found = stream.finish();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, kind, "{found:?}");
        assert_eq!(found[0].label.is_some(), kind == SegmentKind::Known);
        let p = found[0].p_value.unwrap();
        assert_eq!(p < 0.05, kind == SegmentKind::Unknown, "{p}");
    }
    // Without a p-value the confidence decides.
    for (dog, kind) in [(0.9, SegmentKind::Known), (0.4, SegmentKind::Unknown)] {
        let options = SegmenterOptions {
            enter: 3.0,
            min_confidence: 0.6,
            ..SegmenterOptions::default()
        };
        let mut stream = Stream::with(&THREE, options);
        (0..6).for_each(|_| stream.window(&[0.001, dog, 0.999 - dog], &[]));
        let found = stream.finish();
        assert_eq!(found[0].kind, kind, "{found:?}");
        let confidence = found[0].confidence;
        let expected = dog.max(0.999 - dog) / 0.999;
        assert!((confidence - expected).abs() < 1e-4, "{confidence}");
    }
}

#[test]
fn without_a_background_class_equal_verdicts_are_one_segment() {
    let mut stream = Stream::new(&["dog", "rain"]);
    // One window of another verdict is outvoted.
    for dog in [0.9, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.5, 0.5, 0.5] {
        let rain = 1.0 - dog;
        let both = if dog == 0.5 { [0.45, 0.4] } else { [dog, rain] };
        stream.window(&both, &[]);
    }
    let found = stream.finish();
    let kinds: Vec<_> = found
        .iter()
        .map(|s| s.label.as_ref().map(Label::as_str))
        .collect();
    assert_eq!(kinds, [Some("dog"), Some("rain"), None], "{found:?}");
    let meet = found.windows(2).all(|pair| pair[0].end <= pair[1].start);
    assert!(meet, "{found:?}");
    assert_eq!(found[2].kind, SegmentKind::Unknown);

    // Nothing is taught: all is unknown.
    let mut stream = Stream::new(&[]);
    (0..5).for_each(|_| stream.window(&[], &[]));
    let found = stream.finish();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].kind, found[0].confidence),
        (SegmentKind::Unknown, 0.0)
    );
}

#[test]
fn with_the_background_alone_what_is_unlike_it_is_unknown() {
    let mut stream = Stream::new(&["background"]);
    let clip = |n: u8| LeftOutClip {
        class: 0,
        squared_distances: vec![3.0 + f32::from(n) * 0.01],
        log_scores: Vec::new(),
    };
    stream.novelty = Novelty::calibrated(&(0..20).map(clip).collect::<Vec<_>>(), None);
    for distance in [2.0, 2.0, 2.0, 900.0, 900.0, 900.0, 2.0, 2.0, 2.0] {
        stream.window(&[1.0], &[distance]);
    }
    let found = stream.finish();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, SegmentKind::Unknown);
    assert_eq!(found[0].confidence, 0.0);
    assert_eq!(found[0].p_value, Some(1.0 / 21.0));
    assert_eq!(found[0].start, Micros(3 * HALF + HALF / 2));
}

#[test]
fn a_long_event_is_given_in_pieces_that_meet() {
    for names in [&THREE[..], &["cat", "dog"]] {
        let options = SegmenterOptions {
            longest: Micros(5_000_000),
            ..SegmenterOptions::default()
        };
        let mut stream = Stream::with(names, options);
        // Clear at its beginning only.
        stream.margins(1, &[20.0, 20.0, 20.0]);
        stream.margins(1, &[3.0; 27]);
        let found = stream.finish();
        assert_eq!(found.len(), 4, "{found:?}");
        for pair in found.windows(2) {
            assert!(pair[0].end <= pair[1].start, "{found:?}");
            assert!(pair[1].start.0 - pair[0].end.0 <= HALF, "{found:?}");
            assert!(pair[0].end.0 - pair[0].start.0 <= 5_000_000, "{found:?}");
        }
        assert!(found.iter().all(|segment| segment.label == found[0].label));
    }
}

#[test]
fn a_change_of_the_classes_ends_the_event() {
    let mut stream = Stream::new(&THREE);
    stream.margins(1, &[20.0; 6]);
    assert_eq!(stream.found, []);
    stream.classes = labels(&["background", "ant", "dog", "rain"]);
    stream.margins(2, &[20.0; 6]);
    assert_eq!(stream.found.len(), 1, "{:?}", stream.found);
    let found = stream.finish();
    assert_eq!(found.len(), 2, "{found:?}");
    let dog = Label::new("dog").unwrap();
    assert!(found.iter().all(|event| event.label.as_ref() == Some(&dog)));
    assert!(found[0].end <= found[1].start, "{found:?}");
}

#[test]
fn the_end_and_a_gap_end_an_event_and_smooth_nothing_across() {
    let mut stream = Stream::new(&THREE);
    stream.margins(1, &[-40.0, -40.0, 40.0]);
    stream.segmenter.finish(&stream.novelty, &mut stream.found);
    stream.now += 60_000_000;
    // By itself, the first window after the gap is no event; smoothed with the one before, it
    // would be one.
    stream.margins(1, &[-40.0, -40.0]);
    let found = stream.finish();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].start, Micros(2 * HALF + HALF / 2));
    assert_eq!(found[0].end, Micros(2 * HALF + HALF + HALF / 2));
    assert_eq!(stream.finish(), [], "only once");
}

#[test]
fn a_lone_window_that_overlaps_no_other_has_its_times() {
    let mut stream = Stream::new(&THREE);
    stream.margins(1, &[20.0]);
    let found = stream.finish();
    assert_eq!(
        (found[0].start, found[0].end),
        (Micros(0), Micros(2 * HALF))
    );
}

#[test]
fn values_that_are_not_finite_give_no_event() {
    let mut stream = Stream::new(&THREE).knowing();
    for distance in [f32::NAN, f32::INFINITY] {
        (0..4).for_each(|_| stream.window(&[f32::NAN, 1.0, 0.0], &[distance; 3]));
    }
    assert_eq!(stream.finish(), []);
    let mut stream = Stream::new(&["dog"]).knowing();
    (0..4).for_each(|_| stream.window(&[f32::NAN], &[f32::NAN]));
    assert_eq!(stream.finish().len(), 1);
}

#[test]
fn a_pause_of_three_seconds_does_not_end_a_sound_of_one_class() {
    // After smoothing, two windows fewer are below.
    let events = |low: usize, second: usize| {
        let mut stream = Stream::new(&THREE);
        stream.margins(1, &[-90.0; 4]);
        stream.margins(1, &[60.0; 6]);
        stream.margins(1, &vec![-90.0; low]);
        stream.margins(second, &[60.0; 6]);
        stream.margins(1, &[-90.0; 8]);
        stream.finish()
    };
    let one = events(6, 1);
    assert_eq!(one.len(), 1, "{one:#?}");
    assert!(one[0].end.0 - one[0].start.0 > 7_000_000, "{one:#?}");
    assert_eq!(events(9, 1).len(), 2);
    assert_eq!(events(6, 2).len(), 2);
}

#[test]
fn sounds_of_silent_classes_are_no_events() {
    let mut stream = Stream::new(&["background", "dog", "not dog"]);
    for class in [1, 2, 1] {
        stream.margins(1, &[-90.0; 8]);
        stream.margins(class, &[60.0; 6]);
    }
    let found = stream.finish();
    assert_eq!(found.len(), 2, "{found:#?}");
    // Without a background, too.
    let mut stream = Stream::new(&["dog", "not dog"]);
    for _ in 0..6 {
        stream.window(&[0.01, 0.99], &[]);
    }
    assert_eq!(stream.finish(), []);
}
