//! The way out: claim, last word, SMTP, result.

pub mod connection;
pub mod keyed_tasks;
pub mod lease;
pub mod lease_freshness;
pub mod limits;
pub mod postfix_log;
pub mod queue;
pub mod reconcile;
pub mod relay;
pub mod relay_context;
pub mod relay_selection;
pub mod restore_guard;
pub mod scheduler;
pub mod send_round;
pub mod shutdown;
pub mod smtp;
pub mod test_send;
pub mod transport;
