//! SMTP client: session, authentication, pipelining, TLS, replies and reply classes, dot-stuffing, time limits.

pub mod auth;
pub mod dot_stuffing;
pub mod endpoint;
pub mod error;
pub mod extension;
pub mod pipelining_trust;
pub mod reply;
pub mod reply_class;
pub mod session;
pub mod timeouts;
pub mod tls;
pub mod wire;
