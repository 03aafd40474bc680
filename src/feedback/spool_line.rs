//! Line of an event in the spool file: `DELIVERY KIND POSITION AT`, numbers in decimal. It holds no personal data: the
//! delivery is a number that means nothing once its row is erased. One line per event keeps a half-written last line from
//! damaging the others.

use super::event::NewEvent;

/// The line of an event, without a line end.
pub fn format(event: &NewEvent) -> String {
    format!("{} {} {} {}", event.delivery, event.kind, event.position, event.at)
}

/// The event of a line; `None` for a line that is damaged or names an unknown kind.
pub fn parse(line: &str) -> Option<NewEvent> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let event = NewEvent {
        delivery: next()?.parse().ok()?,
        kind: next()?.parse().ok()?,
        position: next()?.parse().ok()?,
        at: next()?.parse().ok()?,
    };
    next().is_none().then_some(event)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feedback::event::EventKind;

    proptest! {
        #[test]
        fn a_formatted_event_parses_to_the_same_event(
            delivery: i64, kind in prop::sample::select(EventKind::ALL), position: i32, at: i64
        ) {
            let event = NewEvent { delivery, kind, position, at };

            prop_assert_eq!(parse(&format(&event)), Some(event));
        }

        #[test]
        fn any_line_is_parsed_without_a_panic(line in "\\PC*") {
            let _ = parse(&line);
        }
    }

    #[test]
    fn damaged_lines_are_refused() {
        for line in ["", "7 click", "7 tap 1 2", "7 click 1 2 3", "x click 1 2"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
