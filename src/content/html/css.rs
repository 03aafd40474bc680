//! Style sheets and style attributes: removes the declarations that run code in old mail programs and keeps all others as
//! they are, and rewrites the addresses of `url(…)`.

/// The properties that run code (Internet Explorer, old Firefox).
const ACTIVE_PROPERTIES: &[&str] = &["behavior", "moz-binding", "ms-behavior"];
/// What a value that runs code contains.
const ACTIVE_VALUES: &[&str] = &["javascript:", "vbscript:", "expression("];

/// Removes declarations and rules that run code. Returns the rest, byte for byte, and what was removed.
pub fn remove_active(css: &str) -> (String, Vec<String>) {
    let (mut kept, mut removed) = (String::with_capacity(css.len()), Vec::new());
    let mut rest = css;
    while !rest.is_empty() {
        let end = statement_end(rest);
        let (statement, after) = rest.split_at(end);
        let terminator = after.chars().next();
        if !is_active(statement) {
            let length = end + terminator.map_or(0, char::len_utf8);
            kept.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let length = match terminator {
            Some('{') => end + block_length(after),
            Some(';') => end + 1,
            _ => end,
        };
        removed.push(statement.split_whitespace().collect::<Vec<_>>().join(" "));
        kept.push_str(&statement[..statement.len() - statement.trim_start().len()]);
        rest = &rest[length..];
    }
    (kept, removed)
}

/// Where the statement that a text begins with ends: at `;`, `{` or `}` outside of strings, comments and brackets.
fn statement_end(css: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = css.as_bytes();
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'/' if bytes.get(at + 1) == Some(&b'*') => css[at + 2..].find("*/").map_or(css.len(), |end| at + end + 4),
            b'"' | b'\'' => string_end(bytes, at),
            b'\\' => at + 2,
            b'(' | b'[' => {
                depth += 1;
                at + 1
            }
            b')' | b']' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b';' | b'{' | b'}' if depth == 0 => return at,
            _ => at + 1,
        };
    }
    css.len()
}

/// The offset after a string. A string that is not closed ends with its line (CSS Syntax §4.3.5).
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return at,
            byte if *byte == bytes[start] => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Bytes of the block that a text begins with, braces included.
fn block_length(css: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        at += statement_end(&css[at..]);
        match css.as_bytes().get(at) {
            Some(b'{') => depth += 1,
            Some(b'}') if depth <= 1 => return at + 1,
            Some(b'}') => depth -= 1,
            Some(_) => {}
            None => return css.len(),
        }
        at += 1;
    }
}

fn is_active(statement: &str) -> bool {
    let plain = plain(statement);
    let name = plain.split(':').next().unwrap_or_default();
    let start = name.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-').map_or(0, |at| at + 1);
    let name = name[start..].trim_start_matches('-');
    (plain.contains(':') && ACTIVE_PROPERTIES.contains(&name)) || ACTIVE_VALUES.iter().any(|word| plain.contains(word))
}

/// A statement in lower case without comments, escapes, white space and control characters.
fn plain(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(c) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let digits = rest.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
                let decoded = u32::from_str_radix(&rest[..digits], 16).ok().and_then(char::from_u32);
                rest = &rest[digits..];
                if digits > 0 {
                    rest = rest.strip_prefix(char::is_whitespace).unwrap_or(rest);
                }
                out.extend(decoded.into_iter().flat_map(char::to_lowercase));
            }
            c if c.is_whitespace() || c.is_control() => {}
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// Replaces the address of each `url(…)`, without its quotes, by what `change` returns; `None` keeps it.
pub fn replace_urls(css: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let lower = css.to_ascii_lowercase();
    let mut out = String::with_capacity(css.len());
    let (mut done, mut at) = (0, 0);
    while let Some(found) = lower[at..].find("url(") {
        let open = at + found + 4;
        let begin = open + (css[open..].len() - css[open..].trim_start().len());
        let quote = css[begin..].chars().next().filter(|c| matches!(c, '"' | '\''));
        let (start, end) = match quote {
            Some(_) => (begin + 1, string_end(css.as_bytes(), begin).saturating_sub(1).max(begin + 1)),
            None => {
                let end = css[begin..].find(')').map_or(css.len(), |end| begin + end);
                (begin, begin + css[begin..end].trim_end().len())
            }
        };
        if let Some(address) = css.get(start..end)
            && let Some(changed) = change(address)
        {
            out.push_str(&css[done..start]);
            out.push_str(&changed);
            done = end;
        }
        at = end.max(open);
        while !css.is_char_boundary(at) {
            at += 1;
        }
    }
    out + &css[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_declarations_that_run_code_are_removed() {
        for (css, kept, removed) in [
            ("a{scroll-behavior:smooth;color:red}", "a{scroll-behavior:smooth;color:red}", ""),
            ("a{overscroll-behavior:none}", "a{overscroll-behavior:none}", ""),
            ("a{color:red;behavior:url(x.htc);top:0}b{c:d}", "a{color:red;top:0}b{c:d}", "behavior:url(x.htc)"),
            ("a{*behavior:url(#default#VML)}", "a{}", "*behavior:url(#default#VML)"),
            ("v\\:* {behavior:url(#default#VML);}b{c:d}", "v\\:* {}b{c:d}", "behavior:url(#default#VML)"),
            ("a{ -moz-binding : url(x) }", "a{ }", "-moz-binding : url(x)"),
            ("width:expression(alert(1));color:red", "color:red", "width:expression(alert(1))"),
            ("a{width:exp/**/ression(1);b:c}", "a{b:c}", "width:exp/**/ression(1)"),
            ("a{b:\\65xpression(1)}", "a{}", "b:\\65xpression(1)"),
            ("background:url( 'javascript:x;y' )", "", "background:url( 'javascript:x;y' )"),
            ("@import url(javascript:x);a{b:c}", "a{b:c}", "@import url(javascript:x)"),
            ("a{b:url(data:image/png;base64,x)}", "a{b:url(data:image/png;base64,x)}", ""),
            ("a{b:';}behavior:x'}", "a{b:';}behavior:x'}", ""),
            ("/* behavior: x; */a{b:c}", "/* behavior: x; */a{b:c}", ""),
            ("@media{a{behavior:x}b{c:d}}", "@media{a{}b{c:d}}", "behavior:x"),
            ("<!-- a{b:c} -->", "<!-- a{b:c} -->", ""),
            ("a:hover{b:c", "a:hover{b:c", ""),
        ] {
            assert_eq!(
                remove_active(css),
                (kept.to_owned(), removed.split('|').filter(|text| !text.is_empty()).map(str::to_owned).collect()),
                "{css}"
            );
        }
    }

    #[test]
    fn addresses_of_pictures_are_replaced() {
        let upper = |css: &str| replace_urls(css, |url| (url != "keep").then(|| url.to_uppercase()));
        assert_eq!(
            upper("a{b:url(x) url( 'y' ) URL(\"z\") url(keep) url(я}"),
            "a{b:url(X) url( 'Y' ) URL(\"Z\") url(keep) url(Я}"
        );
        assert_eq!(upper("url('x"), "url('x");
        assert_eq!(upper("url("), "url(");
    }
}
