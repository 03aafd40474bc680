//! Mailer: claims due deliveries, marks them, sends them through relays and records the results.
//!
//! ```text
//! scheduler ─► send_round (one workspace) ─► feeder (one lane) ─► queue of a relay ─► connection ─► transport
//!     │                                                                                  │
//!   lease                                                       group_commit ◄── marks and results
//! ```
//!
//! The modules below depend on each other in one direction; `tests/suite/layers.rs` checks that.

pub mod begun_bodies;
pub mod connection;
pub mod database_identity;
pub mod keyed_tasks;
pub mod lease;
pub mod lease_freshness;
pub mod limits;
pub mod link_check;
pub mod machine;
pub mod mailer_context;
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
