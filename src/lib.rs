//! Sendoff: an e-mail campaign and subscription engine that forgets.
//!
//! The rooms stand in the order in which data flows; a room uses only those above it in this list.

pub mod audience;
pub mod campaign;
pub mod cli;
pub mod content;
pub mod feedback;
pub mod infra;
pub mod mailer;
pub mod privacy;
pub mod report;
pub mod store_migration;
pub mod usecase;
pub mod web;
