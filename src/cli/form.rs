//! `sendoff form add | change | show | ls | rm`: the forms by which people sign up.

use clap::{Args, Subcommand};

use super::print::Output;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::form::{self, FormDetails, FormInput};

/// Commands for sign-up forms.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Add a form, which is then served at the address that is printed
    Add {
        /// Its name
        name: String,
        /// What it asks for
        #[command(flatten)]
        asks: Asks,
    },
    /// Replace what a form asks for; receipts keep the texts that people agreed to
    Change {
        /// Its name
        name: String,
        /// What it asks for
        #[command(flatten)]
        asks: Asks,
    },
    /// Show a form with the code to embed it and its counts by day
    Show {
        /// Its name
        name: String,
    },
    /// Show the forms and their counts
    #[command(visible_alias = "list")]
    Ls,
    /// Remove a form; its subscribers stay
    Rm {
        /// Its name
        name: String,
    },
}

/// What a form asks for.
#[derive(Debug, Clone, Args)]
pub struct Asks {
    /// A list, with a box of its own; with a text of your own as NAME=TEXT
    #[arg(long = "list", value_name = "NAME[=TEXT]", required = true)]
    lists: Vec<String>,
    /// A further purpose with a box of its own; `process_personal_data` has a usual text and is required
    #[arg(long = "purpose", value_name = "PURPOSE[=TEXT]")]
    purposes: Vec<String>,
    /// A field that can be filled in
    #[arg(long = "field", value_name = "NAME")]
    fields: Vec<String>,
    /// The heading
    #[arg(long, value_name = "TEXT", default_value = "")]
    title: String,
    /// A sentence above the fields
    #[arg(long, value_name = "TEXT", default_value = "")]
    intro: String,
    /// The language of its pages, such as ru; that of the installation by default
    #[arg(long, value_name = "LANG", default_value = "")]
    language: String,
    /// The sender of its message, such as "Shop <news@shop.example>"; that of the newest campaign by default
    #[arg(long, value_name = "MAILBOX", default_value = "")]
    from: String,
    /// The relay of its message; one that takes the sender by default
    #[arg(long, value_name = "NAME")]
    relay: Option<String>,
}

impl Asks {
    fn into_input(self) -> FormInput {
        let pair = |text: String| match text.split_once('=') {
            Some((name, text)) => (name.trim().to_owned(), text.to_owned()),
            None => (text, String::new()),
        };
        let Self { lists, purposes, fields, title, intro, language, from, relay } = self;
        let lists = lists.into_iter().map(pair).collect();
        let purposes = purposes.into_iter().map(pair).collect();
        FormInput { title, intro, language, from, relay, lists, purposes, fields }
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { name, asks } => {
            let added = form::add(installation, actor, &name, &asks.into_input()).await?;
            let message = Message::new("form-added").with("name", &added.row.form).with("url", &added.row.url);
            Ok(Output::new(&added, lang, lang.translate(&message)))
        }
        Command::Change { name, asks } => {
            let changed = form::change(installation, actor, &name, &asks.into_input()).await?;
            let message = Message::new("form-changed").with("name", &changed.row.form);
            Ok(Output::new(&changed, lang, lang.translate(&message)))
        }
        Command::Show { name } => {
            let details = form::show(installation, actor, &name).await?;
            Ok(Output::new(&details, lang, show(&details, lang)))
        }
        Command::Ls => {
            let forms = form::list(installation, actor).await?;
            let lines: Vec<String> = forms.forms.iter().map(|row| line(row, lang)).collect();
            let text = if lines.is_empty() { lang.tr("form-none") } else { lines.join("\n") };
            Ok(Output::new(&forms, lang, text))
        }
        Command::Rm { name } => {
            let removed = form::remove(installation, actor, &name).await?;
            let text = lang.translate(&Message::new("form-removed").with("name", &removed));
            Ok(Output::new(&serde_json::json!({ "removed": removed }), lang, text))
        }
    }
}

fn line(row: &form::FormRow, lang: Lang) -> String {
    let message = Message::new("form-line")
        .with("name", &row.form)
        .with("lists", row.lists.join(", "))
        .with("posted", row.posted)
        .with("waiting", row.waiting)
        .with("confirmed", row.confirmed)
        .with("refused", row.refused);
    lang.translate(&message)
}

fn show(details: &FormDetails, lang: Lang) -> String {
    let mut lines = vec![line(&details.row, lang), details.row.url.clone(), String::new()];
    lines.extend(details.definition.boxes.iter().map(|one| format!("☐ {}: {}", one.purpose, one.text)));
    lines.extend([String::new(), details.embed.clone()]);
    if !details.days.is_empty() {
        lines.push(String::new());
    }
    for (day, [posted, mailed, confirmed, refused]) in &details.days {
        let message = Message::new("form-day").with("day", day).with("posted", posted).with("mailed", mailed);
        lines.push(lang.translate(&message.with("confirmed", confirmed).with("refused", refused)));
    }
    lines.join("\n")
}
