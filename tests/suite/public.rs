//! What recipients touch, and the desk: over the real router, on both databases.

mod desk;
mod leaving;
mod outage;
mod pages;
pub mod stage;
mod tracking;
