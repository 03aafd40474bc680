//! Settings of each connection, and settings of PostgreSQL tables that are applied after the migrations.

use crate::infra::db::Dialect;
use crate::infra::failpoint::{self, Bug};

/// Statements run on each new connection.
///
/// SQLite: `synchronous = full` makes a commit survive a power cut; `secure_delete` overwrites deleted rows with
/// zeros; temporary tables stay in memory; `cache_size` is the page cache of a connection in KiB; commits run no
/// checkpoint of their own (see `checkpoint`); a WAL that begins again keeps at most `journal_size_limit` bytes.
pub(super) fn session(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite if failpoint::has_bug(Bug::SkipSync) => {
            "pragma busy_timeout = 30000; pragma journal_mode = wal; pragma synchronous = off"
        }
        Dialect::Postgres if failpoint::has_bug(Bug::SkipSync) => "set synchronous_commit = off",
        Dialect::Sqlite => {
            "pragma busy_timeout = 30000; pragma journal_mode = wal; pragma synchronous = full; \
             pragma secure_delete = on; pragma temp_store = memory; pragma foreign_keys = off; \
             pragma cache_size = -1500; pragma wal_autocheckpoint = 0; pragma journal_size_limit = 33554432"
        }
        Dialect::Postgres => {
            "set client_min_messages = warning; set standard_conforming_strings = on; set synchronous_commit = on"
        }
    }
}

/// The planner's statistics hold samples of column values; columns with personal data must have none.
pub(super) const NO_SAMPLES: &[&str] = &[
    "alter table contact alter column address set statistics 0, \
     alter column canonical set statistics 0, alter column fields set statistics 0, \
     alter column folded set statistics 0, alter column text_1 set statistics 0, \
     alter column text_2 set statistics 0, alter column text_3 set statistics 0, \
     alter column text_4 set statistics 0, alter column text_5 set statistics 0, \
     alter column text_6 set statistics 0, alter column text_7 set statistics 0, \
     alter column text_8 set statistics 0, alter column number_1 set statistics 0, \
     alter column number_2 set statistics 0, alter column number_3 set statistics 0, \
     alter column number_4 set statistics 0, alter column number_5 set statistics 0, \
     alter column number_6 set statistics 0, alter column number_7 set statistics 0, \
     alter column number_8 set statistics 0",
    "alter table delivery alter column reply set statistics 0, alter column snapshot_address set statistics 0, \
     alter column snapshot_fields set statistics 0",
];

/// Gives every text column the collation "C", which compares bytes as SQLite and Rust do. Without it the default
/// collation of the database decides (ICU or `en_US` as distributions set it up), and ranges over sorted addresses
/// would differ from those computed in Rust. Rewrites no table; rebuilds the indexes of changed columns, once.
pub(super) const BYTEWISE_COLLATION: &str = r#"
do $do$
declare
    statement text;
begin
    perform pg_advisory_xact_lock(7315304);
    for statement in
        select format('alter table %I %s', c.relname,
                      string_agg(format('alter column %I type text collate "C"', a.attname), ', '))
          from pg_attribute a
          join pg_class c on c.oid = a.attrelid
         where c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
           and c.relkind in ('r', 'p')
           and pg_get_userbyid(c.relowner) = current_user
           and a.attnum > 0
           and not a.attisdropped
           and a.atttypid = cast('text' as regtype)
           and a.attcollation = (select oid from pg_collation where collname = 'default')
         group by c.relname
    loop
        execute statement;
    end loop;
end
$do$"#;
