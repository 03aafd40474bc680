//! Open pixel and click redirects. Both answer first and record the event after; neither stores anything of the request
//! but the token.
//!
//! The pixel answers the same bytes to everything, so that it does not reveal which tokens are valid. A redirect leads
//! only to destinations fixed at launch, or to those with a valid tag.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::campaign_cache::location;
use super::state::TrackingState;
use crate::content::link;
use crate::feedback::event::{EventKind, NewEvent};
use crate::infra::metric;
use crate::infra::token::{DeliveryRef, TokenPurpose};
use crate::usecase::recipient::TEST_DELIVERY;
use crate::web::page::add_security_headers;
use crate::web::refusal::Refusal;

/// A transparent GIF of one by one pixel.
pub const PIXEL: &[u8; 43] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
                               \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// Answers requests that need only memory, without the router: the pixel, and links of cached campaigns. `None` for all
/// others; the router answers all of them in the same way.
pub fn answer_from_memory(state: &TrackingState, request: &Request) -> Option<Response> {
    if request.method() != Method::GET {
        return None;
    }
    let path = request.uri().path();
    let (endpoint, response) = match path.strip_prefix("/c/") {
        Some(link) => {
            let (token, position) = link.split_once('/')?;
            let (delivery, position) = verify_click(state, token, position)?;
            let campaign = state.campaigns.get(delivery.campaign)?;
            let to = campaign.destination(position)?.clone();
            record(state, request.method(), request.headers(), delivery, EventKind::Click, position);
            let mut response = redirect(to);
            add_security_headers(response.headers_mut(), state.settings.is_https());
            ("click", response)
        }
        None => {
            let file = path.strip_prefix("/o/").filter(|file| !file.is_empty())?;
            record_open(state, request.method(), request.headers(), file);
            let mut response = Response::new(Body::from(PIXEL.as_slice()));
            *response.headers_mut() = PIXEL_HEADERS[usize::from(state.settings.is_https())].clone();
            ("open", response)
        }
    };
    metric::count_request(endpoint, response.status().as_str());
    Some(response)
}

/// The headers of the pixel, over HTTP and over HTTPS.
static PIXEL_HEADERS: LazyLock<[HeaderMap; 2]> = LazyLock::new(|| {
    [false, true].map(|https| {
        let mut headers = std::mem::take(pixel().headers_mut());
        add_security_headers(&mut headers, https);
        headers
    })
});

/// `GET /o/{token}.gif`
pub async fn open(State(state): State<Arc<TrackingState>>, method: Method, headers: HeaderMap, uri: Uri) -> Response {
    record_open(&state, &method, &headers, uri.path().strip_prefix("/o/").unwrap_or_default());
    pixel()
}

/// Records an open if the name of the file is a valid token.
fn record_open(state: &TrackingState, method: &Method, headers: &HeaderMap, file: &str) {
    let token = file.strip_suffix(".gif");
    if let Some(delivery) = token.and_then(|token| state.installation.signer.verify(TokenPurpose::Open, token)) {
        match delivery.is_of_all() {
            // The pixel that all messages share names nobody.
            true => {
                let of_campaign = DeliveryRef { delivery: delivery.campaign, ..delivery };
                record(state, method, headers, of_campaign, EventKind::CampaignOpen, 0);
            }
            false => record(state, method, headers, delivery, EventKind::Open, 0),
        }
    }
}

fn pixel() -> Response {
    ([(CONTENT_TYPE, "image/gif"), (CACHE_CONTROL, "no-store")], PIXEL).into_response()
}

/// `GET /c/{token}/{position}`
pub async fn click(
    State(state): State<Arc<TrackingState>>,
    method: Method,
    headers: HeaderMap,
    Path((token, position)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (delivery, position) = verify_click(&state, &token, &position).ok_or_else(Refusal::unknown)?;
    let campaign = state.campaign(delivery.campaign).await?.ok_or_else(Refusal::unknown)?;
    let to = campaign.destination(position).ok_or_else(Refusal::unknown)?.clone();
    record(&state, &method, &headers, delivery, EventKind::Click, position);
    Ok(redirect(to))
}

/// `GET /c/{token}/{position}/{destination}/{tag}`: a link that differs from recipient to recipient.
pub async fn click_personal(
    State(state): State<Arc<TrackingState>>,
    method: Method,
    headers: HeaderMap,
    Path((token, position, destination, tag)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    let (delivery, position) = verify_click(&state, &token, &position).ok_or_else(Refusal::unknown)?;
    let is_tagged = |to: &String| {
        let signer = &state.installation.signer;
        usize::try_from(position).is_ok_and(|position| signer.verify_destination(delivery, position, to, &tag))
    };
    let to = link::decode_destination(&destination)
        .filter(is_tagged)
        .and_then(|to| location(&to))
        .ok_or_else(Refusal::unknown)?;
    record(&state, &method, &headers, delivery, EventKind::Click, position);
    Ok(redirect(to))
}

/// The delivery and the link position of a click; `None` for an invalid token or a position not written as a number is.
fn verify_click(state: &TrackingState, token: &str, position: &str) -> Option<(DeliveryRef, i32)> {
    let delivery = state.installation.signer.verify(TokenPurpose::Click, token)?;
    let plain = position.bytes().all(|byte| byte.is_ascii_digit()) && (position == "0" || !position.starts_with('0'));
    Some((delivery, position.parse().ok().filter(|_| plain)?))
}

fn redirect(to: HeaderValue) -> Response {
    let headers = [
        (LOCATION, to),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// Records an event, except for test messages, for other methods than GET and for prefetches.
fn record(
    state: &TrackingState,
    method: &Method,
    headers: &HeaderMap,
    delivery: DeliveryRef,
    kind: EventKind,
    position: i32,
) {
    if delivery.delivery != TEST_DELIVERY && method == Method::GET && !is_prefetch(headers) {
        let at = state.installation.clock.now();
        state.recorder.record(delivery.campaign, NewEvent { delivery: delivery.delivery, kind, position, at });
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
    fn ascii_destination_is_sent_unchanged() {
        for plain in ["https://shop.example", "https://shop.example/?a=1&b=%2F#c", "http://x.example:8080/a//b"] {
            assert_eq!(location(plain).expect(plain), plain);
        }
        assert_eq!(
            location("https://магазин.рф/каталог").expect("a URL"),
            "https://xn--80aairftm.xn--p1ai/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3"
        );
    }

    #[test]
    fn other_schemes_than_http_are_refused() {
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
