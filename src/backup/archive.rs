//! The file of a backup: a tar archive, compressed and encrypted. Every byte is authenticated, so that a changed or cut off
//! file is refused.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path};

use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, EntryType};

use super::manifest::{self, FORMAT, Manifest, NAME};
use crate::infra::atomic_file::AtomicFile;
use crate::infra::error::{Error, Message, Result};
use crate::infra::private_file;

/// The largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 64 << 20;

/// Writes the files of a folder that the manifest names to an encrypted file, mode 0600. It appears when it is complete.
pub fn write(folder: &Path, manifest: &Manifest, to: &Path, recipients: &[Recipient]) -> Result<u64> {
    let pack = || -> io::Result<u64> {
        let keys = recipients.iter().map(|key| key as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(keys).map_err(io::Error::other)?;
        let file = AtomicFile::create(to)?;
        let mut tar = Builder::new(GzEncoder::new(encryptor.wrap_output(file)?, Compression::fast()));
        let described = serde_json::to_vec_pretty(manifest)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(described.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, NAME, described.as_slice())?;
        for file in &manifest.files {
            tar.append_path_with_name(folder.join(&file.name), &file.name)?;
        }
        tar.into_inner()?.finish()?.finish()?.persist()?;
        Ok(fs::metadata(to)?.len())
    };
    pack().map_err(Error::io(to.display()))
}

/// Unpacks a backup into an empty folder and checks every file against the manifest.
///
/// # Errors
/// Invalid for another key, a file that is damaged or no backup, and one of a newer version.
pub fn read(path: &Path, identities: &[Identity], into: &Path) -> Result<Manifest> {
    let file = io::BufReader::new(File::open(path).map_err(Error::io(path.display()))?);
    let refusal = |key: &'static str| Message::new(key).with("file", path.display()).invalid_field("file");
    let keys = identities.iter().map(|identity| identity as &dyn age::Identity);
    let opened = Decryptor::new_buffered(file).and_then(|decryptor| decryptor.decrypt(keys));
    let stream = opened.map_err(|error| match error {
        DecryptError::NoMatchingKeys => refusal("backup-other-key"),
        _ => refusal("backup-damaged"),
    })?;
    let mut archive = Archive::new(GzDecoder::new(stream));
    let manifest = unpack(&mut archive, into).map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => refusal("backup-newer"),
        io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied => Error::io(into.display())(error),
        _ => refusal("backup-damaged"),
    })?;
    // The end of the stream is authenticated too: a file that was cut off there is refused.
    let rest = io::copy(&mut archive.into_inner(), &mut io::sink());
    rest.map_err(|_| refusal("backup-damaged"))?;
    for expected in &manifest.files {
        if manifest::sum(into, &expected.name)? != *expected {
            return Err(refusal("backup-damaged"));
        }
    }
    Ok(manifest)
}

fn unpack(archive: &mut Archive<impl Read>, into: &Path) -> io::Result<Manifest> {
    let mut manifest: Option<Manifest> = None;
    let mut missing: HashSet<String> = HashSet::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if manifest.is_none() {
            if name != NAME || entry.size() > MAX_MANIFEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            let found: Manifest = serde_json::from_slice(&text)?;
            if found.format > FORMAT {
                return Err(io::ErrorKind::Unsupported.into());
            }
            missing = found.files.iter().map(|file| file.name.clone()).collect();
            manifest = Some(found);
            continue;
        }
        let is_inside = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside || !missing.remove(&name) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let target = into.join(&name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = private_file::options().write(true).create_new(true).open(&target)?;
        io::copy(&mut entry, &mut file)?;
        file.flush()?;
    }
    manifest.filter(|_| missing.is_empty()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
