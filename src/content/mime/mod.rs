//! MIME: header fields, quoted-printable bodies, and the bytes of one message.

pub mod base64_lines;
pub mod body;
pub mod header;
pub mod message;
pub mod quoted_printable;
