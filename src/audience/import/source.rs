//! The file of an import. What is no regular file (standard input, a pipe) is copied to the staging folder first, since
//! a file is read more than once: to detect its encoding, to judge its columns, and to take its rows.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::charset;
use super::staging::Staging;
use crate::infra::error::{Error, Message, Result};
use crate::infra::private_file;

/// The path that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// Bytes at the beginning of a file by which it is refused as no text.
const HEAD: usize = 1 << 20;

/// A file that can be read from its beginning as often as needed.
#[derive(Debug)]
pub struct Source {
    /// The file as the user named it, for messages.
    pub name: PathBuf,
    path: PathBuf,
    /// Bytes in all.
    pub size: u64,
    /// Whether it begins with a byte order mark.
    pub has_mark: bool,
}

impl Source {
    /// The file at `path`; refused when it is empty, or no text in any encoding.
    pub fn open(path: &Path, staging: &Staging) -> Result<Self> {
        let failed = || Error::io(path.display());
        let mut from: Box<dyn Read> = match path.as_os_str() == STANDARD_INPUT {
            true => Box::new(io::stdin()),
            false => Box::new(File::open(path).map_err(failed())?),
        };
        let mut head = Vec::new();
        from.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(failed())?;
        refuse_unreadable(path, &head)?;
        let has_mark = encoding_rs::Encoding::for_bom(&head).is_some();
        let about = std::fs::metadata(path).ok().filter(|about| about.is_file() && path.as_os_str() != STANDARD_INPUT);
        if let Some(about) = about {
            return Ok(Self { name: path.to_owned(), path: path.to_owned(), size: about.len(), has_mark });
        }
        let copy = staging.folder().join("input");
        let size = write_copy(&copy, &head, &mut from).map_err(Error::io(copy.display()))?;
        Ok(Self { name: path.to_owned(), path: copy, size, has_mark })
    }

    /// Opens the file at its beginning.
    pub fn reader(&self) -> Result<File> {
        File::open(&self.path).map_err(Error::io(self.name.display()))
    }
}

fn write_copy(path: &Path, head: &[u8], rest: &mut dyn Read) -> io::Result<u64> {
    let mut file = private_file::options().write(true).create_new(true).open(path)?;
    file.write_all(head)?;
    Ok(head.len() as u64 + io::copy(rest, &mut file)?)
}

/// Refuses an empty file, and one that is no text in any encoding.
fn refuse_unreadable(path: &Path, head: &[u8]) -> Result<()> {
    let refuse = |key| Err(Message::new(key).with("file", path.display()).invalid());
    if head.is_empty() {
        return refuse("import-empty");
    }
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if head.starts_with(b"PK\x03\x04") || (line.contains(&0) && charset::detect_certain(head).is_none()) {
        return refuse("import-binary");
    }
    if line.len() == HEAD {
        return Err(Message::new("import-line-endless")
            .with("limit", HEAD)
            .with("file", path.display())
            .with("line", 1)
            .invalid());
    }
    Ok(())
}
