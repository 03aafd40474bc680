//! What a database is told when a connection begins.

use crate::infra::db::Dialect;
use crate::infra::failpoint::{self, Bug};

/// What each new connection is told. `full` is the promise that what we acknowledged survives a
/// power cut; `secure_delete` blanks deleted rows; temporary tables never touch a disk; `cache_size` is what a
/// connection keeps of the pages it has seen, in KiB. `wal_autocheckpoint` is the pages from which a commit carries the
/// journal over itself: 32 MiB, which only commits of thousands of rows come to (`checkpoint`).
pub(super) fn session(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite if failpoint::has_bug(Bug::SkipSync) => {
            "pragma busy_timeout = 30000; pragma journal_mode = wal; pragma synchronous = off"
        }
        Dialect::Postgres if failpoint::has_bug(Bug::SkipSync) => "set synchronous_commit = off",
        Dialect::Sqlite => {
            "pragma busy_timeout = 30000; pragma journal_mode = wal; pragma synchronous = full; \
             pragma secure_delete = on; pragma temp_store = memory; pragma foreign_keys = off; \
             pragma cache_size = -1500; pragma wal_autocheckpoint = 8192"
        }
        Dialect::Postgres => "set client_min_messages = warning; set synchronous_commit = on",
    }
}

/// The planner keeps samples of column values; of people it may keep none.
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
    "alter table delivery alter column reply set statistics 0, alter column snapshot set statistics 0",
];
