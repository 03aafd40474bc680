//! Groups of recipient domains: one that is slowed, paused or used up for today holds up no other,
//! and no limit is exceeded by restarting or by sending from two machines.

mod domains;
pub mod fixture;
mod lane_backoff;
mod quota;
