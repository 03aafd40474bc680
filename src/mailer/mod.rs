//! The way out: claim, last word, SMTP, result.

pub mod capture;
pub mod folder;
pub mod lease;
pub mod relay;
pub mod retry;
pub mod session;
pub mod step;
pub mod throttle;
pub mod tls;
pub mod wire;
pub mod writer;
