//! What recipients touch, and the desk: over the real router, on both databases.

mod desk;
pub mod fixture;
mod outage;
mod pages;
mod tracking;
mod unsubscribe;
