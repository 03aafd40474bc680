//! `sendoff contact`: what we hold on a person, and their rights: correct, restrict, erase.

use clap::Subcommand;
use serde_json::{Value, json};

use super::print::Report;
use crate::audience::address::Address;
use crate::audience::contact::{self, Contact, NewContact};
use crate::audience::workspace::Workspace;
use crate::audience::{field, subscription, tombstone};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::erasure::{self, Erased, Reason};
use crate::privacy::{file_erasure, physical_erasure, subject_access};

/// What to do for a person.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Show everything that is held on a person
    Show {
        /// Their e-mail address
        address: String,
    },
    /// Correct a person's data
    Correct {
        /// Their e-mail address
        address: String,
        /// A field and its new value; an empty value removes it
        #[arg(long, value_name = "FIELD=VALUE")]
        set: Vec<String>,
        /// Their new e-mail address
        #[arg(long = "address", value_name = "NEW")]
        new: Option<String>,
    },
    /// Keep a person's data and use it for nothing: no letters, no segments, no exports
    Restrict {
        /// Their e-mail address
        address: String,
        /// End the restriction
        #[arg(long)]
        lift: bool,
    },
    /// Erase a person from every list and keep the address out
    Erase {
        /// Their e-mail address
        address: String,
    },
}

/// Does it.
pub async fn run(installation: &Installation, workspace: &Workspace, command: Command, lang: Lang) -> Result<Report> {
    match command {
        Command::Show { address } => show(installation, workspace, &parse(&address, lang)?, lang).await,
        Command::Correct { address, set, new } => {
            let new = new.map(|new| parse(&new, lang)).transpose()?;
            correct(installation, workspace, &parse(&address, lang)?, &set, new, lang).await
        }
        Command::Restrict { address, lift } => {
            restrict(installation, workspace, &parse(&address, lang)?, lift, lang).await
        }
        Command::Erase { address } => erase(installation, workspace, &parse(&address, lang)?, lang).await,
    }
}

fn parse(text: &str, lang: Lang) -> Result<Address> {
    Address::parse(text)
        .map_err(|fault| Message::new("residue-address").with("why", lang.tr(fault.key())).invalid_field("address"))
}

async fn need(conn: &mut Conn, workspace: &Workspace, address: &Address) -> Result<Contact> {
    let found = contact::find(conn, workspace.id, address).await?;
    found.ok_or_else(|| Message::new("contact-unknown").with("address", address).not_found())
}

async fn show(installation: &Installation, workspace: &Workspace, address: &Address, lang: Lang) -> Result<Report> {
    let mut conn = installation.db.read().await?;
    let person = need(&mut conn, workspace, address).await?;
    let mut dossier = subject_access::collect(&mut conn, &person).await?;
    for flag in field::all(&mut conn, workspace.id).await?.iter().filter(|field| field.kind == field::Kind::Flag) {
        if let Some(value) = dossier["fields"].get_mut(&flag.name) {
            *value = (*value == 1).into();
        }
    }
    let mut lines = Vec::new();
    outline(&dossier, 0, &mut lines);
    Ok(Report {
        text: format!("{}\n{}", lang.tr("contact-held"), lines.join("\n")),
        json: dossier,
        ..Report::default()
    })
}

/// JSON as indented lines, for reading.
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

async fn correct(
    installation: &Installation,
    workspace: &Workspace,
    address: &Address,
    set: &[String],
    new: Option<Address>,
    lang: Lang,
) -> Result<Report> {
    if set.is_empty() && new.is_none() {
        return Err(Message::new("contact-correct-nothing").invalid());
    }
    let mut tx = installation.db.write().await?;
    let person = need(&mut tx, workspace, address).await?;
    let mut changed = NewContact { id: person.id, address: person.address.clone(), values: person.values };
    let fields = field::all(&mut tx, workspace.id).await?;
    for pair in set {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Message::new("contact-correct-pair").with("pair", pair).invalid_field("set"))?;
        if name == "email" {
            return Err(Message::new("contact-correct-address").invalid_field("set"));
        }
        let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
            let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            Message::new("contact-correct-field")
                .with("name", name)
                .with("known", known.join(", "))
                .invalid_field("set")
        })?;
        let refused =
            |why| Message::new("contact-correct-value").with("name", name).with("why", why).invalid_field("set");
        match field.read(value).map_err(|word| refused(lang.tr(fault_key(word))))? {
            Some(value) => drop(changed.values.insert(name.to_owned(), value)),
            None => drop(changed.values.remove(name)),
        }
    }
    if let Some(new) = &new {
        contact::ensure_free(&mut tx, workspace.id, new, person.id).await?;
        ensure_welcome(installation, &mut tx, workspace, new, person.id).await?;
        changed.address = new.clone();
    }
    contact::update(&mut tx, workspace.id, std::slice::from_ref(&changed), installation.clock.now()).await?;
    tx.commit().await?;
    if changed.address.canonical() != person.address.canonical() {
        // Nobody would find what lies under the old address when the person leaves one day.
        file_erasure::erase_address(installation, &person.address).await;
    }
    physical_erasure::run(installation).await?;
    Ok(Report {
        json: json!({ "corrected": true }),
        text: lang.translate(&Message::new("contact-corrected").with("address", &changed.address)),
        ..Report::default()
    })
}

/// The catalogue's sentence for the reason word of a value.
fn fault_key(word: &str) -> &'static str {
    match word {
        "value-long" => "invalid-value-long",
        "value-number" => "invalid-value-number",
        "value-date" => "invalid-value-date",
        "value-flag" => "invalid-value-flag",
        _ => "invalid-value-choice",
    }
}

/// An address that was erased comes back by its owner's own opt-in only.
async fn ensure_welcome(
    installation: &Installation,
    conn: &mut Conn,
    workspace: &Workspace,
    address: &Address,
    person: i64,
) -> Result<()> {
    let mark = tombstone::digest(&installation.keys.tombstone, workspace.id, address);
    let mut lists: Vec<_> = subscription::of_contact(conn, person).await?.iter().map(|one| one.list).collect();
    lists.push(tombstone::EVERY_LIST);
    for list in lists {
        if tombstone::find_blocking(conn, workspace.id, list, &[mark]).await?.contains(&mark) {
            return Err(Message::new("contact-erased-before").with("address", address).conflict());
        }
    }
    Ok(())
}

async fn restrict(
    installation: &Installation,
    workspace: &Workspace,
    address: &Address,
    lift: bool,
    lang: Lang,
) -> Result<Report> {
    let mut tx = installation.db.write().await?;
    let person = need(&mut tx, workspace, address).await?;
    let (key, count) = match lift {
        true => ("contact-unrestricted", subscription::unrestrict(&mut tx, person.id).await?),
        false => ("contact-restricted", subscription::restrict(&mut tx, person.id).await?),
    };
    tx.commit().await?;
    Ok(Report {
        json: json!({ "restricted": !lift, "subscriptions": count }),
        text: lang.translate(&Message::new(key).with("address", address)),
        ..Report::default()
    })
}

async fn erase(installation: &Installation, workspace: &Workspace, address: &Address, lang: Lang) -> Result<Report> {
    let before: Millis = installation.clock.now();
    let held = match contact::find(&mut *installation.db.read().await?, workspace.id, address).await? {
        Some(person) => Some(subject_access::count_rows(&mut *installation.db.read().await?, person.id).await?),
        None => None,
    };
    let gone = erasure::erase(installation, workspace.id, address, Reason::Erased, None).await?;
    let scrubbed = physical_erasure::run(installation).await?;
    tracing::info!(milliseconds = installation.clock.now() - before, "a person was erased");
    let mut message = Message::new(if gone == Erased::Contact { "contact-erased" } else { "contact-erased-nobody" });
    message = message.with("address", address);
    for (name, count) in held.iter().flatten() {
        message = message.with(name, count);
    }
    let mut text = lang.translate(&message);
    if !scrubbed {
        text.push('\n');
        text.push_str(&lang.tr("scrub-incomplete"));
    }
    let removed: serde_json::Map<String, Value> =
        held.into_iter().flatten().map(|(name, count)| (name.to_owned(), count.into())).collect();
    Ok(Report {
        json: json!({ "erased": gone == Erased::Contact, "removed": removed, "kept_out": true, "scrubbed": scrubbed }),
        text,
        ..Report::default()
    })
}
