//! What the names in tags of other tools mean.

/// Objects that other tools name before a value.
pub const NAMESPACES: &[&str] = &[
    "contact",
    "contacts",
    "contactfield",
    "contact_attribute",
    "leadfield",
    "ownerfield",
    "params",
    "subscriber",
    "subscribers",
    "customer",
    "person",
    "profile",
    "lead",
    "recipient",
    "user",
    "account",
    "member",
    "data",
    "var",
    "vars",
    "event",
    "merge",
    "attributes",
    "attribute",
    "properties",
    "custom",
    "custom_fields",
    "fields",
    "field",
    "personalization",
    "link",
    "list",
    "sender",
    "campaign",
    "system",
    "tag",
    "html",
];

/// The names of a value in other tools, in lower case without signs, and the fields that may hold it here.
const FIELDS: &[(&[&str], &[&str])] = &[
    (
        &[
            "fname",
            "firstname",
            "first",
            "name",
            "givenname",
            "forename",
            "vorname",
            "prenom",
            "prénom",
            "имя",
            "nombre",
            "nome",
            "mergefirstname",
            "username",
            "recipientname",
            "contactname",
            "subscribername",
            "nickname",
        ],
        &["first_name", "firstname", "fname", "имя", "name", "given_name"],
    ),
    (
        &[
            "lname",
            "lastname",
            "last",
            "surname",
            "familyname",
            "nachname",
            "nom",
            "фамилия",
            "mergelastname",
            "apellido",
        ],
        &["last_name", "lastname", "lname", "фамилия", "surname", "family_name"],
    ),
    (&["fullname", "фио", "mergefullname"], &["full_name", "fullname", "фио", "name", "first_name"]),
    (&["company", "companyname", "organization", "организация", "компания"], &["company", "компания"]),
    (&["phone", "phonenumber", "mobile", "телефон"], &["phone", "телефон"]),
    (&["city", "город"], &["city", "город"]),
    (&["birthday", "birthdate", "dateofbirth", "dob"], &["birthday", "birth_date", "born"]),
];

/// The names of a value that every email has here, in lower case without signs.
const BUILT_IN: &[(&[&str], &str)] = &[
    (
        &["email", "emailaddress", "subscriberemail", "contactemail", "useremail", "recipientemail", "почта"],
        "{{ email }}",
    ),
    (
        &[
            "unsubscribe",
            "unsub",
            "unsubscribelink",
            "unsubscribeurl",
            "unsubscribeuri",
            "unsubscribetext",
            "unsubscribehref",
            "unsubscribeme",
            "optout",
            "optouturl",
            "optoutlink",
            "optoutunsubscribeurl",
            "listunsubscribe",
            "listunsub",
            "subscriptionunsubscribeurl",
            "отписаться",
            "отписка",
            "removelink",
        ],
        "{{ unsubscribe_url }}",
    ),
    (
        &[
            "archive",
            "archiveurl",
            "webversion",
            "webversionurl",
            "webview",
            "webviewurl",
            "webviewtext",
            "viewinbrowser",
            "viewonline",
            "browserlink",
            "onlineversion",
            "mirror",
            "viewasweb",
            "viewasweburl",
            "webpageurl",
        ],
        "{{ view_url }}",
    ),
    (
        &[
            "updateprofile",
            "preferences",
            "preferencesurl",
            "managepreferences",
            "preferencecenter",
            "profilecenterurl",
            "subscriptionmanageurl",
            "updatepreferences",
            "manageurl",
        ],
        "{{ preferences_url }}",
    ),
    (
        &[
            "listaddress",
            "listaddresshtml",
            "senderinfo",
            "senderaddress",
            "postaladdress",
            "physicaladdress",
            "accountaddress",
        ],
        "{{ brand.address }}",
    ),
    (&["listcompany", "sendername", "brandname", "listname", "accountname"], "{{ brand.name }}"),
    (&["currentyear"], "{{ today | date('Y') }}"),
    (&["currentmonthname", "currentmonth"], "{{ today | date('F') }}"),
    (&["currentday", "currentdate", "todaysdate"], "{{ today | date }}"),
];

/// What other tools write before the name of a value, without a sign between.
const PREFIXES: &[&str] = &["subscriber", "contact", "recipient", "merge", "customer", "user", "lead"];

/// Words that also stand in brackets in ordinary text.
const ORDINARY: &[&str] =
    &["first", "last", "archive", "mirror", "preferences", "mobile", "phone", "city", "company", "last name"];

/// Whether a text in brackets or dashes may be ordinary text.
pub fn is_ordinary(text: &str) -> bool {
    ORDINARY.contains(&text)
}

/// A name in lower case without signs, as the tables hold it.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The tag that prints the value of this name here; `None` for a name that is unknown and no declared field.
pub fn meaning(name: &str, fields: &[String]) -> Option<String> {
    let plain = plain(name);
    let inner = PREFIXES.iter().find_map(|prefix| plain.strip_prefix(prefix)).filter(|inner| inner.len() > 2);
    known(&plain, fields).or_else(|| known(inner?, fields))
}

fn known(plain: &str, fields: &[String]) -> Option<String> {
    if plain.is_empty() {
        return None;
    }
    if let Some(field) = fields.iter().find(|field| self::plain(field) == *plain) {
        return Some(format!("{{{{ {field} }}}}"));
    }
    if let Some((_, tag)) = BUILT_IN.iter().find(|(names, _)| names.contains(&plain)) {
        return Some((*tag).to_owned());
    }
    let (_, candidates) = FIELDS.iter().find(|(names, _)| names.contains(&plain))?;
    let declared = candidates.iter().find(|candidate| fields.iter().any(|field| field == *candidate));
    Some(format!("{{{{ {} }}}}", declared.or(candidates.first())?))
}

/// What a whole tag of Mailchimp means, of whose parts alone none does: a condition, or a value of the list.
pub fn of_whole(name: &str, fields: &[String]) -> Option<String> {
    let (word, rest) = name.split_once(':').unwrap_or((name, ""));
    match (word.trim().to_uppercase().as_str(), rest.trim()) {
        ("END", "IF") => Some("{% endif %}".to_owned()),
        ("ELSE", _) => Some("{% else %}".to_owned()),
        ("MC_PREVIEW_TEXT", _) | ("IF", "MC_PREVIEW_TEXT") => Some("preheader = \"…\"".to_owned()),
        (condition @ ("IF" | "IFNOT" | "ELSEIF"), rest) => {
            let field = spelling(rest.split(['=', '<', '>', '!']).next().unwrap_or_default().trim(), fields);
            let field = field.trim_matches(['{', '}', ' ']);
            Some(match condition {
                "IF" => format!("{{% if {field} %}}"),
                "IFNOT" => format!("{{% if not {field} %}}"),
                _ => format!("{{% elif {field} %}}"),
            })
        }
        _ => {
            let plain = plain(name);
            BUILT_IN.iter().find(|(names, _)| names.contains(&&*plain)).map(|(_, tag)| (*tag).to_owned())
        }
    }
}

/// Whether other tools use this name, or a declared field has it.
pub fn is_known(name: &str, fields: &[String]) -> bool {
    meaning(name, fields).is_some()
}

/// The tag that prints the value of this name: that of a field with a similar name, if there is no equal one.
pub fn spelling(name: &str, fields: &[String]) -> String {
    meaning(name, fields).unwrap_or_else(|| {
        let lower = name.to_lowercase();
        let words: Vec<_> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        format!("{{{{ {} }}}}", if words.is_empty() { "first_name".to_owned() } else { words.join("_") })
    })
}
