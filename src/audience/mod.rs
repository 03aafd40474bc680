//! Contacts of a workspace: addresses, fields, lists, subscriptions, consent, tombstones, segments and imports.

pub mod address;
pub mod cell_format;
pub mod consent;
pub mod contact;
pub mod daily_count;
pub mod eligibility;
pub mod field;
pub mod field_indexing;
pub mod form;
pub mod hard_bounce;
pub mod import;
pub mod indexed_field;
pub mod list;
pub mod list_rule;
pub mod mailed_link;
pub mod people_file;
pub mod preference;
pub mod public_limit;
pub mod sealed_receipt;
pub mod segment;
pub mod subscription;
pub mod tombstone;
pub mod workspace;
