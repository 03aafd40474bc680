//! `sendoff bounce read | feed | ls`: mail that came back, from files or from the pipe of a mail server.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::print::Output;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::request_journal::RequestJournal;
use crate::usecase::Actor;
use crate::usecase::returned_mail::{self, MAX_BYTES, ReadMessage};

/// Commands for mail that came back.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Say what a raw message is: bounce, complaint, request to leave or automatic reply; changes nothing
    Read {
        /// The message; - for standard input
        file: PathBuf,
    },
    /// Do what follows from raw messages: suppress, unsubscribe, count
    Feed {
        /// The messages; - for standard input, as in a pipe of a mail server
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Count what came back within the last thirty days
    #[command(visible_alias = "list")]
    Ls,
}

/// Runs the command. `operator` acts for the whole installation, `actor` in the workspace.
pub async fn run(
    installation: &Installation,
    operator: &Actor,
    actor: &Actor,
    command: Command,
    lang: Lang,
) -> Result<Output> {
    match command {
        Command::Read { file } => {
            let read = returned_mail::read(installation, actor, &load(&file)?).await?;
            Ok(Output::new(&read, lang, line(&read, lang)))
        }
        Command::Feed { files } => {
            let journal = RequestJournal::new(installation);
            let (mut taken, mut lines, mut failed) = (Vec::new(), Vec::new(), false);
            for file in files {
                let name = file.display().to_string();
                match take(installation, &journal, operator, &file).await {
                    Ok(read) => {
                        lines.push(format!("{name}: {}", line(&read, lang)));
                        let Output { mut json, .. } = Output::new(&read, lang, String::new());
                        json["file"] = name.into();
                        taken.push(json);
                    }
                    Err(error) if error.is_outage() => return Err(error),
                    Err(error) => {
                        let sentence = lang.translate(&error.message());
                        failed = true;
                        lines.push(format!("{name}: {sentence}"));
                        taken.push(json!({ "file": name, "error": error.message().key, "message": sentence }));
                    }
                }
            }
            Ok(Output { json: json!({ "messages": taken }), text: lines.join("\n"), failed })
        }
        Command::Ls => {
            let counts = returned_mail::counts(installation, actor).await?;
            let row = |row: &returned_mail::ReturnedCount| {
                format!("{:<12} {:<8} {:<13} {}", row.kind, row.class, row.action, row.count)
            };
            let lines: Vec<_> = counts.counts.iter().map(row).collect();
            let text = if lines.is_empty() { lang.tr("returned-none") } else { lines.join("\n") };
            Ok(Output::new(&counts, lang, text))
        }
    }
}

async fn take(
    installation: &Installation,
    journal: &RequestJournal,
    operator: &Actor,
    file: &Path,
) -> Result<ReadMessage> {
    returned_mail::take(installation, journal, operator, &load(file)?).await
}

fn line(read: &ReadMessage, lang: Lang) -> String {
    let status = read.status.as_deref().unwrap_or("—");
    let ReadMessage { kind, class, action, reason, .. } = read;
    format!("{kind}, {class}, {status}, {action}. {}", lang.translate(reason))
}

/// The bytes of a file, up to one more than is read of any message.
fn load(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let read = match file.as_os_str() == "-" {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(Error::io(file.display()))?;
    if bytes.is_empty() {
        return Err(Message::new("returned-empty").with("file", file.display()).invalid_field("file"));
    }
    Ok(bytes)
}
