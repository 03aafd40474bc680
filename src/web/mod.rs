//! The doors over HTTP: what recipients touch, and the desk on loopback.

pub mod asset;
pub mod campaign_cache;
pub mod client;
pub mod desk;
pub mod health;
pub mod health_snapshot;
pub mod inbox;
pub mod metrics;
pub mod page;
pub mod personal_data;
pub mod preferences;
pub mod received_message;
pub mod router;
pub mod state;
pub mod track;
pub mod unsubscribe;
pub mod view;
