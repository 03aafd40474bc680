//! What is sent to whom and when: the campaign file, its checks, the frozen audience.

pub mod breaker;
pub mod cap;
pub mod delivery;
pub mod file;
pub mod lane;
pub mod launch;
pub mod link;
pub mod local;
pub mod moment;
pub mod preflight;
pub mod press;
pub mod rhythm;
pub mod sample;
pub mod schedule;
pub mod series;
pub mod state;
pub mod tally;
