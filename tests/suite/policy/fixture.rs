//! Fixture of the policy tests: a policy, its lists and fields, and people who joined under it.

use sendoff::audience::consent::Basis;
use sendoff::content::email::Format;
use sendoff::infra::error::Result;
use sendoff::usecase::campaign::{self, Source};
use sendoff::usecase::contact_search::{self, Added, Addition};
use sendoff::usecase::policy::{self, Applied, PolicyFile};
use sendoff::usecase::{field, list};

use crate::fixture::Fixture;

/// A policy with two purposes, an age rule and two editions; the clock of the tests stands at 2026-11-21.
pub const POLICY: &str = r#"jurisdiction = "eu"

[controller]
name = "Shop"
email = "privacy@shop.example"

[[edition]]
number = 1
dated = 2025-05-01
[edition.text]
en = "We mail news.\nYou can leave at any time."

[[purpose]]
name = "marketing"
basis = "consent"
lists = ["News"]
fields = ["first_name", "birth_date"]
[purpose.text]
en = "I want news by e-mail."
[[purpose.processor]]
name = "Relay Ltd"
facts = ["email", "subscribed_at", "opened_at", "clicked_at", "reachable"]

[[purpose]]
name = "service"
basis = "contract"
lists = ["Service"]
fields = ["plan"]

[measurement]
mode = "individual"
consent = "opt-in"

[age]
minimum = 18
field = "birth_date"
"#;

/// A policy file as text.
pub fn file(source: &str) -> PolicyFile {
    PolicyFile { source: source.to_owned(), ..PolicyFile::default() }
}

/// Applies a policy.
pub async fn apply(fixture: &Fixture, source: &str) -> Result<Applied> {
    policy::apply(&fixture.installation, &fixture.actor, &file(source)).await
}

/// Two lists, their fields, and the policy.
pub async fn set_up(fixture: &Fixture) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    for name in ["News", "Service"] {
        list::add(installation, actor, name).await.expect("a list");
    }
    for (name, kind) in [("first_name", "text"), ("birth_date", "date"), ("plan", "text"), ("phone", "text")] {
        field::add(installation, actor, name, kind).await.expect("a field");
    }
    apply(fixture, POLICY).await.expect("applied");
}

/// Adds a contact to a list.
pub async fn add(
    fixture: &Fixture,
    address: &str,
    (list, basis): (&str, Basis),
    set: &[(&str, &str)],
) -> Result<Added> {
    let addition = Addition {
        address: address.to_owned(),
        list: list.to_owned(),
        set: set.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect(),
        source: "shop.example".to_owned(),
        basis,
        proof: "form 17".to_owned(),
        date: "2026-05-05".to_owned(),
    };
    contact_search::add(&fixture.installation, &fixture.actor, &addition).await
}

/// Saves a campaign. `settings` are lines of its file beside the usual ones.
pub async fn draft(fixture: &Fixture, name: &str, list: &str, settings: &str, body: &str) {
    let text = format!(
        "+++\nname = \"{name}\"\nlist = \"{list}\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"News\"\n{settings}\n+++\n{body}\n"
    );
    let source = Source { text, format: Format::Md };
    campaign::add(&fixture.installation, &fixture.actor, &source).await.expect("a draft");
}
