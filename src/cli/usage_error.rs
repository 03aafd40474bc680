//! Errors of a command line that cannot be parsed: a sentence in the user's language, and JSON for programs, as for
//! every other error.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory};

use super::args::Cli;
use super::print;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// Prints help as it is, and anything else as an error. The exit code is 0 for help that was requested, otherwise 2.
pub fn report(error: &clap::Error, words: &[String]) -> u8 {
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let json = words.iter().any(|word| word == "--json");
    if help && !(json && error.use_stderr()) {
        let _ = error.print();
    } else {
        print::error(&message(error, words), lang(words), json);
    }
    if error.use_stderr() { 2 } else { 0 }
}

/// The language named by the part of the line that can be parsed, or by the environment.
fn lang(words: &[String]) -> Lang {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(words).ok();
    let named = |id: &str| deepest(matches.as_ref()?, id);
    let named = named("lang").or_else(|| named("locale")).or_else(|| named("fallback_locale"));
    Lang::from_locale(&named.unwrap_or_default())
}

/// The value of an option, which may follow any of the subcommands.
fn deepest(matches: &ArgMatches, id: &str) -> Option<String> {
    let inner = matches.subcommand().and_then(|(_, matches)| deepest(matches, id));
    inner.or_else(|| matches.try_get_one::<String>(id).ok().flatten().cloned())
}

/// The commands at the place of the line where one is unknown.
fn known_commands(words: &[String]) -> String {
    let mut root = Cli::command();
    root.build();
    let mut at = &root;
    for word in words.iter().skip(1) {
        let inner = at.find_subcommand(word);
        at = inner.unwrap_or(at);
    }
    let shown = at.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    shown.filter(|name| *name != "help").collect::<Vec<_>>().join(", ")
}

fn message(error: &clap::Error, words: &[String]) -> Message {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let usage = context(ContextKind::Usage).trim().trim_start_matches("Usage:").trim().to_owned();
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| nearest(error.get(kind)?))
        .unwrap_or_default();
    let (key, what) = match error.kind() {
        ErrorKind::MissingRequiredArgument => ("usage-missing", context(ContextKind::InvalidArg)),
        ErrorKind::UnknownArgument => ("usage-unknown", context(ContextKind::InvalidArg)),
        ErrorKind::InvalidSubcommand => ("usage-command", context(ContextKind::InvalidSubcommand)),
        ErrorKind::ArgumentConflict => ("usage-conflict", context(ContextKind::InvalidArg)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if context(ContextKind::InvalidValue).is_empty() => {
            ("usage-no-value", context(ContextKind::InvalidArg))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => ("usage-value", context(ContextKind::InvalidArg)),
        _ => ("usage-unreadable", String::new()),
    };
    Message::new(key)
        .with("what", what)
        .with("value", context(ContextKind::InvalidValue))
        .with("known", known_commands(words))
        .with("hint", if near.is_empty() { "no" } else { "yes" })
        .with("near", near)
        .with("usage", if usage.is_empty() { "sendoff --help" } else { &usage })
}

/// The best of the suggestions, which clap sorts with the best one last.
fn nearest(suggestions: &ContextValue) -> Option<String> {
    match suggestions {
        ContextValue::Strings(words) => words.last().cloned(),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn sentence(line: &str, lang: Lang) -> String {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        lang.translate(&message(&Cli::try_parse_from(&words).expect_err(line), &words))
    }

    #[test]
    fn a_wrong_command_line_is_explained_in_one_sentence() {
        for (line, expected) in [
            ("sendoff import", "Missing: <FILE>."),
            ("sendoff mail --untl-idle", "--untl-idle is unknown here. Did you mean --until-idle?"),
            ("sendoff campain ls", "There is no command campain. Did you mean campaign? There are: init, workspace,"),
            ("sendoff settings put x 1", "There is no command put. There are: set, get, ls, rotate-key."),
            ("sendoff serve --listen", "--listen <ADDR> needs a value."),
            ("sendoff import a --date 1 --date 2", "--date <DATE> cannot be used there, or not twice."),
            ("sendoff relay set capture --connections x", "“x” is not a value for --connections <N>."),
        ] {
            let found = sentence(line, Lang::EN);
            assert!(found.starts_with(expected) && found.contains("\nsendoff"), "{line}: {found}");
        }
        assert!(sentence("sendoff import", Lang::RU).starts_with("Не хватает: <FILE>."));
    }

    #[test]
    fn the_language_of_a_wrong_command_line_is_found() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();

        for line in ["sendoff --lang ru import", "sendoff import --lang ru", "sendoff --lang=ru mail --nonsense"] {
            assert_eq!(lang(&words(line)), Lang::RU, "{line}");
        }
    }
}
