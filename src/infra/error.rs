//! One error for the whole library. It carries a catalogue key and its arguments, never a finished
//! sentence: the door that shows it knows the reader's language. A driver's own words stay in
//! `source` for the log and are never shown.

use std::fmt;

/// What fallible functions of the library return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence of the catalogues, not yet in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The key in `locales/*/*.ftl`.
    pub key: &'static str,
    /// Values for the placeables of the sentence.
    pub args: Vec<(&'static str, String)>,
}

impl Message {
    /// A sentence without values.
    pub fn new(key: &'static str) -> Self {
        Self { key, args: Vec::new() }
    }

    /// The same sentence with one more value.
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong; the user can mend it. Exit code 2, status 400.
    #[error("misuse: {}", .0.key)]
    Misuse(Message),
    /// The request was right and could not be carried out. Exit code 1, status 409 or 500.
    #[error("failed: {}", .0.key)]
    Failed(Message),
    /// The store takes no such change now, or never again: its data are being carried elsewhere.
    /// Exit code 1, status 503.
    #[error("closed: {}", .0.key)]
    Closed(Message),
    /// The database refused or is away. Exit code 1, status 503.
    #[error("database")]
    Db(#[from] sqlx::Error),
    /// The lease of this mailer is gone or has run out: others may have settled what it held, so it
    /// writes nothing more. Exit code 1.
    #[error("fenced")]
    Fenced,
    /// A file or socket refused. `what` names it for the user.
    #[error("{what}")]
    Io {
        /// The file, folder or address.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Names the file or socket an I/O error belongs to.
    pub fn io(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Io { what, source }
    }

    /// The sentence to show, in terms a user can act on.
    pub fn message(&self) -> Message {
        match self {
            Self::Misuse(message) | Self::Failed(message) | Self::Closed(message) => message.clone(),
            Self::Db(error) => database_message(error),
            Self::Fenced => Message::new("lease-lost"),
            Self::Io { what, source } => io_message(what, source),
        }
    }

    /// 2 when the user can mend the request, otherwise 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Misuse(_) => 2,
            _ => 1,
        }
    }
}

/// What stopped a CSV: its own words would hide that a disk is full.
pub fn of_csv(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

fn database_message(error: &sqlx::Error) -> Message {
    let text = error.to_string();
    let code = error.as_database_error().and_then(|error| error.code());
    let key = match error {
        _ if matches!(code.as_deref(), Some("28P01" | "28000")) => "database-login",
        _ if code.as_deref() == Some("3D000") => "database-missing",
        _ if text.contains("disk is full") || text.contains("No space left") => "database-full",
        _ if text.contains("readonly") || text.contains("read-only") => "database-readonly",
        _ if text.contains("is locked") => "database-busy",
        _ if text.contains("malformed") || text.contains("not a database") => "database-damaged",
        _ if text.contains("disk I/O error") => "database-disk",
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Configuration(_) => "database-away",
        _ if text.contains("unable to open database file") => "database-unopenable",
        _ => "database-refused",
    };
    Message::new(key)
}

fn io_message(what: &str, source: &std::io::Error) -> Message {
    use std::io::ErrorKind as Kind;
    let key = match source.kind() {
        Kind::NotFound | Kind::NotADirectory => "io-not-found",
        Kind::PermissionDenied => "io-denied",
        Kind::ReadOnlyFilesystem => "io-readonly",
        Kind::StorageFull => "io-full",
        Kind::AddrInUse => "io-address-in-use",
        Kind::IsADirectory => "io-is-directory",
        _ => "io-failed",
    };
    Message::new(key).with("what", what).with("why", source.kind())
}

impl Message {
    /// The sentence as text that can be stored and shown later in any language; see `Lang::recall`.
    pub fn pack(&self) -> String {
        serde_json::json!([self.key, self.args]).to_string()
    }

    /// This sentence as a misuse: the user can mend the request.
    pub fn misuse(self) -> Error {
        Error::Misuse(self)
    }

    /// This sentence as a failure: the request was right.
    pub fn failed(self) -> Error {
        Error::Failed(self)
    }
}
