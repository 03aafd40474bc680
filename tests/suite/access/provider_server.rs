//! An identity provider of OpenID Connect on this machine, with keys of its own: it hands out codes, checks their verifier and the
//! client, and signs what a test wants it to sign.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use sendoff::access::SecretToken;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use url::Url;

pub const CLIENT: &str = "sendoff desk";
pub const SECRET: &str = "s3cret:with/signs";

/// How a token is signed.
#[derive(Clone, Copy)]
pub enum Signed {
    Es256,
    Rs256,
    /// With a key that the provider does not publish.
    Foreign,
    /// With the secret of the client, as HS256.
    Secret,
    /// Not at all.
    Not,
}

impl Signed {
    const fn algorithm(self) -> &'static str {
        match self {
            Self::Es256 | Self::Foreign => "ES256",
            Self::Rs256 => "RS256",
            Self::Secret => "HS256",
            Self::Not => "none",
        }
    }
}

/// What a code stands for.
struct Grant {
    challenge: String,
    redirect: String,
    token: String,
}

struct Keys {
    ec: EcdsaKeyPair,
    foreign: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

struct Shared {
    issuer: String,
    keys: Keys,
    grants: Mutex<HashMap<String, Grant>>,
    userinfo: Mutex<Value>,
    /// What the provider says of itself besides.
    description: Mutex<Value>,
}

/// The provider; it ends with the runtime of the test.
#[derive(Clone)]
pub struct Provider(Arc<Shared>);

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let issuer = format!("http://{}/realms/staff", listener.local_addr().expect("an address"));
        let rsa = STANDARD.decode(include_str!("provider_key.b64").trim()).expect("base64");
        let keys = Keys { ec: ec_key(), foreign: ec_key(), rsa: RsaKeyPair::from_der(&rsa).expect("a key") };
        let provider = Self(Arc::new(Shared {
            issuer,
            keys,
            grants: Mutex::default(),
            userinfo: Mutex::new(Value::Null),
            description: Mutex::new(json!({})),
        }));
        let routes = Router::new()
            .route("/realms/staff/.well-known/openid-configuration", get(describe))
            .route("/token", post(token))
            .route("/keys", get(keys_of))
            .route("/me", get(me))
            .with_state(provider.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        provider
    }

    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Changes what the provider says of itself.
    pub fn describe_as(&self, more: Value) {
        *self.0.description.lock().expect("a lock") = more;
    }

    /// Sets what the provider answers about a person.
    pub fn know(&self, userinfo: Value) {
        *self.0.userinfo.lock().expect("a lock") = userinfo;
    }

    /// What follows when a person signs in at the page that the browser was sent to: the path of the reply. `change` replaces
    /// claims of the token, those that are null go.
    pub fn sign_in(&self, url: &str, now: i64, email: &str, signed: Signed, change: &Value) -> String {
        let url = Url::parse(url).expect("a URL");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["client_id"], CLIENT);
        assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"), "{query:?}");
        let mut claims = json!({
            "iss": self.0.issuer, "aud": CLIENT, "sub": "person-17", "nonce": query["nonce"], "email": email,
            "email_verified": true, "iat": now / 1_000, "exp": now / 1_000 + 300,
        });
        merge(&mut claims, change);
        let code = SecretToken::generate().expose().to_owned();
        let grant = Grant {
            challenge: query["code_challenge"].clone(),
            redirect: query["redirect_uri"].clone(),
            token: self.sign(signed, &claims),
        };
        let redirect = Url::parse(&grant.redirect).expect("a URL");
        self.0.grants.lock().expect("a lock").insert(code.clone(), grant);
        format!("{}?code={code}&state={}", redirect.path(), query["state"])
    }

    fn sign(&self, signed: Signed, claims: &Value) -> String {
        let kid = if matches!(signed, Signed::Rs256) { "rsa-1" } else { "ec-1" };
        let header = json!({ "alg": signed.algorithm(), "typ": "JWT", "kid": kid }).to_string();
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let (random, keys) = (SystemRandom::new(), &self.0.keys);
        let signature = match signed {
            Signed::Es256 => keys.ec.sign(&random, text.as_bytes()).expect("signed").as_ref().to_vec(),
            Signed::Foreign => keys.foreign.sign(&random, text.as_bytes()).expect("signed").as_ref().to_vec(),
            Signed::Rs256 => {
                let mut signature = vec![0; keys.rsa.public().modulus_len()];
                keys.rsa.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).expect("signed");
                signature
            }
            Signed::Secret => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
                ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
            Signed::Not => Vec::new(),
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn ec_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).expect("a key")
}

fn merge(value: &mut Value, more: &Value) {
    let object = value.as_object_mut().expect("an object");
    for (name, change) in more.as_object().expect("an object") {
        match change {
            Value::Null => drop(object.remove(name)),
            change => drop(object.insert(name.clone(), change.clone())),
        }
    }
}

async fn describe(State(provider): State<Provider>) -> Json<Value> {
    let base = provider.issuer().trim_end_matches("/realms/staff");
    let mut description = json!({
        "issuer": provider.issuer(),
        "authorization_endpoint": format!("{base}/authorize?realm=staff"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/keys"),
        "userinfo_endpoint": format!("{base}/me"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    merge(&mut description, &provider.0.description.lock().expect("a lock"));
    Json(description)
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let refuse = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why })));
    let encoded = format!("{}:{}", "sendoff+desk", "s3cret%3Awith%2Fsigns");
    let basic = headers.get("authorization").map(|value| value.to_str().expect("text").to_owned());
    let is_ours = match basic {
        Some(basic) => basic == format!("Basic {}", STANDARD.encode(encoded)),
        None => form["client_id"] == CLIENT && form.get("client_secret").is_some_and(|secret| secret == SECRET),
    };
    if !is_ours {
        return refuse("invalid_client");
    }
    let grant = provider.0.grants.lock().expect("a lock").remove(&form["code"]);
    let Some(grant) = grant else { return refuse("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if grant.challenge != challenge || grant.redirect != form["redirect_uri"] {
        return refuse("invalid_grant");
    }
    (StatusCode::OK, Json(json!({ "access_token": "access-17", "token_type": "Bearer", "id_token": grant.token })))
}

async fn keys_of(State(provider): State<Provider>) -> Json<Value> {
    let keys = &provider.0.keys;
    let point = keys.ec.public_key().as_ref();
    let rsa = RsaPublicKeyComponents::<Vec<u8>>::from(keys.rsa.public());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Json(json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed-1", "x": "AA" },
        { "kty": "EC", "crv": "P-256", "kid": "ec-1", "use": "sig", "x": encode(&point[1..33]), "y": encode(&point[33..]) },
        { "kty": "RSA", "kid": "rsa-1", "alg": "RS256", "n": encode(&rsa.n), "e": encode(&rsa.e) },
    ] }))
}

async fn me(State(provider): State<Provider>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let userinfo = provider.0.userinfo.lock().expect("a lock").clone();
    match headers.get("authorization").is_some_and(|value| value == "Bearer access-17") && !userinfo.is_null() {
        true => (StatusCode::OK, Json(userinfo)),
        false => (StatusCode::UNAUTHORIZED, Json(Value::Null)),
    }
}
