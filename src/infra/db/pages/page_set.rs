//! A set of page numbers of a SQLite file, as bits. Pages behind the end of the bits are all in the set or all outside.

/// Page numbers, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageSet {
    words: Vec<u64>,
    /// Whether pages that have no bit belong to the set.
    rest: bool,
}

impl PageSet {
    /// All pages, however many there are.
    pub fn all() -> Self {
        Self { words: Vec::new(), rest: true }
    }

    /// Whether the page belongs to the set.
    pub fn contains(&self, page: u32) -> bool {
        let (word, bit) = place(page);
        self.words.get(word).map_or(self.rest, |bits| bits & bit != 0)
    }

    /// Adds a page.
    pub fn insert(&mut self, page: u32) {
        let (word, bit) = place(page);
        self.reach(word + 1);
        self.words[word] |= bit;
    }

    /// Takes a page out.
    pub fn remove(&mut self, page: u32) {
        let (word, bit) = place(page);
        self.reach(word + 1);
        self.words[word] &= !bit;
    }

    /// Adds all pages of another set.
    pub fn extend(&mut self, other: &Self) {
        self.reach(other.words.len());
        for (index, word) in self.words.iter_mut().enumerate() {
            *word |= other.words.get(index).copied().unwrap_or(other.filler());
        }
        self.rest |= other.rest;
    }

    /// Takes out all pages above `count`, the number of pages of the file.
    pub fn truncate(&mut self, count: u32) {
        let words = (count as usize).div_ceil(64);
        self.reach(words);
        self.words.truncate(words);
        let used = count % 64;
        if let Some(last) = self.words.last_mut()
            && used > 0
        {
            *last &= (1 << used) - 1;
        }
        self.rest = false;
    }

    /// The number of pages that have a bit and belong to the set.
    pub fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Up to `limit` pages of the set from `from` on, in order.
    pub fn range(&self, from: u32, limit: usize) -> Vec<u32> {
        let first = (from.max(1) - 1) as usize / 64;
        let pages = self.words.iter().enumerate().skip(first).filter(|(_, word)| **word != 0);
        let pages = pages.flat_map(|(index, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| index as u32 * 64 + bit + 1)
        });
        pages.filter(|page| *page >= from).take(limit).collect()
    }

    /// The set as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.words.iter().flat_map(|word| word.to_le_bytes());
        std::iter::once(u8::from(self.rest)).chain(words).collect()
    }

    /// The set of [`PageSet::to_bytes`]; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rest, words) = bytes.split_first()?;
        let (words, odd) = words.as_chunks::<8>();
        let is_whole = *rest <= 1 && odd.is_empty();
        is_whole.then(|| Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect(), rest: *rest == 1 })
    }

    fn reach(&mut self, words: usize) {
        if self.words.len() < words {
            self.words.resize(words, self.filler());
        }
    }

    const fn filler(&self) -> u64 {
        if self.rest { u64::MAX } else { 0 }
    }
}

fn place(page: u32) -> (usize, u64) {
    let index = page.saturating_sub(1);
    (index as usize / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_without_bits_follow_the_rest() {
        let mut set = PageSet::all();
        set.remove(3);
        assert!(set.contains(1) && !set.contains(3) && set.contains(4_000_000_000));

        let mut some = PageSet::default();
        some.insert(70);
        some.insert(200);
        assert_eq!(some.range(1, 10), [70, 200]);
        assert_eq!(some.range(71, 10), [200]);
        set.truncate(130);
        assert_eq!((set.len(), set.contains(130), set.contains(131)), (129, true, false));
        set.extend(&some);
        assert_eq!(set.range(129, 9), [129, 130, 200]);
        some.extend(&PageSet::all());
        assert!(some.contains(1) && some.contains(9_999));
        assert_eq!(PageSet::from_bytes(&set.to_bytes()), Some(set));
        assert_eq!(PageSet::from_bytes(b"\x01abc"), None);
    }
}
