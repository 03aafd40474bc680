//! The doors on the command line, one file a command.

pub mod args;
pub mod brand;
pub mod campaign;
pub mod contact;
pub mod demo;
pub mod export;
pub mod field;
pub mod import;
pub mod init;
pub mod list;
pub mod mail;
pub mod print;
pub mod relay;
pub mod residue;
pub mod segment;
pub mod serve;
pub mod setting;
