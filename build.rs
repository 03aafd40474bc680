//! Build script: makes the translation catalogues of `locales/` part of the program.

#[path = "build/catalogues.rs"]
mod catalogues;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

#[expect(clippy::disallowed_methods, reason = "Cargo passes its folders in the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=locales");
    println!("cargo::rerun-if-changed=build");
    let locales = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("locales");
    let source = catalogues::generate(&catalogues::discover(&locales)?);
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("catalogues.rs"), source)?;
    Ok(())
}
