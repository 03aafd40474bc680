//! How letters look and what they say: layouts, templates in a sandbox, links, MIME.

pub mod brand;
pub mod html;
pub mod layout;
pub mod letter;
pub mod link;
pub mod lint;
pub mod markdown;
pub mod message;
pub mod plain;
pub mod template;
