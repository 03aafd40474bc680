//! A message whose bytes were written before anybody was known: everything but the reader's own
//! values, encoded once for a campaign. A message from it is the same to the byte as one that was
//! rendered and written ([`super::mime::message::write`]), and takes a fiftieth of the time.

use super::email::CompiledEmail;
use super::encoded_parts::run::{Run, Tokens, Wanted};
use super::mime::header::{HeaderText, Mailbox};
use super::mime::message::{self, MessageHeader};
use crate::infra::clock::Millis;
use crate::infra::token::MessageSecret;

/// The message of a campaign.
pub struct MimeTemplate {
    first: Run,
    /// The field of a subject that is the same for all.
    subject: Option<Run>,
    /// Everything between the date and the text.
    last: Run,
    /// Between text and HTML.
    middle: Run,
    close: Run,
    wanted: Wanted,
}

impl MimeTemplate {
    /// Makes the mime_template; `None` for a letter that must be rendered for each reader. The heading is
    /// one that was made with the tokens of [`CompiledEmail::placeholder_secret`].
    pub fn new(letter: &CompiledEmail, heading: &MessageHeader) -> Option<Self> {
        let forms = letter.forms.as_ref()?;
        let placeholder_secret = &letter.placeholder_secret;
        let run = |bytes| Run::raw(bytes, placeholder_secret);
        let subject = |text: &HeaderText| {
            let mut out = Vec::new();
            message::push_subject(&mut out, text);
            run(out)
        };
        let mut last = message::last(heading);
        last.extend_from_slice(&message::part(heading, "plain"));
        let (first, last) = (run(message::first(heading)), run(last));
        let (middle, close) = (run(message::part(heading, "html")), run(message::close(heading)));
        let wanted = [&first, &last, &middle, &close].into_iter().map(Run::wanted);
        let wanted = wanted.fold(forms.wanted(), Wanted::and);
        Some(Self { first, subject: forms.subject().map(subject), last, middle, close, wanted })
    }

    /// Appends the message of one reader; `None` when there may be no letter for them, and `out`
    /// then holds a part of it. Who wants to know why renders it.
    pub fn write(
        &self,
        letter: &CompiledEmail,
        reader: &MessageInput<'_>,
        date: Millis,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let forms = letter.forms.as_ref()?;
        let mut fill = forms.fill(letter, reader.address, reader.fields, reader.secret)?;
        if !fill.missing.is_empty() {
            return None;
        }
        let tokens = Tokens::of(reader.secret, self.wanted);
        self.first.write(out, &tokens, 0);
        push_to(out, reader.local, reader.domain)?;
        match &self.subject {
            Some(subject) => subject.write(out, &tokens, 0),
            None => message::push_subject(out, &fill.heads[0]),
        }
        message::push_date(out, date);
        self.last.write(out, &tokens, 0);
        forms.text(letter, &mut fill, &tokens, out)?;
        self.middle.write(out, &tokens, 0);
        forms.html(letter, &mut fill, &tokens, out)?;
        self.close.write(out, &tokens, 0);
        fill.missing.is_empty().then_some(())
    }
}

/// Whom a message goes to.
pub struct MessageInput<'a> {
    /// The address as its owner spells it.
    pub address: &'a str,
    /// The part before `@`.
    pub local: &'a str,
    /// The domain as A-label.
    pub domain: &'a str,
    /// Field values as JSON.
    pub fields: &'a str,
    /// What the tokens of the delivery are made from.
    pub secret: &'a MessageSecret,
}

/// An address of letters and digits that fits on the line needs no rules.
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
