//! Panels: `<div class="panel">` of a Markdown body becomes a shaded box, as a table that Outlook shows as well.

use crate::content::html::node::{Node, attr};

/// The box before its content.
const OPEN: &str = "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
                    style=\"table-layout:fixed;margin:0 0 24px\"><tr><td class=\"panel\" bgcolor=\"#f3f4f6\" \
                    style=\"padding:20px 24px 8px;border-radius:12px;background-color:#f3f4f6\">";
const CLOSE: &str = "</td></tr></table>";

/// Replaces each panel by its box.
pub fn to_boxes(nodes: Vec<Node>) -> Vec<Node> {
    // For each open `div`, whether it is a panel.
    let mut open: Vec<bool> = Vec::new();
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        match &node {
            Node::Start { name, attrs } if name == "div" => {
                let is_panel = attr(attrs, "class").is_some_and(|class| class.trim() == "panel");
                open.push(is_panel);
                if is_panel {
                    out.push(Node::Generated(OPEN.to_owned()));
                    continue;
                }
            }
            node if node.ends("div") && open.pop() == Some(true) => {
                out.push(Node::Generated(CLOSE.to_owned()));
                continue;
            }
            _ => {}
        }
        out.push(node);
    }
    // A panel that is never closed would swallow what follows.
    for is_panel in open {
        if is_panel {
            out.push(Node::Generated(CLOSE.to_owned()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::node;

    #[test]
    fn panels_become_boxes_and_other_divs_stay() {
        let html = node::write(&to_boxes(node::parse("<div class=\"panel\"><div>a</div>b</div><div>c</div>")));
        assert_eq!(html, format!("{OPEN}<div>a</div>b{CLOSE}<div>c</div>"));
        let open = node::write(&to_boxes(node::parse("<div class=\"panel\">a")));
        assert_eq!(open, format!("{OPEN}a{CLOSE}"));
    }
}
