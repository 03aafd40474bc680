//! Stylesheet and icon, compiled in and served under names that change with their content.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

const STYLE: &str = include_str!("../../static/style.css");
const ICON: &str = include_str!("../../static/icon.svg");

/// The path of the stylesheet.
pub fn style() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| path(STYLE, "css"))
}

/// The path of the icon.
pub fn icon() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| path(ICON, "svg"))
}

fn path(content: &str, extension: &str) -> String {
    let digest = Sha256::digest(content);
    let hash: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/static/{hash}.{extension}")
}

/// `GET /static/{name}`: cached by browsers without end, since other content has another name.
pub async fn show(Path(name): Path<String>) -> Result<Response, Refusal> {
    let path = format!("/static/{name}");
    let (kind, content) = match path {
        path if path == style() => ("text/css; charset=utf-8", STYLE),
        path if path == icon() => ("image/svg+xml", ICON),
        _ => return Err(Refusal::unknown()),
    };
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], content).into_response())
}
