//! Leaving, erasing, and proof that nothing is left.

pub mod erasure;
pub mod journal;
pub mod replay;
pub mod residue;
pub mod scrub;
