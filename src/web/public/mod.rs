//! Pages and endpoints of recipients, each identified by a token of a message: open, click, unsubscribe, preferences, view
//! in browser.

pub mod campaign_cache;
pub mod erasure_receipt;
pub mod invitation;
pub mod picture;
pub mod policy;
pub mod preference_center;
pub mod preferences;
pub mod prove;
pub mod sign_up;
pub mod state;
pub mod stored_data;
pub mod track;
pub mod unsubscribe;
pub mod view;
