//! Mailer: campaigns sent to a scripted SMTP server.

mod busy;
mod compose;
mod failures;
pub mod fixture;
mod in_flight;
mod message;
mod modules;
mod refusals;
mod shutdown;
mod upgrade;
