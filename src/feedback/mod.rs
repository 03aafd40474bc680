//! Feedback of recipients: opens and clicks.

pub mod event;
pub mod recorder;
mod spool_line;
