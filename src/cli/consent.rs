//! `sendoff consent prove` and the commands `contact consents | withdraw`: what a person agreed to, took back, and had agreed to
//! before an erasure.

use clap::{Args, Subcommand, ValueEnum};

use super::print::{self, Output};
use crate::infra::clock::DAY;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::consent::{self, Withdrawal};

/// Commands for consent.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Show what an erased address had consented to; only the address itself opens these sealed receipts
    Prove {
        /// The email address
        address: String,
    },
    /// Compare every receipt with the journal, to find one that was put into the database later
    Verify,
}

/// The receipts of a contact.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// The contact's email address
    address: String,
    /// Show what held at the end of this day, such as 2026-10-31
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
}

/// How a withdrawal came in.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Channel {
    /// On paper
    Post,
    /// By a call
    Phone,
    /// By an email to the company
    Email,
    /// In person
    Person,
}

/// A consent that a person takes back.
#[derive(Debug, Clone, Args)]
pub struct WithdrawArgs {
    /// The contact's email address
    address: String,
    /// The purpose, as `contact consents` shows it
    #[arg(long, value_name = "PURPOSE", default_value = crate::audience::consent::MAILING)]
    purpose: String,
    /// How the person said so
    #[arg(long, value_enum, value_name = "WAY")]
    reason: Channel,
    /// One list; all without it
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// What is filed about it, such as a number in the post book
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let Command::Prove { address } = command else {
        let verified = consent::verify(installation, actor).await?;
        let is_whole = verified.unknown == 0 && verified.problems.is_empty();
        let key = if is_whole { "consent-verified" } else { "consent-verified-not" };
        let message = Message::new(key).with("rows", verified.rows).with("unknown", verified.unknown);
        let mut lines = vec![lang.translate(&message)];
        lines.extend(verified.problems.iter().map(|problem| lang.translate(problem)));
        return Ok(Output { failed: !is_whole, ..Output::new(&verified, lang, lines.join("\n")) });
    };
    let proof = consent::prove(installation, actor, &address).await?;
    let address = address.trim();
    let mut lines = Vec::new();
    for sealed in &proof.sealed {
        let day = print::time(sealed.day * DAY);
        let head = Message::new("consent-sealed").with("address", address).with("day", day);
        lines.push(lang.translate(&head.with("reason", &sealed.reason)));
        for one in &sealed.consents {
            let line = Message::new("consent-sealed-line")
                .with("kind", &one.kind)
                .with("time", print::time(one.given_at))
                .with("purpose", &one.purpose)
                .with("list", one.list.as_deref().unwrap_or("-"))
                .with("channel", &one.channel)
                .with("source", &one.source)
                .with("wording", if one.wording.is_empty() { "-" } else { &one.wording })
                .with("proof", &one.proof);
            lines.push(lang.translate(&line));
        }
    }
    if proof.sealed.is_empty() {
        lines.push(lang.translate(&Message::new("consent-sealed-none").with("address", address)));
    }
    if proof.is_contact {
        lines.push(lang.translate(&Message::new("consent-is-contact").with("address", address)));
    }
    Ok(Output::new(&proof, lang, lines.join("\n")))
}

/// `contact consents`.
pub async fn history(installation: &Installation, actor: &Actor, args: &HistoryArgs, lang: Lang) -> Result<Output> {
    let history = consent::history(installation, actor, &args.address, args.at.as_deref()).await?;
    let head = Message::new("consent-at").with("address", args.address.trim()).with("time", print::time(history.at));
    let mut lines = vec![lang.translate(&head)];
    for one in &history.agreements {
        let key = if one.given { "consent-line-given" } else { "consent-line-withdrawn" };
        let line = Message::new(key).with("purpose", &one.purpose).with("list", one.list.as_deref().unwrap_or("-"));
        lines.push(lang.translate(&line.with("basis", &one.basis).with("time", print::time(one.since))));
    }
    if history.agreements.is_empty() {
        lines.push(lang.tr("consent-line-none"));
    }
    let key = if history.broken == 0 { "consent-chain-whole" } else { "consent-chain-broken" };
    let count = if history.broken == 0 { history.receipts.len() } else { history.broken };
    lines.push(lang.translate(&Message::new(key).with("count", count)));
    Ok(Output { failed: history.broken > 0, ..Output::new(&history, lang, lines.join("\n")) })
}

/// `contact withdraw`.
pub async fn withdraw(installation: &Installation, actor: &Actor, args: WithdrawArgs, lang: Lang) -> Result<Output> {
    let channel = match args.reason {
        Channel::Post => "post",
        Channel::Phone => "phone",
        Channel::Email => "email",
        Channel::Person => "person",
    };
    let WithdrawArgs { address, purpose, list, note, .. } = args;
    let withdrawal = Withdrawal { purpose, list, channel: channel.to_owned(), note };
    let withdrawn = consent::withdraw(installation, actor, &address, &withdrawal).await?;
    let key = match (withdrawn.left.is_empty(), withdrawn.erased) {
        (true, _) => "consent-withdrawn",
        (false, false) => "consent-withdrawn-left",
        (false, true) => "consent-withdrawn-erased",
    };
    let message = Message::new(key)
        .with("address", address.trim())
        .with("purpose", &withdrawn.purpose)
        .with("lists", withdrawn.left.join(", "));
    let mut lines = vec![lang.translate(&message)];
    lines.extend(withdrawn.pending.as_ref().map(|pending| lang.translate(pending)));
    Ok(Output::new(&withdrawn, lang, lines.join("\n")))
}
