//! The command line: global options and command groups, parsed by clap.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    audit, backup, bounce, brand, campaign, consent, contact, demo, destruction, export, field, form, import, lane,
    list, log, machine, mail, policy, relay, request, retention, segment, serve, set_aside, setting, store_migration,
    subscription, trace_search, uncertain, user, workspace,
};
use crate::infra::i18n::Lang;

/// The data folder when none is named.
const DATA: &str = "sendoff-data";

/// An email campaign and subscription engine that erases contacts when they unsubscribe.
#[derive(Debug, Parser)]
#[command(name = "sendoff", version, about, propagate_version = true)]
pub struct Cli {
    /// Folder for keys, journals, captured messages and, by default, the database
    #[arg(long, global = true, env = "SENDOFF_DATA", value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// postgres://… instead of SQLite in the data folder
    #[arg(long, global = true, env = "SENDOFF_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// The workspace to work in
    #[arg(long, global = true, env = "SENDOFF_WORKSPACE", value_name = "NAME", default_value = "main")]
    pub workspace: String,
    /// Print one JSON value instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Format of the log on standard error: text, or one JSON object a line
    #[arg(long, global = true, env = "SENDOFF_LOG", value_enum, value_name = "FORMAT", default_value_t = log::Format::Text)]
    pub log: log::Format,
    /// Lowest level that is logged: error, warn, info, debug or trace
    #[arg(long, global = true, env = "SENDOFF_LOG_LEVEL", value_enum, value_name = "LEVEL", default_value_t = log::Level::Warn)]
    pub log_level: log::Level,
    /// Language of the output, such as en; follows the locale by default
    #[arg(long, global = true, env = "SENDOFF_LANG", value_name = "LANG")]
    pub lang: Option<String>,
    /// The locale of the environment, used without --lang
    #[arg(long, global = true, env = "LC_ALL", hide = true)]
    locale: Option<String>,
    /// The locale used without `LC_ALL`
    #[arg(long, global = true, env = "LANG", hide = true)]
    fallback_locale: Option<String>,
    /// The command
    #[command(subcommand)]
    pub command: Command,
}

/// A command. Its options are built only when it is the one that was given.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Create the data folder, keys and tables
    Init,
    /// Add and list workspaces
    Workspace {
        /// The command
        #[command(subcommand)]
        command: workspace::Command,
    },
    /// Add, list and remove the users of the desk, and help them in
    User {
        /// The command
        #[command(subcommand)]
        command: user::Command,
    },
    /// List the machines that share the database, and forget one
    Machine {
        /// The command
        #[command(subcommand)]
        command: machine::Command,
    },
    /// Serve the public pages and the desk, and send campaigns
    Serve(serve::Args),
    /// Run an end-to-end demonstration on a temporary installation
    Demo(demo::Args),
    /// Declare, list and index the fields of contacts
    Field {
        /// The command
        #[command(subcommand)]
        command: field::Command,
    },
    /// Add, close and show lists
    List {
        /// The command
        #[command(subcommand)]
        command: list::Command,
    },
    /// Make forms by which people sign up
    Form {
        /// The command
        #[command(subcommand)]
        command: form::Command,
    },
    /// Import contacts from a CSV file
    Import(import::Args),
    /// Save, count and explain segments
    Segment {
        /// The command
        #[command(subcommand)]
        command: segment::Command,
    },
    /// Set the servers and folders that take messages
    Relay {
        /// The command
        #[command(subcommand)]
        command: relay::Command,
    },
    /// Group recipient domains, limit what is sent to them, and show their state
    Lane {
        /// The command
        #[command(subcommand)]
        command: lane::Command,
    },
    /// Set the sender, colour and logo of emails
    Brand {
        /// The command
        #[command(subcommand)]
        command: brand::Command,
    },
    /// Check, apply and prove the privacy policy of the workspace
    Policy {
        /// The command
        #[command(subcommand)]
        command: policy::Command,
    },
    /// Add, check and run campaigns
    Campaign {
        /// The command
        #[command(subcommand)]
        command: campaign::Command,
    },
    /// Send the messages that are due
    Mail(mail::Args),
    /// List and settle uncertain deliveries
    Uncertain {
        /// The command
        #[command(subcommand)]
        command: uncertain::Command,
    },
    /// Move the data to PostgreSQL, or back to a folder
    Move(store_migration::Args),
    /// Write an encrypted backup, also while campaigns are sent
    Backup(backup::MakeArgs),
    /// Restore a backup, or rehearse that; erasures that it lacks are repeated first
    Restore(backup::RestoreArgs),
    /// Show, correct, restrict and erase a contact
    Contact {
        /// The command
        #[command(subcommand)]
        command: contact::Command,
    },
    /// Enter and answer requests of people about their data, with due dates
    Request {
        /// The command
        #[command(subcommand)]
        command: request::Command,
    },
    /// Prove what an erased person had consented to
    Consent {
        /// The command
        #[command(subcommand)]
        command: consent::Command,
    },
    /// Invite someone back who was erased by mistake
    Subscription {
        /// The command
        #[command(subcommand)]
        command: subscription::Command,
    },
    /// Write deliveries, events, links, subscriptions or the summary to a file
    Export(export::Command),
    /// Search for what is still stored of an address
    Trace {
        /// The command
        #[command(subcommand)]
        command: trace_search::Trace,
    },
    /// Search every table and file for an address; the older name of `trace search`
    #[command(hide = true)]
    Residue(trace_search::Command),
    /// Read mail that came back: bounces, complaints, requests to leave
    Bounce {
        /// The command
        #[command(subcommand)]
        command: bounce::Command,
    },
    /// List and settle opens, clicks and requests that could not be processed
    SetAside {
        /// The command
        #[command(subcommand)]
        command: set_aside::Command,
    },
    /// Delete what its time of storage has ended for, or say what that is
    Retention {
        /// The command
        #[command(subcommand)]
        command: retention::Command,
    },
    /// Show what was destroyed in a month, as an act and as a log, and whether an address was erased
    Destruction {
        /// The command
        #[command(subcommand)]
        command: destruction::Command,
    },
    /// List, check and export the log of who did what
    Audit {
        /// The command
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Show and change the settings of the installation
    Settings {
        /// The command
        #[command(subcommand)]
        command: setting::Command,
    },
}

impl Cli {
    /// The language of messages.
    pub fn lang(&self) -> Lang {
        let named = self.lang.as_deref().or(self.locale.as_deref()).or(self.fallback_locale.as_deref());
        Lang::from_locale(named.unwrap_or_default())
    }

    /// True when a data folder was named.
    pub fn data_given(&self) -> bool {
        self.data.as_os_str() != DATA || self.database.is_some()
    }
}
