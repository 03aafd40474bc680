//! Sign-in at an identity provider by OpenID Connect: authorization code flow with PKCE, state and nonce. The browser holds one
//! random token in a cookie; state, nonce and code verifier are derived from it, so that a reply is believed in that browser
//! alone.

pub mod endpoint;
pub mod id_token;
mod json_web_key;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::SecretToken;

crate::text_enum! {
    /// Why a sign-in at the provider is refused.
    Refusal keyed "provider-" {
        /// The provider does not answer, or not as it should.
        Silent = "silent",
        /// The provider's description of itself names another issuer, or lacks an address.
        Discovery = "discovery",
        /// The provider does not accept the code, or the client.
        Code = "code",
        /// The token is none, or of an algorithm that is not accepted.
        Token = "token",
        /// No key of the provider made the signature.
        Signature = "signature",
        /// The token is of another issuer.
        Issuer = "issuer",
        /// The token is for another client.
        Audience = "audience",
        /// The token is for another sign-in.
        Nonce = "nonce",
        /// The token has expired, or is of the future.
        Expired = "expired",
        /// The provider has not verified the address, or does not say it.
        Email = "email",
    }
}

/// What belongs to one sign-in, derived from the token of the browser. Has no `Debug`, since it holds secrets.
pub struct Flow {
    /// Comes back with the reply.
    pub state: String,
    /// Stands in the ID token.
    pub nonce: String,
    /// Proves to the provider that whoever redeems the code asked for it (RFC 7636).
    pub verifier: String,
}

impl Flow {
    /// The values of a browser that wants to see the page `next`.
    pub fn new(token: &SecretToken, next: &str) -> Self {
        let wanted = URL_SAFE_NO_PAD.encode(next);
        let proof = derive("state", token, &wanted);
        Self {
            state: format!("{proof}.{wanted}"),
            nonce: derive("nonce", token, ""),
            verifier: derive("verifier", token, ""),
        }
    }

    /// The values of a reply with this state, and the page that was wanted; `None` when the browser did not ask.
    pub fn resume(token: &SecretToken, state: &str) -> Option<(Self, String)> {
        let (_, wanted) = state.split_once('.')?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(wanted).ok()?).ok()?;
        let flow = Self::new(token, &next);
        bool::from(flow.state.as_bytes().ct_eq(state.as_bytes())).then_some((flow, next))
    }

    /// What the provider sees of the verifier.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

fn derive(purpose: &str, token: &SecretToken, more: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("oidc {purpose}\n{}\n{more}", token.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_belongs_to_the_browser_that_asked() {
        let (token, other) = (SecretToken::generate(), SecretToken::generate());
        let flow = Flow::new(&token, "/w/main/people?q=a");

        let (resumed, next) = Flow::resume(&token, &flow.state).expect("its own");
        assert_eq!((resumed.nonce, resumed.verifier, next.as_str()), (flow.nonce, flow.verifier, "/w/main/people?q=a"));
        assert!(Flow::resume(&other, &flow.state).is_none());
        let (proof, _) = flow.state.split_once('.').expect("two parts");
        for forged in ["", "a.b", &format!("{proof}."), &format!("{proof}.{}", URL_SAFE_NO_PAD.encode("/other"))] {
            assert!(Flow::resume(&token, forged).is_none(), "{forged}");
        }
    }
}
