//! HTML: parsed, cleaned, made from Markdown, and turned into plain text.

pub mod markdown;
pub mod node;
pub mod text_wrap;
pub mod to_text;
