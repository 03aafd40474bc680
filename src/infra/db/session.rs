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

/// The planner's statistics hold samples of column values; columns whose values may name a person must have none. Samples of
/// an earlier version are removed by a change of the type to itself, which rewrites nothing; `analyze` would keep them.
pub(super) const NO_SAMPLES: &str = r#"
do $do$
declare
    one record;
begin
    perform pg_advisory_xact_lock(7315304);
    for one in
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, l.collname
          from pg_attribute a
          join pg_class c on c.oid = a.attrelid
          left join pg_collation l on l.oid = a.attcollation
         where c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
           and c.relkind in ('r', 'p')
           and pg_get_userbyid(c.relowner) = current_user
           and a.attnum > 0
           and not a.attisdropped
           and coalesce(a.attstattarget, -1) <> 0
           and ((c.relname = 'contact' and a.attname in ('address', 'canonical', 'fields', 'folded'))
             or (c.relname = 'contact' and (a.attname like 'text\_%' or a.attname like 'number\_%'))
             or (c.relname = 'delivery' and a.attname in ('reply', 'snapshot_address', 'snapshot_fields'))
             or (c.relname = 'evidence' and a.attname in ('source', 'wording', 'proof'))
             or (c.relname = 'segment' and a.attname in ('name', 'expression'))
             or (c.relname = 'campaign' and a.attname in ('name', 'reason'))
             or (c.relname = 'campaign_content' and a.attname in ('source', 'frozen'))
             or (c.relname = 'campaign_revision' and a.attname = 'source')
             or (c.relname = 'picture' and a.attname in ('name', 'alt', 'content'))
             or (c.relname = 'link' and a.attname = 'destination')
             or (c.relname = 'list' and a.attname = 'name')
             or (c.relname = 'brand' and a.attname in ('name', 'address', 'logo'))
             or (c.relname = 'relay' and a.attname in ('target', 'senders'))
             or (c.relname = 'lane_backoff' and a.attname = 'reason')
             or (c.relname = 'series' and a.attname = 'reason')
             or (c.relname = 'setting' and a.attname = 'value')
             or (c.relname = 'staff_user' and a.attname in ('email', 'canonical', 'name', 'password', 'language', 'recovery_codes'))
             or (c.relname = 'staff_invitation' and a.attname in ('email', 'canonical', 'role'))
             or (c.relname = 'subject_request' and a.attname in ('content', 'lookup'))
             or (c.relname = 'mailed_link' and a.attname in ('content', 'lookup'))
             or (c.relname = 'sealed_receipt' and a.attname in ('content', 'lookup'))
             or (c.relname = 'session' and a.attname = 'user_agent'))
    loop
        execute format('alter table %I alter column %I set statistics 0', one.relname, one.attname);
        if exists (select 1
                     from pg_stats
                    where schemaname = current_schema() and tablename = one.relname and attname = one.attname) then
            execute format('alter table %I alter column %I type %s', one.relname, one.attname, one.type)
                 || case when one.collname is null then '' else format(' collate %I', one.collname) end;
        end if;
    end loop;
end
$do$"#;

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
