//! The settings of the demo: a corpus, a backbone, and the orders of the stream.

use crate::corpus::{Corpus, CorpusClip};
use crate::data::{ClipList, ListedClip};
use crate::streams::Protocol;

/// One demo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demo {
    /// Name of the corpus.
    pub corpus: &'static str,
    /// Name of the backbone.
    pub backbone: &'static str,
    /// The orders to teach in, one evaluation each.
    pub protocols: &'static [Protocol],
    /// Seconds that a piece lasts, and seconds from one piece to the next. `None` keeps recordings
    /// whole.
    pub cut_seconds: Option<(f64, f64)>,
}

impl Demo {
    /// 16 drums.
    pub const DRUMS: Self = Self {
        corpus: "rock-kit",
        backbone: "ears",
        protocols: &[Protocol::ClassIncremental],
        cut_seconds: None,
    };

    /// 7 exercises with a smartwatch: one exercise after another, then one person after another.
    /// Pieces of three seconds overlap by half.
    pub const IMU: Self = Self {
        corpus: "watch",
        backbone: "imu",
        protocols: &[Protocol::ClassIncremental, Protocol::DomainIncremental],
        cut_seconds: Some((3.0, 1.5)),
    };
}

/// The clips of a corpus, split as its card says. Test groups are marked as test clips. Groups that
/// are set aside are left out.
pub fn corpus_clips(corpus: &Corpus, clips: Vec<CorpusClip>) -> ClipList {
    let (test, aside) = (&corpus.clips.test_groups, &corpus.clips.set_aside_groups);
    let listed = |clip: CorpusClip| ListedClip {
        path: clip.path,
        label: clip.label.into(),
        test: Some(test.contains(&clip.group)),
        group: Some(clip.group),
    };
    let taken = (clips.into_iter()).filter(|clip| !aside.contains(&clip.group));
    ClipList {
        clips: taken.map(listed).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::find;
    use afield::signal::Label;

    #[test]
    fn a_demos_corpus_is_known() {
        for demo in [Demo::DRUMS, Demo::IMU] {
            assert_eq!(find(demo.corpus).unwrap().name, demo.corpus);
        }
    }

    #[test]
    fn test_groups_are_marked_and_set_aside_groups_are_left_out() {
        let mut corpus = find("rock-kit").unwrap().clone();
        corpus.clips.test_groups = vec!["soft".to_owned()];
        corpus.clips.set_aside_groups = vec!["odd".to_owned()];
        let clip = |group: &str| CorpusClip {
            path: format!("{group}.wav").into(),
            label: Label::new("kick").unwrap(),
            group: group.to_owned(),
        };
        let list = corpus_clips(&corpus, ["soft", "odd", "hard"].map(clip).to_vec());
        let listed: Vec<_> = (list.clips.iter())
            .map(|clip| (clip.group.as_deref(), clip.test))
            .collect();
        assert_eq!(
            listed,
            [(Some("soft"), Some(true)), (Some("hard"), Some(false))]
        );
    }
}
