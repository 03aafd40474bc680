//! What comes back: opens and clicks.

pub mod event;
pub mod recorder;
