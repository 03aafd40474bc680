//! HTML: limited ([`bounds`]), parsed ([`node`]), sanitized, made from Markdown, and converted to plain text ([`to_text`]).

pub mod bounds;
pub mod markdown;
pub mod node;
pub mod sanitize;
pub mod text_wrap;
pub mod to_text;
