//! Page of the exports: each kind of rows as a file to download.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::task::Poll;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::DeskState;
use super::visit::{Params, Visit};
use crate::report::export::{Excel, Format, Kind};
use crate::usecase::{Action, campaign, export};
use crate::web::refusal::Refusal;

/// Bytes of a file that are sent at once.
const CHUNK: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "desk/exports.html")]
struct ExportsPage {
    visit: Visit,
    title: String,
    kinds: Vec<(&'static str, String)>,
    formats: Vec<(&'static str, &'static str)>,
    campaigns: Vec<String>,
    chosen: String,
}

/// `GET /exports?campaign=`
pub async fn ask(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let campaigns = campaign::list(&desk.installation, &visit.actor).await?;
    let permitted = Kind::ALL.iter().filter(|kind| visit.may(export::action_of(**kind)));
    let formats = [("csv", "CSV"), ("excel", "Excel"), ("ndjson", "NDJSON")].into_iter();
    let parquet = Format::Parquet.is_available().then_some(("parquet", "Parquet"));
    let page = ExportsPage {
        formats: formats.chain(parquet).collect(),
        title: visit.tr("desk-exports"),
        kinds: permitted.map(|kind| (kind.as_str(), visit.tr(said(*kind)))).collect(),
        campaigns: campaigns.into_iter().map(|row| row.name).collect(),
        chosen: params.get("campaign").to_owned(),
        visit,
    };
    Ok(page.visit.show(&page))
}

fn said(kind: Kind) -> &'static str {
    match kind {
        Kind::Deliveries => "desk-export-deliveries",
        Kind::Events => "desk-export-events",
        Kind::Links => "desk-export-links",
        Kind::Subscriptions => "desk-export-subscriptions",
        Kind::Processor => "desk-export-processor",
        Kind::People => "desk-export-people",
        Kind::Summary => "desk-export-summary",
        Kind::Audience => "desk-export-audience",
        Kind::Changes => "desk-export-changes",
        Kind::Lists => "desk-export-lists",
    }
}

/// `GET /exports/{kind}?campaign=&format=csv|excel|ndjson`
pub async fn file(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    axum::extract::Path((_, kind)): axum::extract::Path<(String, String)>,
    params: Params,
) -> Result<Response, Refusal> {
    let kind: Kind = kind.parse().map_err(|_| Refusal::unknown())?;
    let (format, excel) = match params.get("format") {
        "ndjson" => (Format::Ndjson, None),
        "parquet" => (Format::Parquet, None),
        "excel" => (Format::Csv, Some(Excel::of(visit.frame.lang))),
        _ => (Format::Csv, None),
    };
    let request = export::Request {
        kind,
        format,
        excel,
        campaign: Some(params.get("campaign").to_owned()).filter(|name| !name.is_empty()),
        since: None,
        file: None,
    };
    let file = export::to_download(&desk.installation, &visit.actor, request).await?;
    let headers = [
        (CONTENT_TYPE, format.media_type().to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{kind}.{format}\"")),
    ];
    Ok((headers, body(file)).into_response())
}

/// A file as the body of a response, read piece by piece.
pub fn body(mut file: File) -> Body {
    let chunks = stream::poll_fn(move |_| {
        let mut chunk = vec![0; CHUNK];
        Poll::Ready(match file.read(&mut chunk) {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                Some(Ok(Bytes::from(chunk)))
            }
            Err(error) => Some(Err(error)),
        })
    });
    Body::from_stream(chunks)
}
