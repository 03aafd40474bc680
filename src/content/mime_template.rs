//! The MIME message of a campaign with everything encoded that all recipients share. A message made from it is byte for
//! byte the one that [`super::mime::message::write`] would write from the rendered email, in a fiftieth of the time.

use super::compiled_email::CompiledEmail;
use super::encoded_parts::delivery_tokens::{DeliveryTokens, TokenSet};
use super::encoded_parts::run::EncodedRun;
use super::mime::header::{HeaderText, Mailbox};
use super::mime::message::{self, MessageHeader};
use crate::infra::clock::Millis;
use crate::infra::token::MessageSecret;

/// The encoded header and MIME structure of a campaign's messages.
pub struct MimeTemplate {
    /// The header fields before `To`.
    header_start: EncodedRun,
    /// The `Subject` field, if all recipients get the same.
    subject: Option<EncodedRun>,
    /// From after `Date` to the beginning of the plain text.
    header_end: EncodedRun,
    /// Between the plain text and the HTML.
    between_bodies: EncodedRun,
    closing_boundary: EncodedRun,
    tokens: TokenSet,
}

/// The recipient's values of one message.
pub struct MessageInput<'a> {
    /// The address as its owner spells it.
    pub address: &'a str,
    /// The part before `@`.
    pub local: &'a str,
    /// The domain as A-label.
    pub domain: &'a str,
    /// Field values as JSON.
    pub fields: &'a str,
    /// Makes the tokens of the delivery.
    pub secret: &'a MessageSecret,
}

impl MimeTemplate {
    /// Encodes the header once; `None` if the email must be rendered for each recipient. The header must be made with
    /// the tokens of [`CompiledEmail::placeholder_secret`].
    pub fn new(email: &CompiledEmail, header: &MessageHeader) -> Option<Self> {
        let parts = email.parts.as_ref()?;
        let (secret, encodings) = (email.placeholder_secret(), email.renderer.encodings);
        let encoded = |bytes| EncodedRun::raw(bytes, secret);
        let subject = |text: &HeaderText| {
            let mut out = Vec::new();
            message::push_subject(&mut out, text);
            encoded(out)
        };
        let mut header_end = message::header_end(header);
        header_end.extend_from_slice(&message::part_header(header, "plain", encodings.text));
        let (header_start, header_end) = (encoded(message::header_start(header)), encoded(header_end));
        let between_bodies = encoded(message::part_header(header, "html", encodings.html));
        let closing_boundary = encoded(message::closing_boundary(header));
        let runs = [&header_start, &header_end, &between_bodies, &closing_boundary];
        let tokens = runs.into_iter().map(EncodedRun::tokens).fold(parts.tokens(), TokenSet::union);
        let subject = parts.fixed_subject().map(subject);
        Some(Self { header_start, subject, header_end, between_bodies, closing_boundary, tokens })
    }

    /// Appends the message of one recipient. Returns `None`, with `out` partly written, if the email cannot be sent to
    /// them; rendering it gives the reason.
    pub fn write(
        &self,
        email: &CompiledEmail,
        input: &MessageInput<'_>,
        date: Millis,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let parts = email.parts.as_ref()?;
        let mut values = parts.slot_values(&email.renderer, input.address, input.fields, input.secret)?;
        if !values.missing.is_empty() {
            return None;
        }
        let tokens = DeliveryTokens::new(input.secret, self.tokens);
        self.header_start.write(out, &tokens, 0);
        push_to(out, input.local, input.domain)?;
        match &self.subject {
            Some(subject) => subject.write(out, &tokens, 0),
            None => message::push_subject(out, &values.headers[0]),
        }
        message::push_date(out, date);
        self.header_end.write(out, &tokens, 0);
        parts.write_text(&email.renderer, &mut values, &tokens, out)?;
        self.between_bodies.write(out, &tokens, 0);
        parts.write_html(&email.renderer, &mut values, &tokens, out)?;
        self.closing_boundary.write(out, &tokens, 0);
        values.missing.is_empty().then_some(())
    }
}

/// Appends the `To` field. An address of plain letters and digits, by far the most common, needs neither quoting nor
/// folding.
fn push_to(out: &mut Vec<u8>, local: &str, domain: &str) -> Option<()> {
    let is_simple = |text: &str| {
        !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-_+".contains(&c))
    };
    if is_simple(local) && is_simple(domain) && !domain.contains("xn--") {
        for text in ["To: ", local, "@", domain, "\r\n"] {
            out.extend_from_slice(text.as_bytes());
        }
        return Some(());
    }
    message::push_to(out, &Mailbox::new(HeaderText::default(), local, domain).ok()?);
    Some(())
}
