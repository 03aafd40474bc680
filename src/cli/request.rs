//! `sendoff request add | ls | show | check | extend | close`: requests of people about their data, with due dates.

use clap::{Args, Subcommand};

use super::print::{self, Output};
use super::word::parse_word;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::request::{self, Law, NewRequest, RequestDetails, RequestKind, RequestRow, State};
use crate::usecase::request_identity;

/// Commands for requests.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Enter a request that came by post, by phone or in another way
    Add(AddArgs),
    /// List the requests, those that are due next first
    #[command(visible_alias = "list")]
    Ls,
    /// Show a request with its notes
    Show {
        /// Its number
        id: Id,
    },
    /// Note how it was checked who asks; without a note the address on file gets a link that proves it
    Check {
        /// Its number
        id: Id,
        /// How it was checked
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Extend the due date by what the law allows, once
    Extend {
        /// Its number
        id: Id,
        /// Why, as the person is told
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Close a request with its outcome
    Close {
        /// Its number
        id: Id,
        /// What was answered, or why it was refused
        #[arg(long, value_name = "TEXT", default_value = "")]
        outcome: String,
        /// It is refused, for example because nobody could prove who asks
        #[arg(long)]
        refuse: bool,
    },
}

/// A request to enter.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// The address of the person
    address: String,
    /// access, copy, correction, objection, erasure, restriction, portability, withdrawal or complaint
    #[arg(long, value_name = "KIND", value_parser = |text: &str| parse_word::<RequestKind>("--kind", text))]
    kind: RequestKind,
    /// How it came in: post, phone, email or person
    #[arg(long, value_name = "WAY", default_value = "post")]
    channel: String,
    /// What was asked, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// How you checked who asks; without it no data may be given
    #[arg(long, value_name = "TEXT")]
    checked: Option<String>,
    /// The law that sets the due date: ru, eu, uk, us or ca
    #[arg(long, value_name = "LAW", value_parser = |text: &str| parse_word::<Law>("--law", text))]
    law: Option<Law>,
    /// The day on which it came in, such as 2026-12-01; today by default
    #[arg(long, value_name = "DATE")]
    received: Option<String>,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let details = match command {
        Command::Ls => {
            let found = request::list(installation, actor).await?;
            let lines: Vec<String> = found.requests.iter().map(|row| line(row, lang)).collect();
            let text = if lines.is_empty() { lang.tr("request-none") } else { lines.join("\n") };
            return Ok(Output::new(&found, lang, text));
        }
        Command::Add(args) => {
            let AddArgs { address, kind, channel, note, checked, law, received } = args;
            let new = NewRequest { address, kind, channel, note, checked, law, received };
            request::add(installation, actor, &new).await?
        }
        Command::Show { id } => request::show(installation, actor, id).await?,
        Command::Check { id, note } => {
            let checked = request_identity::check(installation, actor, id, note.as_deref()).await?;
            if note.is_none() {
                let text = lang.translate(&Message::new("request-link-sent").with("address", &checked.row.address));
                return Ok(Output::new(&checked, lang, text));
            }
            checked
        }
        Command::Extend { id, reason } => request::extend(installation, actor, id, &reason).await?,
        Command::Close { id, outcome, refuse } => {
            let state = if refuse { State::Refused } else { State::Done };
            request::close(installation, actor, id, state, &outcome).await?
        }
    };
    Ok(Output::new(&details, lang, show(&details, lang)))
}

fn line(row: &RequestRow, lang: Lang) -> String {
    let key = match row.state {
        "open" if row.overdue => "request-line-overdue",
        "open" => "request-line-open",
        _ => "request-line-closed",
    };
    let message = Message::new(key)
        .with("id", row.request)
        .with("kind", row.kind)
        .with("state", row.state)
        .with("address", if row.address.is_empty() { "-" } else { &row.address })
        .with("identity", row.identity)
        .with("due", print::time(row.due_at));
    lang.translate(&message)
}

fn show(details: &RequestDetails, lang: Lang) -> String {
    let mut lines = vec![line(&details.row, lang)];
    let notes = [
        ("request-note", &details.note),
        ("request-checked", &details.checked),
        ("request-extension", &details.extension),
        ("request-answer", &details.outcome),
    ];
    for (key, text) in notes {
        if !text.is_empty() {
            lines.push(lang.translate(&Message::new(key).with("text", text)));
        }
    }
    lines.join("\n")
}
