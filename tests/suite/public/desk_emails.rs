//! Tests of the pages of emails: the gallery, revisions, and the page that saves itself.

use axum::http::StatusCode;
use sendoff::campaign::launch;

use super::desk_pages::{look, post, target};
use super::fixture::WebFixture;
use crate::fixture::both;

pub const SETTINGS: [(&str, &str); 3] = [("name", "winter"), ("list", "Offers"), ("from", "Shop <news@shop.example>")];

/// Adds a draft; returns the path of its editor.
pub async fn draft(site: &WebFixture, more: &[(&str, &str)]) -> String {
    let added = post(site, "/campaigns/new", &[&SETTINGS[..], more].concat()).await;
    format!("/{}", target(&added).split('?').next().expect("a path"))
}

pub async fn version(site: &WebFixture, editor: &str) -> String {
    let page = look(site, editor).await.body;
    let rest = page.split("name=\"version\" value=\"").nth(1).expect("a version");
    rest.split('"').next().expect("a version").to_owned()
}

both!(draft_begins_with_a_ready_email, |fixture| {
    let site = WebFixture::new(fixture).await;
    let gallery = look(&site, "/emails?language=ru").await.body;
    assert_eq!(gallery.matches("<iframe sandbox loading=\"lazy\"").count(), 8, "{gallery}");
    let shown = look(&site, "/emails/preview?template=event&language=ru").await;
    assert!(shown.header("content-security-policy").is_some_and(|policy| policy.starts_with("sandbox;")));
    assert!(shown.body.contains("Садовая улица"), "{}", shown.body);
    assert_eq!(look(&site, "/emails/preview?template=nothing").await.status, StatusCode::BAD_REQUEST);

    let form = look(&site, "/campaigns/new?template=event&language=ru").await.body;
    assert!(
        form.contains("value=\"Приглашаем вас на открытый вечер\"") && form.contains("name=\"template\""),
        "{form}"
    );
    let chosen = [("template", "event"), ("language", "ru"), ("subject", "Вечер"), ("layout", "announcement")];
    let refused = post(&site, "/campaigns/new", &[&SETTINGS[..2], &chosen[..]].concat()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("name=\"template\" value=\"event\""), "{}", refused.body);
    let editor = draft(&site, &chosen).await;
    let page = look(&site, &editor).await.body;
    assert!(page.contains("Садовая улица") && page.contains("value=\"Вечер\""), "{page}");
});

both!(page_saves_itself_and_overwrites_nobody, |fixture| {
    let site = WebFixture::new(fixture).await;
    let editor = draft(&site, &[("subject", "Зима"), ("format", "md")]).await;
    let first = version(&site, &editor).await;
    let auto = |version: &str, body: &str| {
        let fields = [("autosave", "1"), ("version", version), ("subject", "Зима"), ("body", body)];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = async |fields: [(String, String); 4]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let reply = post(&site, &editor, &[&SETTINGS[..], &fields].concat()).await;
        let json: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        (reply.status, json)
    };
    let (status, saved) = send(auto(&first, "Первый\n")).await;
    assert_eq!(status, StatusCode::OK, "{saved}");
    let second = saved["version"].as_str().expect("a version").to_owned();
    assert_eq!(second, version(&site, &editor).await);
    let (status, stale) = send(auto(&first, "Чужой\n")).await;
    assert_eq!((status, stale["conflict"].as_bool()), (StatusCode::CONFLICT, Some(true)), "{stale}");
    let (status, broken) = send(auto(&second, "{{ city")).await;
    assert_eq!((status, broken["conflict"].as_bool()), (StatusCode::UNPROCESSABLE_ENTITY, Some(false)));
    assert!(broken["problem"].as_str().is_some_and(|problem| !problem.is_empty()), "{broken}");
    assert!(look(&site, &editor).await.body.contains("{{ city</textarea>"), "what was typed is kept");

    let revisions = editor.replace("/email", "/revisions");
    let page = look(&site, &revisions).await.body;
    let oldest = page.rsplit("name=\"revision\" value=\"").next().and_then(|rest| rest.split('"').next());
    let oldest = oldest.expect("a revision").to_owned();
    let compared = look(&site, &format!("{revisions}?from={oldest}")).await.body;
    assert!(compared.contains("<ins>Первый</ins>"), "{compared}");
    let restored = post(&site, &format!("{revisions}/restore"), &[("revision", &oldest)]).await;
    assert!(target(&restored).contains("done=restored"));
    assert!(!look(&site, &editor).await.body.contains("Первый"));
    let gone = post(&site, &format!("{revisions}/restore"), &[("revision", "1")]).await;
    assert_eq!(gone.status, StatusCode::UNPROCESSABLE_ENTITY);
});

both!(clicks_are_drawn_on_the_email_of_a_measured_campaign, |fixture| {
    let site = WebFixture::new(fixture).await;
    let unmeasured = look(&site, &format!("/campaigns/{}/clicks", site.campaign)).await;
    assert_eq!(unmeasured.status, StatusCode::SEE_OTHER);
    let source = "+++\nname = \"measured\"\nlist = \"Offers\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Hi\"\n\
                  tracking = \"individual\"\n+++\n[Shop](https://shop.example.org/a)\n\n[You](https://shop.example.org/{{ city }})\n";
    let campaign = fixture.save_draft(fixture.workspace.id, site.offers.id, "measured", source).await;
    launch::start(&fixture.installation, &campaign).await.expect("started");
    let path = format!("/campaigns/{}/clicks", campaign.id);
    let page = look(&site, &path).await.body;
    assert!(page.contains("https://shop.example.org/a") && page.contains("0 %"), "{page}");
    let email = look(&site, &format!("{path}?part=html")).await;
    assert!(email.header("content-security-policy").is_some_and(|policy| policy.starts_with("sandbox;")));
    assert_eq!(email.body.matches("<span class=\"click-share\">0 %</span>").count(), 2, "{}", email.body);
    assert!(email.body.contains("href=\"#link-0\"") && !email.body.contains("/c/"), "{}", email.body);
});

both!(segment_is_a_condition_of_an_email, |fixture| {
    let site = WebFixture::new(fixture).await;
    for (name, expression) in
        [("kazan", "city = \"КАЗАНЬ\""), ("active", "opened(any, 90 days)"), ("nowhere", "city is not set")]
    {
        post(&site, "/segments/save", &[("name", name), ("expression", expression)]).await;
    }
    let editor = draft(&site, &[("subject", "Зима"), ("format", "md")]).await;
    let page = look(&site, &editor).await.body;
    assert!(page.contains("{% if (city | lower) == &#34;казань&#34; %}"), "{page}");
    assert!(page.contains("{% if city is not defined %}") && !page.contains("active</span>"), "{page}");
    let body = "{% if (city | lower) == \"казань\" %}Здесь{% else %}Там{% endif %}\n";
    post(&site, &editor, &[&SETTINGS[..], &[("subject", "Зима"), ("body", body)]].concat()).await;
    let preview = look(&site, &editor.replace("/email", "/preview?part=text&after=0")).await.body;
    assert!(preview.contains("Здесь") && !preview.contains("Там"), "{preview}");
});
