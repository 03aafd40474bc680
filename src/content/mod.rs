//! How letters look and what they say: layouts, templates in a sandbox, links, MIME.

pub mod brand;
mod color;
mod compile;
mod fill;
mod filter;
mod form;
mod grammar;
pub mod header;
mod html;
mod layout;
pub mod letter;
pub mod link;
pub mod lint;
mod markdown;
mod mask;
pub mod message;
mod plain;
mod quoted;
mod run;
mod script;
pub mod skeleton;
mod slip;
mod tag;
mod template;
mod wrap;
