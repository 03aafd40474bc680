//! Migrations: the list of all, and how a database is brought up to date.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::infra::db::session::{BYTEWISE_COLLATION, NO_SAMPLES};
use crate::infra::db::{Cells, Conn, Db, Dialect};
use crate::infra::error::{Message, Result};

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first tables", include_str!("../../../migrations/0001_first_tables.sql")),
    (2, "sending", include_str!("../../../migrations/0002_sending.sql")),
    (3, "time", include_str!("../../../migrations/0003_time.sql")),
    (4, "data", include_str!("../../../migrations/0004_data.sql")),
    (5, "lanes", include_str!("../../../migrations/0005_lanes.sql")),
    (6, "nodes", include_str!("../../../migrations/0006_nodes.sql")),
    (10, "relocation", include_str!("../../../migrations/0010_relocation.sql")),
    (11, "blocks", include_str!("../../../migrations/0011_blocks.sql")),
    (20, "audience", include_str!("../../../migrations/0020_audience.sql")),
    (21, "campaign", include_str!("../../../migrations/0021_campaign.sql")),
    (22, "mailer", include_str!("../../../migrations/0022_mailer.sql")),
    (23, "store status", include_str!("../../../migrations/0023_store_status.sql")),
    (24, "store migration", include_str!("../../../migrations/0024_store_migration.sql")),
    (25, "skip reasons", include_str!("../../../migrations/0025_skip_reasons.sql")),
    (27, "spool", include_str!("../../../migrations/0027_spool.sql")),
    (28, "hard bounce", include_str!("../../../migrations/0028_hard_bounce.sql")),
    (30, "node numbers", include_str!("../../../migrations/0030_id_node.sql")),
    (31, "machines", include_str!("../../../migrations/0031_machine.sql")),
    (32, "sample", include_str!("../../../migrations/0032_sample.sql")),
    (38, "campaign language", include_str!("../../../migrations/0038_campaign_language.sql")),
    (40, "event totals", include_str!("../../../migrations/0040_event_totals.sql")),
    (41, "daily counts", include_str!("../../../migrations/0041_daily_count.sql")),
    (42, "stored events", include_str!("../../../migrations/0042_event_recorded.sql")),
    (43, "correction", include_str!("../../../migrations/0043_correction.sql")),
    (44, "access", include_str!("../../../migrations/0044_access.sql")),
    (46, "field labels", include_str!("../../../migrations/0046_field_label.sql")),
    (49, "reachable", include_str!("../../../migrations/0049_reachable.sql")),
    (53, "campaign revisions", include_str!("../../../migrations/0053_campaign_revision.sql")),
    (54, "pictures", include_str!("../../../migrations/0054_picture.sql")),
    (59, "import ranges", include_str!("../../../migrations/0059_import_range.sql")),
    (60, "mailed reports", include_str!("../../../migrations/0060_mailed_report.sql")),
    (61, "policy", include_str!("../../../migrations/0061_policy.sql")),
    (62, "measured deliveries", include_str!("../../../migrations/0062_delivery_measured.sql")),
    (63, "policy notices", include_str!("../../../migrations/0063_policy_notice.sql")),
    (65, "consent receipts", include_str!("../../../migrations/0065_consent_receipt.sql")),
    (66, "forms", include_str!("../../../migrations/0066_form.sql")),
    (67, "preferences", include_str!("../../../migrations/0067_preference.sql")),
    (68, "requests of people", include_str!("../../../migrations/0068_subject_request.sql")),
    (69, "retention", include_str!("../../../migrations/0069_retention.sql")),
    (80, "identity provider", include_str!("../../../migrations/0080_identity_provider.sql")),
    (81, "attempts to sign in", include_str!("../../../migrations/0081_sign_in_attempt.sql")),
    (82, "unfinished drafts", include_str!("../../../migrations/0082_unfinished_draft.sql")),
    (90, "returned messages", include_str!("../../../migrations/0090_returned_message.sql")),
];

impl Db {
    /// Runs the migrations that are missing.
    pub async fn migrate(&self) -> Result<()> {
        // SQLite has no advisory lock: take the turn to write in this process; another process waits at the file lock.
        let _turn = self.write_turn.clone().lock_owned().await;
        match Migrator::with_migrations(migrations(self.dialect)).run(&self.pool).await {
            Ok(()) => {}
            Err(sqlx::migrate::MigrateError::VersionMissing(_) | sqlx::migrate::MigrateError::VersionTooNew(..)) => {
                return Err(Message::new("database-newer").internal());
            }
            Err(sqlx::migrate::MigrateError::VersionMismatch(version)) => {
                return Err(Message::new("database-altered").with("version", version).internal());
            }
            Err(sqlx::migrate::MigrateError::Execute(error)) => return Err(error.into()),
            Err(error) => {
                tracing::error!(error = %error, "migration failed");
                return Err(Message::new("database-migration").internal());
            }
        }
        if self.dialect == Dialect::Postgres {
            for statement in [BYTEWISE_COLLATION, NO_SAMPLES] {
                sqlx::raw_sql(statement).execute(&self.pool).await?;
            }
        }
        Ok(())
    }

    /// Returns an error when a newer program has migrated the database since this one connected.
    pub async fn check_schema_version(&self, conn: &mut Conn) -> Result<()> {
        let ours = MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0);
        let row = sqlx::query("select max(version) from _sqlx_migrations").fetch_one(conn).await?;
        match row.cell::<Option<i64>>(0)? {
            Some(theirs) if theirs > ours => Err(Message::new("database-newer").internal()),
            _ => Ok(()),
        }
    }

    /// True when a newer program has migrated the database.
    pub async fn is_schema_newer(&self, conn: &mut Conn) -> Result<bool> {
        let row = sqlx::query("select max(version) from _sqlx_migrations").fetch_one(conn).await?;
        let known = MIGRATIONS.iter().map(|(version, ..)| *version).max();
        Ok(row.cell::<Option<i64>>(0)? > known)
    }
}

/// The migrations in the words of a database.
pub(super) fn migrations(dialect: Dialect) -> Vec<Migration> {
    let steps = MIGRATIONS.iter().map(|(version, name, text)| {
        let step = Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false);
        match dialect {
            // Only `integer primary key` is the rowid itself; any other spelling adds an index. The checksum stays
            // that of the unchanged text.
            Dialect::Sqlite => {
                let sql = text.replace("bigint primary key", "integer primary key");
                Migration { sql: sqlx::AssertSqlSafe(sql).into_sql_str(), ..step }
            }
            Dialect::Postgres => step,
        }
    });
    steps.collect()
}
