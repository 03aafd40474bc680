//! The doors over HTTP: what recipients touch, and the desk on loopback.

pub mod desk;
pub mod inbox;
pub mod page;
pub mod preferences;
pub mod router;
pub mod track;
pub mod unsubscribe;
pub mod view;
