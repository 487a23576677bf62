//! The help texts, word by word.

use crate::harness::Program;

#[test]
fn help_texts_match_their_snapshots() {
    // The program starts without the variables whose values a help text would show.
    let help = |command: &str| Program::new(command).args("--help").run().ok().stdout;
    insta::assert_snapshot!("help", help(""));
    for command in [
        "demo", "init", "teach", "predict", "listen", "status", "memory", "embed", "evaluate",
        "model", "report",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), help(command));
    }
}
