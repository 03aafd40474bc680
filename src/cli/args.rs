//! The command line as typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    brand, campaign, contact, demo, export, field, import, lane, list, log, mail, relay, segment, serve, setting,
    store_migration, trace_search, uncertain, workspace,
};
use crate::infra::i18n::Lang;

/// The data folder when none is named.
const DATA: &str = "sendoff-data";

/// An e-mail campaign and subscription engine that forgets.
#[derive(Debug, Parser)]
#[command(name = "sendoff", version, about, propagate_version = true)]
pub struct Cli {
    /// Folder for keys, journals, captured letters and, by default, the database
    #[arg(long, global = true, env = "SENDOFF_DATA", value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// postgres://… instead of SQLite in the data folder
    #[arg(long, global = true, env = "SENDOFF_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// The customer to work for
    #[arg(long, global = true, env = "SENDOFF_WORKSPACE", value_name = "NAME", default_value = "main")]
    pub workspace: String,
    /// Print one JSON value instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// The log on standard error: text, or a JSON object a line
    #[arg(long, global = true, env = "SENDOFF_LOG", value_enum, value_name = "FORM", default_value_t = log::Form::Text)]
    pub log: log::Form,
    /// What the log holds: error, warn, info, debug or trace
    #[arg(long, global = true, env = "SENDOFF_LOG_LEVEL", value_enum, value_name = "LEVEL", default_value_t = log::Level::Warn)]
    pub log_level: log::Level,
    /// Language of the output, such as en; follows the locale by default
    #[arg(long, global = true, env = "SENDOFF_LANG", value_name = "LANG")]
    pub lang: Option<String>,
    /// The locale of the environment, consulted when no language is named
    #[arg(long, global = true, env = "LC_ALL", hide = true)]
    locale: Option<String>,
    /// The same, weaker
    #[arg(long, global = true, env = "LANG", hide = true)]
    weak_locale: Option<String>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the data folder, keys and tables
    Init,
    /// Make and list the customers of this installation
    Workspace {
        /// What to do
        #[command(subcommand)]
        command: workspace::Command,
    },
    /// Serve what recipients touch, the desk, and send campaigns
    Serve(serve::Args),
    /// Show the whole river on a temporary installation
    Demo(demo::Args),
    /// Declare and list the attributes of contacts
    Field {
        /// What to do
        #[command(subcommand)]
        command: field::Command,
    },
    /// Make, close and list newsletters
    List {
        /// What to do
        #[command(subcommand)]
        command: list::Command,
    },
    /// Bring people in from a CSV file
    Import(import::Args),
    /// Save, count and explain segments
    Segment {
        /// What to do
        #[command(subcommand)]
        command: segment::Command,
    },
    /// Choose where messages are handed in, and how they are shared out
    Relay {
        /// What to do
        #[command(subcommand)]
        command: relay::Command,
    },
    /// Group recipient domains, limit what leaves to them, and see how they take it
    Lane {
        /// What to do
        #[command(subcommand)]
        command: lane::Command,
    },
    /// Choose how letters look and who signs them
    Brand {
        /// What to do
        #[command(subcommand)]
        command: brand::Command,
    },
    /// Add, check and run campaigns
    Campaign {
        /// What to do
        #[command(subcommand)]
        command: campaign::Command,
    },
    /// Send what is due
    Mail(mail::Args),
    /// List and settle the letters whose fate the relay alone knows
    Uncertain {
        /// What to do
        #[command(subcommand)]
        command: uncertain::Command,
    },
    /// Carry the installation to PostgreSQL, or back to a folder
    Move(store_migration::Args),
    /// Show, correct, restrict and erase a person
    Contact {
        /// What to do
        #[command(subcommand)]
        command: contact::Command,
    },
    /// Write deliveries, events, links, subscriptions or the summary to a file
    Export(export::Command),
    /// Search for what is still stored of an address
    Trace {
        /// What to do
        #[command(subcommand)]
        command: trace_search::Trace,
    },
    /// Search every table and file for an address; the older name of `trace search`
    #[command(hide = true)]
    Residue(trace_search::Command),
    /// What the installation needs to know
    Settings {
        /// What to do
        #[command(subcommand)]
        command: setting::Command,
    },
}

impl Cli {
    /// The language of messages.
    pub fn lang(&self) -> Lang {
        let named = self.lang.as_deref().or(self.locale.as_deref()).or(self.weak_locale.as_deref());
        Lang::from_locale(named.unwrap_or_default())
    }

    /// True when a data folder was named.
    pub fn data_given(&self) -> bool {
        self.data.as_os_str() != DATA || self.database.is_some()
    }
}
