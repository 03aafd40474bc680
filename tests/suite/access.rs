//! Tests of the staff's access: setup, sign-in, throttling, second factor, sessions, roles, invitations, removal.

mod account;
mod command_line;
pub mod fixture;
mod mailed_report;
mod pages;
mod provider;
mod provider_server;
mod setup;
mod sign_in;
mod team;
mod team_page;
mod throttle;
mod users;
mod users_page;
