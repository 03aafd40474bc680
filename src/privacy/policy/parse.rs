//! Parses a policy file. Every mistake is reported, all at once.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::model::{
    AgeRule, Contract, Controller, Day, Edition, FieldCategory, Measurement, MeasurementMode, Policy, Processor,
    Purpose, Retention, Support,
};
use super::reader::{Reader, Section};
use super::validate::validate;
use crate::audience::address::is_hidden;
use crate::infra::error::{Error, Message, Result};

/// Reads a text that the policy names as a file beside it.
pub type Files<'f> = &'f dyn Fn(&str) -> Option<String>;

/// Bytes that a policy file, or a text beside it, may have.
const MAX_BYTES: usize = 1 << 20;

/// Days of the longest term: a hundred years.
const MAX_DAYS: u32 = 36_500;

/// Characters of a name.
const MAX_NAME_CHARS: usize = 100;

const KEYS: &[&str] = &[
    "jurisdiction",
    "promises",
    "controller",
    "edition",
    "purpose",
    "field",
    "measurement",
    "age",
    "contract",
    "support",
    "retention",
];

/// Parses a policy file, and returns it with the texts beside it that it names.
///
/// # Errors
///
/// Invalid, with each mistake, its line, its column and the path of its key.
pub fn parse(text: &str, files: Files<'_>) -> Result<(Policy, BTreeMap<String, String>)> {
    if text.len() > MAX_BYTES {
        return Err(Message::new("policy-long").with("limit", MAX_BYTES / 1024).invalid());
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    errors.iter().for_each(|error| reader.refuse_syntax(error));
    let root = reader.document(document.get_ref(), KEYS);
    let mut used = BTreeMap::new();
    let policy = read(&mut reader, &root, files, &mut used);
    match policy {
        Some(policy) if reader.is_clean() => {
            validate(&mut reader, &policy);
            if reader.is_clean() {
                return Ok((policy, used));
            }
        }
        Some(policy) if errors.is_empty() => validate(&mut reader, &policy),
        _ => {}
    }
    Err(combined(reader.finish()))
}

/// The error that names all mistakes.
fn combined(mut mistakes: Vec<Message>) -> Error {
    if mistakes.len() == 1 {
        return mistakes.remove(0).invalid();
    }
    let count = mistakes.len();
    let items = mistakes.into_iter().map(|mistake| Message::new("list-item").with_message("text", mistake));
    Message::new("policy-mistakes").with("count", count).with_list("mistakes", items.collect()).invalid()
}

fn read(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    files: Files<'_>,
    used: &mut BTreeMap<String, String>,
) -> Option<Policy> {
    let jurisdiction: Option<super::Jurisdiction> = reader.word(root, "jurisdiction");
    if jurisdiction.is_none() && !reader.has(root, "jurisdiction") {
        let known = super::Jurisdiction::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
        reader.refuse("jurisdiction", Message::new("policy-jurisdiction").with("known", known));
    }
    let controller = controller(reader, root);
    let editions = editions(reader, root, files, used);
    let purposes = reader
        .sections(root, "purpose", &["name", "basis", "lists", "fields", "text", "retention", "processor"])
        .iter()
        .filter_map(|section| purpose(reader, section))
        .collect();
    if !reader.has(root, "purpose") {
        reader.refuse("purpose", Message::new("policy-no-purpose"));
    }
    let mut fields = Vec::new();
    for section in reader.sections(root, "field", &["name", "category"]) {
        let name = reader.needed_text(&section, "name");
        let category = reader.needed_text(&section, "category");
        fields.push(FieldCategory { name, category });
    }
    let promises = reader.texts(root, "promises");
    let support = reader.section(root, "support", &["access", "hours"]).map(|section| Support {
        allowed: reader.flag(&section, "access").unwrap_or(false),
        hours: reader.number(&section, "hours", 24 * 30).unwrap_or(24),
    });
    // The rest depends on the defaults of the jurisdiction; its mistakes are wanted all the same.
    let defaults = jurisdiction.unwrap_or(super::Jurisdiction::Eu);
    let measurement = measurement(reader, root, defaults);
    let age = reader.section(root, "age", &["minimum", "field"]).map(|section| AgeRule {
        field: reader.needed_text(&section, "field"),
        minimum: reader.number(&section, "minimum", 120).unwrap_or(defaults.minimum_age()),
    });
    let contract = contract(reader, root);
    let retention = retention(reader, root, defaults.retention());
    Some(Policy {
        jurisdiction: jurisdiction?,
        controller,
        editions,
        purposes,
        fields,
        measurement,
        age,
        contract,
        support: support.unwrap_or(Support { allowed: false, hours: 24 }),
        retention,
        promises,
    })
}

fn controller(reader: &mut Reader<'_>, root: &Section<'_>) -> Controller {
    let Some(section) = reader.section(root, "controller", &["name", "address", "email", "phone", "officer"]) else {
        if !reader.has(root, "controller") {
            reader.refuse("controller", Message::new("policy-missing").with("key", "controller"));
        }
        return Controller::default();
    };
    let controller = Controller {
        name: reader.needed_text(&section, "name"),
        address: reader.text(&section, "address"),
        email: reader.text(&section, "email"),
        phone: reader.text(&section, "phone"),
        officer: reader.text(&section, "officer"),
    };
    if controller.address.is_empty() && controller.email.is_empty() && controller.phone.is_empty() {
        reader.refuse("controller", Message::new("policy-controller-contact"));
    }
    controller
}

fn editions(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    files: Files<'_>,
    used: &mut BTreeMap<String, String>,
) -> Vec<Edition> {
    let sections = reader.sections(root, "edition", &["number", "dated", "effective", "text"]);
    if sections.is_empty() {
        reader.refuse("edition", Message::new("policy-no-edition"));
    }
    let mut editions = Vec::new();
    for section in &sections {
        let number = reader.number(section, "number", u32::MAX);
        let dated: Option<Day> = reader.day(section, "dated");
        let effective: Option<Day> = reader.day(section, "effective");
        for key in ["number", "dated"] {
            if !reader.has(section, key) {
                reader.refuse(&section.path_of(key), Message::new("policy-missing").with("key", key));
            }
        }
        let texts = texts(reader, section, files, used);
        if texts.is_empty() && !reader.has(section, "text") {
            reader.refuse(&section.path_of("text"), Message::new("policy-missing").with("key", "text"));
        }
        if let (Some(number), Some(dated)) = (number, dated) {
            editions.push(Edition { number, dated, effective: effective.unwrap_or(dated), texts });
        }
    }
    editions
}

/// Texts by language: `text = "…"` for all, or a section with a text, or a file, for each.
fn texts(
    reader: &mut Reader<'_>,
    of: &Section<'_>,
    files: Files<'_>,
    used: &mut BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(section) = reader.section(of, "text", &[]) else { return found };
    for (lang, value) in reader.entries(&section) {
        let path = section.path_of(&lang);
        let is_tag = (2..=11).contains(&lang.len()) && lang.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_tag {
            reader.refuse(&path, Message::new("policy-language").with("tag", &lang));
            continue;
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Table(table) => {
                let Some(name) =
                    table.get("file").and_then(|file| file.get_ref().as_str()).filter(|_| table.len() == 1)
                else {
                    reader.refuse_type::<()>(&section, &lang, "file");
                    continue;
                };
                let is_inside = !name.starts_with(['/', '\\']) && !name.split(['/', '\\']).any(|part| part == "..");
                match files(name).filter(|text| is_inside && text.len() <= MAX_BYTES) {
                    Some(text) => {
                        used.insert(name.to_owned(), text.clone());
                        text
                    }
                    None => {
                        reader.refuse(&path, Message::new("policy-file").with("name", name));
                        continue;
                    }
                }
            }
            _ => {
                reader.refuse_type::<()>(&section, &lang, "text");
                continue;
            }
        };
        match text.trim() {
            "" => reader.refuse(&path, Message::new("policy-missing").with("key", &lang)),
            text => drop(found.insert(lang, text.to_owned())),
        }
    }
    found
}

fn purpose(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Purpose> {
    let name = reader.needed_text(section, "name");
    let is_wrong = name.chars().count() > MAX_NAME_CHARS || name.chars().any(is_hidden);
    if is_wrong {
        reader.refuse(&section.path_of("name"), Message::new("policy-name").with("limit", MAX_NAME_CHARS));
    }
    let basis = reader.word(section, "basis");
    if !reader.has(section, "basis") {
        let message = Message::new("policy-no-basis").with("purpose", &name);
        reader.refuse(&section.path, message);
    }
    let lists = reader.texts(section, "lists");
    let fields = reader.texts(section, "fields");
    let texts = texts(reader, section, &|_| None, &mut BTreeMap::new());
    let retention = reader.number(section, "retention", MAX_DAYS);
    let mut processors = Vec::new();
    for one in reader.sections(section, "processor", &["name", "facts"]) {
        let name = reader.needed_text(&one, "name");
        processors.push(Processor { name, facts: reader.texts(&one, "facts") });
    }
    Some(Purpose { name, basis: basis?, lists, fields, texts, retention, processors })
}

fn measurement(reader: &mut Reader<'_>, root: &Section<'_>, defaults: super::Jurisdiction) -> Measurement {
    let defaults = defaults.measurement();
    let Some(section) = reader.section(root, "measurement", &["mode", "consent", "days"]) else { return defaults };
    let mode = reader.word(&section, "mode").unwrap_or(defaults.mode);
    if mode == MeasurementMode::None && reader.has(&section, "consent") {
        reader.refuse("measurement.consent", Message::new("policy-none-with-consent"));
    }
    Measurement {
        mode,
        consent: reader.word(&section, "consent").unwrap_or(defaults.consent),
        days: reader.number(&section, "days", MAX_DAYS).unwrap_or(defaults.days),
    }
}

fn contract(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Contract> {
    let keys = ["ends", "erase_after_days", "backups_expire_after_days"];
    let section = reader.section(root, "contract", &keys)?;
    let ends = reader.day(&section, "ends");
    if !reader.has(&section, "ends") {
        reader.refuse("contract", Message::new("policy-missing").with("key", "ends"));
    }
    let erase_after_days = reader.number(&section, "erase_after_days", MAX_DAYS).unwrap_or(30);
    let backups_expire_after_days = reader.number(&section, "backups_expire_after_days", MAX_DAYS).unwrap_or(180);
    Some(Contract { ends: ends?, erase_after_days, backups_expire_after_days })
}

fn retention(reader: &mut Reader<'_>, root: &Section<'_>, defaults: Retention) -> Retention {
    let keys = ["events", "deliveries", "contacts_without_activity", "consents", "exports"];
    let Some(section) = reader.section(root, "retention", &keys) else { return defaults };
    let mut term = |key: &str, default: Option<u32>| reader.number(&section, key, MAX_DAYS).or(default);
    Retention {
        events: term("events", defaults.events),
        deliveries: term("deliveries", defaults.deliveries),
        contacts_without_activity: term("contacts_without_activity", defaults.contacts_without_activity),
        consents: term("consents", defaults.consents),
        exports: term("exports", defaults.exports),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::i18n::Lang;

    const POLICY: &str = r#"jurisdiction = "eu"
[controller]
name = "Shop"
email = "privacy@shop.example"
[[edition]]
number = 1
dated = 2024-05-01
[edition.text]
en = "We mail news."
[[edition]]
number = 2
dated = "2025-01-01"
effective = 2025-02-01
text = { en = { file = "second.md" } }
[[purpose]]
name = "marketing"
basis = "consent"
lists = ["News"]
fields = ["first_name", "birth_date"]
text = { en = "I want news." }
[[purpose.processor]]
name = "Relay"
facts = ["email", "reachable"]
[age]
field = "birth_date"
"#;

    fn read(text: &str) -> Result<(Policy, BTreeMap<String, String>)> {
        parse(text, &|name| (name == "second.md").then(|| "We mail news, weekly.".to_owned()))
    }

    /// The mistakes in English, one a line.
    fn mistakes(text: &str) -> Vec<String> {
        let error = read(text).expect_err("a mistake");
        let text = Lang::EN.translate(&error.message());
        let text = text.split_once(" mistakes. ").map_or(text.clone(), |(_, rest)| rest.to_owned());
        text.lines().map(|line| line.trim_start_matches("✗ ").to_owned()).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn a_policy_is_read_with_its_files_and_the_defaults_of_its_jurisdiction() {
        let (policy, files) = read(POLICY).expect("a policy");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["second.md"]);
        assert_eq!(policy.purpose_of_list("News").map(|purpose| purpose.name.as_str()), Some("marketing"));
        assert_eq!(policy.minimum_age(), Some(16));
        assert_eq!(policy.measurement, super::super::Jurisdiction::Eu.measurement());
        let at =
            |day: &str| policy.edition_at(day.parse::<Day>().expect("a day").start()).map(|edition| edition.number);
        assert_eq!(
            (at("2024-04-30"), at("2024-05-01"), at("2025-01-31"), at("2025-02-01")),
            (None, Some(1), Some(1), Some(2))
        );
        let stored = serde_json::to_string(&policy).expect("serialises");
        assert_eq!(serde_json::from_str::<Policy>(&stored).expect("reads"), policy);
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_line_column_and_path() {
        let text = POLICY
            .replace("basis = \"consent\"\n", "")
            .replace("lists =", "list =")
            .replace("number = 2", "number = 1")
            .replace("field = \"birth_date\"", "field = \"born\"");
        let found = mistakes(&text);
        assert!(
            found.iter().any(|line| line.starts_with("Line 17, column 1, purpose[1].list: there is no key")),
            "{found:#?}"
        );
        assert!(
            found.iter().any(|line| line.contains("purpose[1]: the purpose “marketing” has no legal basis")),
            "{found:#?}"
        );
        assert!(found.iter().any(|line| line.starts_with("Line 11, column 1, edition[2].number")), "{found:#?}");
        assert!(!found.iter().any(|line| line.contains("policy has no purpose")), "{found:#?}");
        assert!(
            found.iter().any(|line| line.contains("age.field: the field “born” is used by no purpose")),
            "{found:#?}"
        );
    }

    #[test]
    fn each_contradiction_is_one_sentence() {
        let with = |from: &str, to: &str| {
            let changed = POLICY.replace(from, to);
            assert_ne!(changed, POLICY, "{from}");
            let found = mistakes(&changed);
            assert_eq!(found.len(), 1, "{found:#?}");
            found.into_iter().next().unwrap_or_default()
        };
        for (from, to, part) in [
            ("dated = \"2025-01-01\"", "dated = \"2023-01-01\"", "before edition 1"),
            ("effective = 2025-02-01", "effective = 2024-12-01", "before its own date"),
            ("[age]", "[[field]]\nname = \"shoe\"\ncategory = \"other\"\n[age]", "“shoe” is used by no purpose"),
            ("\"first_name\"", "\"religion\"", "special category of personal data (religion"),
            ("[age]", "[[purpose]]\nname = \"b\"\nbasis = \"contract\"\nlists = [\"News\"]\n[age]", "in two purposes"),
            ("[age]", "[measurement]\nmode = \"none\"\nconsent = \"opt-in\"\n[age]", "nothing to consent to"),
            ("[age]", "[retention]\nevents = 7\n[age]", "gone before the 30 days"),
            ("\"reachable\"", "\"phone\"", "does not hold"),
            ("[age]", "[measurement]\nmode = \"campaign\"\n[age]", ""),
            ("[age]", "[contract]\nends = 2026-01-01\nerase_after_days = 200\n[age]", "before the data are erased"),
            ("second.md", "../secret", "cannot be read"),
            ("jurisdiction = \"eu\"", "jurisdiction = \"fr\"", "Write one of: ru, eu"),
            ("jurisdiction = \"eu\"", "promises = [\"Z1\"]\njurisdiction = \"eu\"", "no promise “Z1”"),
        ] {
            if part.is_empty() {
                assert!(read(&POLICY.replace(from, to)).is_ok());
            } else {
                let sentence = with(from, to);
                assert!(sentence.contains(part), "{sentence}");
            }
        }
        assert!(mistakes(&POLICY.replace("[age]", "[age"))[0].contains("not TOML"));
    }
}
