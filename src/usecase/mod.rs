//! Use cases: one function per action of a user, below the interfaces (command line, web) and above everything
//! else.
//!
//! Each takes the [`Installation`](crate::infra::installation::Installation), an [`Actor`] and a typed input,
//! and returns a typed output that serialises. Its first call is [`Actor::permit`], which checks the
//! [permission](action); [`Permit::audit`] writes the [audit entry](audit). Outputs carry
//! [messages](crate::infra::error::Message), which [`to_json`](localize::to_json) turns into sentences of the
//! user's language. Rules of the product are here or below, never in an interface.

pub mod account;
pub mod action;
pub mod actor;
pub mod audit;
pub mod audit_log;
pub mod backup;
pub mod brand;
pub mod calendar;
pub mod campaign;
pub mod campaign_draft;
pub mod campaign_form;
pub mod campaign_preview;
pub mod campaign_recipients;
pub mod campaign_report;
pub mod campaign_revision;
pub mod campaign_view;
pub mod chosen_contacts;
pub mod click_map;
pub mod comparison;
pub mod consent;
pub mod contact;
pub mod contact_copy;
pub mod contact_search;
pub mod contact_view;
pub mod desk;
pub mod destruction;
pub mod email_condition;
pub mod erasure_receipt;
pub mod export;
pub mod field;
pub mod field_change;
pub mod form;
pub mod gallery;
pub mod health;
pub mod identity_provider;
pub mod import;
pub mod import_undo;
pub mod import_upload;
pub mod inbox;
pub mod invitation;
pub mod lane;
pub mod limits;
pub mod line_diff;
pub mod link_check;
pub mod link_mail;
pub mod list;
pub mod list_growth;
pub mod localize;
pub mod machine;
pub mod mail;
pub mod mailed_report;
pub mod output;
pub mod permit;
pub mod picture;
pub mod policy;
pub mod preference;
pub mod preference_link;
pub mod preflight;
pub mod privacy_overview;
pub mod provider_sign_in;
pub mod received_message;
pub mod recipient;
pub mod relay;
mod relay_check;
pub mod request;
pub mod request_identity;
pub mod request_reminder;
pub mod retention;
pub mod returned_mail;
pub mod schedule;
pub mod segment;
pub mod segment_preview;
pub mod segment_rows;
pub mod series;
pub mod session;
pub mod set_aside;
pub mod setting;
pub mod setup;
pub mod sign_up;
pub mod signed_in;
pub mod startup;
pub mod store_migration;
pub mod team;
pub mod trace_search;
pub mod uncertain;
pub mod user;
pub mod web_cache;
pub mod workspace;
pub mod workspace_end;

pub use crate::access::Role;
pub use action::Action;
pub use actor::{Actor, Channel, NO_WORKSPACE};
pub use permit::Permit;
