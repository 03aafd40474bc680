//! Fields in the merge tags of a source: whether one is used, and the source with another name for it.

use super::lexer::{SourcePiece, Tag, TokenKind, split};

/// Whether a tag of the source uses the field.
pub fn uses(source: &str, field: &str) -> bool {
    split(source).iter().any(|piece| matches!(piece, SourcePiece::Tag(tag) if !places(tag, field).is_empty()))
}

/// The source with another name for a field. Tags that cannot be read stay as they are.
pub fn rename(source: &str, field: &str, new: &str) -> String {
    let mut renamed = source.to_owned();
    for piece in split(source).iter().rev() {
        let SourcePiece::Tag(tag) = piece else { continue };
        for at in places(tag, field).into_iter().rev() {
            renamed.replace_range(at..at + field.len(), new);
        }
    }
    renamed
}

/// The byte offsets at which a tag names the field. A filter, a test, a part of `brand` or `loop` and a keyword argument may
/// have the same name.
fn places(tag: &Tag<'_>, field: &str) -> Vec<usize> {
    let text = |at: Option<usize>| at.and_then(|at| tag.tokens.get(at)).map_or("", |token| token.text);
    let is_field = |index: &usize| {
        let (before, earlier) = (text(index.checked_sub(1)), text(index.checked_sub(2)));
        let is_test = before == "is" || (before == "not" && earlier == "is");
        let token = tag.tokens[*index];
        let is_named = token.kind == TokenKind::Name && token.text == field;
        is_named && !is_test && !matches!(before, "|" | ".") && text(Some(index + 1)) != "="
    };
    (0..tag.tokens.len()).filter(is_field).map(|index| tag.tokens[index].at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_field_gets_another_name() {
        let source = "city {{ city }} {{ town | default(city) ~ 'city' }} {% if city is city and x | city %}{# city #}\
                      {{ brand.city }}{{ x | d(city=1) }}{{- city|upper -}} {{ broken ! city }} {{ mycity }}";
        let renamed = "city {{ place }} {{ town | default(place) ~ 'city' }} {% if place is city and x | city %}{# city #}\
                       {{ brand.city }}{{ x | d(city=1) }}{{- place|upper -}} {{ broken ! city }} {{ mycity }}";
        assert_eq!(rename(source, "city", "place"), renamed);
        assert_eq!(rename("{{ имя }}{{ имя }}", "имя", "first_name"), "{{ first_name }}{{ first_name }}");
        assert!(uses(source, "city") && !uses(renamed, "city"));
        assert!(!uses("city {# city #} {{ x | city }}", "city"));
    }
}
