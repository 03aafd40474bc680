//! "The same as commands": what a page of the desk does, on the command line. Each page stands here, or among those that have none
//! with the reason.

/// The pages by the path of their route, with the commands that show or do the same. Words in capitals stand for what is chosen
/// on the page.
pub const COMMANDS: &[(&str, &[&str])] = &[
    ("/", &["sendoff campaign ls", "sendoff list ls", "sendoff mail"]),
    ("/people", &["sendoff contact ls --list LIST", "sendoff contact find TEXT"]),
    (
        "/people/add",
        &["sendoff contact add ADDRESS --list LIST --source SOURCE --basis consent --proof PROOF --date DAY"],
    ),
    ("/people/import", &["sendoff import FILE --list LIST --source SOURCE --basis consent --proof PROOF --date DAY"]),
    ("/imports/{id}", &["sendoff import FILE --list LIST --source SOURCE --basis consent --proof PROOF --date DAY"]),
    ("/imports/{id}/undo", &["sendoff import undo IMPORT --people NUMBER"]),
    (
        "/people/{id}",
        &[
            "sendoff contact show ADDRESS",
            "sendoff contact correct ADDRESS --set FIELD=VALUE",
            "sendoff contact restrict ADDRESS",
            "sendoff contact copy ADDRESS --out FOLDER",
        ],
    ),
    ("/people/{id}/erase", &["sendoff contact erase ADDRESS"]),
    ("/lists", &["sendoff list ls", "sendoff list add LIST"]),
    ("/lists/{id}", &["sendoff list ls", "sendoff list rename LIST NAME", "sendoff list close LIST"]),
    ("/forms", &["sendoff form ls", "sendoff form add NAME --list LIST"]),
    ("/forms/{id}", &["sendoff form show NAME"]),
    ("/segments", &["sendoff segment ls", "sendoff segment count NAME"]),
    (
        "/segments/edit",
        &["sendoff segment save NAME EXPRESSION", "sendoff segment count NAME", "sendoff segment explain NAME ADDRESS"],
    ),
    ("/segments/remove", &["sendoff segment rm NAME"]),
    ("/campaigns", &["sendoff campaign ls"]),
    ("/campaigns/new", &["sendoff campaign new NAME --list LIST --template welcome", "sendoff campaign add FILE"]),
    ("/campaigns/calendar", &["sendoff campaign ls", "sendoff campaign series ls"]),
    ("/campaigns/{id}", &["sendoff campaign show NAME"]),
    ("/campaigns/{id}/recipients", &["sendoff export deliveries --campaign NAME --format csv --out FILE"]),
    ("/campaigns/{id}/email", &["sendoff campaign edit NAME", "sendoff campaign add FILE"]),
    ("/campaigns/{id}/revisions", &["sendoff campaign revisions NAME", "sendoff campaign restore NAME REVISION"]),
    ("/campaigns/{id}/preview", &["sendoff campaign preflight NAME"]),
    ("/campaigns/{id}/clicks", &["sendoff export links --campaign NAME --format csv --out FILE"]),
    ("/campaigns/{id}/check", &["sendoff campaign preflight NAME"]),
    ("/emails", &["sendoff campaign templates"]),
    (
        "/series",
        &["sendoff campaign series ls", "sendoff campaign series stop NAME", "sendoff campaign series resume NAME"],
    ),
    ("/reports/compare", &["sendoff campaign compare NAME OTHER"]),
    ("/privacy", &["sendoff consent prove ADDRESS", "sendoff trace search ADDRESS"]),
    ("/privacy/search/{id}", &["sendoff trace search ADDRESS"]),
    (
        "/privacy/retention",
        &[
            "sendoff retention plan",
            "sendoff retention run",
            "sendoff workspace end --on DAY",
            "sendoff workspace end --take-back",
        ],
    ),
    (
        "/privacy/policy",
        &[
            "sendoff policy check FILE",
            "sendoff policy plan FILE",
            "sendoff policy apply FILE",
            "sendoff policy notice",
            "sendoff policy proof",
        ],
    ),
    ("/privacy/policy/proof", &["sendoff policy proof"]),
    (
        "/privacy/destruction",
        &[
            "sendoff destruction ls",
            "sendoff destruction act MONTH",
            "sendoff destruction export MONTH --to FILE",
            "sendoff destruction receipt ADDRESS",
            "sendoff audit verify",
        ],
    ),
    ("/privacy/destruction/{month}", &["sendoff destruction act MONTH"]),
    ("/privacy/audit", &["sendoff audit ls", "sendoff audit verify", "sendoff audit export --to FILE"]),
    ("/requests", &["sendoff request ls", "sendoff request add ADDRESS --kind access"]),
    ("/requests/{id}", &["sendoff request show REQUEST"]),
    ("/exports", &["sendoff export contacts --format csv --out FILE"]),
    ("/settings/fields", &["sendoff field ls", "sendoff field add NAME text"]),
    (
        "/settings/fields/edit",
        &["sendoff field rename NAME NEW", "sendoff field label NAME --en LABEL", "sendoff field rm NAME"],
    ),
    (
        "/settings/relay",
        &["sendoff relay ls", "sendoff relay set NAME TARGET", "sendoff relay test NAME", "sendoff relay rm NAME"],
    ),
    ("/settings/installation", &["sendoff settings ls", "sendoff settings set NAME VALUE"]),
    ("/settings/team", &["sendoff user add ADDRESS --name NAME --role marketer", "sendoff user role ADDRESS analyst"]),
    (
        "/settings/users",
        &[
            "sendoff user ls",
            "sendoff user reset ADDRESS",
            "sendoff user sessions ADDRESS --end",
            "sendoff user oidc show",
        ],
    ),
    ("/settings/sender", &["sendoff brand show", "sendoff brand set --name NAME"]),
];

/// Pages without a command, with the reason.
pub const WITHOUT: &[(&str, &str)] = &[
    ("/media", "pictures are uploaded and looked at in a browser"),
    ("/emails/preview", "an email alone in its frame"),
    ("/help", "the help is the folder docs"),
    ("/help/{page}", "the help is the folder docs"),
    ("/settings/reports", "everybody chooses for themselves in the desk"),
];

/// The commands of the page at this path of a route.
pub fn of(route: &str) -> &'static [&'static str] {
    COMMANDS.iter().find(|(path, _)| *path == route).map_or(&[], |(_, commands)| commands)
}
