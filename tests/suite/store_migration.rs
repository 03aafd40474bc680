//! An installation is carried to the other database and back: nothing is lost, nothing is changed,
//! people can leave all the while, and whatever is killed goes on.

mod copy;
pub mod fixture;
mod interruption;
mod refusal;
mod running;
