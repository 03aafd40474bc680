//! What comes back: opens, clicks, and what was learned from mail.

pub mod event;
pub mod losses;
pub mod recorder;
pub mod replay;
pub mod returned_message;
pub mod set_aside;
mod spool_line;
pub mod unwritten;
