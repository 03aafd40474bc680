//! Which relay carries a letter: the one its campaign names, those bound to its sender, or those
//! bound to nobody, each by its weight.

use super::relay::Relay;
use crate::audience::address::Address;

/// The relays that may carry letters of a campaign, by position. `bound` is the relay that the
/// campaign names. Empty when there is none by this name, or all are bound to other senders.
pub fn eligible_relays(relays: &[Relay], bound: Option<&str>, from: &Address) -> Vec<usize> {
    let by = |fits: &dyn Fn(&Relay) -> bool| -> Vec<usize> {
        relays.iter().enumerate().filter(|(_, relay)| fits(relay)).map(|(at, _)| at).collect()
    };
    if let Some(name) = bound {
        return by(&|relay| relay.name == name);
    }
    let canonical = from.canonical();
    let own = by(&|relay| relay.senders.iter().any(|sender| *sender == canonical || sender == from.domain()));
    if own.is_empty() { by(&|relay| relay.senders.is_empty()) } else { own }
}

/// Deals letters out by weight, as evenly as whole letters allow.
#[derive(Debug, Default)]
pub struct WeightedRoundRobin {
    owed: Vec<i64>,
}

impl WeightedRoundRobin {
    /// Picks one of the relays in `among`, each with its weight; `None` when there are none.
    pub fn pick(&mut self, among: &[(usize, u32)]) -> Option<usize> {
        let most = among.iter().map(|(at, _)| at + 1).max()?;
        self.owed.resize(self.owed.len().max(most), 0);
        let total: i64 = among.iter().map(|(_, weight)| i64::from(*weight)).sum();
        for (at, weight) in among {
            self.owed[*at] += i64::from(*weight);
        }
        // Of equals the first, so that a run can be told beforehand.
        let chosen = among.iter().map(|(at, _)| *at).max_by_key(|at| (self.owed[*at], std::cmp::Reverse(*at)))?;
        self.owed[chosen] -= total;
        // Who could not be picked for long is not owed for ever.
        self.owed[chosen] = self.owed[chosen].clamp(-4 * total, 4 * total);
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(name: &str, senders: &[&str]) -> Relay {
        Relay {
            name: name.to_owned(),
            senders: senders.iter().map(|sender| (*sender).to_owned()).collect(),
            ..Relay::default()
        }
    }

    #[test]
    fn a_letter_goes_where_its_campaign_or_its_sender_is_bound() {
        let relays = [
            relay("main", &[]),
            relay("news", &["news@shop.example"]),
            relay("shop", &["shop.example"]),
            relay("more", &[]),
        ];
        let from = |text: &str| Address::parse(text).expect("an address");
        let carriers = |bound, text| super::eligible_relays(&relays, bound, &from(text));

        assert_eq!(carriers(None, "News@Shop.Example"), [1, 2]);
        assert_eq!(carriers(None, "anna@shop.example"), [2]);
        assert_eq!(carriers(None, "anna@else.example"), [0, 3]);
        assert_eq!(carriers(Some("more"), "news@shop.example"), [3]);
        assert!(carriers(Some("none"), "news@shop.example").is_empty());
        assert!(super::eligible_relays(&relays[1..3], None, &from("anna@else.example")).is_empty());
    }

    #[test]
    fn letters_are_dealt_out_by_weight() {
        let mut wheel = WeightedRoundRobin::default();
        let mut dealt = [0; 3];
        for _ in 0..1_000 {
            dealt[wheel.pick(&[(0, 5), (1, 3), (2, 2)]).expect("one")] += 1;
        }

        assert_eq!(dealt, [500, 300, 200]);
        assert_eq!(wheel.pick(&[]), None);
        let first: Vec<_> = (0..4).filter_map(|_| wheel.pick(&[(0, 3), (1, 1)])).collect();
        assert_eq!(first.iter().filter(|at| **at == 0).count(), 3, "{first:?}");
    }

    #[test]
    fn who_was_away_gets_no_flood() {
        let mut wheel = WeightedRoundRobin::default();
        for _ in 0..1_000 {
            wheel.pick(&[(0, 1)]);
        }
        let back: Vec<_> = (0..20).filter_map(|_| wheel.pick(&[(0, 1), (1, 1)])).collect();

        assert!((5..=15).contains(&back.iter().filter(|at| **at == 1).count()), "{back:?}");
    }
}
