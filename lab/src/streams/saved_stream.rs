//! A stream as JSON, for teaching the same stream to other programs.

use serde::Serialize;

use super::example_stream::ExampleStream;
use crate::data::Dataset;

/// Version of the format.
const VERSION: u32 = 1;

/// A stream as JSON. Every clip is its row in the data (for an npz, the row of `X`), and every
/// class is its position in `classes`.
///
/// ```
/// use afield_lab::data::{Clips, Dataset, Names, TestSide};
/// use afield_lab::streams::{ExampleStream, Protocol, SavedStream};
/// let names = Names::from_text(&["rain", "dog", "rain", "dog"]);
/// let test = Some(vec![false, false, true, true]);
/// let clips = Clips::of_rows(1, vec![0.0; 4], names, None, test)?;
/// let dataset = Dataset::new(clips, &TestSide::Marked)?;
/// let stream = ExampleStream::draw(&dataset, Protocol::Iid.into(), 0)?;
/// let json = serde_json::to_value(SavedStream::new(&dataset, &stream))?;
/// assert_eq!(json["classes"], serde_json::json!(["dog", "rain"]));
/// assert_eq!(json["truth"], serde_json::json!([1, 0, 1, 0]));
/// assert_eq!(json["tasks"][1]["tested"], serde_json::json!([2, 3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SavedStream {
    version: u32,
    protocol: String,
    seed: u64,
    classes: Vec<String>,
    tasks: Vec<SavedTask>,
    /// Clips taught, each once, ascending.
    train: Vec<usize>,
    /// The test side, ascending. The tasks list the clips that each test uses.
    test: Vec<usize>,
    /// The class of every clip, as it is tested.
    truth: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SavedTask {
    name: String,
    clips: Vec<usize>,
    labels: Vec<usize>,
    tested: Vec<usize>,
}

impl SavedStream {
    /// A stream that was drawn over `dataset`.
    pub fn new(dataset: &Dataset, stream: &ExampleStream) -> Self {
        let tasks = stream.tasks().iter().map(|task| SavedTask {
            name: task.name.clone(),
            clips: task.clips.clone(),
            labels: task.labels.clone(),
            tested: task.tested.clone(),
        });
        let classes = dataset.clips().classes().iter();
        Self {
            version: VERSION,
            protocol: stream.order().protocol.to_string(),
            seed: stream.seed(),
            classes: classes.map(ToString::to_string).collect(),
            tasks: tasks.collect(),
            train: stream.clips().into_iter().map(|(clip, _)| clip).collect(),
            test: dataset.test().to_vec(),
            truth: stream.truth().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Clips, Names, TestSide};
    use crate::streams::{LabelNoise, Protocol, StreamOrder};

    #[test]
    fn the_json_format_is_stable() {
        let names = Names::from_text(&["a", "b", "a", "b"]);
        let test = Some(vec![false, false, true, true]);
        let clips = Clips::of_rows(1, vec![0.0; 4], names, None, test).unwrap();
        let dataset = Dataset::new(clips, &TestSide::Marked).unwrap();
        let order = StreamOrder {
            label_noise: LabelNoise::new(1.0).unwrap(),
            ..Protocol::ClassIncremental.into()
        };
        let stream = ExampleStream::draw(&dataset, order, 2).unwrap();
        let text = serde_json::to_string(&SavedStream::new(&dataset, &stream)).unwrap();
        let first = stream.tasks()[0].clips[0];
        let (a, b) = (["a", "b"][first], ["a", "b"][1 - first]);
        let expected = format!(
            "{{\"version\":1,\"protocol\":\"class-incremental\",\"seed\":2,\"classes\":[\"a\",\"b\"],\
             \"tasks\":[\
             {{\"name\":\"{a}\",\"clips\":[{first}],\"labels\":[{wrong}],\"tested\":[{tested}]}},\
             {{\"name\":\"{b}\",\"clips\":[{wrong}],\"labels\":[{first}],\"tested\":[2,3]}}],\
             \"train\":[0,1],\"test\":[2,3],\"truth\":[0,1,0,1]}}",
            wrong = 1 - first,
            tested = first + 2,
        );
        assert_eq!(text, expected);
    }
}
