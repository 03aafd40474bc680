//! The tokens of a delivery, which its message carries at many places.

use crate::infra::token::{MESSAGE_ID_LENGTH, MessageSecret, TOKEN_LENGTH, TokenPurpose, message_id_of};

/// The tokens of a message: one for each purpose, and the Message-ID.
pub(super) const TOKENS: usize = TokenPurpose::ALL.len() + 1;

/// A set of the tokens of a message, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenSet(u8);

impl TokenSet {
    pub(super) const ALL: Self = Self((1 << TOKENS) - 1);

    /// The set of one token.
    pub(super) fn of(token: usize) -> Self {
        Self(1 << token)
    }

    /// The tokens of both sets.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the set holds a token of this pair (see [`MessageSecret::tag_pair`]).
    fn has_pair(self, pair: usize) -> bool {
        self.0 >> (2 * pair) & 0b11 != 0
    }
}

/// The tokens of one delivery.
pub struct DeliveryTokens([[u8; TOKEN_LENGTH]; TOKENS]);

impl DeliveryTokens {
    /// Makes the tokens of a set.
    pub fn new(secret: &MessageSecret, set: TokenSet) -> Self {
        let mut tokens = [[0; TOKEN_LENGTH]; TOKENS];
        for (pair, tokens) in tokens.chunks_mut(2).enumerate().filter(|(pair, _)| set.has_pair(*pair)) {
            for (half, (token, tag)) in tokens.iter_mut().zip(secret.tag_pair(pair)).enumerate() {
                match 2 * pair + half < TokenPurpose::ALL.len() {
                    true => *token = secret.token_of(&tag),
                    false => token[..MESSAGE_ID_LENGTH].copy_from_slice(&message_id_of(&tag)),
                }
            }
        }
        Self(tokens)
    }

    /// A token with the bytes behind it that are not written.
    pub(super) fn bytes(&self, token: usize) -> &[u8; TOKEN_LENGTH] {
        &self.0[token]
    }

    /// The text of a token.
    pub(super) fn text(&self, token: usize) -> &[u8] {
        &self.0[token][..if token < TokenPurpose::ALL.len() { TOKEN_LENGTH } else { MESSAGE_ID_LENGTH }]
    }
}
