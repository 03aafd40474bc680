//! What everything stands on: errors, time, identifiers, secrets, tokens, the database and the
//! catalogues. Nothing here knows what a campaign is.

pub mod aside;
pub mod clock;
pub mod config;
pub mod db;
pub mod disk;
pub mod error;
pub mod failpoint;
pub mod id;
pub mod installation;
pub mod ledger;
pub mod metric;
pub mod place;
pub mod secret;
pub mod setting;
pub mod share;
pub mod sync;
pub mod text;
pub mod token;
