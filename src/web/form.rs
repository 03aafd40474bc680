//! A form of the staff as it was sent, with the mistake that was found in it: the page shows it again with everything that was
//! typed but passwords and codes.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

use super::refusal::Refusal;
use crate::infra::error::Error;
use crate::infra::i18n::Lang;

/// The values of a form, by name, and the mistake in them. Has no `Debug`, since it may hold passwords.
#[derive(Clone, Default)]
pub struct Form {
    values: Vec<(String, String)>,
    mistake: Option<Mistake>,
}

/// A sentence about a form, and the field that it is about.
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

    /// The same form with another value of a field.
    pub fn with(mut self, name: &str, value: String) -> Self {
        self.values.retain(|(own, _)| own != name);
        self.values.push((name.to_owned(), value));
        self
    }

    /// The value of a field as typed; empty without one.
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The value of a field without blanks around it; `None` for a blank one.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.value(name).trim()).filter(|value| !value.is_empty())
    }

    /// All values of a field that may stand in a form more than once.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether the value of a field is this one.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// Whether a box is ticked.
    pub fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(own, _)| own == name)
    }

    /// The fields whose names begin with `prefix`, without it.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// The mistake, whatever field it is about.
    pub fn mistake(&self) -> Option<&str> {
        self.mistake.as_ref().map(|mistake| mistake.text.as_str())
    }

    /// A mistake that is about no field of its own.
    pub fn general_mistake(&self) -> Option<&str> {
        self.mistake().filter(|_| self.mistake.as_ref().is_some_and(|mistake| mistake.field.is_none()))
    }

    /// The mistake in this field.
    pub fn wrong(&self, name: &str) -> Option<&str> {
        self.mistake().filter(|_| self.is_wrong(name))
    }

    /// Whether the mistake is about this field.
    pub fn is_wrong(&self, name: &str) -> bool {
        self.mistake.as_ref().is_some_and(|mistake| mistake.field.as_deref() == Some(name))
    }

    /// Whether the form was refused for too many attempts, or for a server that does not answer now.
    pub fn is_throttled(&self) -> bool {
        self.mistake.as_ref().is_some_and(|mistake| mistake.is_throttled)
    }

    /// The same form with a sentence about a mistake that was found before.
    pub fn with_mistake(mut self, text: String) -> Self {
        self.mistake = Some(Mistake { field: None, text, is_throttled: false });
        self
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
        self.mistake = Some(Mistake { field, text: lang.translate_for_desk(&error.message()), is_throttled });
        Ok(self)
    }

    /// [`Form::refused`], about this field.
    ///
    /// # Errors
    /// As for [`Form::refused`].
    pub fn refused_at(self, lang: Lang, field: &str, error: Error) -> Result<Self, Refusal> {
        let mut form = self.refused(lang, error)?;
        if let Some(mistake) = &mut form.mistake {
            mistake.field = Some(field.to_owned());
        }
        Ok(form)
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
