//! Sendoff: an e-mail campaign and subscription engine that erases personal data completely.
//!
//! The modules form layers; `tests/suite/layers.rs` lists them and checks that imports point to lower layers.
//! `CONTRIBUTING.md` describes the layout of the tree.

pub mod access;
pub mod audience;
pub mod backup;
pub mod campaign;
pub mod cli;
pub mod content;
pub mod feedback;
pub mod infra;
pub mod mailer;
pub mod privacy;
pub mod report;
pub mod returned_mail;
pub mod store_migration;
pub mod usecase;
pub mod web;
