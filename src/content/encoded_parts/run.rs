//! An encoded run: text of a message that all recipients share, encoded once. Only its tokens differ from delivery to
//! delivery. All tokens have the same length and need no encoding, so each is written over the placeholder token at its
//! place.
//!
//! A run lives in memory only; that it equals a fresh encoding with the delivery's tokens is a property test below. It
//! is what makes a message cost about a fiftieth of rendering and encoding it (`cargo bench --bench compiled_email`).

use memchr::memmem;

use super::base64_run::Base64Run;
use super::delivery_tokens::{DeliveryTokens, TOKENS, TokenSet};
use crate::content::mime::base64_lines;
use crate::content::mime::body::{BlankLines, BodyWriter, EdgeBreaks, TransferEncoding};
use crate::infra::token::{MessageSecret, TOKEN_LENGTH};

/// The place of a token in a run, or of a part of one that a soft line break divides.
#[derive(Debug, Clone, Copy)]
struct TokenPlace {
    /// Byte offset in the run.
    at: usize,
    /// Which of the message's tokens.
    token: usize,
    /// Byte offset in the token.
    from: usize,
    length: usize,
}

/// Encoded text and the places of its tokens.
#[derive(Debug)]
pub struct EncodedRun {
    bytes: Vec<u8>,
    places: Vec<TokenPlace>,
    /// Bytes before encoding.
    length: usize,
    breaks: EdgeBreaks,
    /// The run in base64; then `bytes` is empty.
    base64: Option<Base64Run>,
}

impl EncodedRun {
    /// Encodes pieces of a body that hold tokens of `placeholder`. In plain text, blank lines are collapsed.
    pub fn encode(
        pieces: &[String],
        placeholder: &MessageSecret,
        is_plain_text: bool,
        encoding: TransferEncoding,
    ) -> Self {
        let mut bytes = Vec::new();
        let mut body = match is_plain_text {
            true => BodyWriter::collapsing(&mut bytes, TransferEncoding::QuotedPrintable, BlankLines(0)),
            false => BodyWriter::new(&mut bytes, TransferEncoding::QuotedPrintable),
        };
        pieces.iter().for_each(|piece| body.push(piece));
        let (length, BlankLines(trailing)) = (body.length(), body.blank_lines());
        let is_break = |c: &char| *c == '\n';
        let leading = pieces.iter().flat_map(|piece| piece.chars()).take_while(is_break).count();
        let trailing = (leading < length).then_some(trailing);
        let breaks = EdgeBreaks { leading: if is_plain_text { leading.min(2) } else { 0 }, trailing };
        if encoding == TransferEncoding::Base64 {
            let mut text = Vec::new();
            let mut blank_lines = BlankLines(0);
            for piece in pieces {
                let piece = if is_plain_text { blank_lines.collapse(piece) } else { piece.into() };
                base64_lines::push_with_crlf(&mut text, &piece);
            }
            let placeholders = DeliveryTokens::new(placeholder, TokenSet::ALL);
            let base64 = Some(Base64Run::encode(text, breaks.leading, &placeholders));
            return Self { length, breaks, base64, ..Self::raw(Vec::new(), placeholder) };
        }
        Self { length, breaks, ..Self::raw(bytes, placeholder) }
    }

    /// A run of bytes that need no encoding.
    pub fn raw(bytes: Vec<u8>, placeholder: &MessageSecret) -> Self {
        let breaks = EdgeBreaks { leading: 0, trailing: Some(0) };
        Self { places: find_tokens(&bytes, placeholder), length: bytes.len(), breaks, bytes, base64: None }
    }

    /// Bytes before encoding.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The tokens that occur in the run.
    pub fn tokens(&self) -> TokenSet {
        let quoted = self.places.iter().map(|place| place.token);
        let all = quoted.chain(self.base64.iter().flat_map(Base64Run::tokens));
        all.fold(TokenSet::default(), |set, token| set.union(TokenSet::of(token)))
    }

    /// Appends the run to a body with the tokens of a delivery.
    pub fn push_to(&self, body: &mut BodyWriter<'_>, tokens: &DeliveryTokens) {
        match (&self.base64, body.push_encoded(self.length, self.breaks)) {
            (Some(run), (out, Some(lines), dropped)) => run.write(out, lines, tokens, dropped),
            (_, (out, _, dropped)) => self.write(out, tokens, dropped),
        }
    }

    /// Appends a run in quoted-printable, or one that needs no encoding, with the tokens of a delivery, without its first
    /// `dropped` line breaks.
    pub fn write(&self, out: &mut Vec<u8>, tokens: &DeliveryTokens, dropped: usize) {
        let skipped = 2 * dropped;
        let start = out.len();
        out.extend_from_slice(&self.bytes[skipped..]);
        for place in &self.places {
            let target = &mut out[start + place.at - skipped..];
            // Nearly every token is whole, and copying a known length is faster.
            match target.first_chunk_mut::<TOKEN_LENGTH>().filter(|_| place.length == TOKEN_LENGTH) {
                Some(target) => *target = *tokens.bytes(place.token),
                None => {
                    let part = &tokens.bytes(place.token)[place.from..place.from + place.length];
                    target[..place.length].copy_from_slice(part);
                }
            }
        }
    }
}

/// Finds the placeholder tokens, including those that a soft line break divides.
fn find_tokens(bytes: &[u8], placeholder: &MessageSecret) -> Vec<TokenPlace> {
    let breaks: Vec<_> = memmem::find_iter(bytes, b"=\r\n").collect();
    let (mut joined, mut done) = (Vec::with_capacity(bytes.len()), 0);
    for at in &breaks {
        joined.extend_from_slice(&bytes[done..*at]);
        done = at + 3;
    }
    joined.extend_from_slice(&bytes[done..]);
    // The offset in `bytes` of an offset in `joined`.
    let offset = |at: usize| {
        let before = breaks.iter().enumerate().take_while(|(index, found)| **found - 3 * index <= at).count();
        at + 3 * before
    };

    let tokens = DeliveryTokens::new(placeholder, TokenSet::ALL);
    let mut places = Vec::<TokenPlace>::new();
    for token in 0..TOKENS {
        let text = tokens.text(token);
        for start in memmem::find_iter(&joined, text) {
            for from in 0..text.len() {
                let at = offset(start + from);
                match places.last_mut() {
                    Some(last) if from > 0 && last.at + last.length == at => last.length += 1,
                    _ => places.push(TokenPlace { at, token, from, length: 1 }),
                }
            }
        }
    }
    places.sort_by_key(|place| place.at);
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::infra::secret::Keyring;
    use crate::infra::token::TokenPurpose;
    use crate::infra::token::{DeliveryRef, Signer};

    fn secrets() -> [MessageSecret; 2] {
        let signer = Signer::new(&Keyring::ephemeral());
        [1, 2].map(|delivery| signer.message_secret(DeliveryRef { campaign: 1, delivery }))
    }

    fn body(out: &mut Vec<u8>, is_plain_text: bool, encoding: TransferEncoding) -> BodyWriter<'_> {
        match is_plain_text {
            true => BodyWriter::collapsing(out, encoding, BlankLines(0)),
            false => BodyWriter::new(out, encoding),
        }
    }

    proptest! {
        #[test]
        fn run_equals_a_fresh_encoding_with_other_tokens(
            texts in prop::collection::vec(("(?s)([ -~\n]|я|\n\n){0,90}", 0..TOKENS), 1..12),
            before in "(?s)[a-zя\n]{0,80}",
            after in "(?s)[a-z\n]{0,5}",
            is_plain_text: bool,
            encoding in proptest::sample::select(TransferEncoding::ALL),
        ) {
            let [placeholder, delivery] = secrets();
            let pieces = |secret: &MessageSecret| -> Vec<String> {
                let token = |number: usize| match TokenPurpose::ALL.get(number) {
                    Some(purpose) => secret.token(*purpose),
                    None => secret.message_id(),
                };
                texts.iter().map(|(text, number)| format!("{text}{}", token(*number))).collect()
            };
            let run = EncodedRun::encode(&pieces(&placeholder), &placeholder, is_plain_text, encoding);
            let (mut spliced, mut fresh) = (Vec::new(), Vec::new());
            let mut writer = body(&mut spliced, is_plain_text, encoding);
            writer.push(&before);
            run.push_to(&mut writer, &DeliveryTokens::new(&delivery, run.tokens()));
            writer.push(&after);
            writer.finish();
            let mut writer = body(&mut fresh, is_plain_text, encoding);
            writer.push(&before);
            pieces(&delivery).iter().for_each(|piece| writer.push(piece));
            writer.push(&after);
            writer.finish();

            prop_assert_eq!(String::from_utf8(spliced).expect("ASCII"), String::from_utf8(fresh).expect("ASCII"));
        }
    }

    #[test]
    fn line_breaks_at_both_ends_are_counted() {
        let [placeholder, _] = secrets();
        let edges = |pieces: &[&str]| {
            let pieces: Vec<_> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
            let EdgeBreaks { leading, trailing } =
                EncodedRun::encode(&pieces, &placeholder, true, TransferEncoding::QuotedPrintable).breaks;
            (leading, trailing)
        };
        assert_eq!(edges(&["\n\n\na\n"]), (2, Some(1)));
        assert_eq!(edges(&["\n", "\n\n"]), (2, None));
        assert_eq!(edges(&["\n", "a", "\n\n\n"]), (1, Some(2)));
    }
}
