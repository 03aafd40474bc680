//! SMTP AUTH (RFC 4954): picks a SASL mechanism that the server offers and lists the lines of the exchange.
//!
//! Supported are PLAIN and LOGIN. To add XOAUTH2: a kind of credentials in [`Endpoint`] that yields an access token,
//! its keyword in [`Extensions`], and an arm in [`exchanges`]; `session` sends whatever lines it gets.
//!
//! [`Endpoint`]: crate::mailer::smtp::endpoint::Endpoint

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;

use crate::mailer::smtp::error::Cause;
use crate::mailer::smtp::extension::Extensions;
use crate::mailer::smtp::reply::Reply;

/// One line of the exchange and the reply code it must get.
pub struct Step {
    /// The line, with its CR LF.
    pub line: String,
    /// 334 while the server asks for more, 235 at the end.
    pub expected: u16,
}

/// The lines that sign in with a user and a password, for each mechanism that the server offers and that is known here;
/// the first one is tried first. [`Cause::NoAuth`] when there is none.
pub fn exchanges(extensions: &Extensions, user: &str, password: &str) -> Result<Vec<Vec<Step>>, Cause> {
    let offered = [(extensions.plain, Mechanism::Plain), (extensions.login, Mechanism::Login)];
    let exchanges: Vec<_> = offered
        .into_iter()
        .filter(|(is_offered, _)| *is_offered)
        .map(|(_, mechanism)| exchange(mechanism, user, password))
        .collect();
    if exchanges.is_empty() { Err(Cause::NoAuth) } else { Ok(exchanges) }
}

/// True when the server refuses a mechanism or the credentials in it, so that another mechanism may be tried: some servers
/// offer PLAIN and know the user in LOGIN only.
pub fn may_try_another(reply: &Reply) -> bool {
    matches!(reply.code, 504 | 534 | 535)
}

fn exchange(mechanism: Mechanism, user: &str, password: &str) -> Vec<Step> {
    let challenges = match mechanism {
        Mechanism::Login => &[None, Some("Username"), Some("Password")][..],
        _ => &[None],
    };
    let credentials = Credentials::new(user.to_owned(), password.to_owned());
    let step = |(index, challenge): (usize, &Option<&str>)| {
        let line = Auth::new(mechanism, credentials.clone(), challenge.map(str::to_owned));
        let line = line.expect("each mechanism answers its own challenges").to_string();
        Step { line, expected: if index + 1 == challenges.len() { 235 } else { 334 } }
    };
    challenges.iter().enumerate().map(step).collect()
}
