//! Templates: the merge-tag language of an email ([`lexer`], [`tag_check`]) and the sandbox that renders it
//! ([`engine`], [`filter`]).

pub mod bounds;
pub mod engine;
pub mod error;
pub mod escape;
pub mod field_tag;
pub mod filter;
pub mod lexer;
pub mod pieces;
pub mod placeholder;
pub mod render_context;
pub mod tag_check;
