//! Drafts of cards, and answers to their questions.

use std::path::Path;

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{self, Value};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};

use super::CardDraft;
use super::draft_questions::FRONT_END;
use crate::model::Card;

fn info(name: &str, shape: &[i64]) -> ValueInfoProto {
    let dim = |&size: &i64| Dimension {
        value: (size > 0).then_some(dimension::Value::DimValue(size)),
        ..Dimension::default()
    };
    let shape = TensorShapeProto {
        dim: shape.iter().map(dim).collect(),
    };
    let tensor = type_proto::Tensor {
        elem_type: 1,
        shape: Some(shape),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// A draft for a graph with this input, and two outputs of the same shape.
fn draft(shape: &[i64]) -> CardDraft {
    let node = |output: &str, operator: &str| NodeProto {
        input: vec!["in".to_owned()],
        output: vec![output.to_owned()],
        op_type: operator.to_owned(),
        ..NodeProto::default()
    };
    let model = ModelProto {
        ir_version: 7,
        opset_import: vec![OperatorSetIdProto {
            version: 13,
            ..OperatorSetIdProto::default()
        }],
        graph: Some(GraphProto {
            name: "graph".to_owned(),
            node: vec![node("a", "Relu"), node("b", "Sigmoid")],
            input: vec![info("in", shape)],
            output: vec![info("a", shape), info("b", shape)],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    let sha256 = "0".repeat(64);
    CardDraft::of(&model.encode_to_vec(), Path::new("mine.onnx"), &sha256).unwrap()
}

fn topics(draft: &CardDraft) -> Vec<String> {
    (draft.questions().into_iter().map(|question| question.topic)).collect()
}

#[test]
fn every_guess_is_a_question_and_every_answer_is_in_the_card() {
    let mut mine = draft(&[1, 30, 40]);
    let asked = topics(&mine);
    assert_eq!(asked[..4], ["time axis", "output", "rate", "front end"]);
    assert!(
        asked.contains(&"frontend.hop-samples".to_owned()),
        "{asked:?}"
    );
    for (topic, answer) in [
        ("output", "b"),
        ("rate", "8000"),
        ("front end", "yamnet"),
        ("frontend.hop-samples", "80"),
        ("hop", "7"),
        ("max-abs", "9.5"),
        ("task", "barks \"and\" howls"),
    ] {
        mine.answer(topic, answer).unwrap();
        assert!(!topics(&mine).contains(&topic.to_owned()), "{topic}");
    }
    let card = Card::parse(&mine.text(), "mine.toml").unwrap();
    assert_eq!(card.sample_rate.hz(), 8_000);
    assert_eq!(card.embedding.hop_frames, 7);
    assert_eq!(card.task, "barks \"and\" howls");
    let front = card.log_mel().unwrap();
    assert_eq!((front.hop_samples, front.bands), (80, 30));
    assert!(
        mine.text().contains("\n[output]\nname = \"b\"\n"),
        "{}",
        mine.text()
    );
    assert!(mine.text().contains("licence = \"CHECK: "));
    for question in mine.questions() {
        mine.answer(&question.topic, &question.guess).unwrap();
    }
    assert_eq!(topics(&mine), Vec::<String>::new());
    assert!(!mine.text().contains("CHECK"), "{}", mine.text());
    Card::parse(&mine.text(), "mine.toml").unwrap();
}

#[test]
fn another_axis_of_time_and_open_sizes_change_the_rest_of_the_draft() {
    let mut mine = draft(&[1, 30, 6]);
    mine.answer("time axis", "2").unwrap();
    let card = Card::parse(&mine.text(), "mine.toml").unwrap();
    assert_eq!((card.window_frames(), card.bands()), (6, 30));
    let mut open = draft(&[1, 0, 3]);
    assert!(topics(&open).contains(&"size of axis 1".to_owned()));
    open.answer("size of axis 1", "20").unwrap();
    open.answer("channels", "ax [g], ay [g], az [g]").unwrap();
    open.answer("scales", "0/1, 0.5/2, -1/1").unwrap();
    let card = Card::parse(&open.text(), "mine.toml").unwrap();
    assert_eq!(card.window_frames(), 20);
    let channels: Vec<String> = (card.sensor().unwrap().stated().iter())
        .map(ToString::to_string)
        .collect();
    assert_eq!(channels, ["ax [g]", "ay [g]", "az [g]"]);
}

#[test]
fn answers_that_make_no_valid_card_are_refused_and_change_nothing() {
    let mut mine = draft(&[1, 30, 40]);
    let before = mine.text();
    for (topic, answer) in [
        ("time axis", "0"),
        ("output", "c"),
        ("rate", "fast"),
        ("rate", "0"),
        ("rate", "99999999"),
        ("front end", "none"),
        ("frontend.hop-samples", "x"),
        ("frontend.hop-samples", "-1"),
        ("hop", "0"),
        ("max-abs", "nan"),
        ("licence", ""),
    ] {
        let refused = mine.answer(topic, answer).unwrap_err();
        assert!(!refused.is_empty() && !refused.contains('\n'), "{refused}");
    }
    assert_eq!(mine.text(), before);
    let mut sensor = draft(&[1, 30, 3]);
    for (topic, answer) in [
        ("channels", "a, b"),
        ("scales", "0/1"),
        ("scales", "0/1,1,1"),
    ] {
        sensor.answer(topic, answer).unwrap_err();
    }
}

#[test]
fn values_of_a_front_end_are_judged_together() {
    let mut mine = draft(&[1, 30, 40]);
    let last = loop {
        let question = mine.questions().into_iter().next().unwrap();
        let answer = match question.topic.as_str() {
            "output" | "rate" | "time axis" | "front end" => question.guess.clone(),
            // Longer than the frame, which is asked for later.
            "frontend.window-samples" => "2000".to_owned(),
            topic if topic.starts_with(FRONT_END) => question.guess.clone(),
            topic => panic!("{topic}"),
        };
        if let Err(reason) = mine.answer(&question.topic, &answer) {
            break reason;
        }
    };
    assert!(last.ends_with("these values are asked again"), "{last}");
    assert!(topics(&mine)[0].starts_with(FRONT_END));
    // At another rate than that of the shipped backbone, its values are guesses.
    let mut known = draft(&[1, 76, 32]);
    assert!(
        !topics(&known)
            .iter()
            .any(|topic| topic.starts_with(FRONT_END))
    );
    known.answer("rate", "8000").unwrap();
    assert!(topics(&known).contains(&"frontend.high-hz".to_owned()));
}
