//! The list of heads in help texts.

use afield::head::HeadKind;

/// The text below the options: `examples`, then one line for each head.
pub fn help(examples: &str) -> String {
    let mut text = format!("{examples}\n\nHeads, as NAME or NAME:OPTION+OPTION:\n");
    for head in HeadKind::ALL {
        text += &format!("  {:<9} {}\n", head.name(), head.summary());
    }
    text
}
