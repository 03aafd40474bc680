//! Campaigns and time: start in a zone or in the recipients' own zones, latest time, hold, recall, jumping clocks.

mod deadline;
pub mod fixture;
mod recall;
mod scheduled;
mod start;
