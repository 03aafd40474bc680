//! Tests of the web pages and the desk through the real router, on both databases.

mod desk;
mod desk_emails;
mod desk_lists;
mod desk_pages;
mod desk_roles;
pub mod fixture;
mod invitation;
mod listener;
mod outage;
mod pages;
mod tracking;
mod unsubscribe;
