//! SMTP AUTH (RFC 4954): picks a SASL mechanism that the server offers and lists the lines of the exchange.
//!
//! Supported are PLAIN and LOGIN. To add XOAUTH2: a kind of credentials in [`Endpoint`] that yields an access token,
//! its keyword in [`Extensions`], and an arm in [`exchange`]; `session` sends whatever lines it gets.
//!
//! [`Endpoint`]: crate::mailer::smtp::endpoint::Endpoint

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;

use crate::mailer::smtp::error::Cause;
use crate::mailer::smtp::extension::Extensions;

/// One line of the exchange and the reply code it must get.
pub struct Step {
    /// The line, with its CR LF.
    pub line: String,
    /// 334 while the server asks for more, 235 at the end.
    pub expected: u16,
}

/// The lines that sign in with a user and a password. [`Cause::NoAuth`] when the server offers no known mechanism.
pub fn exchange(extensions: &Extensions, user: &str, password: &str) -> Result<Vec<Step>, Cause> {
    let (mechanism, challenges) = match extensions {
        Extensions { plain: true, .. } => (Mechanism::Plain, &[None][..]),
        Extensions { login: true, .. } => (Mechanism::Login, &[None, Some("Username"), Some("Password")][..]),
        _ => return Err(Cause::NoAuth),
    };
    let credentials = Credentials::new(user.to_owned(), password.to_owned());
    let step = |(index, challenge): (usize, &Option<&str>)| {
        let line = Auth::new(mechanism, credentials.clone(), challenge.map(str::to_owned));
        let line = line.expect("each mechanism answers its own challenges").to_string();
        Step { line, expected: if index + 1 == challenges.len() { 235 } else { 334 } }
    };
    Ok(challenges.iter().enumerate().map(step).collect())
}
