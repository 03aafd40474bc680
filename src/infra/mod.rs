//! What everything stands on: errors, time, identifiers, secrets, tokens, the database and the
//! catalogues. Nothing here knows what a campaign is.

pub mod atomic_file;
pub mod clock;
pub mod config;
pub mod db;
pub mod disk;
pub mod error;
pub mod failpoint;
pub mod fsync;
pub mod i18n;
pub mod id;
pub mod installation;
pub mod metric;
pub mod secret;
pub mod setting;
pub mod spool;
pub mod store_location;
pub mod sync_shim;
pub mod token;
