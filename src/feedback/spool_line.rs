//! Line of an event in the spool file: `DELIVERY KIND POSITION AT`, numbers in decimal. It holds no personal data: the
//! delivery is a number that means nothing once its row is erased. One line per event keeps a half-written last line from
//! damaging the others.

use super::event::NewEvent;
use crate::infra::id::Id;

/// The line of an event, without a line end.
pub fn format(event: &NewEvent) -> String {
    format!("{} {} {} {}", event.delivery, event.kind, event.position, event.at)
}

/// The event of a line.
///
/// # Errors
/// The catalogue key of the reason: a kind that this program does not know, or no line of an event.
pub fn parse(line: &str) -> Result<NewEvent, &'static str> {
    let words: Vec<&str> = line.split(' ').collect();
    let [delivery, kind, position, at] = words[..] else { return Err("spool-line-other") };
    let numbers = || Some((number(delivery)?, i32::try_from(number(position)?).ok()?, number(at)?));
    let (delivery, position, at) = numbers().ok_or("spool-line-other")?;
    Ok(NewEvent { delivery, kind: kind.parse().map_err(|_| "spool-line-kind")?, position, at })
}

/// The delivery that a line names, also one whose event cannot be recorded.
pub fn delivery(line: &str) -> Option<Id> {
    number(line.split(' ').next()?)
}

/// A number as [`format()`] writes it: without a sign.
fn number(word: &str) -> Option<i64> {
    word.parse().ok().filter(|_| word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feedback::event::EventKind;

    proptest! {
        #[test]
        fn a_formatted_event_parses_to_the_same_event(
            delivery in 0..=i64::MAX,
            kind in prop::sample::select(EventKind::ALL),
            position in 0..=i32::MAX,
            at in 0..=i64::MAX,
        ) {
            let event = NewEvent { delivery, kind, position, at };

            prop_assert_eq!(parse(&format(&event)), Ok(event));
        }

        #[test]
        fn any_line_is_parsed_without_a_panic(line in "\\PC*") {
            let _ = parse(&line);
        }
    }

    #[test]
    fn damaged_lines_are_refused() {
        let damaged = [
            "",
            "7 click",
            "7 click 1 2 3",
            "x click 1 2",
            "-7 click 1 2",
            "7 click -1 2",
            "7 click 1 -2",
            "7 click 9999999999 2",
            "99999999999999999999 click 1 2",
            "+7 click 1 2",
        ];
        for line in damaged {
            assert_eq!(parse(line), Err("spool-line-other"), "{line}");
        }
        assert_eq!(parse("7 tap 1 2"), Err("spool-line-kind"));
        assert_eq!((delivery("7 tap 1 2"), delivery("x"), delivery("-7 open 0 1")), (Some(7), None, None));
    }
}
