//! Infrastructure, the lowest layer: errors, clock, ids, keys, tokens, the database, files and the catalogues of
//! translations. It knows nothing of campaigns.

pub mod atomic_file;
pub mod base32;
pub mod chained_log;
pub mod clock;
pub mod config;
pub mod db;
pub mod disk;
pub mod error;
pub mod export_register;
pub mod failpoint;
pub mod fsync;
pub mod hex;
pub mod http_client;
pub mod i18n;
pub mod id;
pub mod id_range;
pub mod installation;
pub mod intent;
pub mod lock_file;
pub mod metric;
pub mod network;
pub mod open_files;
pub mod panic;
#[cfg(feature = "parquet")]
pub mod parquet_file;
pub mod private_file;
pub mod secret;
pub mod setting;
pub mod spool;
pub mod spool_position;
pub mod store_location;
pub mod sync_shim;
pub mod tls;
pub mod token;
pub mod waiting_hit;
