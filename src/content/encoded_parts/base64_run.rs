//! An encoded run in base64. How a text is encoded depends on the number of bytes before it, modulo three, so it is
//! encoded once for each of the three cases; line ends are put in while it is copied. The groups that hold a token are
//! encoded for each delivery.

use memchr::memmem;

use super::delivery_tokens::{DeliveryTokens, TOKENS};
use crate::content::mime::base64_lines::{self, Base64Lines};

/// Text that all recipients share, encoded in base64.
#[derive(Debug)]
pub struct Base64Run {
    /// Line breaks at the beginning, which the body may leave out.
    leading: usize,
    /// The text between the line breaks at both ends, with CR LF as its line ends.
    text: Vec<u8>,
    /// Line breaks at the end.
    trailing: usize,
    tokens: Vec<TokenPlace>,
    /// By the number of bytes that the last group before the run has too few of.
    cases: [Case; 3],
}

/// A token in the text.
#[derive(Debug, Clone, Copy)]
struct TokenPlace {
    /// Byte offset in the text.
    at: usize,
    /// Which of the message's tokens.
    token: usize,
    length: usize,
}

/// The encoding of the text from one offset on, as far as it makes whole groups.
#[derive(Debug, Default)]
struct Case {
    characters: Vec<u8>,
    /// The groups that hold tokens, as byte ranges in the text.
    patches: Vec<(usize, usize)>,
}

impl Base64Run {
    /// Encodes a text with CR LF as its line ends; the first `leading` of them may be left out of a message.
    /// `placeholders` are the tokens that it may hold.
    pub fn encode(mut text: Vec<u8>, leading: usize, placeholders: &DeliveryTokens) -> Self {
        let mut text = text.split_off(2 * leading);
        let mut trailing = 0;
        while text.ends_with(b"\r\n") {
            text.truncate(text.len() - 2);
            trailing += 1;
        }
        let mut tokens = Vec::new();
        for token in 0..TOKENS {
            let wanted = placeholders.text(token);
            tokens.extend(memmem::find_iter(&text, wanted).map(|at| TokenPlace { at, token, length: wanted.len() }));
        }
        tokens.sort_by_key(|place| place.at);
        let cases = [0, 1, 2].map(|skipped| Case::encode(&text, skipped, &tokens));
        Self { leading, text, trailing, tokens, cases }
    }

    /// The tokens that occur in the run, by number.
    pub fn tokens(&self) -> impl Iterator<Item = usize> {
        self.tokens.iter().map(|place| place.token)
    }

    /// Appends the run with the tokens of a delivery, without its first `dropped` line breaks.
    pub fn write(&self, out: &mut Vec<u8>, lines: &mut Base64Lines, tokens: &DeliveryTokens, dropped: usize) {
        lines.push_breaks(self.leading - dropped);
        if !self.text.is_empty() {
            let skipped = (3 - lines.write_breaks(out)) % 3;
            let case = &self.cases[skipped];
            let from = skipped.min(self.text.len());
            let to = from + case.characters.len() / 4 * 3;
            let mut scratch = Vec::new();
            self.push(out, lines, tokens, (0, from), &mut scratch);
            let start = out.len();
            let column = lines.push_characters(out, &case.characters);
            for (first, end) in &case.patches {
                self.copy(tokens, (*first, *end), &mut scratch);
                let mut characters = [0; 128];
                for (block, raw) in scratch.chunks(96).enumerate() {
                    let length = base64_lines::encode(raw, &mut characters);
                    let at = (first - from) / 3 * 4 + 128 * block;
                    base64_lines::overwrite(&mut out[start..], column, at, &characters[..length]);
                }
            }
            self.push(out, lines, tokens, (to, self.text.len()), &mut scratch);
        }
        lines.push_breaks(self.trailing);
    }

    /// Encodes and appends a part of the text.
    fn push(
        &self,
        out: &mut Vec<u8>,
        lines: &mut Base64Lines,
        tokens: &DeliveryTokens,
        part: (usize, usize),
        scratch: &mut Vec<u8>,
    ) {
        if part.0 < part.1 {
            self.copy(tokens, part, scratch);
            lines.push(out, scratch);
        }
    }

    /// Copies a part of the text with the tokens of a delivery.
    fn copy(&self, tokens: &DeliveryTokens, (from, to): (usize, usize), scratch: &mut Vec<u8>) {
        scratch.clear();
        scratch.extend_from_slice(&self.text[from..to]);
        let first = self.tokens.partition_point(|place| place.at + place.length <= from);
        for place in self.tokens[first..].iter().take_while(|place| place.at < to) {
            let (start, end) = (place.at.max(from), (place.at + place.length).min(to));
            scratch[start - from..end - from]
                .copy_from_slice(&tokens.text(place.token)[start - place.at..end - place.at]);
        }
    }
}

impl Case {
    /// Encodes the text without its first bytes, as far as it makes whole groups.
    fn encode(text: &[u8], skipped: usize, tokens: &[TokenPlace]) -> Self {
        let from = skipped.min(text.len());
        let length = (text.len() - from) / 3 * 3;
        let mut characters = vec![0; length / 3 * 4];
        base64_lines::encode(&text[from..from + length], &mut characters);
        let mut patches = Vec::<(usize, usize)>::new();
        for place in tokens {
            let first = from + place.at.saturating_sub(from) / 3 * 3;
            let end = (from + (place.at + place.length).saturating_sub(from).div_ceil(3) * 3).min(from + length);
            match patches.last_mut() {
                _ if first >= end => {}
                // Two tokens share a group.
                Some((_, last)) if first < *last => *last = end,
                _ => patches.push((first, end)),
            }
        }
        Self { characters, patches }
    }
}
