//! What stands in the links of a letter. A token names a delivery by number, never a person, and
//! each link has a tag of its own, so that a token opens one door: who sees a pixel's address
//! cannot unsubscribe with it.
//!
//! One HMAC-SHA-256 over key id, campaign and delivery makes the *stem* of a message, a value only
//! the key holder can know; each door's tag is the first 128 bits of SHA-256(stem ‖ door). The
//! text form is `base64url(key id ‖ campaign ‖ delivery ‖ tag)`: 44 characters.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::id::Id;
use super::secret::{Key, Keyring};

/// Length of a token in a URL.
pub const LENGTH: usize = 44;
/// Bytes of a name that is hashed in one piece.
const SHORT: usize = 16;
/// Length of the left part of a Message-ID.
pub const MESSAGE_ID: usize = 32;

/// The door a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
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

impl Door {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Open => b"open",
            Self::Click => b"click",
            Self::Unsubscribe => b"unsubscribe",
            Self::Preferences => b"preferences",
            Self::View => b"view",
        }
    }
}

/// What a valid token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
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
pub struct Stem {
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
    pub fn stem(&self, claim: Claim) -> Stem {
        let (id, key) = self.keys.last().expect("a key file holds at least one key");
        make_stem(*id, key, claim)
    }

    /// What the token names, or `None` when it is truncated, forged, or made for another door.
    pub fn verify(&self, door: Door, token: &str) -> Option<Claim> {
        if token.len() != LENGTH {
            return None;
        }
        let mut bytes = [0; 33];
        URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok().filter(|length| *length == bytes.len())?;
        let claim = Claim {
            campaign: i64::from_be_bytes(bytes[1..9].try_into().ok()?),
            delivery: i64::from_be_bytes(bytes[9..17].try_into().ok()?),
        };
        let (id, key) = self.keys.iter().find(|(id, _)| *id == bytes[0])?;
        let expected = make_stem(*id, key, claim).tag(door.name());
        bool::from(expected.ct_eq(&bytes[17..33])).then_some(claim)
    }

    /// A tag that binds a link's rendered destination to its message, for links that differ from
    /// person to person and so cannot lie on the server.
    pub fn verify_destination(&self, claim: Claim, position: usize, destination: &str, tag: &str) -> bool {
        self.keys.iter().any(|(id, key)| {
            let expected = make_stem(*id, key, claim).destination(position, destination);
            bool::from(expected.as_bytes().ct_eq(tag.as_bytes()))
        })
    }
}

impl Stem {
    /// The token for one door.
    pub fn token(&self, door: Door) -> String {
        String::from_utf8_lossy(&self.token_bytes(door)).into_owned()
    }

    /// The same without a `String`.
    pub fn token_bytes(&self, door: Door) -> [u8; LENGTH] {
        let mut bytes = [0; 18];
        bytes[..2].copy_from_slice(&self.head[15..]);
        bytes[2..].copy_from_slice(&self.tag(door.name()));
        let mut text = [0; LENGTH];
        text[..20].copy_from_slice(&self.spelled);
        URL_SAFE_NO_PAD.encode_slice(bytes, &mut text[20..]).expect("18 bytes are 24 characters of base64");
        text
    }

    /// The left part of the Message-ID: the same at every try, and no hint of who it is for.
    pub fn message_id(&self) -> String {
        String::from_utf8_lossy(&self.message_id_bytes()).into_owned()
    }

    /// The same without a `String`.
    pub fn message_id_bytes(&self) -> [u8; MESSAGE_ID] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let tag = self.tag(b"message-id");
        std::array::from_fn(|at| HEX[usize::from(tag[at / 2] >> (4 * (1 - at % 2)) & 15)])
    }

    /// The tag of a destination that is carried in the link itself.
    pub fn destination(&self, position: usize, destination: &str) -> String {
        let name = format!("destination/{position}/{destination}");
        URL_SAFE_NO_PAD.encode(self.tag(name.as_bytes()))
    }

    fn tag(&self, name: &[u8]) -> [u8; 16] {
        // Door names are short: secret and name in one piece are one block.
        let mut text = [0; 32 + SHORT];
        text[..32].copy_from_slice(&self.secret);
        let digest = match text[32..].get_mut(..name.len()) {
            Some(room) => {
                room.copy_from_slice(name);
                Sha256::digest(&text[..32 + name.len()])
            }
            None => Sha256::new().chain_update(self.secret).chain_update(name).finalize(),
        };
        digest[..16].try_into().expect("SHA-256 gives 32 bytes")
    }
}

fn keyed(key: &Key) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(&key.mac(&[b"sendoff token"])).expect("HMAC takes a key of any length")
}

fn make_stem(id: u8, key: &Hmac<Sha256>, claim: Claim) -> Stem {
    let mut head = [id; 17];
    head[1..9].copy_from_slice(&claim.campaign.to_be_bytes());
    head[9..].copy_from_slice(&claim.delivery.to_be_bytes());
    let mut mac = key.clone();
    mac.update(&head);
    let mut spelled = [0; 20];
    URL_SAFE_NO_PAD.encode_slice(&head[..15], &mut spelled).expect("15 bytes are 20 characters of base64");
    Stem { head, spelled, secret: mac.finalize().into_bytes().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claim = Claim { campaign: 11, delivery: 42 };
    const DOORS: [Door; 5] = [Door::Open, Door::Click, Door::Unsubscribe, Door::Preferences, Door::View];

    fn signer() -> Signer {
        Signer::new(&Keyring::ephemeral())
    }

    #[test]
    fn a_token_opens_its_own_door_only() {
        let signer = signer();
        for made in DOORS {
            let token = signer.stem(CLAIM).token(made);
            assert_eq!(token.len(), LENGTH);
            for tried in DOORS {
                let expected = (made == tried).then_some(CLAIM);
                assert_eq!(signer.verify(tried, &token), expected, "{made:?} at {tried:?}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let signer = signer();
        let token = signer.stem(CLAIM).token(Door::Unsubscribe);
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(signer.verify(Door::Unsubscribe, &URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
        for end in 0..token.len() {
            assert_eq!(signer.verify(Door::Unsubscribe, &token[..end]), None);
        }
    }

    #[test]
    fn old_keys_verify_after_two_rotations() {
        let mut ring = Keyring::ephemeral();
        let token = Signer::new(&ring).stem(CLAIM).token(Door::Unsubscribe);
        ring.token.push((2, Key::generate()));
        ring.token.push((3, Key::generate()));

        let signer = Signer::new(&ring);

        assert_eq!(signer.verify(Door::Unsubscribe, &token), Some(CLAIM));
        assert_ne!(signer.stem(CLAIM).token(Door::Unsubscribe), token);
    }

    #[test]
    fn a_destination_is_bound_to_message_and_position() {
        let signer = signer();
        let tag = signer.stem(CLAIM).destination(3, "https://shop.example/?n=1");

        assert!(signer.verify_destination(CLAIM, 3, "https://shop.example/?n=1", &tag));
        assert!(!signer.verify_destination(CLAIM, 4, "https://shop.example/?n=1", &tag));
        assert!(!signer.verify_destination(CLAIM, 3, "https://evil.example/?n=1", &tag));
        assert!(!signer.verify_destination(Claim { delivery: 43, ..CLAIM }, 3, "https://shop.example/?n=1", &tag));
    }
}
