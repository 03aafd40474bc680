//! Campaigns and the clock: times in zones, by the recipients' own clocks, latest times, holds,
//! recalls, and clocks that jump.

mod deadline;
pub mod fixture;
mod recall;
mod start;
