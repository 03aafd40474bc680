//! Location of a store (SQLite folder or database URL), and the file `store` in the data folder that records the
//! current location after a store migration. The file can hold a database password, so its mode is 0600.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use url::Url;

use crate::infra::atomic_file::AtomicFile;
use crate::infra::error::{Error, Message, Result};

/// The file beside that of a SQLite database whose name has this further suffix, such as `-wal`.
pub fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Name of the SQLite file in a data folder.
pub const SQLITE_FILE: &str = "sendoff.db";

/// Location of a store.
#[derive(Clone)]
pub enum StoreLocation {
    /// A data folder with its own SQLite file.
    Folder(PathBuf),
    /// A database URL. It can hold a password; print [`StoreLocation::redacted`] instead.
    Url(String),
}

impl StoreLocation {
    /// Parses a database URL or a folder, which need not exist.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Url::parse(text).map_err(|_| Message::new("database-url").invalid_field("database"))?;
            return Ok(Self::Url(text.to_owned()));
        }
        if !is_folder(text) {
            return Err(Message::new("move-to").with("given", without_login(text)).invalid_field("to"));
        }
        std::path::absolute(text).map(Self::Folder).map_err(Error::io(text))
    }

    /// The location without user and password, for messages.
    pub fn redacted(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Url(url) => hide(url),
        }
    }

    /// True when both name the same store, in any spelling.
    pub fn is_same(&self, other: &Self) -> bool {
        self.file().zip(other.file()).map_or_else(|| self.redacted() == other.redacted(), |(one, two)| one == two)
    }

    /// The file of a SQLite store.
    pub fn file(&self) -> Option<PathBuf> {
        let path = match self {
            Self::Folder(folder) => folder.join(SQLITE_FILE),
            Self::Url(url) => {
                let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
                std::path::absolute(path.split('?').next()?).ok()?
            }
        };
        // The file need not exist; its folder may be reached through symbolic links.
        let real = path.parent().and_then(|folder| folder.canonicalize().ok()).zip(path.file_name());
        Some(real.map_or(path.clone(), |(folder, name)| folder.join(name)))
    }

    fn write(&self, data: &Path) -> String {
        match self {
            // Stays valid when the folder is renamed.
            Self::Folder(_) if self.is_same(&Self::Folder(data.to_owned())) => "here".to_owned(),
            Self::Folder(folder) => format!("folder {}", folder.display()),
            Self::Url(url) => url.clone(),
        }
    }

    fn read(text: &str, data: &Path) -> Self {
        match text.strip_prefix("folder ") {
            Some(folder) => Self::Folder(PathBuf::from(folder)),
            None if text == "here" => Self::Folder(std::path::absolute(data).unwrap_or(data.to_owned())),
            None => Self::Url(text.to_owned()),
        }
    }
}

/// Whether text can only mean a folder. A mistyped address is none: with a colon, an at sign or two slashes a folder needs
/// `./` or its full path.
fn is_folder(text: &str) -> bool {
    let is_plain = !text.is_empty() && !text.contains([':', '@']) && !text.contains("//");
    is_plain || !text.contains("://") && !text.starts_with("//") && text.starts_with(['/', '.'])
}

/// What can be shown of a mistyped address: neither a user nor a password, nor the values behind a question mark.
fn without_login(text: &str) -> String {
    let (place, options) = text.split_once('?').unwrap_or((text, ""));
    match place.rsplit_once('@') {
        // The password itself has a question mark.
        _ if options.contains('@') => "…".to_owned(),
        Some((_, host)) => format!("…@{host}"),
        None => place.to_owned(),
    }
}

/// Host, port and database of a PostgreSQL URL; the path of a SQLite URL.
fn hide(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return url.split(['@', '?']).next_back().unwrap_or_default().to_owned() };
    if parsed.scheme() == "sqlite" {
        return url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default().into();
    }
    let socket = parsed.query_pairs().find(|(name, _)| name == "host").map(|(_, value)| value.into_owned());
    let host = parsed.host_str().filter(|host| !host.is_empty()).map(str::to_owned).or(socket).unwrap_or_default();
    format!("postgres://{}:{}{}", host, parsed.port().unwrap_or(5432), parsed.path())
}

/// The file `store` of a data folder: its lines are `now LOCATION` and `was LOCATION`.
#[derive(Clone)]
pub struct StorePointer {
    /// Current location of the data.
    pub now: StoreLocation,
    /// Earlier locations, closed and not yet wiped.
    pub was: Vec<StoreLocation>,
}

impl StorePointer {
    /// Reads the file; `None` when the store was never migrated.
    pub fn read(data: &Path) -> Result<Option<Self>> {
        let path = data.join("store");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path.display())(error)),
        };
        let all = |word: &'static str| {
            text.lines().filter_map(move |line| line.strip_prefix(word)).map(|place| StoreLocation::read(place, data))
        };
        let now =
            all("now ").next().ok_or_else(|| Message::new("store-file").with("file", path.display()).internal())?;
        Ok(Some(Self { now, was: all("was ").collect() }))
    }

    /// Writes the file atomically.
    pub fn write(&self, data: &Path) -> Result<()> {
        let path = data.join("store");
        let write = || {
            let mut file = AtomicFile::create(&path)?;
            writeln!(file, "# Location of the data of this installation; written by `sendoff move`.")?;
            writeln!(file, "now {}", self.now.write(data))?;
            for was in &self.was {
                writeln!(file, "was {}", was.write(data))?;
            }
            file.persist()
        };
        write().map_err(Error::io(path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::config::Config;

    #[test]
    fn locations_are_compared_in_any_spelling_and_redacted() {
        let place = |text: &str| StoreLocation::parse(text).expect(text);
        let shown = place("postgres://anna:secret@db.example/mail?sslmode=require").redacted();

        assert_eq!(shown, "postgres://db.example:5432/mail");
        assert!(place("postgres://anna:new@db.example:5432/mail").is_same(&place("postgresql://b@db.example/mail")));
        assert!(!place("postgres://db.example/mail").is_same(&place("postgres://db.example/other")));
        assert!(place("/tmp/some").is_same(&StoreLocation::Url("sqlite:///tmp/some/sendoff.db?mode=rwc".to_owned())));
        assert!(!place("/tmp/some").is_same(&place("/tmp/other")));
        assert!(StoreLocation::parse("mysql://x:secret@y/z").is_err());
    }

    #[test]
    fn pointer_file_round_trips() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(StorePointer::read(folder.path()).expect("read").is_none());
        let now = StoreLocation::parse("postgres://anna:secret@db/mail").expect("a place");
        let was =
            vec![StoreLocation::Folder("/var/lib/my mail".into()), StoreLocation::Folder(folder.path().to_owned())];

        StorePointer { now: now.clone(), was }.write(folder.path()).expect("written");

        let read = StorePointer::read(folder.path()).expect("read").expect("there");
        assert!(read.now.is_same(&now));
        assert_eq!(
            Config::with_store(&read.now, folder.path()).database.as_deref(),
            Some("postgres://anna:secret@db/mail")
        );
        let was: Vec<String> = read.was.iter().map(StoreLocation::redacted).collect();
        assert_eq!(was, ["/var/lib/my mail".to_owned(), folder.path().display().to_string()]);
    }
}
