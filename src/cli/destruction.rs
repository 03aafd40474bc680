//! `sendoff destruction ls | act | export | receipt`: what was destroyed, when and why.

use std::path::PathBuf;

use clap::Subcommand;

use super::print::Output;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::departure::reason_key;
use crate::privacy::destruction::report::{ErasureReceipt, MonthSums};
use crate::usecase::Actor;
use crate::usecase::{destruction, erasure_receipt};

/// Commands for the log of destruction.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the months with what was destroyed in them
    #[command(visible_alias = "list")]
    Ls,
    /// Show the facts of the act of a month; the desk has it as a page to print and sign
    Act {
        /// The month: 2026-12
        month: String,
    },
    /// Write the log of a month as CSV: pseudonym, categories, system, reason and date
    Export {
        /// The month: 2026-12
        month: String,
        /// The file; it must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Tell whether and when an address was erased
    Receipt {
        /// The address
        #[arg(required_unless_present = "number", conflicts_with = "number")]
        address: Option<String>,
        /// The number of a receipt that the person took along
        #[arg(long, value_name = "NUMBER")]
        number: Option<String>,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls => {
            let months = destruction::months(installation, actor).await?;
            let lines: Vec<_> = months.iter().map(|month| line(month, lang)).collect();
            let text = if lines.is_empty() { lang.tr("act-none") } else { lines.join("\n") };
            Ok(Output::new(&months, lang, text))
        }
        Command::Act { month } => {
            let act = destruction::act(installation, actor, &month).await?;
            let mut lines = vec![
                format!("{}: {} {}", lang.tr("act-operator"), act.operator, act.operator_address),
                format!("{}: {}", lang.tr("act-medium"), lang.tr(act.medium)),
                format!("{}: {}", lang.tr("act-system"), act.sums.system),
                line(&act.sums, lang),
            ];
            for (reason, count) in &act.sums.people {
                lines.push(format!("  {}: {count}", lang.tr(reason_key(reason))));
            }
            for (category, rows) in &act.sums.expired {
                lines.push(format!("  {category}: {rows}"));
            }
            lines.push(format!("{} {}–{} {}", lang.tr("act-lines"), act.sums.first, act.sums.last, act.sums.hash));
            Ok(Output::new(&act, lang, lines.join("\n")))
        }
        Command::Export { month, to } => {
            let exported = destruction::export(installation, actor, &month, &to).await?;
            let message = Message::new("audit-exported").with("entries", exported.rows).with("to", &exported.file);
            Ok(Output::new(&exported, lang, lang.translate(&message)))
        }
        Command::Receipt { number: Some(number), .. } => {
            let checked = erasure_receipt::check(installation, actor, &number).await?;
            let message = Message::new("act-receipt-issued").with("at", crate::usecase::output::utc(checked.issued_at));
            let mut lines = vec![lang.translate(&message)];
            lines.extend(checked.erasures.iter().map(|one| erasure_line(one, lang)));
            if checked.erasures.is_empty() {
                lines.push(lang.tr("act-receipt-waits"));
            }
            Ok(Output::new(&checked, lang, lines.join("\n")))
        }
        Command::Receipt { address, number: None } => {
            let address = address.unwrap_or_default();
            let receipts = destruction::receipt(installation, actor, &address).await?;
            let lines: Vec<_> = receipts.erasures.iter().map(|one| erasure_line(one, lang)).collect();
            let text = if lines.is_empty() { lang.tr("act-receipt-none") } else { lines.join("\n") };
            Ok(Output::new(&receipts, lang, text))
        }
    }
}

fn erasure_line(one: &ErasureReceipt, lang: Lang) -> String {
    format!("{}  {}  #{} {}", one.at, lang.tr(reason_key(&one.reason)), one.line, one.hash)
}

fn line(month: &MonthSums, lang: Lang) -> String {
    let message =
        Message::new("act-month").with("month", &month.month).with("people", month.people.values().sum::<u64>());
    let message = message.with("subscriptions", month.subscriptions.values().sum::<u64>());
    lang.translate(&message.with("rows", month.expired.values().sum::<u64>()))
}
