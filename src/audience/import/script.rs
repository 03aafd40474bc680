//! Scripts of letters, as far as files of people need them to be told apart.

/// A script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Latin, and every script that is not named.
    Latin,
    /// Greek.
    Greek,
    /// Cyrillic.
    Cyrillic,
    /// Hebrew.
    Hebrew,
    /// Arabic.
    Arabic,
    /// Thai.
    Thai,
}

/// The script of a letter or of a mark on one; `None` for other characters.
pub fn script(c: char) -> Option<Script> {
    match c {
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' if c.is_alphabetic() => Some(Script::Greek),
        '\u{400}'..='\u{52f}' if c.is_alphabetic() => Some(Script::Cyrillic),
        '\u{591}'..='\u{5bd}' | '\u{5d0}'..='\u{5ea}' => Some(Script::Hebrew),
        '\u{64b}'..='\u{652}' => Some(Script::Arabic),
        '\u{600}'..='\u{6ff}' if c.is_alphabetic() => Some(Script::Arabic),
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' => Some(Script::Thai),
        _ if c.is_alphabetic() && !matches!(c, 'ª' | 'º') => Some(Script::Latin),
        _ => None,
    }
}
