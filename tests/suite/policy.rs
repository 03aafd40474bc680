//! Privacy policies: files are checked and applied, and every entrance keeps to them.

mod entrances;
pub mod fixture;
