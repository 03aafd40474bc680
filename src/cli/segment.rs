//! `sendoff segment`: save an expression, count its people, explain one person.

use clap::Subcommand;
use serde_json::{Value, json};

use super::print::{self, Bar, Report};
use crate::audience::address::Address;
use crate::audience::contact;
use crate::audience::segment::{self, ConditionResult, Reachability, Tree, shorten};
use crate::audience::workspace::Workspace;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;

/// What to do with segments.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Save an expression under a name
    Save {
        /// The name; a segment of this name gets the new expression
        name: String,
        /// For example: city = "Казань" and age >= 18 and on("News")
        expression: String,
    },
    /// Count the people of a segment
    Count {
        /// The segment
        name: String,
        /// Answer at once from some thousands of people; exact where there are few
        #[arg(long)]
        estimate: bool,
    },
    /// Say why a person is in a segment or not, condition by condition
    Explain {
        /// The segment
        name: String,
        /// The person's e-mail address
        address: String,
    },
    /// List the segments
    Ls,
}

/// Conditions longer than this are cut in text; JSON has them whole.
const WIDEST: usize = 200;

/// Does it.
pub async fn run(installation: &Installation, workspace: &Workspace, command: Command, lang: Lang) -> Result<Report> {
    match command {
        Command::Save { name, expression } => save(installation, workspace, &name, &expression, lang).await,
        Command::Count { name, estimate } => count(installation, workspace, &name, estimate, lang).await,
        Command::Explain { name, address } => explain(installation, workspace, &name, &address, lang).await,
        Command::Ls => list(installation, workspace, lang).await,
    }
}

async fn save(
    installation: &Installation,
    workspace: &Workspace,
    name: &str,
    expression: &str,
    lang: Lang,
) -> Result<Report> {
    let saved = segment::save(installation, workspace.id, name, expression).await?;
    let total = contact::count(&mut *installation.db.read().await?, workspace.id).await?;
    let mut bar = Bar::new(&lang.tr("field-indexing"), total.unsigned_abs());
    segment::reconcile_indexes(installation, workspace.id, |done| bar.set(done)).await?;
    bar.finish();
    Ok(Report {
        json: json!({ "segment": saved.name, "expression": saved.expression }),
        text: lang.translate(&Message::new("segment-saved").with("name", saved.name)),
        failed: false,
    })
}

async fn count(
    installation: &Installation,
    workspace: &Workspace,
    name: &str,
    estimate: bool,
    lang: Lang,
) -> Result<Report> {
    if (estimate || print::is_watched())
        && let Some(about) = segment::estimate(installation, workspace.id, name).await?
    {
        let text = lang.translate(&Message::new("segment-estimate").with("count", about));
        if estimate {
            let json = json!({ "segment": name, "count": about, "estimate": true });
            return Ok(Report { json, text, failed: false });
        }
        print::passing(&text);
    }
    let count = segment::count(installation, workspace.id, name).await?;
    Ok(Report {
        json: json!({ "segment": name, "count": count }),
        text: lang.translate(&Message::new("segment-count").with("name", name).with("count", count)),
        failed: false,
    })
}

async fn list(installation: &Installation, workspace: &Workspace, lang: Lang) -> Result<Report> {
    let all = segment::all(&mut *installation.db.read().await?, workspace.id).await?;
    let lines: Vec<_> = all.iter().map(|one| format!("{}: {}", one.name, shorten(&one.expression, WIDEST))).collect();
    let rows: Vec<_> = all.iter().map(|one| json!({ "segment": one.name, "expression": one.expression })).collect();
    let text = if lines.is_empty() { lang.tr("segment-none") } else { lines.join("\n") };
    Ok(Report { json: json!({ "segments": rows }), text, failed: false })
}

async fn explain(
    installation: &Installation,
    workspace: &Workspace,
    name: &str,
    address: &str,
    lang: Lang,
) -> Result<Report> {
    let address =
        Address::parse(address).map_err(|_| Message::new("segment-explain-address").invalid_field("address"))?;
    let found = segment::explain(installation, workspace.id, name, &address).await?;
    let verdict = match found.reachability {
        Reachability::Unknown => "segment-explain-unknown",
        Reachability::Restricted => "segment-explain-restricted",
        Reachability::Unlisted => "segment-explain-unlisted",
        Reachability::Reachable if found.included => "segment-explain-in",
        Reachability::Reachable => "segment-explain-out",
    };
    let mut lines = vec![lang.translate(&Message::new(verdict).with("address", address).with("name", name))];
    if let Some(tree) = &found.conditions {
        describe(tree, 1, lang, &mut lines);
    }
    let conditions = match &found.conditions {
        Some(Tree::All(parts)) => parts.iter().map(as_json).collect(),
        other => other.iter().map(as_json).collect::<Vec<_>>(),
    };
    let json = json!({
        "segment": name,
        "included": found.included,
        "standing": found.reachability.as_str(),
        "conditions": conditions,
    });
    Ok(Report { json, text: lines.join("\n"), failed: false })
}

fn holds(tree: &Tree<ConditionResult>) -> bool {
    tree.holds(&|finding| finding.holds)
}

fn as_json(tree: &Tree<ConditionResult>) -> Value {
    let of = |parts: &[Tree<ConditionResult>]| parts.iter().map(as_json).collect::<Vec<_>>();
    match tree {
        Tree::All(parts) => json!({ "all": of(parts), "holds": holds(tree) }),
        Tree::Any(parts) => json!({ "any": of(parts), "holds": holds(tree) }),
        Tree::Not(part) => json!({ "not": as_json(part), "holds": holds(tree) }),
        Tree::Leaf(one) => json!({ "condition": one.text, "holds": one.holds, "value": one.value }),
    }
}

fn describe(tree: &Tree<ConditionResult>, depth: usize, lang: Lang, lines: &mut Vec<String>) {
    let (words, parts) = match tree {
        Tree::All(parts) => (lang.tr("segment-all"), &parts[..]),
        Tree::Any(parts) => (lang.tr("segment-any"), &parts[..]),
        Tree::Not(part) => (lang.tr("segment-not"), std::slice::from_ref(&**part)),
        Tree::Leaf(one) => {
            let value =
                one.value.as_deref().map_or_else(|| lang.tr("segment-no-value"), |value| shorten(value, WIDEST));
            (format!("{} [{value}]", shorten(&one.text, WIDEST)), &[][..])
        }
    };
    let verdict = lang.tr(if holds(tree) { "segment-yes" } else { "segment-no" });
    lines.push(format!("{}{words} → {verdict}", "  ".repeat(depth)));
    for part in parts {
        describe(part, depth + 1, lang, lines);
    }
}
