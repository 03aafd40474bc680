//! Stylesheets, script and icon, compiled in and served under names that change with their content.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

use crate::infra::hex;

/// A file that is compiled in.
struct Asset {
    content: &'static str,
    extension: &'static str,
    kind: &'static str,
    path: OnceLock<String>,
}

impl Asset {
    const fn new(content: &'static str, extension: &'static str, kind: &'static str) -> Self {
        Self { content, extension, kind, path: OnceLock::new() }
    }

    fn path(&self) -> &str {
        self.path.get_or_init(|| {
            let digest = Sha256::digest(self.content);
            let hash = hex::encode(&digest[..6]);
            format!("/static/{hash}.{}", self.extension)
        })
    }
}

static STYLE: Asset = Asset::new(include_str!("../../static/style.css"), "css", "text/css; charset=utf-8");
static DESK_STYLE: Asset = Asset::new(include_str!("../../static/desk.css"), "css", "text/css; charset=utf-8");
static SCRIPT: Asset = Asset::new(include_str!("../../static/desk.js"), "js", "text/javascript; charset=utf-8");
static ICON: Asset = Asset::new(include_str!("../../static/icon.svg"), "svg", "image/svg+xml");

/// The path of the stylesheet of all pages.
pub fn style() -> &'static str {
    STYLE.path()
}

/// The path of the stylesheet of the desk.
pub fn desk_style() -> &'static str {
    DESK_STYLE.path()
}

/// The path of the script of the desk.
pub fn script() -> &'static str {
    SCRIPT.path()
}

/// The path of the icon.
pub fn icon() -> &'static str {
    ICON.path()
}

/// `GET /static/{name}`: cached by browsers without end, since other content has another name.
pub async fn show(Path(name): Path<String>) -> Result<Response, Refusal> {
    let path = format!("/static/{name}");
    let assets = [&STYLE, &DESK_STYLE, &SCRIPT, &ICON];
    let asset = assets.into_iter().find(|asset| asset.path() == path).ok_or_else(Refusal::unknown)?;
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.content).into_response())
}
