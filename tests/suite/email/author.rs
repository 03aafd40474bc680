//! The template language: what compiles, which errors are reported and how, and that values are never code.

use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::{EmailSource, Format};
use sendoff::content::link::{self, Link};
use sendoff::content::renderer::{MergeData, RenderError};
use sendoff::infra::i18n::Lang;
use sendoff::infra::token::TokenPurpose;
use serde_json::{Value, json};

use super::{ADDRESS, compile, draft, frame, refusal, render, render_at, secret, values};

#[test]
fn example_of_the_manual_renders_in_both_parts() {
    let email = compile(&draft(
        "# Привет, {{ first_name | default('друг') }}!\n\
         {% if city == \"Казань\" %}Ждём вас на Баумана, 1.{% endif %}\n\
         [Смотреть каталог](https://shop.example.org/catalog?utm_source=news)\n",
    ));
    let secret = secret();
    let there = render_at(&email, json!({"first_name": "Анна", "city": "Казань"}), &secret);
    let elsewhere = render_at(&email, json!({}), &secret);

    assert_eq!(there.subject.as_str(), "Анна, осенняя распродажа");
    assert_eq!(elsewhere.subject.as_str(), "Здравствуйте, осенняя распродажа");
    for part in [&there.html, &there.text] {
        assert!(part.contains("Привет, Анна!") && part.contains("Ждём вас на Баумана, 1."), "{part}");
        assert!(part.contains(&link::click_url("https://news.example.org", &secret, 0)), "{part}");
        assert!(
            part.contains(&link::page_url("https://news.example.org", &secret, TokenPurpose::Unsubscribe)),
            "{part}"
        );
        assert!(part.contains(ADDRESS) && part.contains("«Новости»"), "{part}");
    }
    assert!(elsewhere.html.contains("Привет, друг!") && !elsewhere.html.contains("Баумана"));
    assert!(there.html.contains(&link::page_url("https://news.example.org", &secret, TokenPurpose::Open)));
    assert!(there.html.contains("До конца недели") && there.html.contains("lang=\"ru\""));
    assert!(elsewhere.missing.is_empty() && !elsewhere.html.contains("<p></p>"));
    assert!(!elsewhere.text.contains("\n\n\n"), "{}", elsewhere.text);
    assert_eq!(email.fields(), ["first_name", "city"]);
    assert_eq!(
        email.links(),
        [Link {
            position: 0,
            destination: "https://shop.example.org/catalog?utm_source=news".to_owned(),
            shown: "https://shop.example.org/catalog?utm_source=news".to_owned(),
            is_personal: false
        }]
    );
}

#[test]
fn errors_name_part_line_and_a_suggestion() {
    for (body, sentence) in [
        (
            "a\nb\nc\nПривет, {{ frist_name }}!",
            "Body, line 4, column 12: no field `frist_name`. Did you mean `first_name`?",
        ),
        ("{{ env }}", "Body, line 1, column 4: no field `env`. See those there are: sendoff field ls"),
        ("{{ city | uper }}", "Body, line 1, column 11: no filter `uper`. Did you mean `upper`?"),
        (
            "a\n{% if city %}b",
            "Body, line 2, column 1: this `if` has no `endif`. Write {% endif %} where the condition ends.",
        ),
        ("a\n\n{{ city", "Body, line 3, column 1: this tag is not closed. It ends with }}."),
        ("x\n{{ city | | upper }}", "Body, line 2: a tag cannot be parsed. Check its brackets, commas and operators."),
        (
            "x\n\n[a](javascript:alert(1))",
            "Line 3: the link “javascript:alert(1)” is not a web address. Links lead to https://, mailto: or tel:.",
        ),
        (
            "x\n[a](https://{{city}}.example.org)",
            "Line 2: the host of the link “https://{{city}}.example.org” comes from a tag. Write the host literally, tags may follow after it; or name the hosts that such links may lead to: link-hosts = [\"shop.example\"]",
        ),
    ] {
        assert_eq!(refusal(&draft(body)), sentence);
    }
    let all = refusal(&EmailSource {
        subject: "{{ citi }} {{ contact.FIRSTNAME }}".to_owned(),
        ..draft("{{ env }}\n{{ a * b }}\n{% if “x” %}y{% endif %}\n\n[a](/b)\n[c](javascript:x)\n{{ city }}")
    });
    assert!(all.starts_with("The email has 7 mistakes."), "{all}");
    for part in [
        "Subject, line 1, column 4: no field `citi`",
        "“{{ contact.FIRSTNAME }}” is a tag of another tool. Here it is written {{ first_name }}",
        "Body, line 1, column 4: no field `env`",
        "Body, line 2, column 6: “*”",
        "Body, line 3, column 7: ““”",
        "Line 5: the link “/b”",
        "Line 6: the link “javascript:x”",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let subject = EmailSource { subject: "{{ citi }}".to_owned(), ..draft("a") };
    assert_eq!(refusal(&subject), "Subject, line 1, column 4: no field `citi`. Did you mean `city`?");
    let error = CompiledEmail::compile(&subject, &frame()).err().expect("refused").message();
    assert_eq!(Lang::RU.translate(&error), "Тема, строка 1, знак 4: поля `citi` нет. Может быть, `city`?");
}

#[test]
fn printed_fields_without_a_value_are_reported() {
    let email =
        compile(&draft("{{ city }} {{ имя | upper }} {{ age | default(18) }} {% if vip %}{{ vip }}{% endif %}"));

    assert_eq!(render(&email, json!({})).missing, ["city", "имя"]);
    assert_eq!(render(&email, json!({"city": "", "имя": null, "vip": 0})).missing, ["city", "имя"]);
    assert!(render(&email, json!({"city": "Пермь", "имя": "Яна"})).missing.is_empty());
    let subject =
        compile(&EmailSource { subject: "{{ city }}".to_owned(), preheader: "{{ имя }}".to_owned(), ..draft("a") });
    assert_eq!(render(&subject, json!({})).missing, ["city", "имя"]);
    let link = compile(&draft("[a](https://a.example/?c={{ city }})"));
    assert_eq!(render(&link, json!({})).missing, ["city"]);
}

#[test]
fn calculation_without_its_value_fails_and_names_the_field() {
    let email = compile(&draft("{{ age - 1 }}"));
    let (none, secret) = (values(json!({})), secret());
    let data = MergeData { address: "a@example.org", values: &none, secret: &secret, tracked: true, inert: false };

    assert_eq!(email.render(&data), Err(RenderError::MissingField("age".to_owned())));
    assert!(render(&email, json!({"age": 30})).text.starts_with("29\n"));
}

#[test]
fn conditions_on_flags_and_numbers() {
    let email = compile(&draft(
        "{% if vip %}V{% else %}N{% endif %}{% if age >= 18 %}A{% endif %}{% if not city %}C{% endif %}",
    ));
    let text = |of: Value| render(&email, of).text.lines().next().expect("a line").to_owned();

    assert_eq!(text(json!({"vip": 1, "age": 20})), "VAC");
    assert_eq!(text(json!({"vip": 0, "age": 17, "city": "Пермь"})), "N");
    assert_eq!(text(json!({})), "NC");
}

#[test]
fn values_are_never_parsed_as_template_or_html() {
    let email = compile(&draft("{{ first_name }} [a](https://a.example/?c={{ city }}) <b title=\"{{ имя }}\">x</b>"));
    let evil = "{{7*7}}{% if 1 %}<script>alert('x')</script>\"& =?utf-8?q?x?=\r\nBcc: x@y.example";
    let rendered = render(&email, json!({"first_name": evil, "city": evil, "имя": evil}));

    assert!(rendered.text.contains("{{7*7}}{% if 1 %}<script>alert('x')</script>\"&"), "{}", rendered.text);
    assert!(rendered.html.contains("{{7*7}}{% if 1 %}&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
    assert!(rendered.html.contains("title=\"{{7*7}}{% if 1 %}&lt;script&gt;"));
    assert!(!rendered.html.contains("<script"));
    assert_eq!(rendered.subject.as_str().matches("Bcc").count(), 1);
    assert!(!rendered.subject.as_str().contains(['\r', '\n']));
}

#[test]
fn braces_in_brand_and_list_name_print_literally() {
    let mut frame = frame();
    frame.brand.name = "{{ env }} {% x".to_owned();
    frame.list_name = "{{7*7}}".to_owned();
    let email = CompiledEmail::compile(&draft("a {&#123; env }} b"), &frame).expect("compiles");
    let rendered = render(&email, json!({}));

    for part in [&rendered.html, &rendered.text] {
        assert!(
            part.contains("{{ env }} {% x") && part.contains("{{7*7}}") && part.contains("a {{ env }} b"),
            "{part}"
        );
    }
}

#[test]
fn templates_that_grow_without_limit_are_refused() {
    let nested = "{% for a in range(99999) %}".repeat(5) + "x" + &"{% endfor %}".repeat(5);
    let doubled = format!(
        "{{% set a0 = 'xxxxxxxxxx' %}}{}",
        (0..40).map(|n| format!("{{% set a{} = a{n} ~ a{n} %}}", n + 1)).collect::<String>()
    );
    let squared = format!(
        "{{% set a0 = 'xxxxxxxxxx' %}}{}",
        (0..40).map(|n| format!("{{% set a{} = a{n} | replace('x', a{n}) %}}", n + 1)).collect::<String>()
    );
    let deep = "{% if 1 %}".repeat(5_000) + "x" + &"{% endif %}".repeat(5_000);
    let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(49), ")".repeat(49));
    let many = "{{ email | replace('o', 'nnnnnnnnnnnnnnnnnnnnn') | replace('n', 'mmmmmmmmmm') }}".repeat(6_000);
    let steps = "{% if email == 'x' or email == 'y' or email == 'z' %}{% endif %}".repeat(7_000);
    for (bomb, word) in [
        (nested, "cannot be called"),
        ("{{ 'x' * 1000000000 }}".to_owned(), "not allowed"),
        ("{{ 9 ** 9 ** 9 }}".to_owned(), "not allowed"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}".to_owned(), "there is no tag"),
        (doubled, "longer than"),
        (squared, "longer than"),
        (deep, "inside each other"),
        (many, "more than"),
        (steps, "more than"),
        (brackets, ""),
    ] {
        let result =
            CompiledEmail::compile(&EmailSource { format: Format::Html, ..draft(&format!("a {bomb}")) }, &frame());
        if let Err(error) = result {
            let sentence = Lang::EN.translate(&error.message());
            assert!(sentence.contains(word), "{sentence}: {bomb:.60}");
        } else {
            assert_eq!(word, "", "{bomb:.60}");
        }
    }
}

#[test]
fn examples_of_the_manual_compile() {
    let manual = include_str!("../../../docs/emails.md");
    let blocks: Vec<_> =
        manual.split("\n```").skip(1).step_by(2).filter_map(|block| block.strip_prefix('\n')).collect();

    assert_eq!(blocks.len(), 3, "{blocks:?}");
    for block in blocks {
        let of = json!({"city": "Казань", "vip": 1, "age": 20, "имя": "чашка; ложка"});
        let rendered = render(&compile(&draft(&block.replace("in products", "in имя"))), of);
        assert!(rendered.missing.is_empty() && !rendered.html.contains("<p></p>"), "{}", rendered.html);
    }
}

#[test]
fn comparison_with_a_missing_value_is_false() {
    for condition in [
        "age < 18",
        "age <= 18",
        "age > 18",
        "age >= 18",
        "18 > age",
        "18 <= age",
        "age | int < 18",
        "city < 'z'",
        "age == 18",
    ] {
        let email = compile(&draft(&format!("{{% if {condition} %}}in{{% else %}}out{{% endif %}}")));
        assert!(render(&email, json!({})).text.starts_with("out"), "{condition}");
    }
    let child = compile(&draft("{% if age < 18 %}in{% else %}out{% endif %}"));
    assert!(render(&child, json!({"age": 17})).text.starts_with("in"));
}
