//! Relay selection: the relays that may carry a campaign, and weighted round robin among them.
//!
//! Eligible is the relay that the campaign names; otherwise the relays that are bound to its sender; otherwise those
//! without senders.

use super::relay::Relay;
use crate::audience::address::Address;

/// The positions of the relays that may carry a campaign. `bound` is the relay that the campaign names. Empty if no
/// relay has this name, or all are bound to other senders.
pub fn eligible_relays(relays: &[Relay], bound: Option<&str>, from: &Address) -> Vec<usize> {
    let positions = |is_eligible: &dyn Fn(&Relay) -> bool| -> Vec<usize> {
        relays.iter().enumerate().filter(|(_, relay)| is_eligible(relay)).map(|(at, _)| at).collect()
    };
    if let Some(name) = bound {
        return positions(&|relay| relay.name == name);
    }
    let canonical = from.canonical();
    let own = positions(&|relay| relay.senders.iter().any(|sender| *sender == canonical || sender == from.domain()));
    if own.is_empty() { positions(&|relay| relay.senders.is_empty()) } else { own }
}

/// Smooth weighted round robin.
#[derive(Debug, Default)]
pub struct WeightedRoundRobin {
    /// The credit of each relay, by position.
    credits: Vec<i64>,
}

impl WeightedRoundRobin {
    /// Picks one of the relays, given as position and weight; `None` if there are none.
    pub fn pick(&mut self, among: &[(usize, u32)]) -> Option<usize> {
        let most = among.iter().map(|(at, _)| at + 1).max()?;
        self.credits.resize(self.credits.len().max(most), 0);
        let total: i64 = among.iter().map(|(_, weight)| i64::from(*weight)).sum();
        for (at, weight) in among {
            self.credits[*at] += i64::from(*weight);
        }
        // The first of equals, so that the order is deterministic.
        let chosen = among.iter().map(|(at, _)| *at).max_by_key(|at| (self.credits[*at], std::cmp::Reverse(*at)))?;
        self.credits[chosen] -= total;
        // A relay that was not available for long does not get all messages afterwards.
        self.credits[chosen] = self.credits[chosen].clamp(-4 * total, 4 * total);
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
    fn campaigns_use_the_relays_bound_to_them_or_to_their_sender() {
        let relays = [
            relay("main", &[]),
            relay("news", &["news@shop.example"]),
            relay("shop", &["shop.example"]),
            relay("more", &[]),
        ];
        let from = |text: &str| Address::parse(text).expect("an address");
        let eligible = |bound, text| super::eligible_relays(&relays, bound, &from(text));

        assert_eq!(eligible(None, "News@Shop.Example"), [1, 2]);
        assert_eq!(eligible(None, "anna@shop.example"), [2]);
        assert_eq!(eligible(None, "anna@else.example"), [0, 3]);
        assert_eq!(eligible(Some("more"), "news@shop.example"), [3]);
        assert!(eligible(Some("none"), "news@shop.example").is_empty());
        assert!(super::eligible_relays(&relays[1..3], None, &from("anna@else.example")).is_empty());
    }

    #[test]
    fn messages_are_spread_by_weight() {
        let mut balancer = WeightedRoundRobin::default();
        let mut picked = [0; 3];
        for _ in 0..1_000 {
            picked[balancer.pick(&[(0, 5), (1, 3), (2, 2)]).expect("one")] += 1;
        }

        assert_eq!(picked, [500, 300, 200]);
        assert_eq!(balancer.pick(&[]), None);
        let first: Vec<_> = (0..4).filter_map(|_| balancer.pick(&[(0, 3), (1, 1)])).collect();
        assert_eq!(first.iter().filter(|at| **at == 0).count(), 3, "{first:?}");
    }

    #[test]
    fn relay_that_was_unavailable_gets_no_burst() {
        let mut balancer = WeightedRoundRobin::default();
        for _ in 0..1_000 {
            balancer.pick(&[(0, 1)]);
        }
        let back: Vec<_> = (0..20).filter_map(|_| balancer.pick(&[(0, 1), (1, 1)])).collect();

        assert!((5..=15).contains(&back.iter().filter(|at| **at == 1).count()), "{back:?}");
    }
}
