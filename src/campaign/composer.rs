//! Composes the messages of one campaign: the frozen content, compiled once, applied to one recipient after another. A
//! message composed twice for the same delivery has the same bytes.

use std::sync::OnceLock;

use super::delivery::Recipient;
use super::frozen_content::{self, FrozenContent};
use super::model::Campaign;
use crate::audience::address::Address;
use crate::content::compiled_email::{CompiledEmail, RenderSummary};
use crate::content::email::{EmailSource, Tracking};
use crate::content::link;
use crate::content::mime::header::{HeaderText, Mailbox};
use crate::content::mime::message::{self, ListHeaders, MessageHeader, RenderedEmail};
use crate::content::mime_template::{MessageInput, MimeTemplate};
use crate::content::renderer::MergeData;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::infra::token::{DeliveryRef, MessageSecret, Signer, TokenPurpose};

/// A compiled campaign.
pub struct Composer {
    content: FrozenContent,
    main: Variant,
    /// The same email without pixel and with plain links, for recipients who are not measured; compiled for the first of them.
    plain: OnceLock<Option<Variant>>,
    signer: Signer,
    from: Address,
    sender: String,
}

/// The email as one kind of recipients gets it.
struct Variant {
    email: CompiledEmail,
    /// `None` when the email must be rendered for each recipient.
    mime_template: Option<MimeTemplate>,
}

impl Composer {
    /// Compiles the frozen content of a launched campaign.
    pub async fn load(installation: &Installation, conn: &mut Conn, campaign: &Campaign) -> Result<Self> {
        Self::compile(installation, frozen_content::read(conn, campaign).await?)
    }

    /// Compiles content.
    pub fn compile(installation: &Installation, content: FrozenContent) -> Result<Self> {
        let shared = installation.signer.message_secret(DeliveryRef::of_all(content.campaign));
        let pixel = link::page_url(content.frame.public_url.trim_end_matches('/'), &shared, TokenPurpose::Open);
        let email = CompiledEmail::compile_with_pixel(&content.draft, &content.frame, &pixel).inspect_err(|error| {
            if panic::is_panic(error) {
                installation.panics.record("composer");
            }
        })?;
        let from = content.from.mailbox()?;
        let (signer, sender) = (installation.signer.clone(), from.envelope());
        let main = Variant { email, mime_template: None };
        let mut composer = Self { content, main, plain: OnceLock::new(), signer, from, sender };
        composer.main.mime_template = composer.mime_template(&composer.main.email).map_err(Message::invalid)?;
        Ok(composer)
    }

    fn mime_template(&self, email: &CompiledEmail) -> Result<Option<MimeTemplate>, Message> {
        let heading = self.heading(email.placeholder_secret(), &self.from, 0)?;
        Ok(MimeTemplate::new(email, &heading))
    }

    /// The email as this recipient gets it.
    ///
    /// # Errors
    /// An email that compiles with measurement alone; then nothing is sent to those who are not measured.
    fn variant(&self, recipient: &Recipient) -> Result<&Variant, Message> {
        if self.content.draft.tracking != Tracking::Individual || self.content.measures(recipient.measured) {
            return Ok(&self.main);
        }
        let compile = || {
            let draft = EmailSource { tracking: Tracking::None, ..self.content.draft.clone() };
            let email = CompiledEmail::compile(&draft, &self.content.frame).ok()?;
            Some(Variant { mime_template: self.mime_template(&email).ok()?, email })
        };
        self.plain.get_or_init(compile).as_ref().ok_or_else(|| Message::new("skipped-template"))
    }

    /// The compiled email, as those get it who are measured.
    pub fn email(&self) -> &CompiledEmail {
        &self.main.email
    }

    /// The content that was compiled.
    pub fn content(&self) -> &FrozenContent {
        &self.content
    }

    /// The envelope sender.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The return path of a delivery's message alone; `None` when what comes back goes to the envelope sender.
    pub fn return_path(&self, delivery: Id) -> Option<String> {
        let domain = Some(&self.content.bounce_domain).filter(|domain| !domain.is_empty())?;
        Some(format!("{}@{domain}", self.secret(delivery).return_path()))
    }

    /// Renders the message of a delivery.
    ///
    /// # Errors
    /// The reason why it cannot be made; a catalogue key of a skipped delivery.
    pub fn render(&self, recipient: &Recipient) -> Result<RenderedEmail, Message> {
        let rendered = self.preview(recipient)?;
        if rendered.missing.is_empty() { Ok(rendered) } else { Err(Message::new("skipped-missing")) }
    }

    /// The same, with missing fields left empty and named.
    pub fn preview(&self, recipient: &Recipient) -> Result<RenderedEmail, Message> {
        let values = serde_json::from_str(&recipient.fields).map_err(|_| Message::new("skipped-fields"))?;
        let secret = self.secret(recipient.delivery);
        let reader =
            MergeData { address: &recipient.address, values: &values, secret: &secret, tracked: true, inert: false };
        self.variant(recipient)?.email.render(&reader).map_err(|fault| fault.message())
    }

    /// Size and missing fields of the message without rendering it; `None` when it must be previewed to know, or cannot
    /// be made. Overwrites `scratch`.
    pub fn measure(&self, recipient: &Recipient, scratch: &mut Vec<u8>) -> Option<RenderSummary> {
        let email = &self.main.email;
        email.summarize(&recipient.address, &recipient.fields, email.placeholder_secret(), scratch)
    }

    /// True when only a relay with SMTPUTF8 (RFC 6531) can take the message.
    pub fn needs_smtputf8(&self, to: &Address) -> bool {
        to.needs_smtputf8() || self.from.needs_smtputf8()
    }

    /// Address of header From.
    pub fn from(&self) -> &Address {
        &self.from
    }

    /// Relay that the campaign names.
    pub fn relay(&self) -> Option<&str> {
        self.content.relay.as_deref()
    }

    /// Bytes of the message. `date` is that of the first attempt, in ms.
    ///
    /// # Errors
    /// An address that cannot be written into a header.
    pub fn write(
        &self,
        recipient: &Recipient,
        to: &Address,
        rendered: &RenderedEmail,
        date: Millis,
    ) -> Result<Vec<u8>, Message> {
        Ok(message::write(&self.heading(&self.secret(recipient.delivery), to, date)?, rendered))
    }

    /// Writes the message of a delivery to `out` in wire form, dated as its first attempt. Overwrites `out`. Dots at the
    /// beginning of lines are doubled (RFC 5321 §4.5.2), the last line is terminated; the final dot is not included. The
    /// bytes are those of [`render`](Self::render) and [`write`](Self::write).
    ///
    /// # Errors
    /// The reason why no message can be made.
    pub fn compose(&self, recipient: &Recipient, to: &Address, date: Millis, out: &mut Vec<u8>) -> Result<(), Message> {
        if !self.splice(recipient, to, date, out) {
            let rendered = self.render(recipient)?;
            out.clear();
            // None of our lines begins with a dot, so there is none to double.
            out.extend_from_slice(&self.write(recipient, to, &rendered, date)?);
        }
        Ok(())
    }

    /// Writes the message from the encoded pieces; false when it must be rendered, or cannot be made.
    pub fn splice(&self, recipient: &Recipient, to: &Address, date: Millis, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Ok(Variant { email, mime_template: Some(mime_template) }) = self.variant(recipient) else { return false };
        let reader = MessageInput {
            address: &recipient.address,
            local: to.local(),
            domain: to.domain(),
            fields: &recipient.fields,
            secret: &self.secret(recipient.delivery),
        };
        mime_template.write(email, &reader, date, out).is_some()
    }

    /// Message-ID of a delivery without brackets: the same at every attempt; reveals nothing about the recipient.
    pub fn message_id(&self, delivery: Id) -> String {
        format!("{}@{}", self.secret(delivery).message_id(), self.from.domain())
    }

    fn secret(&self, delivery: Id) -> MessageSecret {
        self.signer.message_secret(DeliveryRef { campaign: self.content.campaign, delivery })
    }

    fn heading(&self, secret: &MessageSecret, to: &Address, date: Millis) -> Result<MessageHeader, Message> {
        let from = &self.from;
        let token = secret.token(TokenPurpose::Unsubscribe);
        let mailto = self.content.mailbox.split_once('@').map(|(local, domain)| format!("{local}+{token}@{domain}"));
        let reply_to = match &self.content.reply_to {
            Some(to) => Some(mailbox(&to.name, &to.mailbox().map_err(|error| error.message())?)?),
            None => None,
        };
        Ok(MessageHeader {
            from: mailbox(&self.content.from.name, from)?,
            reply_to,
            to: mailbox("", to).map_err(|_| Message::new("skipped-address"))?,
            message_id: format!("{}@{}", secret.message_id(), from.domain()),
            date,
            list: Some(ListHeaders {
                list_label: format!("l{:x}", self.content.list),
                list_domain: from.domain().to_owned(),
                list_name: HeaderText::clean(&self.content.frame.list_name),
                campaign: format!("{:x}", self.content.campaign),
                stream: format!("{:x}", self.content.list),
                tenant: label(&self.content.workspace),
                feedback_sender: "sendoff".to_owned(),
                unsubscribe_url: link::page_url(&self.content.frame.public_url, secret, TokenPurpose::Unsubscribe),
                unsubscribe_mailbox: mailto,
            }),
        })
    }
}

fn mailbox(name: &str, address: &Address) -> Result<Mailbox, Message> {
    let mailbox = Mailbox::new(HeaderText::clean(name), address.local(), address.domain());
    mailbox.map_err(|error| error.message())
}

/// A name reduced to ASCII letters and digits, for a header.
fn label(name: &str) -> String {
    let word: String = name.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    if word.is_empty() { "main".to_owned() } else { word }
}
