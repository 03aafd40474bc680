//! The addresses of a provider: its description of itself (discovery), tokens, keys, and what it knows of a person.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use super::id_token::{AddressClaims, KeySet};
use super::{Flow, Refusal};
use crate::access::identity_provider::IdentityProvider;
use crate::infra::http_client::{self, Ask};
use crate::infra::network::Network;

/// What a provider says of itself (OpenID Connect Discovery §3).
#[derive(Debug, Clone, Deserialize)]
pub struct Discovery {
    issuer: String,
    authorization_endpoint: Address,
    token_endpoint: Address,
    jwks_uri: Address,
    userinfo_endpoint: Option<Address>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// A web address that may be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct Address(Url);

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let url = Url::parse(&text).ok().filter(http_client::is_allowed);
        url.map(Self).ok_or("neither HTTPS nor this machine")
    }
}

/// The tokens for a code. Has no `Debug`.
#[derive(Deserialize)]
pub struct Tokens {
    /// Who signed in.
    pub id_token: String,
    access_token: String,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(flatten)]
    address: AddressClaims,
}

impl Discovery {
    /// Asks the provider.
    pub async fn load(network: &Network, issuer: &str) -> Result<Self, Refusal> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|_| Refusal::Discovery)?;
        let found: Self = ask(network, &url, Ask::default()).await?.ok_or(Refusal::Discovery)?;
        if found.issuer == issuer { Ok(found) } else { Err(Refusal::Discovery) }
    }

    /// Where the browser is sent to.
    pub fn authorization_url(&self, provider: &IdentityProvider, redirect: &str, flow: &Flow) -> String {
        let mut url = self.authorization_endpoint.0.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("scope", "openid email")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("state", &flow.state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        url.into()
    }

    /// Redeems a code.
    pub async fn redeem(
        &self,
        network: &Network,
        provider: &IdentityProvider,
        redirect: &str,
        flow: &Flow,
        code: &str,
    ) -> Result<Tokens, Refusal> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &flow.verifier),
        ];
        let methods = &self.token_endpoint_auth_methods_supported;
        let is_basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let mut authorization = None;
        match &provider.secret {
            Some(secret) if is_basic => authorization = Some(basic(&provider.client_id, secret)),
            Some(secret) => form.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret)]),
            None => form.push(("client_id", &provider.client_id)),
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Ask { form: Some(form), authorization: authorization.as_deref() };
        ask(network, &self.token_endpoint.0, request).await?.ok_or(Refusal::Code)
    }

    /// The keys of the provider.
    pub async fn keys(&self, network: &Network) -> Result<KeySet, Refusal> {
        ask(network, &self.jwks_uri.0, Ask::default()).await?.ok_or(Refusal::Discovery)
    }

    /// What the provider knows of the person `sub`, where the ID token has no address.
    pub async fn address(&self, network: &Network, tokens: &Tokens, sub: &str) -> Result<AddressClaims, Refusal> {
        let url = self.userinfo_endpoint.as_ref().ok_or(Refusal::Email)?;
        let bearer = format!("Bearer {}", tokens.access_token);
        let request = Ask { form: None, authorization: Some(&bearer) };
        let found: UserInfo = ask(network, &url.0, request).await?.ok_or(Refusal::Email)?;
        if found.sub == sub { Ok(found.address) } else { Err(Refusal::Token) }
    }
}

/// The header of a client with a secret (RFC 6749 §2.3.1).
fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

/// The JSON of an answer; `None` for a refusal, or another kind of answer.
async fn ask<T: DeserializeOwned>(network: &Network, url: &Url, request: Ask<'_>) -> Result<Option<T>, Refusal> {
    let answer = http_client::send(network, url, request).await.map_err(|_| Refusal::Silent)?;
    match answer.status {
        200 => Ok(serde_json::from_slice(&answer.body).ok()),
        500.. => Err(Refusal::Silent),
        _ => Ok(None),
    }
}
