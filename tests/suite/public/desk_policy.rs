//! Tests of the page of the privacy policy at the desk: the file is checked, planned and applied there, and the proof is shown.

use axum::body::Body;
use axum::http::{Method, StatusCode};

use super::desk_pages::{look, post, target};
use super::fixture::{Reply, WebFixture, send};
use crate::fixture::both;

const HERE: (&str, &str) = ("host", "127.0.0.1:8081");

const POLICY: &str = "jurisdiction = \"eu\"\r\n[controller]\r\nname = \"Shop\"\r\nemail = \"p@shop.example\"\r\n[[edition]]\r\nnumber = 1\r\n\
                      dated = 2026-01-15\r\ntext = { en = \"We mail news.\" }\r\n[[purpose]]\r\nname = \"marketing\"\r\nbasis = \"interest\"\r\n\
                      lists = [\"Offers\"]\r\nfields = [\"city\"]\r\n";

both!(a_policy_is_checked_planned_applied_and_proven_at_the_desk, |fixture| {
    let site = WebFixture::new(fixture).await;
    let empty = look(&site, "/privacy/policy").await;
    assert!(empty.status == StatusCode::OK && empty.body.contains("no privacy policy yet"), "{}", empty.body);

    let broken = POLICY.replace("basis = \"interest\"\r\n", "").replace("fields =", "feilds =");
    let refused = post(&site, "/privacy/policy/check", &[("source", &broken)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["Line 9, column 1, purpose[1]", "no legal basis", "Line 12, column 1", "feilds = ["] {
        assert!(refused.body.contains(part), "{part}: {}", refused.body);
    }
    let checked = post(&site, "/privacy/policy/check", &[("source", POLICY)]).await;
    assert_eq!(checked.status, StatusCode::OK);
    assert!(checked.body.contains("It concerns 3 people."), "{}", checked.body);
    assert!(checked.body.contains("List “Offers” (1): purpose “marketing”."), "{}", checked.body);
    assert!(checked.body.contains("List “Новости” (3): no purpose names it"), "{}", checked.body);
    assert!(look(&site, "/privacy/policy").await.body.contains("no privacy policy yet"), "a check applies nothing");

    let applied = post(&site, "/privacy/policy/apply", &[("source", POLICY)]).await;
    assert!(target(&applied).starts_with("privacy/policy"), "{}", target(&applied));
    let shown = look(&site, "/privacy/policy").await.body;
    assert!(shown.contains("Policy 1, applied") && shown.contains("jurisdiction = &#34;eu&#34;"), "{shown}");
    let proof = look(&site, "/privacy/policy/proof").await.body;
    assert!(proof.contains("<h2>J1") && proof.contains("<h2>H5") && proof.contains("/ 36"), "{proof}");
});

/// Uploads files on the page of the policy.
async fn upload(site: &WebFixture, files: &[(&str, &str)]) -> Reply {
    let mut body = String::new();
    for (name, text) in files {
        body.push_str("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
        body.push_str(&format!("{name}\"\r\nContent-Type: text/plain\r\n\r\n{text}\r\n"));
    }
    body.push_str("--b--\r\n");
    let headers = [HERE, ("content-type", "multipart/form-data; boundary=b"), ("sec-fetch-site", "same-origin")];
    send(site.desk(), Method::POST, "/w/main/privacy/policy/file", &headers, Body::from(body)).await
}

both!(a_policy_file_is_chosen_checked_and_then_applied, |fixture| {
    let site = WebFixture::new(fixture).await;
    let named = POLICY.replace("text = { en = \"We mail news.\" }", "text = { en = { file = \"edition-1.md\" } }");
    let missing = upload(&site, &[]).await;
    assert!(missing.status == StatusCode::UNPROCESSABLE_ENTITY && missing.body.contains(".toml"), "{}", missing.body);
    let broken = upload(&site, &[("policy.toml", "jurisdiction = ")]).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(broken.body.contains("Line 1"), "{}", broken.body);

    let shown = upload(&site, &[("policy.toml", &named), ("edition-1.md", "We mail news, twice a month.")]).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    assert!(shown.body.contains("It concerns 3 people.") && shown.body.contains("edition-1.md"), "{}", shown.body);
    assert!(look(&site, "/privacy/policy").await.body.contains("no privacy policy yet"), "nothing is applied yet");
    let fields = [("source", named.as_str()), ("text-edition-1.md", "We mail news, twice a month.")];
    let applied = post(&site, "/privacy/policy/apply", &fields).await;
    assert!(target(&applied).starts_with("privacy/policy"), "{}", applied.body);
    assert!(look(&site, "/privacy/policy").await.body.contains("Policy 1, applied"));
});
