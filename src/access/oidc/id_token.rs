//! ID tokens (OpenID Connect Core §2): who signed in, checked against keys, issuer, client, nonce and clock (§3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::Refusal;
use super::json_web_key::Algorithm;
pub use super::json_web_key::KeySet;
use crate::infra::clock::Millis;

/// Seconds by which the clocks may differ.
const SKEW: i64 = 60;

/// What the token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The nonce of the sign-in.
    pub nonce: &'a str,
    /// The time.
    pub now: Millis,
}

/// Who signed in, as the provider says. Has no `Debug`, since it holds an address.
#[derive(Deserialize)]
pub struct Claims {
    /// The key of the person at the provider.
    pub sub: String,
    iss: String,
    aud: OneOrMany,
    azp: Option<String>,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
    nonce: Option<String>,
    /// The address and whether it was verified.
    #[serde(flatten)]
    pub address: AddressClaims,
}

/// The address of a person, in an ID token or in the reply of the userinfo endpoint. Has no `Debug`.
#[derive(Deserialize)]
pub struct AddressClaims {
    email: Option<String>,
    email_verified: Option<Value>,
}

impl AddressClaims {
    /// Whether the address is missing, or whether it was verified.
    pub const fn is_incomplete(&self) -> bool {
        self.email.is_none() || self.email_verified.is_none()
    }

    /// The address, when the provider says that it was verified. Some write the word instead of the value.
    pub fn verified(&self) -> Result<&str, Refusal> {
        let is_verified = match &self.email_verified {
            Some(Value::Bool(is_verified)) => *is_verified,
            Some(Value::String(word)) => word == "true",
            _ => false,
        };
        self.email.as_deref().filter(|email| is_verified && !email.is_empty()).ok_or(Refusal::Email)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

/// Checks a token. The signature comes first: nothing of a forged one is looked at.
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, Refusal> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Token)?;
    let (header, claims) = signed.split_once('.').ok_or(Refusal::Token)?;
    let header: Header = part(header)?;
    let algorithm = Algorithm::parse(&header.alg).filter(|_| header.crit.is_none()).ok_or(Refusal::Token)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Token)?;
    if !keys.verify(algorithm, header.kid.as_deref(), signed.as_bytes(), &signature) {
        return Err(Refusal::Signature);
    }
    let claims: Claims = part(claims)?;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), Refusal> {
    if claims.iss != expected.issuer {
        return Err(Refusal::Issuer);
    }
    let is_ours = match &claims.aud {
        OneOrMany::One(one) => one == expected.client_id,
        // A token for several must name the one that it was made for.
        OneOrMany::Many(many) => {
            many.iter().any(|one| one == expected.client_id) && (many.len() == 1 || claims.azp.is_some())
        }
    };
    if !is_ours || claims.azp.as_deref().is_some_and(|azp| azp != expected.client_id) {
        return Err(Refusal::Audience);
    }
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Refusal::Nonce);
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds of a date are exact in 52 bits")]
    let (early, late) = ((expected.now / 1_000 - SKEW) as f64, (expected.now / 1_000 + SKEW) as f64);
    let is_later = |moment: Option<f64>| moment.is_some_and(|moment| moment > late);
    if claims.exp <= early || is_later(claims.iat) || is_later(claims.nbf) {
        return Err(Refusal::Expired);
    }
    if claims.sub.is_empty() { Err(Refusal::Token) } else { Ok(()) }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Token)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Token)
}
