//! Secret tokens: 256 random bits for a session, a known client or a link. The database holds their SHA-256 alone, so that a
//! copy of it lets nobody in.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use sha2::{Digest as _, Sha256};

/// Bytes of a token.
const BYTES: usize = 32;

/// A token as its owner holds it: 43 characters of base64url. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(String);

impl SecretToken {
    /// A random token.
    pub fn generate() -> Self {
        let bytes: [u8; BYTES] = rand::rng().random();
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A token that somebody presents; `None` for a text that is no token.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned()))
    }

    /// The token itself, for a cookie or a link.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database holds.
    pub fn digest(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_read_back() {
        let (one, other) = (SecretToken::generate(), SecretToken::generate());

        assert_ne!(one, other);
        assert_eq!(SecretToken::parse(one.expose()), Some(one.clone()));
        assert_eq!((one.expose().len(), one.digest().len()), (43, 32));
        assert!(!format!("{one:?}").contains(one.expose()));
        for bad in ["", "abc", &format!("{}A", one.expose()), "!!!"] {
            assert_eq!(SecretToken::parse(bad), None, "{bad}");
        }
    }
}
