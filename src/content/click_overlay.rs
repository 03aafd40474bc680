//! Draws the clicks of a campaign on its email: each measured link is outlined, the darker the more often it was followed, and has
//! its share beside it. The links then lead nowhere.

use std::fmt::Write;

/// A measured link with what is drawn on it.
#[derive(Debug)]
pub struct DrawnLink {
    /// Its position in the email, from 0.
    pub position: i32,
    /// What stands beside it, such as `38 %`.
    pub label: String,
    /// How often it was followed, from 0 to 1.
    pub share: f64,
}

/// The rules of all outlines and labels.
const STYLE: &str = "a[href^=\"#link-\"]{outline-style:solid;outline-width:2px;outline-offset:2px;position:relative}\
    .click-share{position:absolute;z-index:9;left:100%;top:0;margin:0 0 0 6px;padding:1px 6px;border-radius:9px;background:#1f5fbf;\
    color:#fff;font:700 12px/1.4 Arial,sans-serif;letter-spacing:0;text-decoration:none;white-space:nowrap}";

/// The page with the links drawn on it. `html` was rendered for a measured message with this public URL.
pub fn draw(html: &str, public_url: &str, links: &[DrawnLink]) -> String {
    let needle = format!("href=\"{}/c/", public_url.trim_end_matches('/'));
    let (mut out, mut rest) = (String::with_capacity(html.len() + 4_096), html);
    while let Some(at) = rest.find(&needle) {
        let path = &rest[at + needle.len()..];
        let path = &path[..path.find('"').unwrap_or(path.len())];
        let position = path.split('/').nth(1).and_then(|position| position.parse::<i32>().ok());
        let end = tag_end(rest, at + needle.len() + path.len() + 1);
        out.push_str(&rest[..at]);
        match position.and_then(|position| links.iter().find(|link| link.position == position)) {
            Some(link) => {
                let attributes = rest[at + needle.len() + path.len()..end].trim_start_matches('"');
                let _ = write!(out, "href=\"#link-{}\"{attributes}", link.position);
                let _ = write!(out, "<span class=\"click-share\">{}</span>", link.label);
            }
            None => out.push_str(&rest[at..end]),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    let mut style = format!("<style>{STYLE}");
    for link in links {
        let (position, strength) = (link.position, 25.0 + 75.0 * link.share.clamp(0.0, 1.0));
        let _ = write!(style, "a[href=\"#link-{position}\"]{{outline-color:rgb(31 95 191 / {strength:.0}%)}}");
    }
    style.push_str("</style>");
    match out.rfind("</body>") {
        Some(at) => out.insert_str(at, &style),
        None => out.push_str(&style),
    }
    out
}

/// Behind the `>` of a tag, from inside of it between two attributes.
fn tag_end(html: &str, from: usize) -> usize {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    html.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_links_get_their_share_and_lead_nowhere() {
        let html = "<body><a class=\"x\" href=\"https://n.example/c/TOKEN/0\" title=\"a > b\">Shop</a> \
                    <a href=\"https://n.example/c/TOKEN/1/ZGVzdA/TAG\">You</a> <a href=\"https://n.example/u/T\">u</a></body>";
        let links = [
            DrawnLink { position: 0, label: "75 %".to_owned(), share: 0.75 },
            DrawnLink { position: 1, label: "0 %".to_owned(), share: 0.0 },
        ];
        let drawn = draw(html, "https://n.example/", &links);
        assert!(
            drawn.contains("href=\"#link-0\" title=\"a > b\"><span class=\"click-share\">75 %</span>Shop"),
            "{drawn}"
        );
        assert!(drawn.contains("href=\"#link-1\"><span class=\"click-share\">0 %</span>You"), "{drawn}");
        assert!(!drawn.contains("TOKEN") && drawn.contains("https://n.example/u/T"), "{drawn}");
        assert!(drawn.contains("outline-color:rgb(31 95 191 / 81%)") && drawn.ends_with("</style></body>"), "{drawn}");
    }
}
