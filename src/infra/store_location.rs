//! Where a store is, and the file `store` in the data folder that says so once a store was carried
//! elsewhere. The file may hold a password, as the environment may; only its owner can read it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use url::Url;

use crate::infra::atomic_file::Aside;
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};

/// Where a store is.
#[derive(Clone)]
pub enum Place {
    /// A data folder with its own SQLite file.
    Folder(PathBuf),
    /// What a URL names. It may hold a password: show [`Place::shown`] instead.
    Address(String),
}

impl Place {
    /// Reads what someone typed: an address, or a folder that need not be there yet.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Url::parse(text).map_err(|_| Message::new("database-url").invalid_field("database"))?;
            return Ok(Self::Address(text.to_owned()));
        }
        if text.is_empty() || text.contains("://") {
            return Err(Message::new("move-to").with("given", hide(text)).invalid_field("to"));
        }
        std::path::absolute(text).map(Self::Folder).map_err(Error::io(text))
    }

    /// The store that a configuration names.
    pub fn of(config: &Config) -> Result<Self> {
        match &config.database {
            Some(url) => Ok(Self::Address(url.clone())),
            None => std::path::absolute(&config.data).map(Self::Folder).map_err(Error::io(config.data.display())),
        }
    }

    /// The place without user and password, as people may read it.
    pub fn shown(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Address(url) => hide(url),
        }
    }

    /// True when both name one store, however they are spelled.
    pub fn is(&self, other: &Self) -> bool {
        self.file().zip(other.file()).map_or_else(|| self.shown() == other.shown(), |(one, two)| one == two)
    }

    /// The file of a SQLite store.
    pub fn file(&self) -> Option<PathBuf> {
        let path = match self {
            Self::Folder(folder) => folder.join("sendoff.db"),
            Self::Address(url) => {
                let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
                std::path::absolute(path.split('?').next()?).ok()?
            }
        };
        // The file need not be there; the folder it is in may have many names.
        let real = path.parent().and_then(|folder| folder.canonicalize().ok()).zip(path.file_name());
        Some(real.map_or(path.clone(), |(folder, name)| folder.join(name)))
    }

    /// The configuration of an installation that keeps its data there; a database on a server leaves
    /// everything else in `data`.
    pub fn config(&self, data: &Path) -> Config {
        match self {
            Self::Folder(folder) => Config { data: folder.clone(), database: None },
            Self::Address(url) => Config { data: data.to_owned(), database: Some(url.clone()) },
        }
    }

    fn write(&self, data: &Path) -> String {
        match self {
            // A folder may be renamed, and its data are in it still.
            Self::Folder(_) if self.is(&Self::Folder(data.to_owned())) => "here".to_owned(),
            Self::Folder(folder) => format!("folder {}", folder.display()),
            Self::Address(url) => url.clone(),
        }
    }

    fn read(text: &str, data: &Path) -> Self {
        match text.strip_prefix("folder ") {
            Some(folder) => Self::Folder(PathBuf::from(folder)),
            None if text == "here" => Self::Folder(std::path::absolute(data).unwrap_or(data.to_owned())),
            None => Self::Address(text.to_owned()),
        }
    }
}

/// Host, port and database of an address; the path of any other.
fn hide(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return url.split(['@', '?']).next_back().unwrap_or_default().to_owned() };
    if parsed.scheme() == "sqlite" {
        return url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default().into();
    }
    let socket = parsed.query_pairs().find(|(name, _)| name == "host").map(|(_, value)| value.into_owned());
    let host = parsed.host_str().filter(|host| !host.is_empty()).map(str::to_owned).or(socket).unwrap_or_default();
    format!("postgres://{}:{}{}", host, parsed.port().unwrap_or(5432), parsed.path())
}

/// The file `store` of a data folder.
#[derive(Clone)]
pub struct Pointer {
    /// Where the data are.
    pub now: Place,
    /// Stores they were in before, kept and closed for good.
    pub was: Vec<Place>,
}

impl Pointer {
    /// Reads the file of a data folder; `None` when nothing was ever carried elsewhere.
    pub fn read(data: &Path) -> Result<Option<Self>> {
        let path = data.join("store");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path.display())(error)),
        };
        let all = |word: &'static str| {
            text.lines().filter_map(move |line| line.strip_prefix(word)).map(|place| Place::read(place, data))
        };
        let now =
            all("now ").next().ok_or_else(|| Message::new("store-file").with("file", path.display()).internal())?;
        Ok(Some(Self { now, was: all("was ").collect() }))
    }

    /// Puts the file in place, whole or not at all.
    pub fn write(&self, data: &Path) -> Result<()> {
        let path = data.join("store");
        let write = || {
            let mut file = Aside::create(&path)?;
            writeln!(file, "# Where the data of this installation are; written by `sendoff move`.")?;
            writeln!(file, "now {}", self.now.write(data))?;
            for was in &self.was {
                writeln!(file, "was {}", was.write(data))?;
            }
            file.keep()
        };
        write().map_err(Error::io(path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_its_password_and_known_by_any_spelling() {
        let place = |text: &str| Place::parse(text).expect(text);
        let shown = place("postgres://anna:secret@db.example/mail?sslmode=require").shown();

        assert_eq!(shown, "postgres://db.example:5432/mail");
        assert!(place("postgres://anna:new@db.example:5432/mail").is(&place("postgresql://b@db.example/mail")));
        assert!(!place("postgres://db.example/mail").is(&place("postgres://db.example/other")));
        assert!(place("/tmp/some").is(&Place::Address("sqlite:///tmp/some/sendoff.db?mode=rwc".to_owned())));
        assert!(!place("/tmp/some").is(&place("/tmp/other")));
        assert!(Place::parse("mysql://x:secret@y/z").is_err());
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Pointer::read(folder.path()).expect("read").is_none());
        let now = Place::parse("postgres://anna:secret@db/mail").expect("a place");
        let was = vec![Place::Folder("/var/lib/my mail".into()), Place::Folder(folder.path().to_owned())];

        Pointer { now: now.clone(), was }.write(folder.path()).expect("written");

        let read = Pointer::read(folder.path()).expect("read").expect("there");
        assert!(read.now.is(&now));
        assert_eq!(read.now.config(folder.path()).database.as_deref(), Some("postgres://anna:secret@db/mail"));
        let was: Vec<String> = read.was.iter().map(Place::shown).collect();
        assert_eq!(was, ["/var/lib/my mail".to_owned(), folder.path().display().to_string()]);
    }
}
