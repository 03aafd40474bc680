//! HTML: limited ([`bounds`]), parsed ([`node`]), sanitized, made from Markdown, and converted to plain text ([`to_text`]).

pub mod bounds;
pub mod changes;
pub mod conditional;
pub mod css;
pub mod markdown;
pub mod mjml;
pub mod node;
pub mod page;
pub mod sanitize;
pub mod text_wrap;
pub mod to_text;
pub mod value_encoding;
