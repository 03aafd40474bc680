//! `sendoff relay set | smtp | capture | file | ls | show | rm | test`: the servers and folders that take messages.

use std::fs;
use std::io::read_to_string;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::limit_options::{self, Limits};
use super::print::Output;
use crate::campaign::rate_limit::RateLimit;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::relay::{self, RelayChange, RelayView, Tested};

/// Commands for relays.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a relay or change one
    Set {
        /// Its name; `smtp`, `capture` and `file` stand for the main relay of this kind
        name: String,
        /// smtp://…, smtps://…, `capture` or `file:DIR`; without it the relay keeps its target and what is not named here
        target: Option<String>,
        /// Options of the relay.
        #[command(flatten)]
        traits: Traits,
    },
    /// Set the main relay, without the word `set`.
    #[command(flatten)]
    Choice(Choice),
    /// List the relays
    #[command(visible_alias = "list")]
    Ls,
    /// Show a relay
    Show {
        /// The relay; the main one when none is named
        name: Option<String>,
    },
    /// Remove a relay
    #[command(visible_alias = "remove")]
    Rm {
        /// The relay
        name: String,
    },
    /// Connect and authenticate; no message is sent
    Test {
        /// The relay; the main one when none is named
        name: Option<String>,
    },
}

/// A kind of relay.
#[derive(Debug, Subcommand)]
pub enum Choice {
    /// An SMTP server, e.g. `smtps://user:password@mail.example.org`
    Smtp {
        /// `smtp://…`, `smtp://…?tls=required` or `smtps://…`
        url: String,
        /// Options of the relay.
        #[command(flatten)]
        traits: Traits,
    },
    /// The capture inbox of this installation: messages are stored, none is sent
    Capture {
        /// Options of the relay.
        #[command(flatten)]
        traits: Traits,
    },
    /// A folder, with one file for each message
    File {
        /// The folder
        dir: PathBuf,
        /// Options of the relay.
        #[command(flatten)]
        traits: Traits,
    },
}

/// Options of a relay.
#[derive(Debug, Clone, Default, Args)]
pub struct Traits {
    /// Connections at a time of each mailer
    #[arg(long, value_name = "N")]
    pub connections: Option<u32>,
    /// Its limits.
    #[command(flatten)]
    pub limits: Limits,
    /// Its share among the relays that may take a message
    #[arg(long, value_name = "N")]
    pub weight: Option<u32>,
    /// Use it only while no other relay may take a message
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pub spare: Option<bool>,
    /// Marked deliveries that a connection may hold; more is faster, and more are uncertain after a crash
    #[arg(long, value_name = "N")]
    pub ahead: Option<u32>,
    /// A sender address or domain that only relays bound to it may take; `none` unbinds
    #[arg(long = "for", value_name = "SENDER")]
    pub senders: Vec<String>,
    /// A file with the password, so that it stands in no command line; `-` reads standard input. The variable
    /// `SENDOFF_RELAY_PASSWORD` serves too
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The password from the environment; an option of the command line could be seen in the list of processes
    #[arg(long = "password-from-environment", env = "SENDOFF_RELAY_PASSWORD", hide = true, hide_env_values = true)]
    pub password: Option<String>,
}

impl Traits {
    /// The password of the file, or of the environment for a target that names a user without one.
    fn password(&self, target: Option<&str>) -> Result<Option<String>> {
        let text = match &self.password_file {
            Some(file) if file.as_os_str() == "-" => read_to_string(std::io::stdin()).map_err(Error::io("-"))?,
            Some(file) => fs::read_to_string(file).map_err(Error::io(file.display()))?,
            None => match &self.password {
                Some(password) if target.is_some_and(|target| target.contains('@')) => password.clone(),
                _ => return Ok(None),
            },
        };
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn change(self, name: String, target: Option<String>) -> Result<RelayChange> {
        Ok(RelayChange {
            password: self.password(target.as_deref())?,
            name,
            target,
            connections: self.connections,
            limits: self.limits.change(),
            weight: self.weight,
            spare: self.spare,
            ahead: self.ahead,
            senders: self.senders,
        })
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let view = match command {
        Command::Set { name, target, traits } => relay::set(installation, actor, &traits.change(name, target)?).await?,
        Command::Choice(choice) => {
            let (name, target, traits) = match choice {
                Choice::Smtp { url, traits } => ("smtp", Some(url), traits),
                Choice::Capture { traits } => ("capture", None, traits),
                Choice::File { dir, traits } => ("file", Some(dir.to_string_lossy().into_owned()), traits),
            };
            relay::set(installation, actor, &traits.change(name.to_owned(), target)?).await?
        }
        Command::Show { name } => relay::show(installation, actor, name.as_deref()).await?,
        Command::Ls => {
            let relays = relay::list(installation, actor).await?;
            let lines: Vec<_> = relays.iter().map(|relay| describe(relay, lang)).collect();
            return Ok(Output::new(&relays, lang, lines.join("\n")));
        }
        Command::Rm { name } => {
            let removed = relay::remove(installation, actor, &name).await?;
            let message = Message::new("relay-removed").with("name", name).with("left", removed.left.join(", "));
            return Ok(Output::new(&removed, lang, lang.translate(&message)));
        }
        Command::Test { name } => {
            let tested = relay::test(installation, actor, name.as_deref()).await?;
            return Ok(Output::new(&tested, lang, lang.translate(&test_message(&tested))));
        }
    };
    Ok(Output::new(&view, lang, describe(&view, lang)))
}

fn describe(relay: &RelayView, lang: Lang) -> String {
    // The description names the rate.
    let limit = RateLimit { rate: None, ..relay.rate_limit };
    let limits = limit_options::text(&limit, relay.today, lang);
    let spare = relay.spare.then(|| Message::new("relay-spare"));
    let weight = (relay.weight != 1).then(|| Message::new("relay-weight-shown").with("weight", relay.weight));
    let ahead = (relay.ahead != 1).then(|| Message::new("relay-ahead-shown").with("ahead", relay.ahead));
    let bound =
        (!relay.senders.is_empty()).then(|| Message::new("relay-senders").with("senders", relay.senders.join(", ")));
    let more = [spare, weight, ahead, bound].into_iter().flatten().map(|message| lang.translate(&message));
    let more: Vec<_> = limits.into_iter().chain(more).collect();
    let first = format!("{}: {}", relay.name, lang.translate(&relay.description));
    if more.is_empty() { first } else { format!("{first}\n    {}", more.join(", ")) }
}

fn test_message(tested: &Tested) -> Message {
    match tested {
        Tested::Ready { .. } => Message::new("relay-ready"),
        Tested::Answered { encrypted, pipelining, smtputf8, eightbitmime, target, .. } => {
            let offers = [("PIPELINING", pipelining), ("SMTPUTF8", smtputf8), ("8BITMIME", eightbitmime)];
            let offered: Vec<_> = offers.iter().filter(|(_, offered)| **offered).map(|(name, _)| *name).collect();
            let key = if *encrypted { "relay-answered-tls" } else { "relay-answered-clear" };
            Message::new(key).with("target", target).with("offers", offered.join(", "))
        }
    }
}
