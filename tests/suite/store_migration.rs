//! Tests of store migration: to the other database and back, under load, interrupted and refused.

mod copy;
pub mod fixture;
mod interruption;
mod large;
mod refusal;
mod running;
