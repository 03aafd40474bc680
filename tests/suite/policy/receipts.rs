//! Receipts name the purpose of the list and the edition of the policy in force, whatever entrance they come through.

use sendoff::audience::consent::{self, Basis};
use sendoff::audience::import::Request;
use sendoff::infra::i18n::Lang;
use sendoff::usecase::import;

use super::fixture::{add, set_up};
use crate::fixture::{Fixture, both};
use crate::import::fixture::{self as importing, request};

/// Purpose and edition of the receipts of an address.
async fn terms(fixture: &Fixture, address: &str) -> Vec<(String, String)> {
    let id = fixture.contact_id(address).await.expect("a contact");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let receipts = consent::of_contact(&mut conn, id).await.expect("read");
    receipts.into_iter().map(|receipt| (receipt.purpose, receipt.edition)).collect()
}

both!(an_import_records_the_purpose_of_its_list_and_the_edition, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    add(fixture, "known@x.test", ("Service", Basis::Contract), &[]).await.expect("added");
    let path =
        importing::file(fixture, "people.csv", "email,birth_date\nnew@x.test,1990-01-31\nknown@x.test,1990-01-31\n");
    let request = Request { list: "News".to_owned(), basis: Basis::Consent, ..request(path) };
    import::run(installation, actor, &request, Lang::EN, &mut |_| {}).await.expect("imported");

    let own = |purpose: &str| (purpose.to_owned(), "1".to_owned());
    assert_eq!(terms(fixture, "new@x.test").await, [own("marketing")]);
    assert_eq!(terms(fixture, "known@x.test").await, [own("service"), own("marketing")]);
});
