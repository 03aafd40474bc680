//! `sendoff user add | ls | role | rm | reset | sessions`: the people who sign in to the desk.

use clap::Subcommand;
use serde_json::json;

use super::print::{self, Output};
use super::user_oidc;
use crate::access::SecretToken;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::localize::to_json;
use crate::usecase::user::{self, AddUser, UserLink, UserRow};
use crate::usecase::{Actor, Role, team};

/// Commands for users.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Add a user, who chooses a password by the link that is printed
    Add {
        /// The e-mail address
        email: String,
        /// The name that colleagues see
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The role in --workspace: owner, marketer, analyst, auditor or support
        #[arg(long, default_value = "marketer", value_name = "ROLE")]
        role: String,
        /// The last day of a grant to the support, such as 2026-12-31
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Also an administrator of the whole installation
        #[arg(long)]
        administrator: bool,
        /// Language of their pages, such as en
        #[arg(long, value_name = "LANG")]
        language: Option<String>,
    },
    /// List the users with their roles
    #[command(visible_alias = "list")]
    Ls,
    /// Give a user another role in --workspace, or make them an administrator
    Role {
        /// The e-mail address
        email: String,
        /// owner, marketer, analyst, auditor or support
        #[arg(required_unless_present = "administrator")]
        role: Option<String>,
        /// The last day of a grant to the support, such as 2026-12-31
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Whether they administer the whole installation
        #[arg(long, value_name = "TRUE|FALSE")]
        administrator: Option<bool>,
    },
    /// Remove a user; nothing of them is kept
    Rm {
        /// The e-mail address
        email: String,
    },
    /// Print a link by which a user chooses a new password
    Reset {
        /// The e-mail address
        email: String,
        /// Remove the second factor too, for somebody who lost their phone and their recovery codes
        #[arg(long)]
        second_factor: bool,
    },
    /// List the browsers in which a user is signed in, or sign them all out
    Sessions {
        /// The e-mail address
        email: String,
        /// End the one with this id, or all of them without an id
        #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "all")]
        end: Option<String>,
    },
    /// Let the staff sign in at an identity provider (OpenID Connect)
    #[command(subcommand)]
    Oidc(user_oidc::Command),
}

impl Command {
    /// Whether the command concerns one workspace.
    pub const fn needs_workspace(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Role { role: Some(_), .. })
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { email, name, role, until, administrator, language } => {
            let new = AddUser {
                email: &email,
                name: &name,
                role: Some(Role::parse_member(&role)?),
                granted_until: until.as_deref().map(team::parse_until).transpose()?,
                administrator,
                lang: language.as_deref().map(str::parse).transpose()?,
            };
            let added = user::add(installation, actor, &new).await?;
            show_link(installation, "user-added", &added, lang).await
        }
        Command::Ls => {
            let rows = user::list(installation, actor).await?;
            let lines: Vec<_> = rows.iter().map(|row| line(row, lang)).collect();
            let text = if lines.is_empty() { lang.tr("user-none") } else { lines.join("\n") };
            Ok(Output { json: json!({ "users": to_json(&rows, lang) }), text, failed: false })
        }
        Command::Role { email, role, until, administrator } => {
            let mut lines = Vec::new();
            if let Some(role) = &role {
                let role = Role::parse_member(role)?;
                let until = until.as_deref().map(team::parse_until).transpose()?;
                let address = team::give_role(installation, actor, &email, role, until).await?;
                let message = Message::new("user-role").with("address", address);
                lines.push(lang.translate(&message.with_message("role", Message::new(role.key()))));
            }
            if let Some(is_one) = administrator {
                user::set_administrator(installation, actor, &email, is_one).await?;
                lines.push(lang.tr(if is_one { "user-administrator" } else { "user-no-administrator" }));
            }
            let json = json!({ "role": role, "administrator": administrator });
            Ok(Output { json, text: lines.join("\n"), failed: false })
        }
        Command::Rm { email } => {
            let removed = user::remove(installation, actor, &email).await?;
            let mut lines = vec![lang.translate(&Message::new("user-removed").with("address", &removed.email))];
            lines.extend(removed.pending.as_ref().map(|pending| lang.translate(pending)));
            Ok(Output::new(&removed, lang, lines.join("\n")))
        }
        Command::Reset { email, second_factor } => {
            let reset = user::reset(installation, actor, &email, second_factor).await?;
            show_link(installation, "user-reset", &reset, lang).await
        }
        Command::Oidc(command) => user_oidc::run(installation, actor, command, lang).await,
        Command::Sessions { email, end: Some(id) } if id != "all" => {
            let id = id.parse().map_err(|_| Message::new("session-unknown").not_found())?;
            user::end_session(installation, actor, &email, id).await?;
            let text = lang.translate(&Message::new("user-sessions-ended").with("count", 1));
            Ok(Output { json: json!({ "ended": 1 }), text, failed: false })
        }
        Command::Sessions { email, end: Some(_) } => {
            let ended = user::end_sessions(installation, actor, &email).await?;
            let text = lang.translate(&Message::new("user-sessions-ended").with("count", ended));
            Ok(Output { json: json!({ "ended": ended }), text, failed: false })
        }
        Command::Sessions { email, end: None } => {
            let rows = user::sessions(installation, actor, &email).await?;
            let line = |row: &crate::usecase::session::SessionRow| {
                let (since, last_used) = (print::time(row.since), print::time(row.last_used));
                format!("{}  {since}  {last_used}  {}", row.id, row.browser)
            };
            let lines: Vec<_> = rows.iter().map(line).collect();
            let text = if lines.is_empty() { lang.tr("user-sessions-none") } else { lines.join("\n") };
            Ok(Output { json: json!({ "sessions": to_json(&rows, lang) }), text, failed: false })
        }
    }
}

async fn show_link(installation: &Installation, key: &'static str, made: &UserLink, lang: Lang) -> Result<Output> {
    let url = password_url(installation, &made.token).await?;
    let text = lang.translate(&Message::new(key).with("address", &made.email).with("url", &url));
    let json = json!({ "link": url, "expires": print::time(made.expires) });
    Ok(Output { json, text, failed: false })
}

async fn password_url(installation: &Installation, token: &SecretToken) -> Result<String> {
    Ok(format!("{}/password/{}", user::desk_url(installation).await?, token.expose()))
}

fn line(row: &UserRow, lang: Lang) -> String {
    let mut roles: Vec<String> =
        row.roles.iter().map(|one| format!("{}: {}", one.workspace, lang.tr(one.role.key()))).collect();
    if row.administrator {
        roles.insert(0, lang.tr(Role::Operator.key()));
    }
    let seen = row.last_seen.map_or_else(|| lang.tr("user-never-seen"), print::time);
    format!("{:<32} {:<24} {:<40} {seen}", row.email, row.name, roles.join(", "))
}
