//! Table `lane`: groups of recipient domains that share limits, because the same mailbox provider serves them. The lanes
//! of large providers are built in; a workspace can change their limits, move domains and add lanes. The lane of a
//! delivery is fixed when the audience is frozen.

use std::collections::BTreeMap;

use serde_json::json;

use super::rate_limit::RateLimit;
use crate::infra::db::{Cells, Conn, Query, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// Lane of every domain that no other lane names.
pub const REST: &str = "rest";

/// Name of the limits that apply to all messages of a workspace together.
pub const ALL: &str = "all";

/// Built-in lanes of large mailbox providers. `x.*` is the name under any top-level domain.
const BUILT_IN: &[(&str, &str)] = &[
    ("gmail", "gmail.com googlemail.com"),
    ("icloud", "icloud.com me.com mac.com"),
    ("mail.ru", "mail.ru bk.ru list.ru inbox.ru internet.ru"),
    ("outlook", "outlook.* hotmail.* live.* msn.com"),
    ("yahoo", "yahoo.* ymail.com rocketmail.com aol.* aim.com"),
    ("yandex", "yandex.* ya.ru narod.ru"),
    (REST, ""),
];

/// Maximum length of the name of a lane or a relay, in characters.
pub const MAX_NAME: usize = 40;

/// Maximum number of connections of a lane.
const MAX_CONNECTIONS: u32 = 1_000;

/// A group of recipient domains and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Name, unique in the workspace.
    pub name: String,
    /// Domains as lower-case A-labels, or `x.*` for a name under any top-level domain.
    pub domains: Vec<String>,
    /// Messages of the lane on the wire at the same time, over all relays of a mailer.
    pub connections: Option<u32>,
    /// Rate, daily limit and warm-up.
    pub rate_limit: RateLimit,
}

impl Lane {
    /// A lane without limits; `domains` are separated by spaces.
    pub fn new(name: &str, domains: &str) -> Self {
        let domains = domains.split_whitespace().map(str::to_owned).collect();
        Self { name: name.to_owned(), domains, connections: None, rate_limit: RateLimit::default() }
    }

    fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        if matches!(self.name.as_str(), REST | ALL) && !self.domains.is_empty() {
            return Err(Message::new("lane-domains-fixed").with("name", &self.name).invalid_field("domains"));
        }
        if self.connections.is_some_and(|connections| !(1..=MAX_CONNECTIONS).contains(&connections)) {
            return Err(Message::new("relay-connections").with("most", MAX_CONNECTIONS).invalid_field("connections"));
        }
        self.rate_limit.check()
    }
}

/// Checks the name of a lane or relay: letters, digits, dots, hyphens, underscores.
pub fn check_name(name: &str) -> Result<()> {
    let is_valid = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match !name.is_empty() && name.chars().count() <= MAX_NAME && name.chars().all(is_valid) {
        true => Ok(()),
        false => Err(Message::new("lane-name").with("name", name).with("most", MAX_NAME).invalid_field("name")),
    }
}

/// Parses domains as a user writes them, separated by commas or spaces.
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

/// The lanes of a workspace with their limits: the built-in ones as the workspace changed them, its own, and `rest`. A
/// domain that a lane of the workspace names belongs to that lane. `all` is among them when it has limits.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Lane>> {
    let rows = Query::new(
        "select name, domains, connections, rate, daily, warm_up_start, warm_up_growth
           from lane
          where workspace_id = :workspace
          order by name",
    )
    .bind("workspace", workspace)
    .fetch_all(conn)
    .await?;
    let mut lanes: Vec<Lane> = BUILT_IN.iter().map(|(name, domains)| Lane::new(name, domains)).collect();
    let mut own = Vec::new();
    for row in rows {
        let (name, domains): (String, Option<String>) = (row.cell(0)?, row.cell(1)?);
        let domains = domains.map(|domains| domains_from_json(&domains)).transpose()?;
        let known = lanes.iter().position(|lane| lane.name == name).map(|at| lanes.remove(at));
        let connections = row.cell::<Option<i32>>(2)?.and_then(|connections| u32::try_from(connections).ok());
        let lane = Lane { connections, rate_limit: RateLimit::from_row(&row, 3)?, ..Lane::new(&name, "") };
        match (domains, known) {
            (None, Some(known)) => lanes.push(Lane { domains: known.domains, ..lane }),
            (domains, _) => {
                let mut domains = domains.unwrap_or_default();
                domains.sort();
                own.push(Lane { domains, ..lane });
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

/// Saves a lane of a workspace. Pending deliveries stay where they are: see `delivery::reassign_lanes`.
pub async fn set(conn: &mut Conn, workspace: Id, lane: &Lane) -> Result<()> {
    lane.check()?;
    let known = BUILT_IN.iter().find(|(name, _)| *name == lane.name);
    let is_unchanged = known.is_some_and(|(name, domains)| Lane::new(name, domains).domains == lane.domains);
    let domains = (!is_unchanged && lane.name != ALL).then(|| json!(lane.domains).to_string());
    Query::new(
        "insert into lane
                (workspace_id, name, domains, connections, rate, daily, warm_up_start, warm_up_growth)
         values (:workspace, :name, :domains, :connections, {rate_limit})
         on conflict (workspace_id, name) do update
            set domains = excluded.domains, connections = excluded.connections, rate = excluded.rate,
                daily = excluded.daily, warm_up_start = excluded.warm_up_start,
                warm_up_growth = excluded.warm_up_growth",
    )
    .bind("workspace", workspace)
    .bind("name", &lane.name)
    .bind("domains", domains)
    .bind("connections", lane.connections.and_then(|connections| i32::try_from(connections).ok()))
    .fragment("rate_limit", lane.rate_limit.values())
    .execute(conn)
    .await?;
    Ok(())
}

fn domains_from_json(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|_| Message::new("lane-damaged").internal())
}

/// Removes the settings of a lane: a built-in lane gets its defaults back, another one is deleted. Returns false when the
/// workspace had no settings for it.
pub async fn reset(conn: &mut Conn, workspace: Id, name: &str) -> Result<bool> {
    let deleted = Query::new("delete from lane where workspace_id = :workspace and name = :name")
        .bind("workspace", workspace)
        .bind("name", name)
        .execute(conn)
        .await?;
    Ok(deleted > 0)
}

/// SQL expression for the domain of a canonical address, given as a column. `position` is the database's function that
/// finds a text in a text ([`Db::position`]).
///
/// The text after the first `@` is the domain, which is fast, unless a quoted local part can contain another `@`.
///
/// [`Db::position`]: crate::infra::db::Db::position
pub fn domain_of(canonical: &str, position: &str) -> String {
    let last = format!("replace({canonical}, rtrim({canonical}, replace({canonical}, '@', '')), '')");
    let first = format!("substr({canonical}, {position}({canonical}, '@') + 1)");
    format!("case substr({canonical}, 1, 1) when '\"' then {last} else {first} end")
}

/// Appends an expression that returns the lane of a domain, given as an expression: full names first, then names under any
/// top-level domain by their first label, then those with more labels.
///
/// It runs for every member of an audience. A domain is compared only with names of its own length, because comparing
/// numbers is much faster than comparing texts.
pub fn write_classifier(sql: &mut Sql, lanes: &[Lane], domain: &str, position: &str) {
    let all = lanes.iter().flat_map(|lane| lane.domains.iter().map(move |domain| (domain.as_str(), &*lane.name)));
    let (patterns, full): (Vec<_>, Vec<_>) = all.partition(|(name, _)| name.ends_with(".*"));
    let patterns = patterns.into_iter().map(|(name, lane)| (name.trim_end_matches('*'), lane));
    let (deep, shallow): (Vec<_>, Vec<_>) = patterns.partition(|(name, _)| name.matches('.').count() > 1);
    let label = format!("{position}({domain}, '.')");
    sql.push("coalesce(");
    write_choice(sql, &full, &format!("length({domain})"), domain);
    sql.push(", ");
    write_choice(sql, &shallow, &label, &format!("substr({domain}, 1, {label})"));
    sql.push(", case when 1 = 0 then null");
    for (name, lane) in deep {
        sql.push(" when ").push(domain).push(" like ").bind(format!("{name}%")).push(" then ").bind(lane.to_owned());
    }
    sql.push(" end, 'rest')");
}

/// Appends the lane of the name that equals `text`, or null; `length` is the expression for the length of `text`.
fn write_choice(sql: &mut Sql, names: &[(&str, &str)], length: &str, text: &str) {
    let mut lengths: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (name, lane) in names {
        lengths.entry(name.len()).or_default().push((*name, *lane));
    }
    // A case needs at least one branch; no name has length 0.
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
    fn domains_are_parsed_as_users_write_them() {
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
    fn names_of_lanes_are_checked() {
        for name in ["gmail", "mail.ru", "большие-2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\n", "a/b", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(check_name(name).expect_err("a refusal").message().key, "lane-name", "{name:?}");
        }
    }
}
