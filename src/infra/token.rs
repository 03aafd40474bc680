//! Tokens: the signed part of every URL in a message (unsubscribe, preferences, view, click, pixel).
//!
//! A token names a delivery by number, never a person. Each purpose has an authentication tag of its own, so a token
//! works for one purpose only: the pixel's URL cannot be turned into an unsubscribe URL.
//!
//! `HMAC-SHA-256(key, key id ‖ campaign ‖ delivery)` is the *secret* of a message. The two halves of `SHA-256(secret ‖
//! n)` are the tags of the purposes `2n` and `2n + 1`, so neither tag reveals the other. A token is `base64url(key id ‖
//! campaign ‖ delivery ‖ tag)`, 44 characters.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::infra::base32;
use crate::infra::id::Id;
use crate::infra::secret::{Key, Keyring};

/// Characters of a token.
pub const TOKEN_LENGTH: usize = 44;
/// Bytes of a token before base64: key id, campaign, delivery, tag.
const TOKEN_BYTES: usize = 33;
/// Characters of the left part of a Message-ID.
pub const MESSAGE_ID_LENGTH: usize = 32;

/// Beginning of the local part of a return path.
const RETURN_PATH: &str = "b-";
/// Bytes of the tag of a return path: 80 bits, so that the local part stays below 64 octets (RFC 5321 §4.5.3.1.1).
const RETURN_TAG_BYTES: usize = 10;
/// Number of the tag of return paths: the one after that of the Message-ID.
const RETURN_TAG: usize = TokenPurpose::ALL.len() + 1;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// The tracking pixel.
    Open,
    /// The redirect of a measured link.
    Click,
    /// The unsubscribe page and its one-click POST (RFC 8058).
    Unsubscribe,
    /// The page with the recipient's data and subscriptions.
    Preferences,
    /// The email in a browser.
    View,
}

impl TokenPurpose {
    /// All purposes in the order of their tags. The tag after theirs belongs to the Message-ID.
    pub const ALL: [Self; 5] = [Self::Open, Self::Click, Self::Unsubscribe, Self::Preferences, Self::View];
}

/// The authentication tag of one purpose: half a SHA-256 digest.
pub type AuthTag = [u8; 16];

/// The delivery that a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryRef {
    /// The campaign.
    pub campaign: Id,
    /// The delivery; 0 in a test message, whose tokens change nothing.
    pub delivery: Id,
}

impl DeliveryRef {
    /// What the pixel names that all messages of a campaign share: no delivery.
    pub const fn of_all(campaign: Id) -> Self {
        Self { campaign, delivery: Id::MAX }
    }

    /// Whether it names all messages of the campaign.
    pub const fn is_of_all(self) -> bool {
        self.delivery == Id::MAX
    }
}

/// Signs and verifies tokens. Cheap to clone: the HMAC key schedules are set up once.
#[derive(Clone)]
pub struct Signer {
    keys: Vec<(u8, Hmac<Sha256>)>,
}

/// The secret of one message, from which its tokens and its Message-ID follow.
pub struct MessageSecret {
    /// Key id, campaign and delivery: what every token of the message begins with.
    head: [u8; 17],
    secret: [u8; 32],
}

impl Signer {
    /// A signer with the token keys of an installation. The last key signs, all verify.
    pub fn new(ring: &Keyring) -> Self {
        let keys = ring.token.iter().map(|(id, key)| (*id, token_hmac(key))).collect();
        Self { keys }
    }

    /// The secret of a delivery's message: one HMAC.
    pub fn message_secret(&self, delivery: DeliveryRef) -> MessageSecret {
        let (id, key) = self.keys.last().expect("a key file holds at least one key");
        derive_secret(*id, key, delivery)
    }

    /// The delivery that a token names, or `None` if the token is truncated, forged, or made for another purpose.
    pub fn verify(&self, purpose: TokenPurpose, token: &str) -> Option<DeliveryRef> {
        if token.len() != TOKEN_LENGTH {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok().filter(|length| *length == bytes.len())?;
        let delivery = DeliveryRef {
            campaign: i64::from_be_bytes(bytes[1..9].try_into().ok()?),
            delivery: i64::from_be_bytes(bytes[9..17].try_into().ok()?),
        };
        let (id, key) = self.keys.iter().find(|(id, _)| *id == bytes[0])?;
        let expected = derive_secret(*id, key, delivery).tag(purpose as usize);
        bool::from(expected.ct_eq(&bytes[17..])).then_some(delivery)
    }

    /// The delivery that the local part of a return path names, in either case; `None` when it is forged or none of ours.
    pub fn verify_return_path(&self, local: &str) -> Option<DeliveryRef> {
        let start = local.get(..RETURN_PATH.len()).filter(|start| start.eq_ignore_ascii_case(RETURN_PATH))?;
        let bytes = base32::decode(&local[start.len()..]).filter(|bytes| bytes.len() == 17 + RETURN_TAG_BYTES)?;
        let delivery = DeliveryRef {
            campaign: i64::from_be_bytes(bytes[1..9].try_into().ok()?),
            delivery: i64::from_be_bytes(bytes[9..17].try_into().ok()?),
        };
        let (id, key) = self.keys.iter().find(|(id, _)| *id == bytes[0])?;
        let expected = derive_secret(*id, key, delivery).tag(RETURN_TAG);
        bool::from(expected[..RETURN_TAG_BYTES].ct_eq(&bytes[17..])).then_some(delivery)
    }

    /// Verifies the tag of [`MessageSecret::destination_tag`] under any of the keys.
    pub fn verify_destination(&self, delivery: DeliveryRef, position: usize, destination: &str, tag: &str) -> bool {
        self.keys.iter().any(|(id, key)| {
            let expected = derive_secret(*id, key, delivery).destination_tag(position, destination);
            bool::from(expected.as_bytes().ct_eq(tag.as_bytes()))
        })
    }
}

impl MessageSecret {
    /// The token for one purpose.
    pub fn token(&self, purpose: TokenPurpose) -> String {
        String::from_utf8_lossy(&self.token_of(&self.tag(purpose as usize))).into_owned()
    }

    /// The token with this tag, in ASCII.
    pub fn token_of(&self, tag: &AuthTag) -> [u8; TOKEN_LENGTH] {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..17].copy_from_slice(&self.head);
        bytes[17..].copy_from_slice(tag);
        let mut text = [0; TOKEN_LENGTH];
        URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).expect("33 bytes are 44 characters of base64");
        text
    }

    /// The left part of the Message-ID: the same at every attempt, and no hint of the recipient.
    pub fn message_id(&self) -> String {
        String::from_utf8_lossy(&message_id_of(&self.tag(TokenPurpose::ALL.len()))).into_owned()
    }

    /// The local part of the message's return path (VERP): `b-` and base32 of key id, campaign, delivery and tag, 46 characters.
    /// Servers may change its case.
    pub fn return_path(&self) -> String {
        let bytes = [&self.head[..], &self.tag(RETURN_TAG)[..RETURN_TAG_BYTES]].concat();
        format!("{RETURN_PATH}{}", base32::encode(&bytes).to_lowercase())
    }

    /// The tags number `2 * pair` and `2 * pair + 1`, in the order of [`TokenPurpose::ALL`].
    pub fn tag_pair(&self, pair: usize) -> [AuthTag; 2] {
        let digest = self.hash(&[b'0' + pair as u8]);
        let (tags, _) = digest.as_chunks();
        [tags[0], tags[1]]
    }

    fn tag(&self, number: usize) -> AuthTag {
        self.tag_pair(number / 2)[number % 2]
    }

    /// The tag that binds a link's rendered destination to its message and position. It signs links whose destination
    /// differs from recipient to recipient and therefore travels in the URL.
    pub fn destination_tag(&self, position: usize, destination: &str) -> String {
        let name = format!("destination/{position}/{destination}");
        URL_SAFE_NO_PAD.encode(&self.hash(name.as_bytes())[..16])
    }

    /// `SHA-256(secret ‖ name)`.
    fn hash(&self, name: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(self.secret).chain_update(name).finalize().into()
    }
}

/// A tag in hexadecimal, as the left part of a Message-ID.
pub fn message_id_of(tag: &AuthTag) -> [u8; MESSAGE_ID_LENGTH] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| HEX[usize::from(tag[at / 2] >> (4 * (1 - at % 2)) & 15)])
}

/// HMAC under a key that is derived from an installation's key for tokens alone.
fn token_hmac(key: &Key) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(&key.mac(&[b"sendoff token"])).expect("HMAC takes a key of any length")
}

fn derive_secret(id: u8, key: &Hmac<Sha256>, delivery: DeliveryRef) -> MessageSecret {
    let mut head = [id; 17];
    head[1..9].copy_from_slice(&delivery.campaign.to_be_bytes());
    head[9..].copy_from_slice(&delivery.delivery.to_be_bytes());
    let mut mac = key.clone();
    mac.update(&head);
    MessageSecret { head, secret: mac.finalize().into_bytes().into() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const DELIVERY: DeliveryRef = DeliveryRef { campaign: 11, delivery: 42 };

    /// Computed outside of this program, by the definition at the head of the module.
    const EARLIER_TOKENS: [&str; 5] = [
        "AQAAAAAAAAALAAAAAAAAACrsT_IPhVHcYPKkAwsFoL7z",
        "AQAAAAAAAAALAAAAAAAAACr1obQfNoeG3vRzNi6zb4S2",
        "AQAAAAAAAAALAAAAAAAAACq0ldx1Ovs-i97QHnkS52cI",
        "AQAAAAAAAAALAAAAAAAAACrpXCXCHoCw2PG3LgltEBpQ",
        "AQAAAAAAAAALAAAAAAAAACq03fqklwKvKz_V_Pd7Btjk",
    ];
    const EARLIER_MESSAGE_ID: &str = "ca0c4944da03e4cc54c6f1d807042fe7";
    const EARLIER_DESTINATION_TAG: &str = "hod8ZVOXU3iXhxmoDuZZlw";

    fn signer() -> Signer {
        Signer::new(&Keyring::ephemeral())
    }

    proptest! {
        #[test]
        fn token_round_trips_for_its_own_purpose_only(campaign: i64, delivery: i64) {
            let signer = signer();
            let delivery = DeliveryRef { campaign, delivery };
            for made in TokenPurpose::ALL {
                let token = signer.message_secret(delivery).token(made);
                prop_assert_eq!(token.len(), TOKEN_LENGTH);
                for tried in TokenPurpose::ALL {
                    let expected = (made == tried).then_some(delivery);
                    prop_assert_eq!(signer.verify(tried, &token), expected, "{:?} as {:?}", made, tried);
                }
            }
        }
    }

    #[test]
    fn tokens_of_earlier_versions_stay_valid() {
        let mut head = [1; 17];
        head[1..9].copy_from_slice(&11_i64.to_be_bytes());
        head[9..].copy_from_slice(&42_i64.to_be_bytes());
        let secret = MessageSecret { head, secret: std::array::from_fn(|at| at as u8) };

        assert_eq!(TokenPurpose::ALL.map(|purpose| secret.token(purpose)), EARLIER_TOKENS);
        assert_eq!(secret.message_id(), EARLIER_MESSAGE_ID);
        assert_eq!(secret.destination_tag(3, "https://shop.example/?n=1"), EARLIER_DESTINATION_TAG);
    }

    #[test]
    fn every_purpose_and_the_message_id_have_tags_of_their_own() {
        let secret = signer().message_secret(DELIVERY);
        let tags: BTreeSet<AuthTag> = (0..=TokenPurpose::ALL.len()).map(|number| secret.tag(number)).collect();
        assert_eq!(tags.len(), TokenPurpose::ALL.len() + 1);
        assert!(TokenPurpose::ALL.iter().enumerate().all(|(number, purpose)| *purpose as usize == number));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let signer = signer();
        let token = signer.message_secret(DELIVERY).token(TokenPurpose::Unsubscribe);
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(signer.verify(TokenPurpose::Unsubscribe, &URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
        for end in 0..token.len() {
            assert_eq!(signer.verify(TokenPurpose::Unsubscribe, &token[..end]), None);
        }
    }

    #[test]
    fn return_path_names_its_delivery_in_either_case_and_no_other() {
        let signer = signer();
        let path = signer.message_secret(DELIVERY).return_path();
        assert_eq!((path.len(), path.is_ascii()), (46, true));
        assert_eq!(signer.verify_return_path(&path), Some(DELIVERY));
        assert_eq!(signer.verify_return_path(&path.to_uppercase()), Some(DELIVERY));
        for at in 2..path.len() {
            let other = if &path[at..=at] == "a" { "b" } else { "a" };
            let forged = format!("{}{other}{}", &path[..at], &path[at + 1..]);
            assert_eq!(signer.verify_return_path(&forged), None, "{forged}");
        }
        let other = signer.message_secret(DeliveryRef { delivery: 43, ..DELIVERY }).return_path();
        assert_eq!(signer.verify_return_path(&format!("{}{}", &path[..30], &other[30..])), None);
        for bad in ["", "b", "b-", "b-aa", "б-", &path[1..]] {
            assert_eq!(signer.verify_return_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn old_keys_verify_after_two_rotations() {
        let mut ring = Keyring::ephemeral();
        let token = Signer::new(&ring).message_secret(DELIVERY).token(TokenPurpose::Unsubscribe);
        ring.token.push((2, Key::generate()));
        ring.token.push((3, Key::generate()));

        let signer = Signer::new(&ring);

        assert_eq!(signer.verify(TokenPurpose::Unsubscribe, &token), Some(DELIVERY));
        assert_ne!(signer.message_secret(DELIVERY).token(TokenPurpose::Unsubscribe), token);
    }

    #[test]
    fn a_destination_is_bound_to_message_and_position() {
        let signer = signer();
        let tag = signer.message_secret(DELIVERY).destination_tag(3, "https://shop.example/?n=1");
        let verify = |delivery, position, destination| signer.verify_destination(delivery, position, destination, &tag);

        assert!(verify(DELIVERY, 3, "https://shop.example/?n=1"));
        assert!(!verify(DELIVERY, 4, "https://shop.example/?n=1"));
        assert!(!verify(DELIVERY, 3, "https://evil.example/?n=1"));
        assert!(!verify(DeliveryRef { delivery: 43, ..DELIVERY }, 3, "https://shop.example/?n=1"));
    }
}
