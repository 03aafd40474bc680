//! How letters look and what they say: layouts, templates in a sandbox, links, MIME.

pub mod brand;
mod color;
mod compile;
mod compiled_part;
pub mod email;
mod encoded_run;
mod filter;
pub mod header;
mod html;
mod html_to_text;
mod layout;
pub mod link;
pub mod lint;
mod markdown;
pub mod message;
pub mod mime_template;
mod quoted_printable;
mod slot_values;
mod tag;
mod tag_check;
mod tag_placeholder;
mod template;
mod template_error;
mod template_segments;
mod wrap;
