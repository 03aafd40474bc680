//! The content of an email: templates, links, HTML, plain text, layouts and MIME.
//!
//! [`email`] is what the marketer writes, [`compiled_email`] what `compile` makes of it, [`renderer`] renders it for
//! one recipient, and [`mime_template`] writes the message from parts that were encoded once (`encoded_parts`).

pub mod brand;
pub mod click_overlay;
mod client_support;
mod compile;
pub mod compiled_email;
pub mod email;
mod encoded_parts;
pub mod foreign_tag;
pub mod gallery;
mod html;
mod layout;
pub mod link;
pub mod lint;
pub mod mime;
pub mod mime_template;
pub mod picture;
pub mod renderer;
mod template;

pub use self::template::field_tag;
pub use self::template::filter::Locale;
pub use html::markdown::plain_to_html;
