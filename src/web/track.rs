//! The pixel and the redirect of every link. Both answer first and record after; neither keeps
//! anything of the request but the token.
//!
//! The pixel answers the same bytes to everything, so that nobody can try out tokens on it. The
//! redirect leads only to what was fixed at launch, or to what our own tag vouches for.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::page::{Refusal, protect};
use super::state::WebState;
use crate::content::link;
use crate::feedback::event::{EventKind, NewEvent};
use crate::infra::metric;
use crate::infra::token::{DeliveryRef, TokenPurpose};

/// A transparent GIF of one by one pixel.
pub const PIXEL: &[u8; 43] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
                               \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// Answers what needs nothing but memory: the pixel, and links of campaigns that were met. What it
/// leaves alone goes the long way, on which the answers would be the same.
pub fn at_once(app: &WebState, request: &Request) -> Option<Response> {
    if request.method() != Method::GET {
        return None;
    }
    let path = request.uri().path();
    let (door, response) = match path.strip_prefix("/c/") {
        Some(link) => {
            let (token, position) = link.split_once('/')?;
            let (claim, position) = claimed(app, token, position)?;
            let campaign = app.recall(claim.campaign)?;
            let to = campaign.destination(position)?.clone();
            record(app, request.method(), request.headers(), claim, EventKind::Click, position);
            let mut response = redirect(to);
            protect(response.headers_mut(), app.told().is_https());
            ("click", response)
        }
        None => {
            let file = path.strip_prefix("/o/").filter(|file| !file.is_empty())?;
            note_open(app, request.method(), request.headers(), file);
            let mut response = Response::new(Body::from(PIXEL.as_slice()));
            *response.headers_mut() = AROUND_PIXEL[usize::from(app.told().is_https())].clone();
            ("open", response)
        }
    };
    metric::count_request(door, response.status().as_str());
    Some(response)
}

/// What stands around every pixel, over plain HTTP and over HTTPS; put together once.
static AROUND_PIXEL: LazyLock<[HeaderMap; 2]> = LazyLock::new(|| {
    [false, true].map(|https| {
        let mut headers = std::mem::take(pixel().headers_mut());
        protect(&mut headers, https);
        headers
    })
});

/// `GET /o/{token}.gif`
pub async fn open(State(app): State<Arc<WebState>>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    note_open(&app, &method, &headers, uri.path().strip_prefix("/o/").unwrap_or_default());
    pixel()
}

/// Records an open if the name of the file is a token.
fn note_open(app: &WebState, method: &Method, headers: &HeaderMap, file: &str) {
    let token = file.strip_suffix(".gif");
    if let Some(claim) = token.and_then(|token| app.installation.signer.verify(TokenPurpose::Open, token)) {
        record(app, method, headers, claim, EventKind::Open, 0);
    }
}

fn pixel() -> Response {
    ([(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL, "no-store")], PIXEL).into_response()
}

/// `GET /c/{token}/{position}`
pub async fn click(
    State(app): State<Arc<WebState>>,
    method: Method,
    headers: HeaderMap,
    Path((token, position)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (claim, position) = claimed(&app, &token, &position).ok_or_else(Refusal::unknown)?;
    let campaign = app.campaign(claim.campaign).await?.ok_or_else(Refusal::unknown)?;
    let to = campaign.destination(position).ok_or_else(Refusal::unknown)?.clone();
    record(&app, &method, &headers, claim, EventKind::Click, position);
    Ok(redirect(to))
}

/// `GET /c/{token}/{position}/{destination}/{tag}`: a link that differs from person to person.
pub async fn personal(
    State(app): State<Arc<WebState>>,
    method: Method,
    headers: HeaderMap,
    Path((token, position, destination, tag)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    let (claim, position) = claimed(&app, &token, &position).ok_or_else(Refusal::unknown)?;
    let to = link::decode_destination(&destination)
        .filter(|to| {
            usize::try_from(position)
                .is_ok_and(|position| app.installation.signer.verify_destination(claim, position, to, &tag))
        })
        .and_then(|to| location(&to))
        .ok_or_else(Refusal::unknown)?;
    record(&app, &method, &headers, claim, EventKind::Click, position);
    Ok(redirect(to))
}

fn claimed(app: &WebState, token: &str, position: &str) -> Option<(DeliveryRef, i32)> {
    let claim = app.installation.signer.verify(TokenPurpose::Click, token)?;
    let plain = position.bytes().all(|byte| byte.is_ascii_digit()) && (position == "0" || !position.starts_with('0'));
    Some((claim, position.parse().ok().filter(|_| plain)?))
}

fn redirect(to: HeaderValue) -> Response {
    let headers = [
        (LOCATION, to),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// The destination as it stands, or in ASCII where it is not; only `http` and `https`.
pub(super) fn location(destination: &str) -> Option<HeaderValue> {
    let url = Url::parse(destination).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    let plain = destination.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    HeaderValue::from_str(if plain { destination } else { url.as_str() }).ok()
}

/// A test letter records nothing, nor does a request that only looks ahead.
fn record(app: &WebState, method: &Method, headers: &HeaderMap, claim: DeliveryRef, kind: EventKind, position: i32) {
    if claim.delivery != 0 && method == Method::GET && !is_prefetch(headers) {
        app.recorder.record(NewEvent { delivery: claim.delivery, kind, position, at: app.installation.clock.now() });
    }
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    headers
        .iter()
        .filter(|(name, _)| ["purpose", "sec-purpose", "x-purpose", "x-moz"].contains(&name.as_str()))
        .filter_map(|(_, value)| value.to_str().ok())
        .any(|value| ["prefetch", "prerender", "preview"].iter().any(|word| value.to_ascii_lowercase().contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_goes_out_as_it_stands() {
        for plain in ["https://shop.example", "https://shop.example/?a=1&b=%2F#c", "http://x.example:8080/a//b"] {
            assert_eq!(location(plain).expect(plain), plain);
        }
        assert_eq!(
            location("https://магазин.рф/каталог").expect("a URL"),
            "https://xn--80aairftm.xn--p1ai/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3"
        );
    }

    #[test]
    fn only_the_web_is_a_destination() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "/path",
            "ftp://x.example",
            "",
            "mailto:a@b.example",
        ] {
            assert_eq!(location(bad), None, "{bad}");
        }
        let split = location("https://x.example/\r\nSet-Cookie: a=b").expect("a URL");
        assert!(!split.as_bytes().iter().any(|byte| byte.is_ascii_control()));
    }
}
