//! A form of the pages for entering, with the mistake that was found in it: the page shows it again with everything that was
//! typed but passwords and codes.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

use crate::infra::error::Error;
use crate::infra::i18n::Lang;
use crate::web::refusal::Refusal;

/// The values of a form, by name, and the mistake in them. Has no `Debug`, since it holds passwords.
#[derive(Clone, Default)]
pub struct Form {
    values: Vec<(String, String)>,
    mistake: Option<Mistake>,
}

#[derive(Clone)]
struct Mistake {
    field: Option<String>,
    text: String,
    is_throttled: bool,
}

impl Form {
    /// A form that is filled with these values.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), mistake: None }
    }

    /// The value of a field as typed; empty without one.
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Whether the value of a field is this one.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// A mistake that is about no field of its own.
    pub fn mistake(&self) -> Option<&str> {
        self.mistake.as_ref().filter(|mistake| mistake.field.is_none()).map(|mistake| mistake.text.as_str())
    }

    /// The mistake in this field.
    pub fn wrong(&self, name: &str) -> Option<&str> {
        let mistake = self.mistake.as_ref().filter(|mistake| mistake.field.as_deref() == Some(name));
        mistake.map(|mistake| mistake.text.as_str())
    }

    /// Whether the form was refused for too many attempts.
    pub fn is_throttled(&self) -> bool {
        self.mistake.as_ref().is_some_and(|mistake| mistake.is_throttled)
    }

    /// The form with the mistake that a use case found.
    ///
    /// # Errors
    /// The refusal, when no change of the form would mend it.
    pub fn refused(mut self, lang: Lang, error: Error) -> Result<Self, Refusal> {
        let is_throttled = matches!(error, Error::Unavailable(_));
        if !error.is_user_error() && !is_throttled {
            return Err(error.into());
        }
        let field = error.field().map(str::to_owned);
        self.mistake = Some(Mistake { field, text: lang.translate(&error.message()), is_throttled });
        Ok(self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "refusal-large"))?;
        Ok(Self { values: url::form_urlencoded::parse(&body).into_owned().collect(), mistake: None })
    }
}
