//! Templates: the lexer and checker of merge tags, and the sandbox that renders them.

pub mod engine;
pub mod error;
pub mod filter;
pub mod lexer;
pub mod pieces;
pub mod placeholder;
pub mod tag_check;
