//! Elements that are not shown, and those whose text is crossed out.

use super::super::node::{attr, is_void, squeeze};

/// True for elements that are never shown: head, style, title, and hidden text such as a preheader. What only Outlook
/// hides (`mso-hide`) is shown by all others.
pub fn is_invisible(name: &str, attrs: &[(String, String)]) -> bool {
    let style = attr(attrs, "style").map(squeeze).unwrap_or_default();
    let has = |wanted: &str| style.split(';').any(|declaration| declaration.trim_end_matches("!important") == wanted);
    let is_closed = (has("max-height:0") || has("max-height:0px") || has("height:0") || has("height:0px"))
        && has("overflow:hidden");
    let hidden = attr(attrs, "hidden").is_some()
        || has("display:none")
        || has("visibility:hidden")
        || has("opacity:0")
        || is_closed;
    !is_void(name) && (hidden || matches!(name, "head" | "style" | "title"))
}

/// True for an element whose text is crossed out, such as an old price.
pub fn is_struck(name: &str, attrs: &[(String, String)]) -> bool {
    matches!(name, "s" | "del" | "strike")
        || attr(attrs, "style").map(squeeze).is_some_and(|style| {
            style.split(';').any(|one| one.starts_with("text-decoration") && one.contains("line-through"))
        })
}
