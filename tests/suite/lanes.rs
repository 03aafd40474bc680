//! Lanes: a slow, paused or exhausted lane delays no other, and limits hold across restarts and machines.

mod domains;
pub mod fixture;
mod lane_backoff;
mod quota;
