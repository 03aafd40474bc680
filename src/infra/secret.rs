//! Secret keys of an installation, in files of the data folder and never in the database: a copy of the database
//! alone cannot forge a token or match a tombstone.
//!
//! * `keys/token.key`: one key per line, `number base64`; the last line signs, all lines verify.
//! * `keys/tombstone.key`: one key that never changes, because tombstones must match for ever.
//! * `keys/seal.key`: encrypts credentials that are stored in the database.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use ring::aead;
use sha2::Sha256;

use crate::infra::error::{Error, Message, Result};
use crate::infra::private_file;

/// A 256-bit key. `Debug` does not print it.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A random key.
    pub fn generate() -> Self {
        Self(rand::rng().random())
    }

    /// HMAC-SHA-256 (RFC 2104) of the parts, each preceded by its length so that different lists differ.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// All keys of an installation.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// Token keys with their key ids; the last one signs.
    pub token: Vec<(u8, Key)>,
    /// Key of the address digests in tombstones.
    pub tombstone: Key,
    seal: Key,
}

impl Keyring {
    /// Reads the keys; creates missing ones.
    pub fn load(folder: &Path) -> Result<Self> {
        let token = read_or_create(&folder.join("token.key"))?;
        let [(_, tombstone)] =
            read_or_create(&folder.join("tombstone.key"))?.try_into().map_err(|_| damaged("tombstone.key"))?;
        let [(_, seal)] = read_or_create(&folder.join("seal.key"))?.try_into().map_err(|_| damaged("seal.key"))?;
        Ok(Self { token, tombstone, seal })
    }

    /// Random keys in memory, for tests.
    pub fn ephemeral() -> Self {
        Self { token: vec![(1, Key::generate())], tombstone: Key::generate(), seal: Key::generate() }
    }

    /// Adds a token key that signs from now on and returns its key id; tokens of older keys stay valid.
    pub fn rotate(folder: &Path) -> Result<u8> {
        let path = folder.join("token.key");
        let keys = read_or_create(&path)?;
        let next =
            keys.iter().map(|(id, _)| *id).max().unwrap_or(0).checked_add(1).ok_or_else(|| damaged("token.key"))?;
        let mut file = OpenOptions::new().append(true).open(&path).map_err(Error::io(path.display()))?;
        write_key(&mut file, next, &Key::generate()).map_err(Error::io(path.display()))?;
        Ok(next)
    }

    /// Encrypts a credential (ChaCha20-Poly1305, RFC 8439; the random 96-bit nonce comes first).
    pub fn seal(&self, plain: &str) -> Vec<u8> {
        seal(&self.seal, plain)
    }

    /// Decrypts the output of [`Keyring::seal`]; `None` with another key or changed bytes.
    pub fn open(&self, sealed: &[u8]) -> Option<String> {
        open(&self.seal, sealed)
    }

    /// [`Keyring::seal`] with a key that is derived from these parts too: only who knows them can decrypt.
    pub fn seal_for(&self, parts: &[&[u8]], plain: &str) -> Vec<u8> {
        seal(&Key(self.seal.mac(parts)), plain)
    }

    /// Decrypts the output of [`Keyring::seal_for`]; `None` with other parts.
    pub fn open_for(&self, parts: &[&[u8]], sealed: &[u8]) -> Option<String> {
        open(&Key(self.seal.mac(parts)), sealed)
    }
}

fn seal(key: &Key, plain: &str) -> Vec<u8> {
    let nonce: [u8; 12] = rand::rng().random();
    let mut sealed = plain.as_bytes().to_vec();
    aead(key)
        .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::empty(), &mut sealed)
        .expect("a credential is far below the limit of the cipher");
    [nonce.as_slice(), &sealed].concat()
}

fn open(key: &Key, sealed: &[u8]) -> Option<String> {
    let (nonce, body) = sealed.split_at_checked(12)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = body.to_vec();
    let plain = aead(key).open_in_place(nonce, aead::Aad::empty(), &mut body).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}

fn aead(key: &Key) -> aead::LessSafeKey {
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &key.0).expect("the cipher takes 32 bytes");
    aead::LessSafeKey::new(key)
}

fn read_or_create(path: &Path) -> Result<Vec<(u8, Key)>> {
    if !path.exists() {
        create(path)?;
    }
    let mut file = fs::File::open(path).map_err(Error::io(path.display()))?;
    if private_file::is_open_to_others(&file).map_err(Error::io(path.display()))? {
        return Err(Message::new("key-open-to-others").with("file", path.display()).conflict());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(Error::io(path.display()))?;
    let keys: Option<Vec<_>> = text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| damaged(&path.display().to_string()))
}

/// Writes a temporary file and links it into place: a crash leaves no key file or a complete one.
fn create(path: &Path) -> Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = private_file::options().write(true).create(true).truncate(true).open(&temporary)?;
        write_key(&mut file, 1, &Key::generate())?;
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        fs::remove_file(&temporary)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(Error::io(path.display()))
}

fn write_key(file: &mut fs::File, id: u8, key: &Key) -> std::io::Result<()> {
    writeln!(file, "{id} {}", STANDARD.encode(key.0))?;
    file.sync_all()
}

fn parse(line: &str) -> Option<(u8, Key)> {
    let (id, key) = line.split_once(' ')?;
    let bytes = STANDARD.decode(key.trim()).ok()?;
    Some((id.parse().ok()?, Key(bytes.try_into().ok()?)))
}

fn damaged(file: &str) -> Error {
    Message::new("key-damaged").with("file", file).internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_credential_opens_with_its_own_key_only() {
        let ring = Keyring::ephemeral();
        let sealed = ring.seal("smtp://user:pass@host");

        assert_eq!(ring.open(&sealed).as_deref(), Some("smtp://user:pass@host"));
        assert_eq!(Keyring::ephemeral().open(&sealed), None);
        assert!(!sealed.windows(4).any(|window| window == b"pass"));
    }

    #[cfg(unix)]
    #[test]
    fn key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        Keyring::load(folder.path()).expect("keys are made");

        for mode in [0o640, 0o604, 0o620] {
            let file = folder.path().join("seal.key");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changed");
            let refused = Keyring::load(folder.path()).expect_err("others can read it");
            assert_eq!(refused.message().key, "key-open-to-others", "{mode:o}");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
        }
        Keyring::load(folder.path()).expect("keys are read");
    }

    #[test]
    fn keys_survive_a_reload_and_a_rotation() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let before = Keyring::load(folder.path()).expect("keys are made");

        assert_eq!(Keyring::rotate(folder.path()).expect("rotates"), 2);
        let after = Keyring::load(folder.path()).expect("keys are read");

        assert_eq!(before.token[0].1.0, after.token[0].1.0);
        assert_eq!(after.token.len(), 2);
        assert_eq!(before.tombstone.0, after.tombstone.0);
    }
}
