//! The gallery of ready emails: every one compiles, passes the preflight without a warning, and begins a draft.

use sendoff::audience::field::{self, Field};
use sendoff::cli;
use sendoff::cli::campaign::Command;
use sendoff::content::brand::BrandChange;
use sendoff::content::gallery::Occasion;
use sendoff::infra::i18n::Lang;
use sendoff::infra::setting::{self, Setting};
use sendoff::usecase::{brand, gallery, preflight};

use crate::fixture::{Fixture, both};

/// A workspace that could send: brand, public address, and a list with one person.
async fn prepare(fixture: &Fixture) {
    fixture.subscribe("News", &["anna@example.org"]).await;
    let change = BrandChange {
        name: Some("Shop".to_owned()),
        address: Some("1 Garden Street".to_owned()),
        ..BrandChange::default()
    };
    brand::set(&fixture.installation, &fixture.actor, &change).await.expect("a brand");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    tx.commit().await.expect("committed");
}

async fn begin(fixture: &Fixture, name: &str, template: &str, language: &str) -> Result<String, &'static str> {
    let command = Command::New {
        name: name.to_owned(),
        list: "News".to_owned(),
        template: template.to_owned(),
        language: Some(language.to_owned()),
        from: Some("Shop <shop@shop.example>".to_owned()),
    };
    let output = cli::campaign::run(&fixture.installation, &fixture.actor, command, Lang::EN).await;
    output.map(|output| output.text).map_err(|error| error.message().key)
}

both!(every_ready_email_passes_the_preflight_without_a_warning, |fixture| {
    prepare(fixture).await;
    // With the field and without it: a tag of an unknown field is replaced by its fallback.
    for round in ["without", "with"] {
        if round == "with" {
            let field = Field::declare("first_name", "text").expect("a field");
            field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
        }
        for occasion in Occasion::ALL {
            for lang in Lang::ALL {
                let name = format!("{occasion} {lang} {round}");
                let text = begin(fixture, &name, occasion.as_str(), lang.as_str()).await.expect(&name);
                assert!(!text.contains("  ! "), "{name}: {text}");
                let found = preflight::preflight(&fixture.installation, &fixture.actor, &name, |_, _| {}).await;
                let found = found.expect(&name);
                // The installation of the test sends nowhere.
                let of_email = |key: &str| !["preflight-unreachable", "preflight-capture"].contains(&key);
                let keys = found.problems.iter().chain(&found.warnings).map(|message| message.key);
                let keys: Vec<_> = keys.filter(|key| of_email(key)).collect();
                assert!(keys.is_empty(), "{name}: {keys:?}");
                let sample = &found.samples[0];
                assert!(!sample.text.contains("{{") && !sample.text.contains("first_name"), "{}", sample.text);
                assert!(sample.text.contains("1 Garden Street"), "{}", sample.text);
            }
        }
    }
});

both!(ready_email_is_shown_in_the_brand_of_the_workspace, |fixture| {
    prepare(fixture).await;
    let change = BrandChange { color: Some("#aa3300".to_owned()), ..BrandChange::default() };
    brand::set(&fixture.installation, &fixture.actor, &change).await.expect("a colour");
    let ru: Lang = "ru".parse().expect("a language");
    let html = gallery::render(&fixture.installation, &fixture.actor, "sale", ru).await.expect("rendered");
    assert!(html.contains("#aa3300") && html.contains("Shop") && html.contains("TEPLO20"), "{html}");
    assert!(html.contains("class=\"panel\"") && html.contains("lang=\"ru\""), "{html}");
    assert_eq!(begin(fixture, "x", "sail", "en").await, Err("gallery-unknown"));
});
