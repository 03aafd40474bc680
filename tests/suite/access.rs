//! Tests of the staff's access: setup, sign-in, throttling, second factor, sessions, roles, invitations, removal.

mod account;
pub mod fixture;
mod setup;
mod sign_in;
mod team;
mod throttle;
mod users;
