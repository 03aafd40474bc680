//! Numbers that stay true after the people in them are gone.

pub mod export;
pub mod lanes;
pub mod progress;
pub mod stats;
pub mod summary;
