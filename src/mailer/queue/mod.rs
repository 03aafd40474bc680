//! The send queue: claims due deliveries, hands them to connections, and commits marks and results.

pub mod commit;
pub mod feeder;
pub mod group_commit;
pub mod job;
pub mod retry;
