//! Privacy policies: files are checked and applied, and every entrance keeps to them.

mod apart;
pub mod companies;
mod editions;
mod entrances;
pub mod fixture;
mod measurement;
mod receipts;
mod unlawful;
