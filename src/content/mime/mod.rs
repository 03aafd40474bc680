//! MIME: header fields, quoted-printable bodies, and the bytes of one message.

pub mod header;
pub mod message;
pub mod quoted_printable;
