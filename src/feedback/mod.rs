//! Feedback of recipients: opens and clicks.

pub mod event;
pub mod losses;
pub mod recorder;
pub mod replay;
pub mod set_aside;
mod spool_line;
pub mod unwritten;
