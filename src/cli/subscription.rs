//! `sendoff subscription invite`: the way back for someone who was erased by mistake.

use clap::Subcommand;

use super::print::{self, Output};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::invitation::{self, InvitationRequest};

/// Commands for subscriptions.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Send an erased address a link by which only its owner can subscribe it again
    Invite {
        /// The address
        address: String,
        /// The list
        #[arg(long, value_name = "NAME")]
        list: String,
        /// The sender, such as "Shop <news@shop.example>"
        #[arg(long, value_name = "MAILBOX")]
        from: String,
        /// The relay; one that takes the sender by default
        #[arg(long, value_name = "NAME")]
        relay: Option<String>,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let Command::Invite { address, list, from, relay } = command;
    let request = InvitationRequest { address, list, from, relay };
    let invited = invitation::send(installation, actor, &request).await?;
    let message = Message::new("subscription-invited")
        .with("address", &request.address)
        .with("list", &invited.list)
        .with("until", print::time(invited.expires));
    Ok(Output::new(&invited, lang, lang.translate(&message)))
}
