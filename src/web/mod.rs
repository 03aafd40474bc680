//! HTTP interface: the pages and endpoints of recipients, the desk, health and metrics.

pub mod asset;
pub mod client;
pub mod desk;
pub mod entering;
pub mod form;
pub mod health;
pub mod inbound_mail;
pub mod listener;
pub mod open_connections;
pub mod page;
pub mod public;
pub mod refusal;
pub mod router;
pub mod session_cookie;
pub mod settings;
pub mod state;
