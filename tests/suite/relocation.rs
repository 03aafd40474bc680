//! An installation is carried to the other database and back: nothing is lost, nothing is changed,
//! people can leave all the while, and whatever is killed goes on.

mod carriage;
mod interruption;
mod living;
mod refusal;
pub mod stage;
