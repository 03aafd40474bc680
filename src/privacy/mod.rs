//! Privacy: unsubscribe requests, erasure with tombstones, physical erasure, subject access and trace search.

pub mod canonical_upgrade;
pub mod correction_log;
pub mod departure;
pub mod destruction;
pub mod due_date;
pub mod erasure;
pub mod erasure_log;
pub mod erasure_replay;
pub mod file_erasure;
pub mod import_undo;
pub mod lifting;
mod log_lengths;
pub mod machine_reconciliation;
pub mod physical_erasure;
pub mod policy;
pub mod request_journal;
pub mod retention;
pub mod subject_access;
pub mod subject_request;
pub mod suppression;
pub mod trace_search;
pub mod unsubscribe_batch;
