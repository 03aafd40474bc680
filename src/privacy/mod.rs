//! Leaving, erasing, and proof that nothing is left.

pub mod dossier;
pub mod erasure;
pub mod exit;
pub mod journal;
pub mod replay;
pub mod residue;
pub mod scrub;
pub mod sweep;
