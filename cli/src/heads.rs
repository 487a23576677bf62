//! The heads as help tells of them.

use afield::head::HeadKind;

/// What stands below the options: `examples`, then the heads, a line each.
pub fn help(examples: &str) -> String {
    let mut text = format!("{examples}\n\nHeads, as NAME or NAME:OPTION+OPTION:\n");
    for head in HeadKind::ALL {
        text += &format!("  {:<9} {}\n", head.name(), head.summary());
    }
    text
}
