//! What a policy names is taken, and everything else is refused, at every entrance.

use sendoff::audience::consent::Basis;
use sendoff::audience::import::Request;
use sendoff::infra::i18n::Lang;
use sendoff::usecase::contact::{self, Correction};
use sendoff::usecase::{field, import, list, policy, preflight, segment};

use super::fixture::{POLICY, add, apply, draft, file, set_up};
use crate::fixture::both;
use crate::import::fixture::{self as importing, request};

const MARKETING: (&str, Basis) = ("News", Basis::Consent);
const SERVICE: (&str, Basis) = ("Service", Basis::Contract);

both!(a_policy_is_applied_once_and_shown, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let again = apply(fixture, POLICY).await.expect("applied");
    assert_eq!((again.number, again.changed), (1, false));
    let changed = POLICY.replace("minimum = 18", "minimum = 16");
    let plan = policy::plan(installation, actor, &file(&changed)).await.expect("planned");
    assert!(plan.changes && plan.conflicts.is_empty(), "{plan:?}");
    assert_eq!(plan.unnamed_fields.iter().map(|held| held.field.as_str()).collect::<Vec<_>>(), ["phone"]);
    assert_eq!(apply(fixture, &changed).await.expect("applied").number, 2);
    let shown = policy::show(installation, actor).await.expect("shown").expect("a policy");
    assert_eq!((shown.number, shown.policy.minimum_age()), (2, Some(16)));

    // What was published stays as it was.
    let rewritten = changed.replace("We mail news.", "We mail everything.");
    let refused = apply(fixture, &rewritten).await.expect_err("a published edition");
    assert_eq!(refused.message().key, "policy-conflict-edition");
});

both!(a_field_basis_or_age_outside_the_purpose_is_refused_at_the_desk_and_at_the_command_line, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    add(fixture, "a@x.test", MARKETING, &[("first_name", "Ann"), ("birth_date", "1990-01-31")]).await.expect("added");

    let refused = add(fixture, "b@x.test", MARKETING, &[("phone", "1")]).await.expect_err("another field").message();
    assert_eq!(
        (refused.key, refused.text("fields"), refused.text("purpose")),
        ("policy-other-field", "phone", "marketing")
    );
    let refused = add(fixture, "b@x.test", ("News", Basis::Contract), &[]).await.expect_err("another basis").message();
    assert_eq!(refused.key, "policy-other-basis");
    let refused = add(fixture, "b@x.test", MARKETING, &[("birth_date", "2008-11-22")]).await.expect_err("a minor");
    assert_eq!(refused.message().key, "policy-too-young");
    assert_eq!(fixture.contact_id("b@x.test").await, None);

    let correct = async |field: &str, value: &str| {
        let correction = Correction { set: vec![(field.to_owned(), value.to_owned())], address: None };
        contact::correct(installation, actor, "a@x.test", &correction).await.map_err(|error| error.message().key)
    };
    assert_eq!(correct("plan", "pro").await.expect_err("another purpose"), "policy-other-field-of-contact");
    assert_eq!(correct("birth_date", "2010-01-01").await.expect_err("a minor"), "policy-too-young");
    correct("first_name", "Anna").await.expect("corrected");

    let special = field::add(installation, actor, "state_of_health", "text").await.expect_err("special").message();
    assert_eq!((special.key, special.text("category")), ("policy-special", "health"));
    list::add(installation, actor, "Other").await.expect("a list");
    let refused = add(fixture, "b@x.test", ("Other", Basis::Consent), &[]).await.expect_err("no purpose").message();
    assert_eq!(refused.key, "policy-list-without-purpose");
});

both!(an_import_is_held_to_the_purpose_of_its_list, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let import = async |text: &str, basis: Basis| {
        let path = importing::file(fixture, "people.csv", text);
        let request = Request { list: "News".to_owned(), basis, ..request(path) };
        import::run(installation, actor, &request, Lang::EN, &mut |_| {}).await
    };
    let refused = import("email,phone,plan\na@x.test,1,pro\n", Basis::Consent).await.expect_err("fields").message();
    assert_eq!((refused.key, refused.text("fields")), ("policy-other-field", "phone, plan"));
    let refused = import("email\na@x.test\n", Basis::Interest).await.expect_err("basis").message();
    assert_eq!(refused.key, "policy-other-basis");
    assert_eq!(fixture.contact_id("a@x.test").await, None);

    let text = "email,birth_date\na@x.test,2008-11-21\nb@x.test,2008-11-22\nc@x.test,\n";
    let done = import(text, Basis::Consent).await.expect("imported").0;
    assert_eq!(done.invalid.get("too-young"), Some(&1), "{:?}", done.invalid);
    assert!(fixture.contact_id("a@x.test").await.is_some() && fixture.contact_id("c@x.test").await.is_some());
    assert_eq!(fixture.contact_id("b@x.test").await, None);
});

both!(a_campaign_keeps_to_the_fields_and_segments_of_its_purpose, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    add(fixture, "a@x.test", MARKETING, &[("first_name", "Ann")]).await.expect("added");
    add(fixture, "b@x.test", SERVICE, &[("plan", "pro")]).await.expect("added");
    for (name, expression) in
        [("own", "first_name is set"), ("crossing", "on(\"Service\")"), ("foreign", "plan = \"pro\"")]
    {
        segment::save(installation, actor, name, expression, false, |_, _| {}).await.expect("saved");
    }
    let problems = async |name: &str, settings: &str, body: &str| -> Vec<&'static str> {
        draft(fixture, name, "News", settings, body).await;
        let found = preflight::preflight(installation, actor, name, |_, _| {}).await.expect("checked");
        found.problems.iter().map(|problem| problem.key).filter(|key| key.starts_with("policy-")).collect()
    };
    assert_eq!(problems("one", "segment = \"own\"", "Hi {{ first_name }}").await, [""; 0]);
    assert_eq!(problems("two", "segment = \"crossing\"", "Hi").await, ["policy-segment-list"]);
    assert_eq!(problems("three", "segment = \"foreign\"", "Hi").await, ["policy-segment-field"]);
    assert_eq!(problems("four", "", "Plan {{ plan }}").await, ["policy-email-field"]);
});
