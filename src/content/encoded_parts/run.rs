//! Pieces of a message that are the same for every reader, encoded once. What differs in them from
//! one delivery to the next are its tokens: a token has always the same length and needs no encoding,
//! so it is written over the one that stood there when the run was made.

use memchr::memmem;

use crate::content::mime::quoted_printable::{Body, Gaps};
use crate::infra::token::{DOORS, LENGTH, MESSAGE_ID, MessageSecret, spell_id};

/// The Message-ID comes after the doors.
const MARKS: usize = DOORS.len() + 1;

/// Which tokens are wanted, a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted(u8);

impl Wanted {
    /// All of both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The tokens of one delivery.
pub struct Tokens([[u8; LENGTH]; MARKS]);

impl Tokens {
    /// Those that are wanted.
    pub fn of(secret: &MessageSecret, wanted: Wanted) -> Self {
        let mut tokens = [[0; LENGTH]; MARKS];
        for (pair, tokens) in tokens.chunks_mut(2).enumerate().filter(|(pair, _)| wanted.0 >> (2 * pair) & 0b11 != 0) {
            for (half, (token, tag)) in tokens.iter_mut().zip(secret.pair(pair)).enumerate() {
                match 2 * pair + half < DOORS.len() {
                    true => secret.write_token(&tag, token),
                    false => token[..MESSAGE_ID].copy_from_slice(&spell_id(&tag)),
                }
            }
        }
        Self(tokens)
    }

    fn text(&self, mark: usize) -> &[u8] {
        &self.0[mark][..if mark < DOORS.len() { LENGTH } else { MESSAGE_ID }]
    }
}

/// Where a token, or a part of it, stands in a run.
#[derive(Debug, Clone, Copy)]
struct Patch {
    at: usize,
    mark: usize,
    from: usize,
    length: usize,
}

/// Encoded pieces and the places of their tokens.
#[derive(Debug)]
pub struct Run {
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    /// Bytes before encoding.
    length: usize,
    /// Line ends at the beginning, up to two.
    lead: usize,
    /// Line ends at the end, up to two; `None` when there is nothing but line ends.
    tail: Option<usize>,
}

impl Run {
    /// Encodes pieces of a body that were made with the tokens of `placeholder_secret`; `joined` as plain text.
    pub fn of(pieces: &[String], placeholder_secret: &MessageSecret, joined: bool) -> Self {
        let mut bytes = Vec::new();
        let mut body = if joined { Body::joining(&mut bytes, Gaps(0)) } else { Body::new(&mut bytes) };
        pieces.iter().for_each(|piece| body.piece(piece));
        let (length, Gaps(tail)) = (body.length(), body.gaps());
        let is_break = |c: &char| *c == '\n';
        let lead = pieces.iter().flat_map(|piece| piece.chars()).take_while(is_break).count();
        let tail = (lead < length).then_some(tail);
        Self { length, lead: if joined { lead.min(2) } else { 0 }, tail, ..Self::raw(bytes, placeholder_secret) }
    }

    /// Takes bytes as they are.
    pub fn raw(bytes: Vec<u8>, placeholder_secret: &MessageSecret) -> Self {
        Self { patches: find(&bytes, placeholder_secret), length: bytes.len(), lead: 0, tail: Some(0), bytes }
    }

    /// Bytes before encoding.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Line ends at the beginning, up to two.
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// Line ends at the end, up to two; `None` when there is nothing but line ends.
    pub fn tail(&self) -> Option<usize> {
        self.tail
    }

    /// The tokens that stand in it.
    pub fn wanted(&self) -> Wanted {
        self.patches.iter().fold(Wanted::default(), |wanted, patch| wanted.and(Wanted(1 << patch.mark)))
    }

    /// Appends the run with the tokens of a delivery, without its first `dropped` line ends.
    pub fn write(&self, out: &mut Vec<u8>, tokens: &Tokens, dropped: usize) {
        let skipped = 2 * dropped;
        let start = out.len();
        out.extend_from_slice(&self.bytes[skipped..]);
        for patch in &self.patches {
            let place = &mut out[start + patch.at - skipped..];
            // A whole token is the common case, and a copy of known length a quick one.
            match place.first_chunk_mut::<LENGTH>().filter(|_| patch.length == LENGTH) {
                Some(place) => *place = tokens.0[patch.mark],
                None => {
                    let token = &tokens.0[patch.mark][patch.from..patch.from + patch.length];
                    place[..patch.length].copy_from_slice(token);
                }
            }
        }
    }
}

/// Finds the tokens of the placeholder_secret, also where a soft break runs through one.
fn find(bytes: &[u8], placeholder_secret: &MessageSecret) -> Vec<Patch> {
    let breaks: Vec<_> = memmem::find_iter(bytes, b"=\r\n").collect();
    let (mut flat, mut done) = (Vec::with_capacity(bytes.len()), 0);
    for at in &breaks {
        flat.extend_from_slice(&bytes[done..*at]);
        done = at + 3;
    }
    flat.extend_from_slice(&bytes[done..]);
    // Where a place of the flat text stands in the bytes.
    let place = |at: usize| {
        let before = breaks.iter().enumerate().take_while(|(index, found)| **found - 3 * index <= at).count();
        at + 3 * before
    };

    let tokens = Tokens::of(placeholder_secret, Wanted((1 << MARKS) - 1));
    let mut patches = Vec::<Patch>::new();
    for mark in 0..MARKS {
        let token = tokens.text(mark);
        for start in memmem::find_iter(&flat, token) {
            for from in 0..token.len() {
                let at = place(start + from);
                match patches.last_mut() {
                    Some(last) if from > 0 && last.at + last.length == at => last.length += 1,
                    _ => patches.push(Patch { at, mark, from, length: 1 }),
                }
            }
        }
    }
    patches.sort_by_key(|patch| patch.at);
    patches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::secret::Keyring;
    use crate::infra::token::{DeliveryRef, Signer, TokenPurpose};

    #[test]
    fn a_run_is_what_its_pieces_are_with_other_tokens() {
        let signer = Signer::new(&Keyring::ephemeral());
        let [placeholder_secret, secret] =
            [1, 2].map(|delivery| signer.message_secret(DeliveryRef { campaign: 1, delivery }));
        let pieces = |secret: &MessageSecret| {
            let url = |width: usize| format!("https://{}/{}/3", "n".repeat(width), secret.token(TokenPurpose::Click));
            let mut pieces: Vec<_> = (0..90).map(url).collect();
            pieces.extend([
                format!("<{}@x>.\n", secret.message_id()),
                "\n\n".to_owned(),
                secret.token(TokenPurpose::View),
            ]);
            pieces
        };
        let run = Run::of(&pieces(&placeholder_secret), &placeholder_secret, true);
        let mut spliced = Vec::new();
        run.write(&mut spliced, &Tokens::of(&secret, run.wanted()), 0);

        let mut plain = Vec::new();
        let mut body = Body::joining(&mut plain, Gaps(0));
        pieces(&secret).iter().for_each(|piece| body.piece(piece));
        assert_eq!(String::from_utf8(spliced), String::from_utf8(plain));
    }

    #[test]
    fn line_ends_at_the_edges_are_counted() {
        let signer = Signer::new(&Keyring::ephemeral());
        let placeholder_secret = signer.message_secret(DeliveryRef { campaign: 1, delivery: 1 });
        let edges = |pieces: &[&str]| {
            let run =
                Run::of(&pieces.iter().map(|piece| (*piece).to_owned()).collect::<Vec<_>>(), &placeholder_secret, true);
            (run.lead(), run.tail())
        };
        assert_eq!(edges(&["\n\n\na\n"]), (2, Some(1)));
        assert_eq!(edges(&["\n", "\n\n"]), (2, None));
        assert_eq!(edges(&["\n", "a", "\n\n\n"]), (1, Some(2)));
    }
}
