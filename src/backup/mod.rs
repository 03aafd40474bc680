//! Backups: a consistent copy of the database with keys and journals in one encrypted file, and its return.
//!
//! A backup is a tar archive, compressed with gzip and encrypted in the age format to public keys. The database in it is
//! SQLite whatever the installation uses. [`make`] writes one, [`restore`] puts one back.

pub mod archive;
pub mod keys;
pub mod make;
pub mod manifest;
pub mod register;
pub mod restore;
pub mod rotation;
