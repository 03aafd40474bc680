//! Evidence of the settings: where the pages are, where mail goes, who has a second factor, whether bytes wait for their removal.

use super::{Findings, Scope};
use crate::access::{Role, membership, user};
use crate::content::brand;
use crate::infra::db::{Cells, Query};
use crate::infra::error::Result;
use crate::infra::setting::{self, Setting};
use crate::mailer::relay;
use crate::privacy::physical_erasure;
use crate::usecase::Action;

/// Adds what the settings say of a promise.
pub(super) async fn add(scope: &Scope<'_>, id: &str, findings: &mut Findings) -> Result<()> {
    let mut conn = scope.installation.db.read().await?;
    let public = setting::get(&mut conn, Setting::PublicUrl).await?;
    match id {
        "M8" | "C2" | "R3" | "H1" => {
            findings.must("proof-public-url", &public, is_public(&public));
            let mailbox = setting::get(&mut conn, Setting::UnsubscribeMailbox).await?;
            if id == "H1" {
                findings.must("proof-unsubscribe-mailbox", or_none(&mailbox), !mailbox.is_empty());
                findings.fact("proof-unsubscribe-reader", "bounce feed, contact withdraw");
            }
        }
        "J7" => {
            let logo = brand::get(&mut conn, scope.workspace).await?.logo;
            let is_ours = logo.is_empty() || logo.starts_with(public.trim_end_matches('/'));
            findings.must("proof-logo", or_none(&logo), is_ours);
            let relays = relay::list(scope.installation, &mut conn, scope.workspace).await?;
            findings.fact("proof-relays", relays.len());
            findings.fact("proof-store", if scope.installation.db.is_shared() { "PostgreSQL" } else { "SQLite" });
            let processors = scope.applied.policy.purposes.iter().flat_map(|purpose| &purpose.processors);
            findings.fact(
                "proof-processors",
                or_none(&processors.map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")),
            );
        }
        "J9" => {
            let pending = physical_erasure::is_pending(scope.installation);
            findings.must("proof-bytes-pending", if pending { "1" } else { "0" }, !pending);
        }
        "M6" | "C4" => {
            let team = membership::of_workspace(&mut conn, scope.workspace).await?;
            let mut roles: Vec<&str> = team.iter().map(|member| member.role.as_str()).collect();
            roles.sort_unstable();
            findings.fact("proof-team", or_none(&roles.join(", ")));
            if id == "C4" {
                let open = team.iter().filter(|one| one.role == Role::Support && one.granted_until.is_none()).count();
                findings.none_of("proof-support-without-end", i64::try_from(open).unwrap_or(i64::MAX));
                let changes = [Action::CorrectContact, Action::EraseContact, Action::Export, Action::ExportContacts];
                let allowed = changes.iter().filter(|action| action.is_permitted_to(Role::Support)).count();
                findings.none_of("proof-support-changes", i64::try_from(allowed).unwrap_or(i64::MAX));
            }
        }
        "H4" => {
            let staff = user::all(scope.installation, &mut conn).await?;
            let with_factor = staff.iter().filter(|user| user.second_factor.is_some()).count();
            findings.must(
                "proof-second-factors",
                format!("{with_factor} / {}", staff.len()),
                with_factor == staff.len(),
            );
        }
        "H5" => {
            let count = |sql: &'static str| Query::new(sql);
            let short =
                count("select count(*) from session where length(digest) < 32").fetch_optional(&mut conn).await?;
            findings.none_of("proof-short-sessions", short.map_or(Ok(0), |row| row.cell(0))?);
            let all = count("select count(*) from session").fetch_optional(&mut conn).await?;
            findings.fact("proof-sessions", all.map_or(Ok(0), |row| row.cell::<i64>(0))?);
        }
        _ => {}
    }
    if ["M7", "H4"].contains(&id) {
        let (made, newest) = scope.audit.of("make_backup");
        findings.must("proof-backups", made, made > 0);
        let newest: Option<jiff::Timestamp> = newest.and_then(|at| at.parse().ok());
        let age = newest.map(|at| (scope.now - at.as_millisecond()) / crate::infra::clock::DAY);
        findings.must(
            "proof-backup-age",
            age.map_or_else(|| "—".to_owned(), |age| age.to_string()),
            age.is_some_and(|age| age <= 31),
        );
    }
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "—" } else { text }
}

/// Whether recipients elsewhere can reach a URL.
fn is_public(url: &str) -> bool {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    !(host.is_empty() || host == "localhost" || host.ends_with(".localhost") || host.starts_with("127."))
}
