//! Tags of other tools, such as `*|FNAME|*`, which would be printed as they are: found in the texts of an email, and shown
//! with the spelling that means the same here.

mod dictionary;

use std::sync::LazyLock;

use regex_lite::Regex;

use self::dictionary::{is_known, is_ordinary, meaning, spelling};
use crate::content::template::lexer::{SourcePiece, split};

/// A tag of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTag {
    /// As it is written.
    pub text: String,
    /// The tools that spell it so.
    pub tool: &'static str,
    /// What means the same here.
    pub ours: String,
    /// Byte offset in the text.
    pub at: usize,
}

/// Which of the found texts are tags. Signs that also occur in ordinary text need a word that only tags hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// All.
    Any,
    /// A name: letters, digits and `_.-`, without spaces unless the words are known.
    Name,
    /// A word that other tools use for a value.
    Known,
    /// A word of other tools, or a name after one of their prefixes.
    Bracket,
}

/// A spelling: the tools, the pattern with the name as its group, and the rule.
struct Spelling {
    tool: &'static str,
    pattern: Regex,
    rule: Rule,
}

static SPELLINGS: LazyLock<Vec<Spelling>> = LazyLock::new(|| {
    [
        ("Mailchimp", r"\*\|([^|*\n]{1,80})\|\*", Rule::Any),
        ("Salesforce", r"%%([A-Za-z_=\[][^%\n]{0,80})%%", Rule::Any),
        ("ActiveCampaign, Mailgun, SendPulse", r"%([^\s%<>\x22'&=?;:,()/\[\]{}]{3,40})%", Rule::Name),
        ("GetResponse, Mailjet, Omnisend, Constant Contact", r"\[\[\s*([^\d\s\[\]][^\[\]\n]{0,79})\]\]", Rule::Any),
        ("Zoho", r"\$\[([^\[\]\n]{1,40})\]\$", Rule::Any),
        ("Campaign Monitor, MailPoet, Sendy, phpList", r"\[([^\[\]\n]{1,80})\]", Rule::Bracket),
        ("Mindbox, JavaScript", r"[$#]\{([^{}\n]{1,60})\}", Rule::Name),
        (
            "Mautic",
            r"\{((?:contactfield|leadfield|ownerfield|companyfield|pagelink|assetlink|focus|dynamiccontent|form|tag|merge|field|contact|subscriber|user|data|var|custom)[=:][^{}\n]{1,80})\}",
            Rule::Any,
        ),
        ("MailerLite, Elastic Email", r"\{[$!*%]?([^{}\n$!*%]{2,60})\}", Rule::Name),
        ("::…::", r"::([^\s:][^:\n]{0,40})::", Rule::Name),
        ("SendGrid", r"-([A-Za-z][A-Za-z0-9_]{1,30})-", Rule::Known),
        ("Keap", r"~([A-Za-z]+\.[A-Za-z0-9_.]{2,40})~", Rule::Any),
        ("dotdigital", r"@([A-Z][A-Z0-9_]{2,30})@", Rule::Any),
        ("Moosend", r"#((?:recipient|campaign|sender)[:.][^#\n]{1,40})#", Rule::Any),
        ("##…##", r"##([A-Za-z_][A-Za-z0-9_.]{1,30})##", Rule::Any),
        ("Word", r"<<\s*([^<>\n]{1,40})>>", Rule::Name),
        ("ASP, ERB", r"<%=?\s*([^%\n]{1,80})%>", Rule::Any),
        (
            "Campaign Monitor",
            r"<((?:unsubscribe|webversion|preferences|forwardtoafriend|currentday|currentmonthname|currentyear))\b[^>\n]*>",
            Rule::Any,
        ),
    ]
    .into_iter()
    .map(|(tool, pattern, rule)| Spelling { tool, pattern: Regex::new(pattern).expect("a pattern of ours"), rule })
    .collect()
});

/// Text in which braces and brackets mean something else.
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?is)<style\b.*?</style\s*>|<script\b.*?</script\s*>|`[^`\n]*`").expect("a pattern of ours")
});

/// The tags of other tools in a text, in order. `fields` are the declared fields.
pub fn find(text: &str, fields: &[String]) -> Vec<ForeignTag> {
    let mut found: Vec<ForeignTag> = Vec::new();
    let mut at = 0;
    for piece in split(text) {
        let length = match piece {
            SourcePiece::Text(piece) => {
                find_in(&without_code(piece), at, fields, &mut found);
                piece.len()
            }
            SourcePiece::Tag(tag) => tag.source.len(),
            SourcePiece::Unreadable(piece, _) => piece.len(),
        };
        at += length;
    }
    found.sort_by_key(|tag| tag.at);
    found
}

/// The text with code replaced by spaces, so that offsets stay.
fn without_code(text: &str) -> String {
    let mut out = text.to_owned();
    for code in CODE.find_iter(text) {
        out.replace_range(code.range(), &" ".repeat(code.len()));
    }
    out
}

fn find_in(text: &str, offset: usize, fields: &[String], found: &mut Vec<ForeignTag>) {
    let known_until = found.len();
    for spelling in SPELLINGS.iter() {
        let mut from = 0;
        while let Some(groups) = spelling.pattern.captures_at(text, from) {
            let (Some(whole), Some(name)) = (groups.get(0), groups.get(1)) else { break };
            let overlaps = found[known_until..]
                .iter()
                .any(|tag| whole.start() + offset < tag.at + tag.text.len() && tag.at < whole.end() + offset);
            if !overlaps && is_tag(text, whole.range(), name.as_str(), spelling, fields) {
                found.push(ForeignTag {
                    text: whole.as_str().to_owned(),
                    tool: spelling.tool,
                    ours: ours(name.as_str(), fields),
                    at: offset + whole.start(),
                });
                from = whole.end();
            } else {
                from = whole.start() + text[whole.start()..].chars().next().map_or(1, char::len_utf8);
            }
        }
    }
}

fn is_tag(text: &str, at: std::ops::Range<usize>, name: &str, spelling: &Spelling, fields: &[String]) -> bool {
    let before = text[..at.start].chars().next_back();
    let after = text[at.end..].chars().next();
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let is_name = || {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        let name = name.trim();
        name.starts_with(char::is_alphabetic) && (name.chars().all(is_part) || is_known(name, fields))
    };
    match spelling.rule {
        Rule::Known => {
            !is_word(before)
                && before != Some('-')
                && !is_word(after)
                && after != Some('-')
                && is_known(name, fields)
                && !is_ordinary(name)
        }
        Rule::Bracket => {
            !is_word(before)
                && !matches!(before, Some(']' | '!' | '[' | '\\'))
                && !matches!(after, Some('(' | '[' | ':' | ']'))
                && is_bracket_tag(name, fields)
        }
        Rule::Name => {
            let sign = text[at.clone()].chars().next();
            let is_free = match sign {
                Some('%' | ':') => !is_word(before) && !is_word(after) && before != sign && after != sign,
                Some('{') => !matches!(before, Some('{' | '$' | '#' | '%' | '\\')) && after != Some('}'),
                _ => true,
            };
            is_free && is_name()
        }
        Rule::Any => {
            let is_wiki_link = text[at.clone()].starts_with("[[") && matches!(after, Some('('));
            let is_struck = text[at].starts_with('~') && (before == Some('~') || after == Some('~'));
            !is_wiki_link && !is_struck
        }
    }
}

/// Whether the text in single brackets is a tag: `[FIRST NAME]`, `[firstname,fallback=friend]`, `[subscriber:email]`.
fn is_bracket_tag(name: &str, fields: &[String]) -> bool {
    const PREFIXES: &[&str] =
        &["subscriber:", "contact.", "contact:", "contact_attribute:", "user:", "custom:", "link:", "merge_"];
    let lower = name.trim().to_lowercase();
    lower.contains("fallback=")
        || PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
        || (!is_ordinary(name.trim()) && is_known(lower.split(['|', ',']).next().unwrap_or_default(), fields))
}

/// The spelling here of a name of another tool.
fn ours(name: &str, fields: &[String]) -> String {
    dictionary::of_whole(name, fields).unwrap_or_else(|| spelling(value_name(name), fields))
}

/// If a tag between `{{ }}` or `{% %}` that cannot be used here is one of another tool: the spelling that means the same.
pub fn translate(tag: &str, fields: &[String]) -> Option<String> {
    let inner = tag.trim_matches(|c: char| matches!(c, '{' | '}' | '%') || c.is_whitespace());
    let inner = inner.trim_start_matches(['-', '#', '/', '^', '&', '>', '~', '!']).trim();
    let lower = inner.to_lowercase();
    let is_call = ["personalization_token(", "contact \"", "contact '", "link \"", "link '"];
    let is_marked = tag.starts_with("{{{")
        || tag.starts_with("{{#")
        || tag.starts_with("{{/")
        || inner.starts_with(['$', '.'])
        || is_call.iter().any(|call| lower.starts_with(call))
        || dictionary::NAMESPACES.iter().any(|prefix| {
            lower.strip_prefix(prefix).is_some_and(|rest| rest.trim_start().starts_with(['.', ':', '[']))
        });
    if let Some(condition) = handlebars(inner).filter(|_| tag.starts_with("{{")) {
        return Some(condition.to_owned());
    }
    let name = value_name(inner);
    let is_other = |ours: String| ours != format!("{{{{ {name} }}}}");
    let has_colon = inner.contains("default:") || inner.contains("default :");
    (is_marked || has_colon || meaning(name, fields).is_some_and(is_other)).then(|| {
        let ours = spelling(name, fields);
        match has_colon {
            true => ours.replace(" }}", " | default('…') }}"),
            false => ours,
        }
    })
}

/// The statement that does what a block of Handlebars does.
fn handlebars(inner: &str) -> Option<&'static str> {
    match inner.split_whitespace().next()? {
        "if" | "unless" if !inner.contains("%}") => Some("{% if … %}…{% endif %}"),
        "each" => Some("{% for … in … %}…{% endfor %}"),
        _ => None,
    }
}

/// The name of the value in a tag: without the names of objects before it, and without its fallback.
fn value_name(tag: &str) -> &str {
    let tag = tag.trim().trim_start_matches(['=', '$', '{', '.', '[', '*', '!']);
    let quoted = |text: &'static str| -> Option<&str> {
        let at = tag.to_lowercase().find(text).filter(|at| *at == 0)?;
        let rest = &tag[at + text.len()..];
        let quote = rest.find(['"', '\''])?;
        let inner = &rest[quote + 1..];
        inner.get(..inner.find(['"', '\''])?)
    };
    let tag = ["personalization_token", "contact ", "link "].into_iter().find_map(quoted).unwrap_or(tag);
    let tag = tag.split(['|', '?', ',', '(', '"', '\'']).next().unwrap_or_default();
    let tag = tag.split(" OR ").next().unwrap_or_default();
    let tag = if tag.contains(":default=") { tag.split(":default=").next().unwrap_or_default() } else { tag };
    let mut parts: Vec<&str> = tag.split(['.', ':', '=']).map(str::trim).filter(|part| !part.is_empty()).collect();
    while parts.len() > 1 && dictionary::NAMESPACES.contains(&parts[0].to_lowercase().as_str()) {
        parts.remove(0);
    }
    let name = parts.first().copied().unwrap_or(tag);
    name.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<String> {
        ["first_name", "last_name", "city", "bonus_points"].map(str::to_owned).to_vec()
    }

    #[test]
    fn tags_of_other_tools_are_found_with_our_spelling() {
        for (text, tag, ours) in [
            ("Hi *|FNAME|*!", "*|FNAME|*", "{{ first_name }}"),
            ("*|UNSUB|*", "*|UNSUB|*", "{{ unsubscribe_url }}"),
            ("*|MERGE1|*", "*|MERGE1|*", "{{ merge1 }}"),
            ("*|IF:CITY|*", "*|IF:CITY|*", "{% if city %}"),
            ("*|ELSEIF:FNAME=Ann|*", "*|ELSEIF:FNAME=Ann|*", "{% elif first_name %}"),
            ("*|END:IF|*", "*|END:IF|*", "{% endif %}"),
            ("*|ELSE:|*", "*|ELSE:|*", "{% else %}"),
            ("*|LIST:COMPANY|*", "*|LIST:COMPANY|*", "{{ brand.name }}"),
            ("*|HTML:LIST_ADDRESS_HTML|*", "*|HTML:LIST_ADDRESS_HTML|*", "{{ brand.address }}"),
            ("*|MC_PREVIEW_TEXT|*", "*|MC_PREVIEW_TEXT|*", "preheader = \"…\""),
            ("Hi %%First Name%%,", "%%First Name%%", "{{ first_name }}"),
            ("Hi %FIRSTNAME%!", "%FIRSTNAME%", "{{ first_name }}"),
            ("%recipient.first_name%", "%recipient.first_name%", "{{ first_name }}"),
            ("<a href=\"https://a.example/?e=%EMAIL%&n=1\">", "%EMAIL%", "{{ email }}"),
            ("Hi [[firstname]]", "[[firstname]]", "{{ first_name }}"),
            ("Hi [[data:firstname:\"friend\"]]", "[[data:firstname:\"friend\"]]", "{{ first_name }}"),
            ("Hi [[FIRSTNAME OR \"friend\"]]", "[[FIRSTNAME OR \"friend\"]]", "{{ first_name }}"),
            ("[[contact.city]]", "[[contact.city]]", "{{ city }}"),
            ("Dear [FIRST NAME],", "[FIRST NAME]", "{{ first_name }}"),
            ("Dear [Имя]", "[Имя]", "{{ first_name }}"),
            ("[MERGE_FIRST_NAME]", "[MERGE_FIRST_NAME]", "{{ first_name }}"),
            ("[firstname,fallback=friend]", "[firstname,fallback=friend]", "{{ first_name }}"),
            ("[subscriber:firstname | default:reader]", "[subscriber:firstname | default:reader]", "{{ first_name }}"),
            ("<unsubscribe>leave</unsubscribe>", "<unsubscribe>", "{{ unsubscribe_url }}"),
            ("{contactfield=firstname}", "{contactfield=firstname}", "{{ first_name }}"),
            ("{unsubscribe_url}", "{unsubscribe_url}", "{{ unsubscribe_url }}"),
            ("Hi {first_name}.", "{first_name}", "{{ first_name }}"),
            ("{SUBSCRIBER_FIRST_NAME}", "{SUBSCRIBER_FIRST_NAME}", "{{ first_name }}"),
            ("{!firstname}", "{!firstname}", "{{ first_name }}"),
            ("$[FNAME|Customer]$", "$[FNAME|Customer]$", "{{ first_name }}"),
            ("{$name}", "{$name}", "{{ first_name }}"),
            ("{FirstName}", "{FirstName}", "{{ first_name }}"),
            ("{bonusPoints}", "{bonusPoints}", "{{ bonus_points }}"),
            ("${Recipient.FirstName}", "${Recipient.FirstName}", "{{ first_name }}"),
            ("Hi ::first_name::", "::first_name::", "{{ first_name }}"),
            ("Hi -name-,", "-name-", "{{ first_name }}"),
            ("~Contact.FirstName~", "~Contact.FirstName~", "{{ first_name }}"),
            ("$[FNAME]$", "$[FNAME]$", "{{ first_name }}"),
            ("@FIRSTNAME@", "@FIRSTNAME@", "{{ first_name }}"),
            ("#recipient:Name#", "#recipient:Name#", "{{ first_name }}"),
            ("<%= user.city %>", "<%= user.city %>", "{{ city }}"),
            ("<<First Name>>", "<<First Name>>", "{{ first_name }}"),
            ("{{ city }} *|LNAME|*", "*|LNAME|*", "{{ last_name }}"),
        ] {
            let found = find(text, &fields());
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!((found[0].text.as_str(), found[0].ours.as_str()), (tag, ours), "{text}");
            assert_eq!(&text[found[0].at..found[0].at + tag.len()], tag);
        }
    }

    #[test]
    fn ordinary_text_holds_no_tags() {
        for text in [
            "100% cotton, 20%–30% off, 5 % and 10 %",
            "see [1] and [2], [sic], [PDF], [NEW]",
            "[Shop](https://a.example)",
            "![logo][ref] [name][ref] [name]: https://a.example",
            "[[1]] [[Name]](https://a.example)",
            "<style>a{color:red} input[name]{x:y} .a::before{b:c} p::after{d:e}</style>",
            "@media{#outlook a{padding:0}}",
            "https://a.example/%D0%9F%D1%80%D0%B8?x=%20SALE%20now",
            "rock-name-roll, well-known-name",
            "~~name~~ {width=300} {.button}",
            "std::vec::Vec",
            "`{name}` and `*|FNAME|*`",
            "Mail a@b.example, a@example.com@",
            "{{ city }} {% if city %}{% endif %}",
            "# Title ## x ##",
            "$5 {5} {x}",
            "mobile -first- design, [last] year, [archive]",
            "<!--[if mso]><table><![endif]-->",
            "{ \"a\": 1 }",
            "12::30::45",
            "«Имя» <<",
            "50%СКИДКА%50",
            "-5- -10-",
            "a[href] b[class=x]",
        ] {
            assert_eq!(find(text, &fields()), [], "{text}");
        }
    }

    #[test]
    fn tags_in_double_braces_are_translated() {
        for (tag, ours) in [
            ("{{ contact.FIRSTNAME }}", Some("{{ first_name }}")),
            ("{{params.name}}", Some("{{ first_name }}")),
            ("{{ contact.firstname }}", Some("{{ first_name }}")),
            ("{{ personalization_token('contact.firstname', 'there') }}", Some("{{ first_name }}")),
            ("{{{ name }}}", Some("{{ first_name }}")),
            ("{{Name}}", Some("{{ first_name }}")),
            ("{{ Имя }}", Some("{{ first_name }}")),
            ("{{ person.first_name|default:'there' }}", Some("{{ first_name | default('…') }}")),
            ("{{ first_name|default:\"there\" }}", Some("{{ first_name | default('…') }}")),
            ("{{var:firstname:\"x\"}}", Some("{{ first_name }}")),
            ("{{CONTACT \"subscriber.first_name\"}}", Some("{{ first_name }}")),
            ("{{ subscriber.city }}", Some("{{ city }}")),
            ("{{ .Subscriber.FirstName }}", Some("{{ first_name }}")),
            ("{{${first_name}}}", Some("{{ first_name }}")),
            ("{{lead.First Name:default=x}}", Some("{{ first_name }}")),
            ("{{#if firstName}}", Some("{% if … %}…{% endif %}")),
            ("{% unsubscribe %}", Some("{{ unsubscribe_url }}")),
            ("{{ UnsubscribeUrl }}", Some("{{ unsubscribe_url }}")),
            ("{{ frist_name }}", None),
            ("{{ env }}", None),
            ("{{ city | uper }}", None),
        ] {
            assert_eq!(translate(tag, &fields()).as_deref(), ours, "{tag}");
        }
    }
}
