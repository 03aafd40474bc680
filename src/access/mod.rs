//! Access of the staff: users, their roles in workspaces, sessions, passwords and second factors, and the links that let
//! people in. The rules of who may do what are in `usecase/action.rs`.

pub mod identity_provider;
pub mod known_client;
pub mod mailed_report;
pub mod membership;
pub mod oidc;
pub mod password;
pub mod recovery_code;
pub mod role;
pub mod secret_token;
pub mod session;
pub mod setup_link;
pub mod staff_invitation;
pub mod throttle;
pub mod totp;
pub mod user;

pub use role::Role;
pub use secret_token::SecretToken;
