//! What a campaign sets for all its links: the hosts that links from a field may lead to, and the parameters that are added
//! to every link (`utm_source` and the like).

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::content::template::filter::percent_encode;

/// The settings of the links of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSettings {
    /// Hosts that a link whose host comes from a field may lead to, as A-labels in lower case. `*.example.org` is every
    /// host below `example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Names and values of the parameters that each measured link gets unless it has one of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
}

impl LinkSettings {
    /// A host of the setting `link-hosts` in the form it is compared in; `None` if it is none.
    pub fn parse_host(text: &str) -> Option<String> {
        let text = text.trim();
        let (wildcard, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
        match Host::parse(name).ok()? {
            Host::Domain(name) if name.contains('.') && !name.contains('*') => Some(format!("{wildcard}{name}")),
            _ => None,
        }
    }

    /// Whether a link from a field may lead to this URL.
    pub fn allows(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        self.hosts.iter().any(|allowed| match allowed.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => host == allowed,
        })
    }

    /// A URL with the parameters that it does not have yet, before its fragment.
    pub fn with_parameters(&self, url: &str) -> String {
        let (address, fragment) = url.split_once('#').map_or((url, None), |(address, rest)| (address, Some(rest)));
        let mut out = address.to_owned();
        let query = address.split_once('?').map_or("", |(_, query)| query);
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        for (name, value) in self.parameters.iter().filter(|(name, _)| !has(name)) {
            let sign = match out.split_once('?') {
                None => "?",
                Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
                Some(_) => "&",
            };
            out.extend([sign, name, "=", &percent_encode(value)]);
        }
        if let Some(fragment) = fragment {
            out.extend(["#", fragment]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_once() {
        let parameters = [("utm_source", "news"), ("utm_campaign", "Осень & co")];
        let settings = LinkSettings {
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..LinkSettings::default()
        };
        let campaign = "utm_campaign=%D0%9E%D1%81%D0%B5%D0%BD%D1%8C%20%26%20co";
        for (url, with) in [
            ("https://a.example/", format!("https://a.example/?utm_source=news&{campaign}")),
            ("https://a.example/?x=1#top", format!("https://a.example/?x=1&utm_source=news&{campaign}#top")),
            ("https://a.example/?", format!("https://a.example/?utm_source=news&{campaign}")),
            ("https://a.example/?utm_source=own", format!("https://a.example/?utm_source=own&{campaign}")),
        ] {
            assert_eq!(settings.with_parameters(url), with);
        }
        assert_eq!(LinkSettings::default().with_parameters("https://a.example/#x"), "https://a.example/#x");
    }

    #[test]
    fn hosts_are_compared_as_a_labels() {
        assert_eq!(LinkSettings::parse_host(" Shop.Example "), Some("shop.example".to_owned()));
        assert_eq!(LinkSettings::parse_host("*.пример.рф"), Some("*.xn--e1afmkfd.xn--p1ai".to_owned()));
        for wrong in [
            "",
            "*",
            "*.com",
            "https://a.example",
            "a.example/x",
            "10.0.0.1",
            "localhost",
            "a.*.example",
            "*.*.a.example",
        ] {
            assert_eq!(LinkSettings::parse_host(wrong), None, "{wrong}");
        }
        let settings =
            LinkSettings { hosts: vec!["a.example".to_owned(), "*.b.example".to_owned()], ..LinkSettings::default() };
        let allows = |url: &str| settings.allows(&Url::parse(url).expect(url));
        assert!(allows("https://a.example/x") && allows("http://A.example:8080/") && allows("https://x.b.example/"));
        assert!(!allows("https://xa.example/") && !allows("https://b.example/") && !allows("https://xb.example/"));
    }
}
