//! The error of the library: a kind that every interface can map (exit code, HTTP status) and a message of
//! the catalogues. It carries a catalogue key with arguments, never a finished sentence: the interface that
//! shows it knows the user's language. A driver's own text stays in `source` for the log and is never shown.

use std::fmt;

pub use message::Message;

pub mod message;

/// What fallible functions of the library return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of error it is, for an interface that maps errors to exit codes or HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong in itself. HTTP 400 or 422.
    Invalid,
    /// The request names a thing that does not exist. HTTP 404.
    NotFound,
    /// The request does not fit the present state. HTTP 409.
    Conflict,
    /// The actor may not do this. HTTP 403.
    Forbidden,
    /// The request cannot be carried out now and may succeed later. HTTP 503.
    Unavailable,
    /// A failure that no change of the request would mend. HTTP 500.
    Internal,
}

impl Kind {
    /// True when the user can mend the request.
    pub fn is_user_error(self) -> bool {
        match self {
            Self::Invalid | Self::NotFound | Self::Conflict | Self::Forbidden => true,
            Self::Unavailable | Self::Internal => false,
        }
    }

    /// The exit code of the command line: 2 when the user can mend the request, otherwise 1.
    pub fn exit_code(self) -> u8 {
        if self.is_user_error() { 2 } else { 1 }
    }
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong in itself.
    #[error("invalid: {}", message.key)]
    Invalid {
        /// The sentence to show.
        message: Message,
        /// The field of the input that is wrong, where one field is.
        field: Option<String>,
    },
    /// The request names a thing that does not exist.
    #[error("not found: {}", .0.key)]
    NotFound(Message),
    /// The request does not fit the present state.
    #[error("conflict: {}", .0.key)]
    Conflict(Message),
    /// The actor may not do this.
    #[error("forbidden: {}", .0.key)]
    Forbidden(Message),
    /// The request cannot be carried out now and may succeed later.
    #[error("unavailable: {}", .0.key)]
    Unavailable(Message),
    /// A failure that no change of the request would mend.
    #[error("internal: {}", .0.key)]
    Internal(Message),
    /// The store accepts no writes now, or never again: its data are being moved to another store.
    #[error("store closed: {}", .0.key)]
    StoreClosed(Message),
    /// The database refused a statement or does not answer.
    #[error("database")]
    Db(#[from] sqlx::Error),
    /// The lease of this mailer is lost or has expired: other mailers may have settled its deliveries, so it
    /// writes nothing more.
    #[error("fenced")]
    Fenced,
    /// A file or socket operation failed.
    #[error("{what}")]
    Io {
        /// The file, folder or address.
        what: String,
        /// What the system returned.
        source: std::io::Error,
    },
}

impl Error {
    /// Names the file or socket an I/O error belongs to.
    pub fn io(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Io { what, source }
    }

    /// The kind, which decides the exit code and the HTTP status.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } => Kind::Invalid,
            Self::NotFound(_) => Kind::NotFound,
            Self::Conflict(_) => Kind::Conflict,
            Self::Forbidden(_) => Kind::Forbidden,
            Self::Internal(_) => Kind::Internal,
            Self::Unavailable(_) | Self::StoreClosed(_) | Self::Db(_) | Self::Fenced | Self::Io { .. } => {
                Kind::Unavailable
            }
        }
    }

    /// The field of the input that is wrong, where one field is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => field.as_deref(),
            _ => None,
        }
    }

    /// The sentence to show, in terms a user can act on.
    pub fn message(&self) -> Message {
        match self {
            Self::Invalid { message, .. }
            | Self::NotFound(message)
            | Self::Conflict(message)
            | Self::Forbidden(message)
            | Self::Unavailable(message)
            | Self::Internal(message)
            | Self::StoreClosed(message) => message.clone(),
            Self::Db(error) => database_message(error),
            Self::Fenced => Message::new("lease-lost"),
            Self::Io { what, source } => io_message(what, source),
        }
    }

    /// True when the user can mend the request.
    pub fn is_user_error(&self) -> bool {
        self.kind().is_user_error()
    }

    /// True when the database, the disk, the lease or the store failed, whatever was asked of it: work for
    /// other campaigns would fail as well. False for a value that the database refuses or that cannot be read: only the
    /// work for this value fails, and it would fail again.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::StoreClosed(_) | Self::Fenced | Self::Io { .. } => true,
            Self::Db(error) => !is_value_error(error),
            _ => false,
        }
    }

    /// The exit code of the command line: 2 when the user can mend the request, otherwise 1.
    pub fn exit_code(&self) -> u8 {
        self.kind().exit_code()
    }

    /// Logs the causes of the error. The interface that shows an error calls this, once.
    pub fn log_causes(&self) {
        use std::error::Error as _;
        let mut cause = self.source();
        let is_unexplained = ["database-refused", "database-value"].contains(&self.message().key);
        while let Some(inner) = cause {
            match is_unexplained {
                true => tracing::warn!(cause = %inner, "cause of the error"),
                false => tracing::debug!(cause = %inner, "cause of the error"),
            }
            cause = inner.source();
        }
    }
}

/// The I/O error inside a CSV error, so that a full disk is reported as one.
pub fn of_csv(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// True when the database answers and refuses one value, or returned one that cannot be read.
fn is_value_error(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => true,
        sqlx::Error::Database(refusal) => match refusal.code().as_deref() {
            // SQLSTATE: data exception, integrity constraint, wrong type of an expression, error raised by a trigger.
            Some(state) if state.len() == 5 => {
                ["22", "23", "P0"].iter().any(|class| state.starts_with(class)) || state == "42804"
            }
            Some(code) => code.parse::<u32>().is_ok_and(|code| is_sqlite_value_error(code, refusal.message())),
            None => false,
        },
        _ => false,
    }
}

/// The lowest byte of a code of SQLite is the class of the error: too big, constraint, mismatch. Malformed JSON and numbers
/// out of range are errors of the general class 1, as is a missing table, which concerns everything.
fn is_sqlite_value_error(code: u32, message: &str) -> bool {
    let of_statement = ["no such ", "syntax error", "SQL logic error"];
    match code & 0xff {
        18..=20 => true,
        1 => !of_statement.iter().any(|words| message.contains(words)),
        _ => false,
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
        _ if text.contains("image is malformed") || text.contains("not a database") => "database-damaged",
        _ if text.contains("disk I/O error") => "database-disk",
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Configuration(_) => "database-away",
        _ if text.contains("unable to open database file") => "database-unopenable",
        _ if is_value_error(error) => "database-value",
        _ => "database-refused",
    };
    Message::new(key)
}

fn io_message(what: &str, source: &std::io::Error) -> Message {
    use std::io::ErrorKind;
    let key = match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "io-not-found",
        ErrorKind::PermissionDenied => "io-denied",
        ErrorKind::ReadOnlyFilesystem => "io-readonly",
        ErrorKind::StorageFull => "io-full",
        ErrorKind::AddrInUse => "io-address-in-use",
        ErrorKind::IsADirectory => "io-is-directory",
        _ => "io-failed",
    };
    Message::new(key).with("what", what).with("why", source.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_map_to_exit_codes() {
        let message = || Message::new("people");
        let disk = || std::io::Error::other("disk");
        for (error, kind, code) in [
            (message().invalid(), Kind::Invalid, 2),
            (message().invalid_field("name"), Kind::Invalid, 2),
            (message().not_found(), Kind::NotFound, 2),
            (message().conflict(), Kind::Conflict, 2),
            (message().forbidden(), Kind::Forbidden, 2),
            (message().unavailable(), Kind::Unavailable, 1),
            (message().internal(), Kind::Internal, 1),
            (Error::StoreClosed(message()), Kind::Unavailable, 1),
            (Error::Db(sqlx::Error::PoolTimedOut), Kind::Unavailable, 1),
            (Error::Fenced, Kind::Unavailable, 1),
            (Error::io("a file")(disk()), Kind::Unavailable, 1),
        ] {
            assert_eq!((error.kind(), error.exit_code()), (kind, code), "{error}");
        }
    }

    #[test]
    fn only_invalid_errors_name_a_field() {
        assert_eq!(Message::new("people").invalid_field("name").field(), Some("name"));
        assert_eq!(Message::new("people").invalid().field(), None);
        assert_eq!(Message::new("people").conflict().field(), None);
    }

    #[test]
    fn outages_are_told_from_refusals() {
        assert!(Error::Fenced.is_outage());
        assert!(Error::StoreClosed(Message::new("people")).is_outage());
        assert!(!Message::new("people").unavailable().is_outage());
        assert!(!Message::new("people").internal().is_outage());
    }
}
