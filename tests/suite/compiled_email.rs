//! A message composed from encoded parts equals the message that is rendered and written, byte for byte, for any email
//! and any recipient.

use std::cell::RefCell;

use mail_parser::{MessageParser, PartType};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use sendoff::audience::address::Address;
use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::Recipient;
use sendoff::campaign::file::Sender;
use sendoff::campaign::frozen_content::FrozenContent;
use sendoff::content::brand::Brand;
use sendoff::content::email::{EmailContext, EmailSource, Format, Layout, Tracking};
use sendoff::content::link::LinkSettings;
use sendoff::content::mime::message::RenderedEmail;
use sendoff::infra::i18n::Lang;
use sendoff::mailer::smtp::dot_stuffing;
use serde_json::{Map, Value, json};

use crate::fixture::{Fixture, Kind, NOW};

const FIELDS: [&str; 5] = ["first_name", "city", "age", "vip", "имя"];

const TEXTS: &[&str] = &[
    "word ",
    ".",
    "\n.\n",
    "\n\n",
    "\n\n\n\n",
    "From me",
    "Привет, ",
    "👩‍👩‍👧漢",
    "a = b",
    " ",
    "{",
    "{{ '{' }}",
    "{ {",
    "}}",
    "<b>x</b>",
    "&amp;",
    "\n# Title\n\n",
    "\n- one\n- two\n",
    "\n> quoted\n",
    "long.line.without.a.space.that.goes.on.and.on.beyond.seventy-six.columns.until.it.has.to.be.broken.somewhere",
];

const PRINTS: &[&str] = &[
    "{{ first_name }}",
    "{{- city -}}",
    "{{ имя | default('.') }}",
    "{{ city|d(\"\") }}",
    "{{ first_name | upper | default('From ') }}",
    "{{ first_name ~ '.' ~ city }}",
    "{{ age | plural('год', 'года', 'лет') }}",
    "{{ city | replace('a', '.\n') | d('x') }}",
    "{{ age + 1 }}",
    "{{ vip }}",
    "{{ email }}",
    "{{ email | upper }}",
    "{{ brand.name }}",
    "{{ unsubscribe_url }}",
    "{{ preferences_url | lower }}",
    "{{ 'да' if vip else 'нет' }}",
    "{{ 'x' | default('y') }}",
    "{# a note #}",
    "{% set short = first_name | d('.') | first %}{{ short }}",
    "[site](https://shop.example/?a=b&c=d)",
    "[yours](https://shop.example/{{ city | d('-') }}?n={{ first_name | d('') }})",
    "[home](https://shop.example/{{ имя }})",
    "[leave]({{ unsubscribe_url }})",
    "<https://shop.example/.a>",
    "![picture](https://shop.example/p.png?{{ city | d('.') }})",
    "[write](mailto:{{ email }}?subject=From {{ first_name | d('me') }})",
    "<!--[if mso]><v:rect href=\"https://shop.example/{{ city | d('-') }}\"><![endif]-->",
    "{% set path = city | d('.') %}[there](https://shop.example/{{ path }})",
];

const CONDITIONS: &[&str] =
    &["vip", "not city", "age >= 18", "age < 18", "city == 'Казань'", "first_name and vip", "имя is defined"];

fn body() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![select(TEXTS).prop_map(str::to_owned), select(PRINTS).prop_map(str::to_owned)];
    let tree = leaf.prop_recursive(3, 24, 6, |inner| {
        let some = prop::collection::vec(inner, 0..5).prop_map(|parts| parts.concat());
        (select(CONDITIONS), some.clone(), some.clone(), some, 0..6_usize).prop_map(|(condition, a, b, c, shape)| {
            match shape {
                0 => format!("{{% if {condition} %}}{a}{{% endif %}}"),
                1 => format!("{{%- if {condition} -%}} {a} {{%- else %}} {b} {{%- endif -%}}"),
                2 => format!("{{% if {condition} %}}{a}{{% elif age %}}{b}{{% else %}}{c}{{% endif %}}"),
                3 => format!("\n\n{{% if {condition} %}}\n\n{a}\n\n{{% else %}}\n\n{b}\n\n{{% endif %}}\n\n"),
                4 => format!("{{% if {condition} %}}{{% set word = 'a' %}}{{% endif %}}{a}{b}"),
                _ => format!("<table><tr><td>{a}</td><td>{b}</td></tr></table>"),
            }
        })
    });
    prop::collection::vec(tree, 1..8).prop_map(|parts| parts.concat())
}

fn header() -> impl Strategy<Value = String> {
    let parts = [
        "Осень",
        "sale ",
        "{{ first_name }}",
        "{{ city | d('.') }}",
        "{% if vip %}!{% endif %}",
        "{",
        "{{ brand.name }}",
        "{{ имя | upper | d('') }}",
        "{{ unsubscribe_url }}",
    ];
    prop::collection::vec(select(parts.to_vec()), 0..4).prop_map(|parts| parts.concat())
}

fn source() -> impl Strategy<Value = EmailSource> {
    let settings = (select(Layout::ALL), select(Format::ALL), select(Tracking::ALL), 0..4);
    (header(), header(), body(), settings).prop_map(|(subject, preheader, body, (layout, format, tracking, page))| {
        EmailSource {
            subject: format!("s{subject}"),
            preheader,
            layout,
            format,
            body: match format {
                Format::Html if page == 0 => format!("<html><body>{body}</body></html>"),
                Format::Mjml => format!("<mjml><mj-body><mj-section><mj-column><mj-text>{body}</mj-text></mj-column></mj-section></mj-body></mjml>"),
                _ => body,
            },
            tracking,
            links: LinkSettings::default(),
        }
    })
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "(?s).{0,12}".prop_map(Value::from),
        "[.= <&'\"\\n{}%]{0,90}".prop_map(Value::from),
        select(vec!["Анна", "", "From x", ".", "\n\n.\n\n", "Казань", "O'Neil & Co"]).prop_map(Value::from),
    ];
    prop_oneof![4 => text, 1 => (0..99).prop_map(Value::from), 1 => any::<f32>().prop_map(|n| json!(n)), 1 => any::<bool>().prop_map(Value::from)]
}

fn recipient() -> impl Strategy<Value = (String, String)> {
    let addresses = ["anna@example.org", "Anna.B@Example.ORG", "a+b@почта.рф", "иван@почта.рф", "\"a b\"@example.org"];
    let long = format!("{}@{}.example", "l".repeat(64), "d".repeat(60));
    let addresses: Vec<_> = addresses.into_iter().map(str::to_owned).chain([long]).collect();
    let values = prop::collection::vec(prop::option::weighted(0.95, value()), FIELDS.len());
    (select(addresses), values).prop_map(|(address, values)| {
        let named = FIELDS.into_iter().zip(values).filter_map(|(name, value)| Some((name.to_owned(), value?)));
        (address, Value::from(named.collect::<Map<_, _>>()).to_string())
    })
}

fn frozen(source: EmailSource, wide: bool) -> FrozenContent {
    let sender = |name: &str| Sender { name: name.to_owned(), address: "news@example.org".to_owned() };
    FrozenContent {
        draft: source,
        frame: EmailContext {
            brand: Brand {
                name: "Магазин {%".to_owned(), address: "Мира, 1".to_owned(), ..Brand::default()
            },
            lang: Lang::RU,
            public_url: format!("https://{}.example/a&b=c", if wide { "n".repeat(180) } else { "news".to_owned() }),
            fields: FIELDS.map(str::to_owned).to_vec(),
            list_name: "Новости".to_owned(),
            today: "2026-11-21".to_owned(),
        },
        from: sender("Магазин"),
        relay: None,
        reply_to: wide.then(|| sender("")),
        list: 7,
        workspace: "main".to_owned(),
        campaign: 11,
        mailbox: if wide { "u@example.org".to_owned() } else { String::new() },
        bounce_domain: String::new(),
        measures_silent: true,
    }
}

/// Asserts that lines are canonical and that a parser reads both bodies as they were rendered.
fn assert_reads_back(message: &[u8], rendered: &RenderedEmail) {
    let text = String::from_utf8(message.to_vec()).expect("UTF-8");
    assert!(text.ends_with("\r\n") && dot_stuffing::is_canonical(message) && dot_stuffing::has_short_lines(message));
    let (_, body) = text.split_once("\r\n\r\n").expect("a header and a body");
    assert!(body.is_ascii() && body.lines().all(|line| line.len() <= 76), "{body}");

    let parsed = MessageParser::default().parse(message).expect("parses");
    let (PartType::Text(text), PartType::Html(html)) = (&parsed.parts[1].body, &parsed.parts[2].body) else {
        panic!("two bodies");
    };
    let same = |read: &str, made: &str| {
        assert_eq!(read.replace("\r\n", "\n"), made.replace("\r\n", "\n").trim_end_matches('\n'));
    };
    same(text, &rendered.text);
    same(html, &rendered.html);
}

/// The number of messages composed, and of those composed from encoded parts.
#[derive(Default)]
struct Count {
    spliced: usize,
    made: usize,
}

/// Composes one message both ways.
fn compare(composer: &Composer, (address, fields): &(String, String), count: &mut Count) {
    let recipient = Recipient { delivery: 42, address: address.clone(), fields: fields.clone(), measured: None };
    let to = Address::parse(address).expect("an address");
    let mut out = b"from an earlier message".to_vec();
    let composed = composer.compose(&recipient, &to, NOW, &mut out);
    if composer.email().is_pre_encoded()
        && let Ok(sketch) = composer.preview(&recipient)
    {
        let summary = composer.measure(&recipient, &mut Vec::new()).expect("a summary");
        assert_eq!(summary.missing.into_iter().collect::<Vec<_>>(), sketch.missing);
        assert_eq!(summary.html, sketch.html.len());
    }
    let rendered = match composer.render(&recipient) {
        Ok(rendered) => rendered,
        Err(reason) => return assert_eq!(composed.map_err(|error| error.key), Err(reason.key)),
    };
    assert_eq!(composed, Ok(()));
    let written = composer.write(&recipient, &to, &rendered, NOW).expect("written");
    assert_reads_back(&written, &rendered);

    let wire = dot_stuffing::stuff(&written);
    let wire = wire.strip_suffix(b".\r\n").expect("a lone dot");
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(wire));
    count.made += 1;
    count.spliced += usize::from(composer.splice(&recipient, &to, NOW, &mut out));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_message_from_encoded_parts_equals_the_rendered_one() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() });
    let count = RefCell::new(Count::default());
    let tried = runner.run(
        &(source(), any::<bool>(), prop::collection::vec(recipient(), 1..6)),
        |(source, wide, recipients)| {
            if let Ok(composer) = Composer::compile(&fixture.installation, frozen(source, wide)) {
                recipients.iter().for_each(|recipient| compare(&composer, recipient, &mut count.borrow_mut()));
            }
            Ok(())
        },
    );
    if let Err(failure) = tried {
        panic!("{failure}");
    }
    let Count { spliced, made } = count.into_inner();
    assert!(made > 100, "{made}");
    assert_eq!(spliced, made);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn irregular_email_is_rendered_for_each_recipient() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let numbered = "{{ email | replace('\\u0040', ' at ') }}".to_owned();
    let crowded = "{{ email | upper | lower | trim }} ".repeat(1_200);
    for body in [numbered, crowded] {
        let source = EmailSource {
            subject: "s".to_owned(),
            preheader: String::new(),
            layout: Layout::Plain,
            format: Format::Md,
            body,
            tracking: Tracking::None,
            links: LinkSettings::default(),
        };
        let composer = Composer::compile(&fixture.installation, frozen(source, false)).expect("compiles");
        let mut count = Count::default();
        compare(&composer, &("anna@example.org".to_owned(), "{}".to_owned()), &mut count);

        assert!(!composer.email().is_pre_encoded());
        assert_eq!((count.made, count.spliced), (1, 0));
    }
    fixture.close().await;
}
