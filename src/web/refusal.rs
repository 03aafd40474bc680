//! Error responses: a status and the message that the page shows.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::infra::error::{Error, Message};

/// An error response. [`finish_response`](super::page::finish_response) turns it into a page.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    /// What is said to the reader.
    pub(super) message: Message,
}

impl Refusal {
    /// A status with a message of its own.
    pub fn new(status: StatusCode, key: &'static str) -> Self {
        Self { status, message: Message::new(key) }
    }

    /// The token of the link is cut off, forged, or made for another purpose.
    pub fn link() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "refusal-link")
    }

    /// There is no page at this address.
    pub fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "refusal-unknown")
    }

    /// An internal error.
    pub fn broken() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "refusal-internal")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::warn!(error = error.message().key, "a request failed");
        match error {
            Error::Invalid { message, .. } => Self { status: StatusCode::BAD_REQUEST, message },
            Error::NotFound(message) => Self { status: StatusCode::NOT_FOUND, message },
            Error::Conflict(message) => Self { status: StatusCode::CONFLICT, message },
            Error::Forbidden(message) => Self { status: StatusCode::FORBIDDEN, message },
            Error::Internal(_) | Error::Unavailable(_) => Self::broken(),
            Error::StoreClosed(_) | Error::Db(_) | Error::Fenced | Error::Io { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "refusal-unavailable")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
