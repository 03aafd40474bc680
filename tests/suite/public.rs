//! Tests of the web pages and the desk through the real router, on both databases.

mod desk;
mod desk_calendar;
mod desk_commands;
mod desk_emails;
mod desk_files;
mod desk_growth;
mod desk_lists;
mod desk_media;
mod desk_pages;
mod desk_policy;
mod desk_privacy;
mod desk_recipients;
mod desk_roles;
mod desk_segments;
mod desk_unfinished;
pub mod fixture;
mod invitation;
mod listener;
mod outage;
mod pages;
mod preference_center;
mod receipts;
pub mod sign_up;
mod tracking;
mod unsubscribe;
