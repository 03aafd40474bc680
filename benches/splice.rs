//! What a message costs: put together from encoded parts, rendered and written, and copied. One
//! letter of 30 KB with fifteen measured links, once plain and once with conditions. Run it with
//! `cargo bench --bench splice`.

use std::hint::black_box;
use std::time::Instant;

use sendoff::audience::address::Address;
use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::Recipient;
use sendoff::campaign::file::Sender;
use sendoff::campaign::frozen_content::FrozenContent;
use sendoff::content::brand::Brand;
use sendoff::content::email::{EmailContext, EmailSource, Format, Layout, Tracking};
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::i18n::Lang;
use sendoff::infra::installation::Installation;

/// Rounds of each measurement, taken in turn; the median is told. They are short, so that a busy
/// machine spoils few of them.
const ROUNDS: usize = 201;
/// Messages of a round.
const MESSAGES: usize = 100;

const PLAIN: &str = "Привет, {{ first_name | default('друг') }}!\n\n";
const DECIDING: &str = "{% if vip %}Дорогая {{ first_name | upper | default('друг') }}{% else %}Привет{% endif %}!\n\n\
                        {% if city == 'Казань' %}Ждём на Баумана, 1.{% elif city %}Доставим в {{ city }}.{% endif %}\n\n";

fn body(opening: &str) -> String {
    let words = "The autumn collection has arrived, and with it come warm coats, soft scarves and boots for the rain. ";
    let block = |at: usize| {
        format!(
            "## Part {at}\n\n{}\n\n[See part {at}](https://shop.example.org/part/{at}?utm_source=news)\n\n",
            words.repeat(9)
        )
    };
    opening.to_owned() + &(1..=15).map(block).collect::<String>() + "С уважением, {{ city | default('мы') }}\n"
}

fn composer(installation: &Installation, opening: &str) -> Composer {
    let frozen = FrozenContent {
        draft: EmailSource {
            subject: "Осенняя коллекция".to_owned(),
            preheader: "Новое в магазине".to_owned(),
            layout: Layout::Newsletter,
            format: Format::Md,
            body: body(opening),
            tracking: Tracking::Individual,
        },
        frame: EmailContext {
            brand: Brand { name: "Shop".to_owned(), address: "Mira 1".to_owned(), ..Brand::default() },
            lang: Lang::RU,
            public_url: "https://news.example.org".to_owned(),
            fields: ["first_name", "city", "vip"].map(str::to_owned).to_vec(),
            list_name: "News".to_owned(),
        },
        from: Sender { name: "Shop".to_owned(), address: "news@example.org".to_owned() },
        relay: None,
        reply_to: None,
        list: 7,
        workspace: "main".to_owned(),
        campaign: 11,
        mailbox: String::new(),
    };
    Composer::compile(installation, frozen).expect("a letter that compiles")
}

fn people() -> Vec<(Recipient, Address)> {
    let person = |id: i64| {
        let address = format!("reader{id}@example{}.org", id % 97);
        let fields =
            format!("{{\"first_name\":\"Анна\",\"city\":\"Казань\",\"vip\":{},\"age\":{}}}", id % 2 == 0, id % 80);
        let to = Address::parse(&address).expect("an address");
        (Recipient { delivery: id, address, fields }, to)
    };
    (1..=MESSAGES as i64).map(person).collect()
}

/// Microseconds a message, in one round.
fn timed(people: &[(Recipient, Address)], mut make: impl FnMut(&Recipient, &Address)) -> f64 {
    let begin = Instant::now();
    people.iter().for_each(|(claimed, to)| make(claimed, to));
    begin.elapsed().as_secs_f64() * 1e6 / people.len() as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn measure(name: &str, composer: &Composer) {
    let people = people();
    let mut out = Vec::new();
    composer.compose(&people[0].0, &people[0].1, 0, &mut out).expect("a message");
    let (message, mut copy) = (out.clone(), Vec::with_capacity(out.len()));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        times[0].push(timed(&people, |claimed, to| assert!(composer.splice(claimed, to, 0, black_box(&mut out)))));
        times[1].push(timed(&people[..MESSAGES / 50], |claimed, to| {
            let rendered = composer.render(claimed).expect("a letter");
            black_box(composer.write(claimed, to, &rendered, 0));
        }));
        times[2].push(timed(&people, |_, _| {
            copy.clear();
            copy.extend_from_slice(black_box(&message));
            black_box(&mut copy);
        }));
    }
    let [splice, plain, memcpy] = times.map(median);
    println!(
        "{name:<10} {:>7} bytes   splice {splice:>6.2} µs   plain {plain:>7.1} µs   memcpy {memcpy:>5.2} µs   \
         splice/memcpy {:.2}   plain/splice {:.0}",
        message.len(),
        splice / memcpy,
        plain / splice
    );
}

/// Nothing but spliced messages, for a tool that counts instructions (`-- only 2000`).
fn only(composer: &Composer, count: usize) {
    let mut out = Vec::new();
    let people = people();
    for (claimed, to) in people.iter().cycle().take(count) {
        assert!(composer.splice(claimed, to, 0, black_box(&mut out)));
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config { data: folder.path().join("data"), database: None };
    sqlx::any::install_default_drivers();
    let installation = Installation::open(config, Clock::system()).await.expect("the installation opens");
    let (plain, deciding) = (composer(&installation, PLAIN), composer(&installation, DECIDING));
    let mut words = std::env::args().skip_while(|word| word != "only").skip(1);
    if let Some(count) = words.next().and_then(|count| count.parse().ok()) {
        only(&plain, count);
    } else {
        measure("plain", &plain);
        measure("deciding", &deciding);
    }
    installation.db.close().await;
}
