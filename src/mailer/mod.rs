//! The way out: claim, last word, SMTP, result.

pub mod bench;
pub mod capture;
pub mod dispatch;
pub mod extension;
pub mod fault;
pub mod folder;
pub mod grouping;
pub mod job;
pub mod lease;
pub mod post;
pub mod relay;
pub mod retry;
pub mod session;
pub mod shift;
pub mod target;
pub mod text;
pub mod throttle;
pub mod timer;
pub mod tls;
pub mod trouble;
pub mod way;
pub mod wire;
pub mod worker;
pub mod writer;
