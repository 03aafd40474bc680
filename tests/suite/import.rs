//! Files of people: what each row comes to, what a second run changes, and what no file may do.

mod encodings_and_headers;
pub mod fixture;
mod interruption;
mod person;
mod table;
