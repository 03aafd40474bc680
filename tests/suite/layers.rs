//! Architecture: imports point to lower layers, interfaces hold no SQL, only `infra/db` knows which database it is, each
//! table has one writer, and files stay small.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. Modules of one layer do not import each other.
const LAYERS: &[&[&str]] = &[
    &["infra"],
    &["audience", "content"],
    &["access"],
    &["campaign"],
    &["mailer", "feedback"],
    &["privacy", "report", "returned_mail"],
    &["store_migration"],
    &["backup"],
    &["usecase"],
    &["web"],
    &["cli"],
];

/// The module that writes each table.
const OWNERS: &[(&str, &str)] = &[
    ("workspace", "audience/workspace"),
    ("setting", "infra/setting"),
    ("field", "audience/field"),
    ("contact", "audience/contact"),
    ("indexed_field", "audience/field_indexing"),
    ("list", "audience/list"),
    ("subscription", "audience/subscription"),
    ("hard_bounce", "audience/hard_bounce"),
    ("daily_count", "audience/daily_count"),
    ("import_range", "audience/import/added_range"),
    ("evidence", "audience/consent"),
    ("consent", "audience/consent"),
    ("form", "audience/form"),
    ("form_count", "audience/form"),
    ("mailed_link", "audience/mailed_link"),
    ("public_limit", "audience/public_limit"),
    ("preference", "audience/preference"),
    ("subject_request", "privacy/subject_request"),
    ("sealed_receipt", "audience/sealed_receipt"),
    ("tombstone", "audience/tombstone"),
    ("segment", "audience/segment/"),
    ("brand", "content/brand"),
    ("picture", "content/picture"),
    ("campaign", "campaign/model"),
    ("campaign_content", "campaign/model/content"),
    ("campaign_revision", "campaign/revision"),
    ("unfinished_draft", "campaign/unfinished_draft"),
    ("series", "campaign/series"),
    ("link", "campaign/link"),
    ("delivery", "campaign/delivery"),
    ("delivery_count", "campaign/delivery/counts"),
    ("erased_count", "campaign/erased_counts"),
    ("launch_count", "campaign/launch_count"),
    ("relay", "mailer/relay"),
    ("lane", "campaign/lane"),
    ("rate_account", "mailer/limits/rate_account"),
    ("lane_backoff", "mailer/limits/lane_backoff"),
    ("lease", "mailer/lease"),
    ("restore_guard", "mailer/restore_guard"),
    ("event", "feedback/event"),
    ("set_aside", "feedback/set_aside"),
    ("returned_message", "feedback/returned_message"),
    ("spool_position", "infra/spool_position"),
    ("id_node", "infra/id_range"),
    ("machine", "mailer/machine"),
    ("awaited_report", "mailer/machine"),
    ("correction", "privacy/correction_log"),
    ("policy", "privacy/policy/store"),
    ("retention_run", "privacy/retention/runs"),
    ("backup_made", "backup/register"),
    ("policy_notice", "campaign/policy_notice"),
    ("staff_user", "access/user"),
    ("membership", "access/membership"),
    ("session", "access/session"),
    ("known_client", "access/known_client"),
    ("staff_invitation", "access/staff_invitation"),
    ("setup_link", "access/setup_link"),
    ("identity_provider", "access/identity_provider"),
    ("sign_in_attempt", "access/throttle"),
    ("store_status", "infra/db/store_status"),
    ("store_migration_progress", "store_migration/progress"),
];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of the source").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let name = |path: &Path| path.strip_prefix(&root).expect("below the root").display().to_string();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("a source file"))).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The modules that a text names as `crate::module`, outside its tests.
fn uses(text: &str) -> BTreeSet<&str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .collect()
}

#[test]
fn imports_point_to_lower_layers() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let Some((module, _)) = name.split_once('/') else { continue };
        let own = layer(module).unwrap_or_else(|| panic!("{module} has no layer"));
        for used in uses(&text) {
            if layer(used).is_some_and(|other| other > own || (other == own && used != module)) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_table_has_one_writer() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        for (table, owner) in OWNERS {
            for verb in ["insert into", "update", "delete from"] {
                let writes = [format!("\"{verb} {table} "), format!("\" {verb} {table} ")];
                if writes.iter().any(|start| code.contains(start)) && !name.starts_with(owner) {
                    wrong.push(format!("{name} writes {table}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The tables that exist after all migrations, by their names then.
fn tables_of_migrations() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("migrations").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let mut tables = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).expect("a migration");
        let text: String = text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ");
        for statement in text.split(';') {
            let words: Vec<&str> = statement.split([' ', '(']).filter(|word| !word.is_empty()).collect();
            match words[..] {
                ["create", "table", name, ..] => drop(tables.insert(name.to_owned())),
                ["drop", "table", name] => drop(tables.remove(name)),
                ["alter", "table", old, "rename", "to", new] => {
                    tables.remove(old);
                    tables.insert(new.to_owned());
                }
                _ => {}
            }
        }
    }
    tables
}

#[test]
fn every_table_of_the_migrations_has_an_owner() {
    let owned: BTreeSet<String> = OWNERS.iter().map(|(table, _)| (*table).to_owned()).collect();

    assert_eq!(
        tables_of_migrations().difference(&owned).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "without an owner"
    );
    assert_eq!(owned.difference(&tables_of_migrations()).collect::<Vec<_>>(), Vec::<&String>::new(), "without a table");
}

#[test]
fn unchecked_sql_is_asserted_safe_in_the_database_module_only() {
    let named: Vec<_> =
        sources().into_iter().filter(|(_, text)| text.contains("AssertSqlSafe(")).map(|(name, _)| name).collect();

    // Migrations, whose text is constant, and the builder, whose values are bound.
    let mut named = named;
    named.sort();
    assert_eq!(named, ["infra/db/migrations.rs", "infra/db/sql.rs"]);
}

#[test]
fn rows_are_read_through_the_database_module_which_never_panics() {
    // `Row::get` of the driver panics on a value of another type; `Cells::cell` is an error.
    let reads = |text: &str| {
        text.lines().any(|line| line.starts_with("use sqlx::") && line.contains("Row") && !line.contains("AnyRow"))
    };
    let found: Vec<_> =
        sources().into_iter().filter(|(file, text)| !file.starts_with("infra/db") && reads(text)).collect();

    assert!(found.is_empty(), "{:?}", found.iter().map(|(file, _)| file).collect::<Vec<_>>());
}

#[test]
fn no_file_is_longer_than_450_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > 450)
        .collect();

    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn interfaces_hold_no_sql_and_open_no_transaction() {
    let signs = ["Query::new(", "Sql::new(", "sqlx::query", "raw_sql", ".write().await", ".write_for(", ".begin("];
    let found: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(name, _)| name.starts_with("cli/") || name.starts_with("web/"))
        .filter(|(_, text)| {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            signs.iter().any(|sign| code.contains(sign))
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn each_use_case_checks_the_permission_and_writes_an_audit_entry() {
    let mut found = 0;
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if !name.starts_with("usecase/") || name == "usecase/audit.rs" {
            continue;
        }
        for function in text.split("\npub async fn ").chain(text.split("\npub fn ")).skip(1) {
            let function = function.split("\n}\n").next().unwrap_or_default();
            let Some((head, body)) = function.split_once("{\n") else { continue };
            // What a public function hands on to one private function is checked there.
            let body = match text
                .split(&format!("\nasync fn {}(", body.trim().split('(').next().unwrap_or_default()))
                .nth(1)
            {
                Some(private) => private.split("\n}\n").next().unwrap_or_default(),
                None => body,
            };
            if head.contains("actor: &Actor") {
                found += 1;
                let is_audited = body.contains(".audit(")
                    || body.contains(".audit_each(")
                    || body.contains(".audit_at(")
                    || body.contains(".skip_audit()");
                if !(body.contains("actor.permit(installation,") || body.contains("actor.permit_outside("))
                    || !is_audited
                {
                    wrong.push(format!("{name}: {}", head.split('(').next().unwrap_or_default()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(found > 40, "{found} use cases found");
}

#[test]
fn actions_that_show_or_change_personal_data_or_rights_are_on_disk_before_they_begin() {
    let recorded = [
        "SettleSetAside",
        "TakeReturnedMail",
        "ChangePolicy",
        "MakeBackup",
        "UndoImport",
        "CorrectContact",
        "UnsuppressContact",
        "EraseContact",
        "AddContact",
        "AddUser",
        "RemoveUser",
        "ResetUser",
        "ManageSessions",
        "CloseList",
        "WithdrawConsent",
        "RemoveField",
        "ChangeTeam",
        "ChangeSelf",
        "EraseSelf",
        "RotateTokenKey",
        "ManageRequests",
        "EndWorkspace",
        "SuppressContacts",
        "RestrictContact",
        "ExportContacts",
        "JoinWorkspace",
        "CompleteSetup",
        "ImportContacts",
        "SignUp",
        "AcceptInvitation",
    ];
    let mut found = 0;
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        // Requests by token are in the request journal before they begin; the entry of an import names its suppressions.
        if !name.starts_with("usecase/") || name == "usecase/permit.rs" {
            continue;
        }
        for function in text.split("\n}\n") {
            let is_recorded =
                recorded.iter().any(|action| function.contains(&format!("permit(installation, Action::{action})")));
            if is_recorded && function.contains("permit.audit") {
                found += 1;
                if !function.contains(".begin(installation)") {
                    wrong.push(format!(
                        "{name}: {}",
                        function
                            .split("pub async fn ")
                            .nth(1)
                            .unwrap_or_default()
                            .split('(')
                            .next()
                            .unwrap_or_default()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(found > 40, "{found} use cases found");
}

#[test]
fn the_dialect_is_asked_in_the_database_module_only() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("infra/db/") && name != "infra/db.rs")
        .filter(|(_, text)| {
            text.contains("backend_name") || text.contains("Dialect::") || text.contains("== \"SQLite\"")
        })
        .map(|(name, _)| name)
        .collect();

    assert_eq!(found, Vec::<String>::new());
}
