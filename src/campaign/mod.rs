//! What is sent to whom and when: the campaign file, its checks, the frozen audience.

pub mod delivery;
pub mod file;
pub mod launch;
pub mod link;
pub mod preflight;
pub mod press;
pub mod sample;
pub mod state;
pub mod tally;
