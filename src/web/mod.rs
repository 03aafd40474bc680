//! The doors over HTTP: what recipients touch, and the desk on loopback.

pub mod app;
pub mod asset;
pub mod client;
pub mod desk;
pub mod health;
pub mod held;
pub mod inbox;
pub mod known;
pub mod letter;
pub mod look;
pub mod metrics;
pub mod page;
pub mod preferences;
pub mod router;
pub mod track;
pub mod unsubscribe;
pub mod view;
