//! Send queue: jobs of connections, composing of messages, retry schedule, and group commit of marks and results.

pub mod commit;
pub mod compose;
pub mod group_commit;
pub mod job;
pub mod retry;
