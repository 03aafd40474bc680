//! Table `lane`: groups of recipient domains that share limits, because behind them stand the same
//! servers with one opinion of us. The large families are known; a workspace changes their limits,
//! moves domains and adds lanes of its own. A letter's lane is fixed when its audience is.

use std::collections::BTreeMap;

use sqlx::Row;

use super::rate_limit::RateLimit;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// The lane of every domain that no other lane names.
pub const REST: &str = "rest";

/// The limits under this name hold for all letters of the workspace together.
pub const ALL: &str = "all";

/// The families known without being told. `x.*` is the name under any ending.
const FAMILIES: &[(&str, &str)] = &[
    ("gmail", "gmail.com googlemail.com"),
    ("icloud", "icloud.com me.com mac.com"),
    ("mail.ru", "mail.ru bk.ru list.ru inbox.ru internet.ru"),
    ("outlook", "outlook.* hotmail.* live.* msn.com"),
    ("yahoo", "yahoo.* ymail.com rocketmail.com aol.* aim.com"),
    ("yandex", "yandex.* ya.ru narod.ru"),
    (REST, ""),
];

/// Longest name of a lane or a relay, in characters.
pub const LONGEST_NAME: usize = 40;

const MOST_CONNECTIONS: u32 = 1_000;

/// A group of recipient domains and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Its name on the command line.
    pub name: String,
    /// Domains as lower-case A-labels, or `x.*` for a name under any ending.
    pub domains: Vec<String>,
    /// Letters of the lane on the wire at a time, over all relays of a mailer.
    pub connections: Option<u32>,
    /// Its limits.
    pub rate_limit: RateLimit,
}

impl Lane {
    /// A lane without limits.
    pub fn new(name: &str, domains: &str) -> Self {
        let domains = domains.split_whitespace().map(str::to_owned).collect();
        Self { name: name.to_owned(), domains, connections: None, rate_limit: RateLimit::default() }
    }

    fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        if matches!(self.name.as_str(), REST | ALL) && !self.domains.is_empty() {
            return Err(Message::new("lane-domains-fixed").with("name", &self.name).invalid_field("domains"));
        }
        if self.connections.is_some_and(|connections| !(1..=MOST_CONNECTIONS).contains(&connections)) {
            return Err(Message::new("relay-connections").with("most", MOST_CONNECTIONS).invalid_field("connections"));
        }
        self.rate_limit.check()
    }
}

/// A name of a lane or relay: letters, digits, dots, hyphens.
pub fn check_name(name: &str) -> Result<()> {
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(sound) {
        true => Ok(()),
        false => Err(Message::new("lane-name").with("name", name).with("most", LONGEST_NAME).invalid_field("name")),
    }
}

/// Reads domains as a user writes them, separated by commas or spaces.
pub fn parse_domains(text: &str) -> Result<Vec<String>> {
    let words = text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let (bare, any_ending) = word.strip_suffix(".*").map_or((word, false), |bare| (bare, true));
            let domain = idna::domain_to_ascii_strict(bare).ok().filter(|domain| !domain.is_empty());
            let domain = domain.filter(|domain| any_ending || domain.contains('.'));
            let domain =
                domain.ok_or_else(|| Message::new("lane-domain").with("domain", word).invalid_field("domains"))?;
            Ok(if any_ending { format!("{domain}.*") } else { domain })
        })
        .collect()
}

/// The lanes of a workspace with their limits: the known families as it changed them, its own, and
/// `rest`. A domain that one of its own names belongs to that one. `all` is among them when it is limited.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Lane>> {
    let rows = sqlx::query(
        "select name, domains, connections, rate, daily, ramp_start, ramp_growth from lane where workspace_id = $1 order by name",
    )
    .bind(workspace)
    .fetch_all(conn)
    .await?;
    let mut lanes: Vec<Lane> = FAMILIES.iter().map(|(name, domains)| Lane::new(name, domains)).collect();
    let mut own = Vec::new();
    for row in rows {
        let (name, domains): (String, Option<String>) = (row.get(0), row.get(1));
        let known = lanes.iter().position(|lane| lane.name == name).map(|at| lanes.remove(at));
        let connections = row.get::<Option<i32>, _>(2).and_then(|connections| u32::try_from(connections).ok());
        let mut lane = Lane {
            connections,
            rate_limit: RateLimit::read(&row, 3),
            ..Lane::new(&name, domains.as_deref().unwrap_or(""))
        };
        match (domains, known) {
            (None, Some(known)) => lanes.push(Lane { domains: known.domains, ..lane }),
            _ => {
                lane.domains.sort();
                own.push(lane);
            }
        }
    }
    let taken: Vec<String> = own.iter().flat_map(|lane| lane.domains.clone()).collect();
    for lane in &mut lanes {
        lane.domains.retain(|domain| !taken.contains(domain));
    }
    lanes.append(&mut own);
    lanes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(lanes)
}

/// Writes a lane of a workspace. Letters that wait are not moved: see `delivery::reassign_lanes`.
pub async fn set(conn: &mut Conn, workspace: Id, lane: &Lane) -> Result<()> {
    lane.check()?;
    let known = FAMILIES.iter().find(|(name, _)| *name == lane.name);
    let as_known = known.is_some_and(|(name, domains)| Lane::new(name, domains).domains == lane.domains);
    let domains = (!as_known && lane.name != ALL).then(|| lane.domains.join(" "));
    let mut sql = Sql::new(
        "insert into lane (workspace_id, name, domains, connections, rate, daily, ramp_start, ramp_growth) values (",
    );
    sql.bind(workspace).push(", ").bind(lane.name.clone()).push(", ").bind(domains).push(", ");
    sql.bind(lane.connections.and_then(|connections| i32::try_from(connections).ok())).push(", ");
    lane.rate_limit.write(&mut sql);
    sql.push(") on conflict (workspace_id, name) do update set domains = excluded.domains, ");
    sql.push("connections = excluded.connections, rate = excluded.rate, daily = excluded.daily, ");
    sql.push("ramp_start = excluded.ramp_start, ramp_growth = excluded.ramp_growth").run(conn).await?;
    Ok(())
}

/// Takes back what a workspace set for a lane: a known family is as it was, another one is gone.
/// False when nothing was set.
pub async fn reset(conn: &mut Conn, workspace: Id, name: &str) -> Result<bool> {
    let gone = sqlx::query("delete from lane where workspace_id = $1 and name = $2")
        .bind(workspace)
        .bind(name)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() > 0)
}

/// The expression for the domain of a canonical address, given as a column. `position` is the
/// database's word for the place of a text in another ([`Db::position`]).
///
/// What stands behind the first `@` is taken for the domain, which is quick, where no quotes can
/// hide another.
///
/// [`Db::position`]: crate::infra::db::Db::position
pub fn domain(canonical: &str, position: &str) -> String {
    let last = format!("replace({canonical}, rtrim({canonical}, replace({canonical}, '@', '')), '')");
    let first = format!("substr({canonical}, {position}({canonical}, '@') + 1)");
    format!("case substr({canonical}, 1, 1) when '\"' then {last} else {first} end")
}

/// Appends an expression that names the lane of a domain, given as an expression: those that are named
/// in full first, then names under any ending by their first label, then those with more labels.
///
/// It is asked of every person of a campaign, and numbers are compared in no time: a domain meets
/// only names of its own length.
pub fn classify(sql: &mut Sql, lanes: &[Lane], domain: &str, position: &str) {
    let all = lanes.iter().flat_map(|lane| lane.domains.iter().map(move |domain| (domain.as_str(), &*lane.name)));
    let (patterns, full): (Vec<_>, Vec<_>) = all.partition(|(name, _)| name.ends_with(".*"));
    let patterns = patterns.into_iter().map(|(name, lane)| (name.trim_end_matches('*'), lane));
    let (deep, shallow): (Vec<_>, Vec<_>) = patterns.partition(|(name, _)| name.matches('.').count() > 1);
    let label = format!("{position}({domain}, '.')");
    sql.push("coalesce(");
    choose(sql, &full, &format!("length({domain})"), domain);
    sql.push(", ");
    choose(sql, &shallow, &label, &format!("substr({domain}, 1, {label})"));
    sql.push(", case when 1 = 0 then null");
    for (name, lane) in deep {
        sql.push(" when ").push(domain).push(" like ").bind(format!("{name}%")).push(" then ").bind(lane.to_owned());
    }
    sql.push(" end, 'rest')");
}

/// Appends the lane of the name that `text` is, if it is one; `length` is the expression for its length.
fn choose(sql: &mut Sql, names: &[(&str, &str)], length: &str, text: &str) {
    let mut lengths: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (name, lane) in names {
        lengths.entry(name.len()).or_default().push((*name, *lane));
    }
    // A case needs a branch: no name is that short.
    sql.push("case ").push(length).push(" when 0 then null");
    for (length, names) in lengths {
        sql.push(" when ").push(&length.to_string()).push(" then case ").push(text);
        for (name, lane) in names {
            sql.push(" when ").bind(name.to_owned()).push(" then ").bind(lane.to_owned());
        }
        sql.push(" end");
    }
    sql.push(" end");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_as_users_write_them() {
        let read = |text: &str| parse_domains(text).map_err(|error| error.message().key);

        assert_eq!(
            read("Example.ORG, почта.рф  hotmail.*").expect("domains"),
            ["example.org", "xn--80a1acny.xn--p1ai", "hotmail.*"]
        );
        for wrong in ["localhost", "a@b.org", ".*", "*.org", "a..b", "x%.org", "a_b.org"] {
            assert_eq!(read(wrong), Err("lane-domain"), "{wrong}");
        }
    }

    #[test]
    fn names_go_into_commands_and_logs() {
        for name in ["gmail", "mail.ru", "большие-2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\n", "a/b", &"x".repeat(LONGEST_NAME + 1)] {
            assert_eq!(check_name(name).expect_err("a refusal").message().key, "lane-name", "{name:?}");
        }
    }
}
