//! Files of people: what each row comes to, what a second run changes, and what no file may do.

mod door;
mod interruption;
mod person;
pub mod stage;
mod table;
