//! Campaigns against a server that answers, delays, refuses and hangs up as it is told.

mod halt;
mod hand;
mod letter;
pub mod stage;
mod trouble;
