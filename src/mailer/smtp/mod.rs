//! SMTP client: session, pipelining, TLS, replies, and the message text as the wire carries it.

pub mod dot_stuffing;
pub mod endpoint;
pub mod error;
pub mod extension;
pub mod pipelining_trust;
pub mod reply_class;
pub mod session;
pub mod timeouts;
pub mod tls;
pub mod wire;
