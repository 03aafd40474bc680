//! The cost of composing a message: from encoded parts, by rendering and encoding it, and of copying its bytes. The
//! email has 30 KB and fifteen measured links, once without and once with conditions, and once in Russian. Run it with `cargo bench --bench
//! compiled_email`.

use std::hint::black_box;
use std::time::Instant;

use sendoff::audience::address::Address;
use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::Recipient;
use sendoff::campaign::file::Sender;
use sendoff::campaign::frozen_content::FrozenContent;
use sendoff::content::brand::Brand;
use sendoff::content::email::{EmailContext, EmailSource, Format, Layout, Tracking};
use sendoff::content::link::LinkSettings;
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::i18n::Lang;
use sendoff::infra::installation::Installation;

/// Rounds of each measurement, alternating; the median is printed. They are short, so that other load disturbs few of
/// them.
const ROUNDS: usize = 201;
/// Messages in a round.
const MESSAGES: usize = 100;

/// The beginning of a body without conditions.
const PLAIN: &str = "Привет, {{ first_name | default('друг') }}!\n\n";
/// The beginning of a body in Russian.
const RUSSIAN: &str = "Здравствуйте, {{ first_name | default('друг') }}!\n\n";
/// The beginning of a body with conditions.
const CONDITIONAL: &str = "{% if vip %}Дорогая {{ first_name | upper | default('друг') }}{% else %}Привет{% endif %}!\n\n\
                        {% if city == 'Казань' %}Ждём на Баумана, 1.{% elif city %}Доставим в {{ city }}.{% endif %}\n\n";

fn body(opening: &str) -> String {
    let words = "The autumn collection has arrived, and with it come warm coats, soft scarves and boots for the rain. ";
    let words = if opening == RUSSIAN {
        "Осенняя коллекция уже в магазине: тёплые пальто и мягкие шарфы. "
    } else {
        words
    };
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
            links: LinkSettings::default(),
        },
        frame: EmailContext {
            brand: Brand { name: "Shop".to_owned(), address: "Mira 1".to_owned(), ..Brand::default() },
            lang: Lang::RU,
            public_url: "https://news.example.org".to_owned(),
            fields: ["first_name", "city", "vip"].map(str::to_owned).to_vec(),
            list_name: "News".to_owned(),
            today: "2026-11-21".to_owned(),
        },
        from: Sender { name: "Shop".to_owned(), address: "news@example.org".to_owned() },
        relay: None,
        reply_to: None,
        list: 7,
        workspace: "main".to_owned(),
        campaign: 11,
        mailbox: String::new(),
        bounce_domain: String::new(),
        measures_silent: true,
    };
    Composer::compile(installation, frozen).expect("an email that compiles")
}

fn recipients() -> Vec<(Recipient, Address)> {
    let recipient = |id: i64| {
        let address = format!("reader{id}@example{}.org", id % 97);
        let fields =
            format!("{{\"first_name\":\"Анна\",\"city\":\"Казань\",\"vip\":{},\"age\":{}}}", id % 2 == 0, id % 80);
        let to = Address::parse(&address).expect("an address");
        (Recipient { delivery: id, address, fields, measured: None }, to)
    };
    (1..=MESSAGES as i64).map(recipient).collect()
}

/// Microseconds per message, in one round.
fn timed(recipients: &[(Recipient, Address)], mut make: impl FnMut(&Recipient, &Address)) -> f64 {
    let begin = Instant::now();
    recipients.iter().for_each(|(recipient, to)| make(recipient, to));
    begin.elapsed().as_secs_f64() * 1e6 / recipients.len() as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn measure(name: &str, composer: &Composer) {
    let recipients = recipients();
    let mut out = Vec::new();
    composer.compose(&recipients[0].0, &recipients[0].1, 0, &mut out).expect("a message");
    let (message, mut copy) = (out.clone(), Vec::with_capacity(out.len()));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        times[0]
            .push(timed(&recipients, |recipient, to| assert!(composer.splice(recipient, to, 0, black_box(&mut out)))));
        times[1].push(timed(&recipients[..MESSAGES / 50], |recipient, to| {
            let rendered = composer.render(recipient).expect("an email");
            black_box(composer.write(recipient, to, &rendered, 0).expect("written"));
        }));
        times[2].push(timed(&recipients, |_, _| {
            copy.clear();
            copy.extend_from_slice(black_box(&message));
            black_box(&mut copy);
        }));
    }
    let [compose, render, copy] = times.map(median);
    println!(
        "{name:<11} {:>7} bytes   compose {compose:>6.2} µs   render {render:>7.1} µs   copy {copy:>5.2} µs   \
         compose/copy {:.2}   render/compose {:.0}",
        message.len(),
        compose / copy,
        render / compose
    );
}

/// Composes messages and nothing else, for a tool that counts instructions (`-- only 2000`).
fn compose_only(composer: &Composer, count: usize) {
    let mut out = Vec::new();
    let recipients = recipients();
    for (recipient, to) in recipients.iter().cycle().take(count) {
        assert!(composer.splice(recipient, to, 0, black_box(&mut out)));
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config { data: folder.path().join("data"), database: None };
    sqlx::any::install_default_drivers();
    let installation = Installation::open(config, Clock::system()).await.expect("the installation opens");
    let (plain, conditional) = (composer(&installation, PLAIN), composer(&installation, CONDITIONAL));
    let mut args = std::env::args().skip_while(|arg| arg != "only").skip(1);
    if let Some(count) = args.next().and_then(|count| count.parse().ok()) {
        compose_only(&plain, count);
    } else {
        measure("plain", &plain);
        measure("conditional", &conditional);
        measure("Russian", &composer(&installation, RUSSIAN));
    }
    installation.db.close().await;
}
