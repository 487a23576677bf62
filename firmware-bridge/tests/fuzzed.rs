//! Every line that the fuzz target `frames` keeps, as an ordinary test.

#[path = "../../fuzz/src/frames.rs"]
mod frames;

#[test]
fn kept_lines_are_decoded() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/frames");
    let mut lines = 0;
    for entry in std::fs::read_dir(corpus).expect("the seeds") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("a file");
        for end in 0..=bytes.len() {
            frames::run(&bytes[..end]);
        }
        lines += 1;
    }
    assert!(lines >= 3);
}
