//! An email's content: layouts, sandboxed templates, links, HTML, plain text and MIME.

pub mod brand;
mod compile;
pub mod email;
mod encoded_parts;
mod html;
mod layout;
pub mod link;
pub mod lint;
pub mod mime;
pub mod mime_template;
mod template;
