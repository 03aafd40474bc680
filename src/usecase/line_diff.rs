//! Difference of two texts by lines: what was left out, what was added, and a few lines around each change.

use serde::Serialize;

/// Lines of common text that are shown around a change.
const AROUND: usize = 3;
/// Cells of the table of common lines; beyond it the changed middle of both texts is shown as one change.
const MAX_CELLS: usize = 4_000_000;

crate::text_enum! {
    /// What became of a line.
    Kind {
        /// It is in both texts.
        Same = "same",
        /// It is in the new text only.
        Added = "added",
        /// It is in the old text only.
        Removed = "removed",
        /// Lines of both texts that are not shown.
        Skipped = "skipped",
    }
}

/// A line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What became of it.
    #[serde(serialize_with = "as_text")]
    pub kind: Kind,
    /// The text; how many lines are not shown for skipped ones.
    pub text: String,
}

fn as_text<S: serde::Serializer>(kind: &Kind, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(kind.as_str())
}

/// Compares two texts. Without a change nothing is returned.
pub fn compare(old: &str, new: &str) -> Vec<Line> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old == new {
        return Vec::new();
    }
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let line = |kind, text: &&str| Line { kind, text: (*text).to_owned() };
    let mut all: Vec<Line> = old[..start].iter().map(|text| line(Kind::Same, text)).collect();
    all.extend(middle(&old[start..old.len() - end], &new[start..new.len() - end]));
    all.extend(old[old.len() - end..].iter().map(|text| line(Kind::Same, text)));
    shorten(all)
}

/// Compares what lies between the common beginning and the common end, by the longest common subsequence.
fn middle(old: &[&str], new: &[&str]) -> Vec<Line> {
    let line = |kind, text: &str| Line { kind, text: text.to_owned() };
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > MAX_CELLS {
        let removed = old.iter().map(|text| line(Kind::Removed, text));
        return removed.chain(new.iter().map(|text| line(Kind::Added, text))).collect();
    }
    // lengths[a * width + b]: common lines of old[a..] and new[b..].
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            lengths[a * width + b] = match old[a] == new[b] {
                true => lengths[(a + 1) * width + b + 1] + 1,
                false => lengths[(a + 1) * width + b].max(lengths[a * width + b + 1]),
            };
        }
    }
    let (mut a, mut b, mut out) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            out.push(line(Kind::Same, old[a]));
            (a, b) = (a + 1, b + 1);
        } else if b >= new.len() || (a < old.len() && lengths[(a + 1) * width + b] >= lengths[a * width + b + 1]) {
            out.push(line(Kind::Removed, old[a]));
            a += 1;
        } else {
            out.push(line(Kind::Added, new[b]));
            b += 1;
        }
    }
    out
}

/// Leaves out common lines far from every change.
fn shorten(all: Vec<Line>) -> Vec<Line> {
    let mut is_shown = vec![false; all.len()];
    for (at, _) in all.iter().enumerate().filter(|(_, line)| line.kind != Kind::Same) {
        let end = (at + AROUND + 1).min(all.len());
        is_shown[at.saturating_sub(AROUND)..end].fill(true);
    }
    let (mut out, mut skipped): (Vec<Line>, usize) = (Vec::new(), 0);
    let flush = |out: &mut Vec<Line>, skipped: &mut usize| {
        if *skipped > 0 {
            out.push(Line { kind: Kind::Skipped, text: skipped.to_string() });
            *skipped = 0;
        }
    };
    for (line, is_shown) in all.into_iter().zip(is_shown) {
        if is_shown {
            flush(&mut out, &mut skipped);
            out.push(line);
        } else {
            skipped += 1;
        }
    }
    flush(&mut out, &mut skipped);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(old: &str, new: &str) -> String {
        let sign = |kind| match kind {
            Kind::Same => ' ',
            Kind::Added => '+',
            Kind::Removed => '-',
            Kind::Skipped => '@',
        };
        compare(old, new).iter().map(|line| format!("{}{}|", sign(line.kind), line.text)).collect()
    }

    #[test]
    fn changes_are_shown_with_the_lines_around_them() {
        assert_eq!(text("a\nb\nc\n", "a\nb\nc\n"), "");
        assert_eq!(text("a\nb\nc\n", "a\nx\nc\n"), " a|-b|+x| c|");
        assert_eq!(text("", "a\n"), "+a|");
        assert_eq!(
            text("1\n2\n3\n4\n5\n6\nx\n7\n8\n9\n10\n11", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11"),
            "@3| 4| 5| 6|-x| 7| 8| 9|@2|"
        );
        assert_eq!(text("a\nb\nc\nd", "b\nc\nx\nd"), "-a| b| c|+x| d|");
    }

    #[test]
    fn long_texts_are_compared_in_bounded_memory() {
        let long = |sign: char| (0..5_000).map(|at| format!("{sign}{at}\n")).collect::<String>();
        let lines = compare(&long('a'), &long('b'));
        assert_eq!(lines.len(), 10_000);
        assert_eq!((lines[0].kind, lines[9_999].kind), (Kind::Removed, Kind::Added));
    }
}
