//! Emails from the source to the bytes of a message: templates, layouts, links, MIME, and the brand.

mod author;
mod bounds;
mod bytes;
mod layout;
mod link;
mod mjml;

use sendoff::cli::brand::{self as command, Command};
use sendoff::content::brand::{self, Brand, BrandChange};
use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::{EmailContext, EmailSource, Format, Layout, Tracking};
use sendoff::content::link::LinkSettings;
use sendoff::content::mime::message::RenderedEmail;
use sendoff::content::renderer::MergeData;
use sendoff::infra::i18n::Lang;
use sendoff::infra::secret::Keyring;
use sendoff::infra::token::{DeliveryRef, MessageSecret, Signer};
use serde_json::{Map, Value, json};

use crate::fixture::both;

const DELIVERY: DeliveryRef = DeliveryRef { campaign: 11, delivery: 42 };
const ADDRESS: &str = "Москва, ул. Мира, 1";

fn draft(body: &str) -> EmailSource {
    EmailSource {
        subject: "{{ first_name | default('Здравствуйте') }}, осенняя распродажа".to_owned(),
        preheader: "До конца недели".to_owned(),
        layout: Layout::Newsletter,
        format: Format::Md,
        body: body.to_owned(),
        tracking: Tracking::Individual,
        links: LinkSettings::default(),
    }
}

fn html(body: &str) -> EmailSource {
    EmailSource { format: Format::Html, ..draft(body) }
}

fn frame() -> EmailContext {
    EmailContext {
        brand: Brand { name: "Магазин".to_owned(), address: ADDRESS.to_owned(), ..Brand::default() },
        lang: Lang::RU,
        public_url: "https://news.example.org".to_owned(),
        fields: ["first_name", "city", "age", "vip", "имя"].map(str::to_owned).to_vec(),
        list_name: "Новости".to_owned(),
        today: "2026-11-21".to_owned(),
    }
}

fn secret() -> MessageSecret {
    Signer::new(&Keyring::ephemeral()).message_secret(DELIVERY)
}

fn compile(draft: &EmailSource) -> CompiledEmail {
    CompiledEmail::compile(draft, &frame()).unwrap_or_else(|error| panic!("{}", Lang::EN.translate(&error.message())))
}

fn refusal(draft: &EmailSource) -> String {
    match CompiledEmail::compile(draft, &frame()) {
        Ok(_) => panic!("compiles: {}", draft.body),
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            Lang::EN.translate(&error.message())
        }
    }
}

fn values(values: Value) -> Map<String, Value> {
    values.as_object().expect("an object").clone()
}

fn render(email: &CompiledEmail, of: Value) -> RenderedEmail {
    render_at(email, of, &secret())
}

fn render_at(email: &CompiledEmail, of: Value, secret: &MessageSecret) -> RenderedEmail {
    let data = MergeData { address: "anna@example.org", values: &values(of), secret, tracked: true, inert: false };
    email.render(&data).expect("renders")
}

both!(brand_is_stored_for_its_workspace_and_shown, |fixture| {
    let (installation, workspace) = (&fixture.installation, &fixture.workspace);
    let shown = command::run(installation, &fixture.actor, Command::Show, Lang::EN).await.expect("shown");
    assert_eq!(shown.json["color"], "#2d5be3");

    let set = |name: Option<&str>, color: Option<&str>| Command::Set {
        name: name.map(str::to_owned),
        address: Some(ADDRESS.to_owned()),
        color: color.map(str::to_owned),
        logo: None,
    };
    command::run(installation, &fixture.actor, set(Some("Магазин"), Some("FC0")), Lang::EN).await.expect("set");
    let report = command::run(installation, &fixture.actor, set(None, None), Lang::EN).await.expect("set again");
    assert_eq!(report.json, json!({"name": "Магазин", "address": ADDRESS, "color": "#ffcc00", "logo": ""}));
    assert!(report.text.contains("Магазин") && report.text.contains("not set"));
    let error =
        command::run(installation, &fixture.actor, set(None, Some("red")), Lang::EN).await.expect_err("refused");
    assert_eq!((error.exit_code(), error.message().key), (2, "brand-color"));

    let mut conn = installation.db.read().await.expect("a connection");
    assert_eq!(brand::get(&mut conn, workspace.id + 1).await.expect("read"), Brand::default());
    drop(conn);
    let mut tx = installation.db.write().await.expect("a transaction");
    let change = BrandChange { logo: Some("https://a.example/l.png".to_owned()), ..BrandChange::default() };
    let brand = brand::set(&mut tx, workspace.id, &change).await.expect("set");
    assert_eq!((brand.name.as_str(), brand.logo.as_str()), ("Магазин", "https://a.example/l.png"));
});
