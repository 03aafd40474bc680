//! Fixture: a running campaign with contacts, and a client for the router.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use sendoff::audience::address::Address;
use sendoff::audience::consent::{self, Basis, Evidence};
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::list::{self, List};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::campaign::erased_counts;
use sendoff::campaign::{delivery, launch};
use sendoff::infra::clock::DAY;
use sendoff::infra::id::Id;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::web::router;
use sendoff::web::state::WebState;
use sqlx::{Row, ValueRef};
use tokio::sync::Notify;
use tower::{Service, ServiceExt};

use crate::canary;
use crate::fixture::{Fixture, NOW};

/// The destination of link 0.
pub const SHOP: &str = "https://shop.example.org/catalog?utm_source=email&a=%20b#top";

pub struct WebFixture {
    pub state: WebState,
    /// Built once; a build takes longer than a request.
    public: Router,
    desk: Router,
    pub erased: Arc<Notify>,
    pub news: List,
    pub offers: List,
    pub campaign: Id,
    /// Contact and delivery of anna, boris and vera; anna is on both lists.
    pub people: Vec<(Id, Id)>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of ASCII"))
    }
}

impl WebFixture {
    pub async fn new(fixture: &Fixture) -> Self {
        let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
        field::add(installation, workspace, &Field::declare("city", "text").expect("a field")).await.expect("declared");
        let news = list::add(installation, workspace, "Новости").await.expect("a list");
        let offers = list::add(installation, workspace, "Offers").await.expect("a list");
        let contacts = join(fixture, &news, &["anna@example.org", "boris@example.org", "vera@example.org"]).await;
        join_again(fixture, &offers, contacts[0]).await;
        let campaign = launch(fixture, "autumn", &news).await;
        let mut people = Vec::new();
        for contact in contacts {
            people.push((contact, delivery_of(fixture, campaign, contact).await));
        }
        let erased = Arc::new(Notify::new());
        let state = WebState::open(installation.clone(), erased.clone()).await.expect("opens");
        let (public, desk) = (router::public(state.clone()), router::desk(state.clone()));
        Self { state, public, desk, erased, news, offers, campaign, people }
    }

    /// The same campaign and people, asked through another state.
    pub fn with_state(self, state: WebState) -> Self {
        Self { public: router::public(state.clone()), desk: router::desk(state.clone()), state, ..self }
    }

    pub fn public(&self) -> Router {
        self.public.clone()
    }

    pub fn desk(&self) -> Router {
        self.desk.clone()
    }

    pub fn delivery(&self, person: usize) -> DeliveryRef {
        DeliveryRef { campaign: self.campaign, delivery: self.people[person].1 }
    }

    pub fn token(&self, person: usize, purpose: TokenPurpose) -> String {
        self.state.installation.signer.message_secret(self.delivery(person)).token(purpose)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        let form = ("content-type", "application/x-www-form-urlencoded");
        self.send(Method::POST, path, &[form], Body::from(body.to_owned())).await
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Reply {
        send(self.public(), method, path, headers, body).await
    }

    pub async fn is_here(&self, person: usize) -> bool {
        let mut conn = self.state.installation.db.read().await.expect("a connection");
        contact::get(&mut conn, self.people[person].0).await.expect("asked").is_some()
    }

    pub async fn unsubscribed(&self) -> i64 {
        let mut conn = self.state.installation.db.read().await.expect("a connection");
        let numbers = erased_counts::list(&mut conn, self.campaign).await.expect("asked");
        numbers.get(&(erased_counts::UNSUBSCRIBED.to_owned(), 0)).copied().unwrap_or(0)
    }
}

pub async fn send(
    service: impl Service<Request<Body>, Response = Response, Error = Infallible>,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = service.oneshot(request.body(body).expect("a request")).await.expect("always answers");
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    Reply { status: head.status, headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

/// Every row of every table as text.
pub async fn dump(fixture: &Fixture) -> String {
    let mut text = String::new();
    let tables = fixture.installation.db.tables().await.expect("tables");
    for (table, _) in tables.iter().filter(|(table, _)| !table.starts_with('_')) {
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        let query = sqlx::AssertSqlSafe(format!("select * from {table} order by 1, 2"));
        for row in sqlx::query(query).fetch_all(&mut *conn).await.expect("rows") {
            text.push_str(table);
            for index in 0..row.len() {
                let value = match () {
                    () if row.try_get_raw(index).expect("a column").is_null() => "null".to_owned(),
                    () if row.try_get::<i64, _>(index).is_ok() => row.get::<i64, _>(index).to_string(),
                    () if row.try_get::<String, _>(index).is_ok() => row.get(index),
                    () => format!("{:?}", row.get::<Vec<u8>, _>(index)),
                };
                text.push_str(&format!(" | {value}"));
            }
            text.push('\n');
        }
    }
    text
}

/// Subscribes new contacts to a list, with consent receipts.
pub async fn join(fixture: &Fixture, list: &List, addresses: &[&str]) -> Vec<Id> {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let mut tx = installation.db.write().await.expect("a transaction");
    let mut people = Vec::new();
    for address in addresses {
        let mut values = Values::new();
        values.insert("city".to_owned(), "Казань".into());
        let address = Address::parse(address).expect("an address");
        people.push(NewContact { id: installation.ids.next().expect("an id"), address, values });
    }
    contact::insert(&mut tx, workspace, &people, NOW - DAY).await.expect("added");
    tx.commit().await.expect("committed");
    for person in &people {
        join_again(fixture, list, person.id).await;
    }
    people.iter().map(|person| person.id).collect()
}

pub async fn join_again(fixture: &Fixture, list: &List, contact: Id) {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let mut tx = installation.db.write().await.expect("a transaction");
    let one = NewSubscription { id: installation.ids.next().expect("an id"), contact, state: State::Confirmed };
    subscription::join(&mut tx, workspace, list.id, &[one], NOW - DAY).await.expect("joined");
    let evidence = Evidence {
        basis: Basis::Consent,
        channel: "import".to_owned(),
        source: "checkout <form>".to_owned(),
        wording: String::new(),
        proof: "export 17".to_owned(),
        given_at: NOW - 2 * DAY,
    };
    let proof = consent::ensure_evidence(&mut tx, installation, workspace, &evidence).await.expect("evidence");
    consent::record(&mut tx, &installation.ids, workspace, &[contact], proof, &consent::Terms::mailing(list.id), NOW)
        .await
        .expect("recorded");
    tx.commit().await.expect("committed");
}

/// A campaign whose messages are all accepted: link 0 leads to the shop, link 1 differs from recipient to recipient.
pub async fn launch(fixture: &Fixture, name: &str, list: &List) -> Id {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let source = format!(
        "+++\nname = \"{name}\"\nlist = \"{}\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n\
         # Hello\n\n[Look]({SHOP})\n\n[Near you](https://shop.example.org/{{{{ city }}}})\n",
        list.name
    );
    let campaign = fixture.save_draft(workspace, list.id, name, &source).await;
    let id = campaign.id;
    launch::start(installation, &campaign).await.expect("launched");
    let taken = canary::take(fixture, &campaign).await;
    let ends: Vec<_> = taken.into_values().map(|delivery| (delivery, delivery::State::Accepted)).collect();
    canary::end(fixture, &campaign, &ends).await;
    id
}

pub async fn delivery_of(fixture: &Fixture, campaign: Id, contact: Id) -> Id {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    sqlx::query("select id from delivery where campaign_id = $1 and contact_id = $2")
        .bind(campaign)
        .bind(contact)
        .fetch_one(&mut *conn)
        .await
        .expect("a delivery")
        .get(0)
}
