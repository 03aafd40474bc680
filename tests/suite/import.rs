//! Import of CSV files: results per row, repeated runs, interruption, and refused files.

mod encodings_and_headers;
pub mod fixture;
mod interruption;
mod person;
mod shapes;
mod statuses;
mod table;
mod undo;
