//! The privacy policy of a workspace as data: what its policy file says, how the file is read and checked, and table `policy`.
//!
//! The file is TOML (`parse.rs` on top of `reader.rs`); `jurisdiction.rs` has the defaults of each country, `special.rs` the
//! categories that no field may have, `validate.rs` the contradictions that are refused. Use cases enforce it
//! (`usecase/policy/`).

mod jurisdiction;
mod model;
mod parse;
mod promises;
mod reader;
mod special;
mod store;
mod validate;

pub use jurisdiction::Jurisdiction;
pub use model::{
    AgeRule, Contract, Controller, Day, Edition, FIVE_FACTS, FieldCategory, Measurement, MeasurementConsent,
    MeasurementMode, Policy, Processor, Purpose, Retention, Support,
};
pub use parse::{Files, parse};
pub use promises::{PROMISES, Promise};
pub use special::{SpecialCategory, special_category};
pub use store::{Applied, all, apply, current, newest};
