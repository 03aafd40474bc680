//! Campaigns against a server that answers, delays, refuses and hangs up as it is told.

mod failures;
pub mod fixture;
mod in_flight;
mod message;
mod shutdown;
