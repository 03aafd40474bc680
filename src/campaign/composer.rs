//! What makes the letters of one campaign: everything fixed at launch, compiled once, applied to one
//! person after another. Made twice for the same delivery, a message is the same to the byte.

use serde::{Deserialize, Serialize};

use super::delivery::Recipient;
use super::file::Sender;
use super::model::Campaign;
use crate::audience::address::Address;
use crate::content::compiled_email::{CompiledEmail, RenderSummary};
use crate::content::email::{EmailContext, EmailSource};
use crate::content::link;
use crate::content::mime::header::{HeaderText, Mailbox};
use crate::content::mime::message::{self, ListHeaders, MessageHeader, RenderedEmail};
use crate::content::mime_template::{MessageInput, MimeTemplate};
use crate::content::renderer::MergeData;
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::token::{DeliveryRef, MessageSecret, Signer, TokenPurpose};

/// Everything the letters of a campaign are made from, as it is kept in the campaign's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FrozenContent {
    /// The letter.
    pub draft: EmailSource,
    /// What surrounds it.
    pub frame: EmailContext,
    /// Who writes.
    pub from: Sender,
    /// The relay that the campaign names.
    #[serde(default)]
    pub relay: Option<String>,
    /// Where answers go.
    pub reply_to: Option<Sender>,
    /// The list, whose number is the stable part of List-Id.
    pub list: Id,
    /// The workspace, in Feedback-ID.
    pub workspace: String,
    /// The campaign's number, in Feedback-ID.
    pub campaign: Id,
    /// Where a mailto unsubscribe goes; empty when there is no such mailbox.
    pub mailbox: String,
}

/// A compiled campaign.
pub struct Composer {
    frozen: FrozenContent,
    letter: CompiledEmail,
    /// `None` when the letter must be rendered for each reader.
    mime_template: Option<MimeTemplate>,
    signer: Signer,
    from: Address,
    sender: String,
}

impl Composer {
    /// Compiles what a launched campaign has fixed.
    pub fn open(installation: &Installation, campaign: &Campaign) -> Result<Self> {
        let broken = || Message::new("campaign-frozen").with("name", &campaign.name).internal();
        let frozen = campaign.frozen.as_deref().ok_or_else(broken)?;
        Self::compile(installation, serde_json::from_str(frozen).map_err(|_| broken())?)
    }

    /// Compiles a letter that is not launched yet.
    pub fn compile(installation: &Installation, frozen: FrozenContent) -> Result<Self> {
        let letter = CompiledEmail::compile(&frozen.draft, &frozen.frame)?;
        let from = frozen.from.mailbox();
        let (signer, sender) = (installation.signer.clone(), from.envelope());
        let mut composer = Self { frozen, letter, mime_template: None, signer, from, sender };
        composer.mime_template = MimeTemplate::new(
            &composer.letter,
            &composer.heading(composer.letter.placeholder_secret(), &composer.from, 0),
        );
        Ok(composer)
    }

    /// The compiled letter.
    pub fn letter(&self) -> &CompiledEmail {
        &self.letter
    }

    /// What the letters are made from.
    pub fn frozen(&self) -> &FrozenContent {
        &self.frozen
    }

    /// The envelope sender.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// Renders the letter for a delivery. The message is the reason it cannot be made.
    pub fn render(&self, recipient: &Recipient) -> Result<RenderedEmail, Message> {
        let rendered = self.sketch(recipient)?;
        if rendered.missing.is_empty() { Ok(rendered) } else { Err(Message::new("skipped-missing")) }
    }

    /// The same, with the fields that are missing left empty and named.
    pub fn sketch(&self, recipient: &Recipient) -> Result<RenderedEmail, Message> {
        let values = serde_json::from_str(&recipient.fields).map_err(|_| Message::new("skipped-fields"))?;
        let secret = self.secret(recipient.delivery);
        let reader =
            MergeData { address: &recipient.address, values: &values, secret: &secret, tracked: true, inert: false };
        self.letter.render(&reader).map_err(|fault| fault.message())
    }

    /// What can be told of the letter without making it; `None` when it must be sketched to know, or
    /// cannot be made. `scratch` is written over.
    pub fn weigh(&self, recipient: &Recipient, scratch: &mut Vec<u8>) -> Option<RenderSummary> {
        self.letter.summarize(&recipient.address, &recipient.fields, self.letter.placeholder_secret(), scratch)
    }

    /// True when the message can go only to a server with SMTPUTF8.
    pub fn needs_smtputf8(&self, to: &Address) -> bool {
        to.needs_smtputf8() || self.from.needs_smtputf8()
    }

    /// Who writes.
    pub fn from(&self) -> &Address {
        &self.from
    }

    /// The relay that the campaign names, if it names one.
    pub fn relay(&self) -> Option<&str> {
        self.frozen.relay.as_deref()
    }

    /// The bytes of the message, dated as its first try.
    pub fn write(&self, recipient: &Recipient, to: &Address, rendered: &RenderedEmail, date: Millis) -> Vec<u8> {
        message::write(&self.heading(&self.secret(recipient.delivery), to, date), rendered)
    }

    /// The message of a delivery in wire form, dated as its first try: what `out` held is gone, dots at
    /// the beginning of lines are doubled, the last line has its end, the lone dot is still to come.
    /// The bytes are those of [`render`](Self::render) and [`write`](Self::write); the error is the
    /// reason no letter can be made.
    pub fn compose(&self, recipient: &Recipient, to: &Address, date: Millis, out: &mut Vec<u8>) -> Result<(), Message> {
        if !self.splice(recipient, to, date, out) {
            let rendered = self.render(recipient)?;
            out.clear();
            // No line that we write begins with a dot, so there is none to double.
            out.extend_from_slice(&self.write(recipient, to, &rendered, date));
        }
        Ok(())
    }

    /// The same from what is encoded already; false when the letter must be rendered, or cannot be
    /// made.
    pub fn splice(&self, recipient: &Recipient, to: &Address, date: Millis, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(mime_template) = &self.mime_template else { return false };
        let reader = MessageInput {
            address: &recipient.address,
            local: to.local(),
            domain: to.domain(),
            fields: &recipient.fields,
            secret: &self.secret(recipient.delivery),
        };
        mime_template.write(&self.letter, &reader, date, out).is_some()
    }

    /// The Message-ID of a delivery: the same at every try, without a hint of the person.
    pub fn message_id(&self, delivery: Id) -> String {
        format!("{}@{}", self.secret(delivery).message_id(), self.from.domain())
    }

    fn secret(&self, delivery: Id) -> MessageSecret {
        self.signer.message_secret(DeliveryRef { campaign: self.frozen.campaign, delivery })
    }

    fn heading(&self, secret: &MessageSecret, to: &Address, date: Millis) -> MessageHeader {
        let from = &self.from;
        let token = secret.token(TokenPurpose::Unsubscribe);
        let mailto = self.frozen.mailbox.split_once('@').map(|(local, domain)| format!("{local}+{token}@{domain}"));
        MessageHeader {
            from: mailbox(&self.frozen.from.name, from),
            reply_to: self.frozen.reply_to.as_ref().map(|to| mailbox(&to.name, &to.mailbox())),
            to: mailbox("", to),
            message_id: format!("{}@{}", secret.message_id(), from.domain()),
            date,
            list: Some(ListHeaders {
                list_label: format!("l{:x}", self.frozen.list),
                list_domain: from.domain().to_owned(),
                list_name: HeaderText::clean(&self.frozen.frame.list_name),
                campaign: format!("{:x}", self.frozen.campaign),
                stream: format!("{:x}", self.frozen.list),
                tenant: label(&self.frozen.workspace),
                feedback_sender: "sendoff".to_owned(),
                unsubscribe_url: link::page_url(&self.frozen.frame.public_url, secret, TokenPurpose::Unsubscribe),
                unsubscribe_mailbox: mailto,
            }),
        }
    }
}

fn mailbox(name: &str, address: &Address) -> Mailbox {
    Mailbox::new(HeaderText::clean(name), address.local(), address.domain()).expect("a parsed address makes a mailbox")
}

/// A name as a word for a header: ASCII letters and digits.
fn label(name: &str) -> String {
    let word: String = name.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    if word.is_empty() { "main".to_owned() } else { word }
}
