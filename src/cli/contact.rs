//! `sendoff contact ls | find | add | show | correct | restrict | unsuppress | erase`: the data of a contact and the contact's rights.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use super::consent;
use super::print::Output;
use super::word::parse_word;
use crate::audience::import;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::contact::{self, Correction, Urgency};
use crate::usecase::contact_copy;
use crate::usecase::contact_search::{self, Addition, ContactRow, Contacts, Membership};

/// Commands for contacts.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List contacts with their lists
    #[command(visible_alias = "list")]
    Ls {
        /// Only those on this list
        #[arg(long, value_name = "NAME")]
        list: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = contact_search::USUAL_LIMIT)]
        limit: i64,
        /// Continue behind this contact, as the last page says
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: i64,
    },
    /// Find contacts by a part of the address or of a field
    Find {
        /// The part, in any case
        text: String,
        /// How many
        #[arg(long, value_name = "N", default_value_t = contact_search::USUAL_LIMIT)]
        limit: i64,
    },
    /// Add one contact to a list, with the proof of its consent
    Add {
        /// The email address
        address: String,
        /// The list
        #[arg(long, value_name = "NAME", default_value = "")]
        list: String,
        /// A field and its value
        #[arg(long, value_name = "FIELD=VALUE")]
        set: Vec<String>,
        /// Where the data was collected
        #[arg(long, value_name = "TEXT", default_value = "")]
        source: String,
        /// The legal basis: consent, contract or interest
        #[arg(long, value_name = "BASIS", default_value = "")]
        basis: String,
        /// What proves it
        #[arg(long, value_name = "TEXT", default_value = "")]
        proof: String,
        /// The day on which consent was given, such as 2026-10-31
        #[arg(long, value_name = "DATE", default_value = "")]
        date: String,
    },
    /// Show everything that is stored about a contact
    Show {
        /// The contact's email address
        address: String,
    },
    /// Write a copy of everything that is stored about a contact, as JSON and CSV
    Copy {
        /// The contact's email address
        address: String,
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Show what a contact has agreed to, now or on a day, and check that no receipt was changed
    Consents(consent::HistoryArgs),
    /// Record that a contact has taken a consent back by post, phone, email or in person, with the effect of the link
    Withdraw(consent::WithdrawArgs),
    /// Correct a contact's data
    Correct {
        /// The contact's email address
        address: String,
        /// A field and its new value; an empty value removes it
        #[arg(long, value_name = "FIELD=VALUE")]
        set: Vec<String>,
        /// The contact's new email address
        #[arg(long = "address", value_name = "NEW")]
        new: Option<String>,
    },
    /// Keep a contact's data and use it for nothing: no emails, no segments, no exports
    Restrict {
        /// The contact's email address
        address: String,
        /// End the restriction
        #[arg(long)]
        lift: bool,
    },
    /// Send to a contact again whose mailbox did not exist
    Unsuppress {
        /// The contact's email address
        address: String,
    },
    /// Erase a contact from every list and keep the address out
    Erase {
        /// The contact's email address
        address: String,
        /// Wait until the bytes have left the files of the database, where that is done later (PostgreSQL)
        #[arg(long)]
        now: bool,
    },
}

/// Contacts as lines: the address, its lists with states other than confirmed, and the fields.
fn describe_contacts(found: &Contacts, lang: Lang) -> Output {
    let line = |row: &ContactRow| {
        let list = |one: &Membership| match one.state {
            "confirmed" => one.list.clone(),
            state => format!("{} ({state})", one.list),
        };
        let lists: Vec<_> = row.lists.iter().map(list).collect();
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = row.fields.as_object().into_iter().flatten();
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name}: {}", shown(value))).collect();
        format!("{:<32} {:<20} {}", row.email, lists.join(", "), fields.join(", ")).trim_end().to_owned()
    };
    let mut lines: Vec<_> = found.contacts.iter().map(line).collect();
    if lines.is_empty() {
        lines.push(lang.tr("contact-none"));
    }
    lines.extend(found.next.map(|id| lang.translate(&Message::new("contact-more").with("id", id))));
    Output::new(found, lang, lines.join("\n"))
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls { list, limit, after } => {
            let found = contact_search::list(installation, actor, list.as_deref(), after, limit).await?;
            Ok(describe_contacts(&found, lang))
        }
        Command::Find { text, limit } => {
            let found = contact_search::find(installation, actor, &text, limit).await?;
            Ok(describe_contacts(&found, lang))
        }
        Command::Add { address, list, set, source, basis, proof, date } => {
            let set = set.iter().map(|pair| read_pair(pair)).collect::<Result<_>>()?;
            import::refuse_blank(&[
                ("--list", &list),
                ("--source", &source),
                ("--basis", &basis),
                ("--proof", &proof),
                ("--date", &date),
            ])?;
            let basis = parse_word("--basis", &basis)?;
            let addition = Addition { address, list, set, source, basis, proof, date };
            let added = contact_search::add(installation, actor, &addition).await?;
            let key = if added.new { "contact-added" } else { "contact-joined" };
            let message = Message::new(key).with("address", addition.address.trim()).with("list", &added.list);
            Ok(Output::new(&added, lang, lang.translate(&message)))
        }
        Command::Show { address } => {
            let stored = contact::show(installation, actor, &address).await?;
            let mut lines = vec![lang.tr("contact-stored")];
            outline(&stored, 0, &mut lines);
            Ok(Output::new(&stored, lang, lines.join("\n")))
        }
        Command::Copy { address, out } => {
            let copied = contact_copy::write(installation, actor, &address, &out).await?;
            let message = Message::new("contact-copied").with("folder", &copied.folder);
            let message = message.with("files", copied.files.join(", "));
            Ok(Output::new(&copied, lang, lang.translate(&message)))
        }
        Command::Consents(args) => consent::history(installation, actor, &args, lang).await,
        Command::Withdraw(args) => consent::withdraw(installation, actor, args, lang).await,
        Command::Correct { address, set, new } => {
            let set = set.iter().map(|pair| read_pair(pair)).collect::<Result<_>>()?;
            let typed = new.clone().unwrap_or_else(|| address.clone());
            let corrected = contact::correct(installation, actor, &address, &Correction { set, address: new }).await?;
            let message = Message::new("contact-corrected").with("address", typed.trim());
            let mut lines = vec![lang.translate(&message)];
            lines.extend(corrected.pending.as_ref().map(|pending| lang.translate(pending)));
            Ok(Output::new(&corrected, lang, lines.join("\n")))
        }
        Command::Restrict { address, lift } => {
            let (key, restricted) = match lift {
                true => ("contact-unrestricted", contact::unrestrict(installation, actor, &address).await?),
                false => ("contact-restricted", contact::restrict(installation, actor, &address).await?),
            };
            let message = Message::new(key).with("address", address.trim());
            Ok(Output::new(&restricted, lang, lang.translate(&message)))
        }
        Command::Unsuppress { address } => {
            let lifted = contact::unsuppress(installation, actor, &address).await?;
            let key = if lifted.unsuppressed { "contact-unsuppressed" } else { "contact-not-suppressed" };
            let message = Message::new(key).with("address", address.trim());
            Ok(Output::new(&lifted, lang, lang.translate(&message)))
        }
        Command::Erase { address, now } => {
            let urgency = if now { Urgency::Now } else { Urgency::Usual };
            erase(installation, actor, &address, urgency, lang).await
        }
    }
}

fn read_pair(pair: &str) -> Result<(String, String)> {
    let (name, value) = pair
        .split_once('=')
        .ok_or_else(|| Message::new("contact-correct-pair").with("pair", pair).invalid_field("set"))?;
    Ok((name.to_owned(), value.to_owned()))
}

async fn erase(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    urgency: Urgency,
    lang: Lang,
) -> Result<Output> {
    let erased = contact::erase(installation, actor, address, urgency).await?;
    let key = if erased.erased { "contact-erased" } else { "contact-erased-nobody" };
    let mut message = Message::new(key).with("address", address.trim());
    for (name, count) in &erased.removed {
        message = message.with(name, count);
    }
    let mut lines = vec![lang.translate(&message)];
    lines.extend(erased.pending.as_ref().map(|pending| lang.translate(pending)));
    if !erased.unsearchable_files.is_empty() {
        let files = erased.unsearchable_files.join(", ");
        lines.push(lang.translate(&Message::new("contact-erased-unsearchable").with("files", files)));
    }
    Ok(Output::new(&erased, lang, lines.join("\n")))
}

/// JSON as indented lines, for people.
fn outline(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                match value {
                    Value::Object(_) | Value::Array(_) => {
                        lines.push(format!("{indent}{name}:"));
                        outline(value, depth + 1, lines);
                    }
                    Value::Null => {}
                    value => lines.push(format!("{indent}{name}: {}", plain(value))),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                let mut inner = Vec::new();
                outline(value, 0, &mut inner);
                lines.push(format!("{indent}- {}", inner.join("; ")));
            }
        }
        value => lines.push(format!("{indent}{}", plain(value))),
    }
}
