//! What stands in the links of a letter. A token names a delivery by number, never a person, and
//! each link has a tag of its own, so that a token opens one door: who sees a pixel's address
//! cannot unsubscribe with it.
//!
//! One HMAC-SHA-256 over key id, campaign and delivery makes the *stem* of a message, a value only
//! the key holder can know; the halves of SHA-256(stem ‖ pair) are the tags of two doors, of which
//! neither tells the other. The text form is `base64url(key id ‖ campaign ‖ delivery ‖ tag)`: 44
//! characters.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::infra::id::Id;
use crate::infra::secret::{Key, Keyring};

/// Length of a token in a URL.
pub const LENGTH: usize = 44;
/// Bytes that fit into one block of SHA-256 with what ends a text.
const BLOCK: usize = 55;
/// Length of the left part of a Message-ID.
pub const MESSAGE_ID: usize = 32;

/// The door a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// The pixel.
    Open,
    /// The redirect of every link of the letter.
    Click,
    /// The unsubscribe page and its one-click POST.
    Unsubscribe,
    /// What we hold, leaving one list or all of them.
    Preferences,
    /// The letter in a browser.
    View,
}

/// The doors in the order of their tags. The tag after theirs is the Message-ID's.
pub const DOORS: [TokenPurpose; 5] =
    [TokenPurpose::Open, TokenPurpose::Click, TokenPurpose::Unsubscribe, TokenPurpose::Preferences, TokenPurpose::View];

/// What proves that a token was made for its door.
pub type Tag = [u8; 16];

/// What a valid token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryRef {
    /// The campaign of the letter.
    pub campaign: Id,
    /// The delivery; 0 in a test letter, where every door is inert.
    pub delivery: Id,
}

/// Signs and verifies; cheap to clone, with the key schedules already set up.
#[derive(Clone)]
pub struct Signer {
    keys: Vec<(u8, Hmac<Sha256>)>,
}

/// Everything of one message that only the key holder can make.
pub struct MessageSecret {
    head: [u8; 17],
    /// What every token of the message begins with: 15 bytes of the head.
    spelled: [u8; 20],
    secret: [u8; 32],
}

impl Signer {
    /// A signer for the token keys of an installation; the last key signs.
    pub fn new(ring: &Keyring) -> Self {
        let keys = ring.token.iter().map(|(id, key)| (*id, keyed(key))).collect();
        Self { keys }
    }

    /// The stem of a message: one HMAC, from which all its tokens and its Message-ID follow.
    pub fn message_secret(&self, claim: DeliveryRef) -> MessageSecret {
        let (id, key) = self.keys.last().expect("a key file holds at least one key");
        make_stem(*id, key, claim)
    }

    /// What the token names, or `None` when it is truncated, forged, or made for another door.
    pub fn verify(&self, door: TokenPurpose, token: &str) -> Option<DeliveryRef> {
        if token.len() != LENGTH {
            return None;
        }
        let mut bytes = [0; 33];
        URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok().filter(|length| *length == bytes.len())?;
        let claim = DeliveryRef {
            campaign: i64::from_be_bytes(bytes[1..9].try_into().ok()?),
            delivery: i64::from_be_bytes(bytes[9..17].try_into().ok()?),
        };
        let (id, key) = self.keys.iter().find(|(id, _)| *id == bytes[0])?;
        let expected = make_stem(*id, key, claim).tag(door as usize);
        bool::from(expected.ct_eq(&bytes[17..33])).then_some(claim)
    }

    /// A tag that binds a link's rendered destination to its message, for links that differ from
    /// person to person and so cannot lie on the server.
    pub fn verify_destination(&self, claim: DeliveryRef, position: usize, destination: &str, tag: &str) -> bool {
        self.keys.iter().any(|(id, key)| {
            let expected = make_stem(*id, key, claim).destination_tag(position, destination);
            bool::from(expected.as_bytes().ct_eq(tag.as_bytes()))
        })
    }
}

impl MessageSecret {
    /// The token for one door.
    pub fn token(&self, door: TokenPurpose) -> String {
        let mut text = [0; LENGTH];
        self.write_token(&self.tag(door as usize), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Writes the token of a tag.
    pub fn write_token(&self, tag: &Tag, text: &mut [u8; LENGTH]) {
        let mut bytes = [0; 18];
        bytes[..2].copy_from_slice(&self.head[15..]);
        bytes[2..].copy_from_slice(tag);
        text[..20].copy_from_slice(&self.spelled);
        spell(&bytes, &mut text[20..]);
    }

    /// The left part of the Message-ID: the same at every try, and no hint of who it is for.
    pub fn message_id(&self) -> String {
        String::from_utf8_lossy(&spell_id(&self.tag(DOORS.len()))).into_owned()
    }

    /// Two tags: those of the doors `2 * pair` and the next.
    pub fn pair(&self, pair: usize) -> [Tag; 2] {
        let digest = self.hash(&[b'0' + pair as u8]);
        let (tags, _) = digest.as_chunks();
        [tags[0], tags[1]]
    }

    fn tag(&self, at: usize) -> Tag {
        self.pair(at / 2)[at % 2]
    }

    /// The tag of a destination that is carried in the link itself.
    pub fn destination_tag(&self, position: usize, destination: &str) -> String {
        let name = format!("destination/{position}/{destination}");
        URL_SAFE_NO_PAD.encode(&self.hash(name.as_bytes())[..16])
    }

    /// SHA-256 of the secret and a name.
    fn hash(&self, name: &[u8]) -> [u8; 32] {
        let length = 32 + name.len();
        if length > BLOCK {
            return Sha256::new().chain_update(self.secret).chain_update(name).finalize().into();
        }
        // Secret and name with what ends a text (FIPS 180-4, 5.1.1): one block, hashed where it stands.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.secret);
        block[32..length].copy_from_slice(name);
        block[length] = 0x80;
        block[62..].copy_from_slice(&(8 * length as u16).to_be_bytes());
        let mut state = BEGINNING;
        compress256(&mut state, &[block]);
        let mut digest = [0; 32];
        digest.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
        digest
    }
}

/// A tag as the left part of a Message-ID.
pub fn spell_id(tag: &Tag) -> [u8; MESSAGE_ID] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| HEX[usize::from(tag[at / 2] >> (4 * (1 - at % 2)) & 15)])
}

/// The state that SHA-256 begins with (FIPS 180-4, 5.3.3).
const BEGINNING: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Writes threes of bytes as fours of characters: base64 for URLs (RFC 4648, 5).
fn spell(bytes: &[u8], text: &mut [u8]) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for ([a, b, c], four) in bytes.as_chunks().0.iter().zip(text.as_chunks_mut::<4>().0) {
        let bits = u32::from_be_bytes([0, *a, *b, *c]);
        *four = [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize]);
    }
}

fn keyed(key: &Key) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(&key.mac(&[b"sendoff token"])).expect("HMAC takes a key of any length")
}

fn make_stem(id: u8, key: &Hmac<Sha256>, claim: DeliveryRef) -> MessageSecret {
    let mut head = [id; 17];
    head[1..9].copy_from_slice(&claim.campaign.to_be_bytes());
    head[9..].copy_from_slice(&claim.delivery.to_be_bytes());
    let mut mac = key.clone();
    mac.update(&head);
    let mut spelled = [0; 20];
    spell(&head[..15], &mut spelled);
    MessageSecret { head, spelled, secret: mac.finalize().into_bytes().into() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const CLAIM: DeliveryRef = DeliveryRef { campaign: 11, delivery: 42 };

    fn signer() -> Signer {
        Signer::new(&Keyring::ephemeral())
    }

    #[test]
    fn a_token_opens_its_own_door_only() {
        let signer = signer();
        for made in DOORS {
            let token = signer.message_secret(CLAIM).token(made);
            assert_eq!(token.len(), LENGTH);
            for tried in DOORS {
                let expected = (made == tried).then_some(CLAIM);
                assert_eq!(signer.verify(tried, &token), expected, "{made:?} at {tried:?}");
            }
        }
    }

    #[test]
    fn every_door_and_the_message_id_have_tags_of_their_own() {
        let stem = signer().message_secret(CLAIM);
        let tags: BTreeSet<Tag> = (0..=DOORS.len()).map(|at| stem.tag(at)).collect();
        assert_eq!(tags.len(), DOORS.len() + 1);
        assert!(DOORS.iter().enumerate().all(|(at, door)| *door as usize == at));
    }

    #[test]
    fn a_hash_is_sha_256_and_a_token_is_base64() {
        let stem = signer().message_secret(CLAIM);
        for length in 0..100 {
            let name = &[b'x'; 100][..length];
            let digest = Sha256::new().chain_update(stem.secret).chain_update(name).finalize();
            assert_eq!(stem.hash(name), digest[..], "{length}");
        }
        let bytes: Vec<u8> = (0..=255).cycle().step_by(7).take(3 * 256).collect();
        let mut text = vec![0; 4 * 256];
        spell(&bytes, &mut text);
        assert_eq!(text, URL_SAFE_NO_PAD.encode(bytes).as_bytes());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let signer = signer();
        let token = signer.message_secret(CLAIM).token(TokenPurpose::Unsubscribe);
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
    fn old_keys_verify_after_two_rotations() {
        let mut ring = Keyring::ephemeral();
        let token = Signer::new(&ring).message_secret(CLAIM).token(TokenPurpose::Unsubscribe);
        ring.token.push((2, Key::generate()));
        ring.token.push((3, Key::generate()));

        let signer = Signer::new(&ring);

        assert_eq!(signer.verify(TokenPurpose::Unsubscribe, &token), Some(CLAIM));
        assert_ne!(signer.message_secret(CLAIM).token(TokenPurpose::Unsubscribe), token);
    }

    #[test]
    fn a_destination_is_bound_to_message_and_position() {
        let signer = signer();
        let tag = signer.message_secret(CLAIM).destination_tag(3, "https://shop.example/?n=1");

        assert!(signer.verify_destination(CLAIM, 3, "https://shop.example/?n=1", &tag));
        assert!(!signer.verify_destination(CLAIM, 4, "https://shop.example/?n=1", &tag));
        assert!(!signer.verify_destination(CLAIM, 3, "https://evil.example/?n=1", &tag));
        assert!(!signer.verify_destination(
            DeliveryRef { delivery: 43, ..CLAIM },
            3,
            "https://shop.example/?n=1",
            &tag
        ));
    }
}
