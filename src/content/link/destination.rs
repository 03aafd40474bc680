//! Parses and checks the destination of a link: an absolute http(s) URL without user information.

use url::Url;

use crate::content::html::node::squeeze;
use crate::content::mime::header::is_hidden;

/// Bytes of a destination. Longer ones do not fit into a request line everywhere.
pub const MAX_BYTES: usize = 2_000;

/// Whether a redirect may lead to this URL.
pub fn is_valid_destination(text: &str) -> bool {
    parse_destination(text).is_ok()
}

/// Parses a destination into its canonical spelling: ASCII, host as A-label.
///
/// # Errors
/// The catalogue key of the reason why the destination is refused.
pub fn parse_destination(text: &str) -> Result<Url, &'static str> {
    let lower = squeeze(text);
    if text.len() > MAX_BYTES {
        return Err("link-long");
    }
    if text.chars().any(is_hidden) || text.contains('\\') {
        return Err("link-hidden");
    }
    if lower.starts_with("//") || !(lower.starts_with("http://") || lower.starts_with("https://")) {
        let is_relative = lower.starts_with("//") || scheme(&lower).is_none_or(|scheme| scheme.contains('.'));
        return Err(if is_relative { "link-relative" } else { "link-scheme" });
    }
    let url = Url::parse(text).map_err(|_| "link-broken")?;
    match () {
        () if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') => {
            Err("link-user")
        }
        () if !url.has_host() || authority(text).is_empty() => Err("link-broken"),
        () if url.as_str().len() > MAX_BYTES => Err("link-long"),
        () => Ok(url),
    }
}

fn scheme(text: &str) -> Option<&str> {
    text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.contains(['/', '?', '#']))
}

/// The text between `//` and the path.
pub fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_web_urls_are_destinations() {
        assert_eq!(
            parse_destination("HTTPS://Пример.РФ/каталог?a=б#в").map(String::from).as_deref(),
            Ok("https://xn--e1afmkfd.xn--p1ai/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3?a=%D0%B1#%D0%B2")
        );
        for (text, key) in [
            ("javascript:alert(1)", "link-scheme"),
            ("JaVa Script:alert(1)", "link-scheme"),
            ("data:text/html,x", "link-scheme"),
            ("ftp://a.example/x", "link-scheme"),
            ("//evil.example", "link-relative"),
            ("/catalog", "link-relative"),
            ("www.shop.example/x:y", "link-relative"),
            ("shop.example:80", "link-relative"),
            ("https:\\\\evil.example", "link-hidden"),
            ("https://a.example\\@evil.example", "link-hidden"),
            ("https://a.example/\r\nSet-Cookie: x", "link-hidden"),
            ("https://a.example@evil.example/", "link-user"),
            ("https://@evil.example/", "link-user"),
            ("https://", "link-broken"),
            ("https:///x", "link-broken"),
            ("http://[::1", "link-broken"),
        ] {
            assert_eq!(parse_destination(text).map(String::from), Err(key), "{text:?}");
        }
    }
}
