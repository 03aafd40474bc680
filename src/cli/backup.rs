//! `sendoff backup` and `sendoff restore`: an encrypted copy of everything in one file, and its return.

use std::path::PathBuf;

use clap::Args;

use super::print::{self, Output};
use super::store_migration::Bars;
use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::backup::{self, Request, RestoreRequest};

/// Where to write a backup, and who can read it.
#[derive(Debug, Clone, Args)]
pub struct MakeArgs {
    /// The file to write; in a folder the backup gets a name with its time
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    to: Option<PathBuf>,
    /// Public key that the backup is encrypted to, age1…; may be repeated
    #[arg(long = "recipient", value_name = "KEY", env = "SENDOFF_BACKUP_RECIPIENT")]
    recipients: Vec<String>,
    /// Delete the backups of the folder that are older than this many days
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Make a key pair instead: the private key goes to this file, the public key is printed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "keep_days"])]
    new_key: Option<PathBuf>,
}

/// What to restore.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE", requires = "identity", required_unless_present_any = ["rehearse", "journal"])]
    file: Option<PathBuf>,
    /// The file with the private key that belongs to the backup
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Replace the database that the data folder has now; its erasure log stays
    #[arg(long)]
    replace: bool,
    /// The journal folder of the installation that the backup was made of; without FILE, for a backup restored before
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Restore aside, report, and remove the copy; without FILE a backup is made for it
    #[arg(long, conflicts_with_all = ["replace", "journal"])]
    rehearse: bool,
}

/// Makes a backup or a key.
pub async fn make(installation: &Installation, actor: &Actor, args: MakeArgs, lang: Lang) -> Result<Output> {
    if let Some(file) = args.new_key {
        let made = backup::make_key(installation, actor, &file).await?;
        let message = Message::new("backup-key-made").with("file", &made.identity).with("key", &made.recipient);
        return Ok(Output::new(&made, lang, lang.translate(&message)));
    }
    let request = Request { to: args.to.unwrap_or_default(), recipients: args.recipients, keep_days: args.keep_days };
    let mut bars = Bars::new(lang);
    let made = backup::run(installation, actor, &request, &mut |step| bars.show(&step)).await;
    bars.finish();
    let made = made?;
    let done =
        Message::new("backup-done").with("file", &made.file).with("people", made.people).with("bytes", made.bytes);
    let mut lines = vec![lang.translate(&done)];
    if !made.deleted.is_empty() {
        lines.push(lang.translate(&Message::new("backup-deleted").with("count", made.deleted.len())));
    }
    Ok(Output::new(&made, lang, lines.join("\n")))
}

/// Restores a backup, rehearses that, or repeats the erasures of a journal.
pub async fn restore(config: Config, actor: &Actor, args: RestoreArgs, lang: Lang) -> Result<Output> {
    let backup = args.file.as_deref().zip(args.identity.as_deref());
    if args.rehearse {
        let mut bars = Bars::new(lang);
        let rehearsed = backup::rehearse(config, actor, backup, &mut |step| bars.show(&step)).await;
        bars.finish();
        let rehearsed = rehearsed?;
        let message = Message::new("restore-rehearsed")
            .with("time", print::time(rehearsed.made_at))
            .with("people", rehearsed.people)
            .with("erased", rehearsed.erased)
            .with("rows", rehearsed.rows);
        return Ok(Output::new(&rehearsed, lang, lang.translate(&message)));
    }
    let Some((file, identity)) = backup else {
        let journal = args.journal.unwrap_or_default();
        let erased = backup::repeat_erasures(config, actor, &journal).await?;
        let message = Message::new("restore-repeated").with("erased", erased);
        return Ok(Output::new(&serde_json::json!({ "erased": erased }), lang, lang.translate(&message)));
    };
    let (file, identity) = (file.to_owned(), identity.to_owned());
    let request = RestoreRequest { file, identity, replace: args.replace, journal: args.journal };
    let mut bars = Bars::new(lang);
    let restored = backup::restore(config, actor, &request, &mut |step| bars.show(&step)).await;
    bars.finish();
    let restored = restored?;
    let message = Message::new("restore-done")
        .with("place", &restored.place)
        .with("time", print::time(restored.made_at))
        .with("people", restored.people)
        .with("erased", restored.erased);
    let mut lines = vec![lang.translate(&message)];
    if restored.halted > 0 {
        lines.push(lang.translate(&Message::new("restore-halted").with("count", restored.halted)));
    }
    if !restored.sends {
        lines.push(lang.tr("restore-locked"));
    }
    Ok(Output::new(&restored, lang, lines.join("\n")))
}
