//! Tests of the pictures of emails: upload, refusals, description, the public address, and removal.

use std::io::Cursor;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use sendoff::audience::workspace;
use sendoff::infra::setting::{self, Setting};

use super::desk_pages::{look, post, target};
use super::fixture::{Reply, WebFixture, send};
use crate::fixture::both;

const HERE: (&str, &str) = ("host", "127.0.0.1:8081");

fn picture(shade: u8) -> Vec<u8> {
    let image = RgbImage::from_pixel(40, 20, Rgb([shade, 10, 10]));
    let mut out = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut out, ImageFormat::Png).expect("encoded");
    out.into_inner()
}

/// Uploads files with a description of all of them.
async fn upload(site: &WebFixture, alt: &str, files: &[(&str, Vec<u8>)]) -> Reply {
    let mut body = format!("--b\r\nContent-Disposition: form-data; name=\"alt\"\r\n\r\n{alt}\r\n").into_bytes();
    for (name, bytes) in files {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--b--\r\n");
    let headers = [HERE, ("content-type", "multipart/form-data; boundary=b"), ("sec-fetch-site", "same-origin")];
    send(site.desk(), Method::POST, "/w/main/media/add", &headers, Body::from(body)).await
}

/// The values of a hidden field on a page, in order.
fn keys(page: &str) -> Vec<String> {
    let rest = page.split("media/describe\">").skip(1).filter_map(|part| part.split("value=\"").nth(1));
    rest.filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
}

/// The public path of the first picture on a page.
fn path(page: &str) -> String {
    let rest = page.split("https://news.example.org").nth(1).expect("an address");
    rest.split(')').next().expect("a path").to_owned()
}

both!(picture_is_uploaded_described_shown_and_removed, |fixture| {
    let site = WebFixture::new(fixture).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    tx.commit().await.expect("committed");

    let files = [("red.png", picture(200)), ("dark.png", picture(20)), ("same.png", picture(200))];
    let added = upload(&site, "", &files).await;
    assert!(target(&added).contains("done=added"));
    let page = look(&site, "/media").await.body;
    let ids = keys(&page);
    assert_eq!(ids.len(), 2, "the same content is one picture: {page}");
    assert!(!page.contains("/m/"), "nothing can be used before it is described: {page}");
    let missing = post(&site, "/media/describe", &[("id", &ids[0]), ("alt", " ")]).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    post(&site, "/media/describe", &[("id", &ids[0]), ("alt", "A [red] sweater")]).await;
    let page = look(&site, "/media").await.body;
    assert!(page.contains("![A red sweater](https://news.example.org/m/"), "{page}");
    let path = path(&page);
    let shown = site.get(&path).await;
    assert_eq!((shown.status, shown.header("content-type")), (StatusCode::OK, Some("image/png")));
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(shown.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert!(shown.header("cache-control").is_some_and(|value| value.contains("immutable")));
    assert_eq!(site.get("/m/0123.png").await.status, StatusCode::NOT_FOUND);
    let own = look(&site, &format!("/media/file?id={}", ids[0])).await;
    assert_eq!(own.header("content-type"), Some("image/png"));

    let settings = [("name", "winter"), ("list", "Offers"), ("from", "Shop <news@shop.example>")];
    let added = post(&site, "/campaigns/new", &[&settings[..], &[("subject", "x"), ("format", "md")]].concat()).await;
    let editor = format!("/{}", target(&added).split('?').next().expect("a path"));
    assert!(look(&site, &editor).await.body.contains("![A red sweater]"), "the editor offers it");
    let body = format!("![A red sweater](https://news.example.org{path}){{width=40}}");
    post(&site, &editor, &[&settings[..], &[("subject", "x"), ("body", &body)]].concat()).await;
    let asked = post(&site, "/media/remove", &[("id", &ids[0])]).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.body.contains("winter") && asked.body.contains("name=\"confirm\""), "{}", asked.body);
    assert_eq!(site.get(&path).await.status, StatusCode::OK);
    let removed = post(&site, "/media/remove", &[("id", &ids[0]), ("confirm", "on")]).await;
    assert!(target(&removed).contains("done=removed"));
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
});

both!(files_that_are_no_pictures_are_refused_by_name_and_the_others_taken, |fixture| {
    let site = WebFixture::new(fixture).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let huge = vec![0; 40 << 20];
    let files = [("logo.svg", svg), ("huge.png", huge), ("good.png", picture(1)), ("<b>.png", b"text".to_vec())];
    let reply = upload(&site, "A shade", &files).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["logo.svg: SVG", "huge.png: ", "20", "&#60;b&#62;.png"] {
        assert!(reply.body.contains(part), "{part}: {}", reply.body);
    }
    assert_eq!(keys(&reply.body).len(), 1);
    assert_eq!(upload(&site, "", &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
});

both!(pictures_belong_to_one_workspace, |fixture| {
    let site = WebFixture::new(fixture).await;
    workspace::ensure(&fixture.installation, "other").await.expect("a workspace");
    upload(&site, "A shade", &[("a.png", picture(7))]).await;
    let id = keys(&look(&site, "/media").await.body).remove(0);
    let other =
        async |path: &str| send(site.desk(), Method::GET, &format!("/w/other{path}"), &[HERE], Body::empty()).await;
    assert!(!other("/media").await.body.contains("a.png"));
    assert_eq!(other(&format!("/media/file?id={id}")).await.status, StatusCode::NOT_FOUND);
    let headers = [HERE, ("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let body = Body::from(format!("id={id}&confirm=on"));
    send(site.desk(), Method::POST, "/w/other/media/remove", &headers, body).await;
    assert_eq!(keys(&look(&site, "/media").await.body).len(), 1);
});
