//! Pages of the SQLite file format: which bytes of a page belong to nothing. <https://sqlite.org/fileformat2.html>
//!
//! A b-tree page owns its header, its cell pointers, its cells and the first four bytes of each free block. What lies
//! between (the gap before the cells, the free blocks, fragments of up to three bytes) may hold parts of deleted or moved
//! rows. A page is taken apart only when all its numbers agree; any doubt leaves it as it is.

/// Sizes of a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a page.
    pub page: usize,
    /// Bytes of a page without those reserved for extensions at its end.
    pub usable: usize,
}

/// A value that goes on in overflow pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow {
    /// The first overflow page.
    pub first: u32,
    /// How many overflow pages there are.
    pub pages: u32,
    /// Bytes of the value in the last of them, behind its first four bytes.
    pub last_bytes: usize,
}

/// What a b-tree page holds.
#[derive(Debug, PartialEq, Eq)]
pub struct BTreePage {
    /// The page with zeros for all bytes that belong to nothing; `None` when they are zeros already.
    pub cleaned: Option<Vec<u8>>,
    /// The long values that begin on this page.
    pub overflows: Vec<Overflow>,
}

/// Bytes of the database header at the start of page 1.
const DATABASE_HEADER: usize = 100;
const INTERIOR_INDEX: u8 = 2;
const INTERIOR_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;
const LEAF_TABLE: u8 = 13;

/// True when the page has the type of a b-tree page. An overflow page, or a first page of the list of free ones, looks
/// like one only in a file of more than [`MAX_PAGES`] pages: it starts with a page number.
pub fn is_btree(bytes: &[u8], number: u32) -> bool {
    let at = if number == 1 { DATABASE_HEADER } else { 0 };
    bytes.get(at).is_some_and(|kind| matches!(*kind, INTERIOR_INDEX | INTERIOR_TABLE | LEAF_INDEX | LEAF_TABLE))
}

/// The largest file whose pages can be told apart: 137 GB with pages of 4,096 bytes.
pub const MAX_PAGES: u32 = 0x0200_0000 - 1;

/// Takes a b-tree page apart; `None` when its numbers contradict each other.
pub fn read_btree(bytes: &[u8], number: u32, layout: Layout) -> Option<BTreePage> {
    let at = if number == 1 { DATABASE_HEADER } else { 0 };
    let usable = bytes.get(..layout.usable)?;
    let kind = *usable.get(at)?;
    let header = match kind {
        INTERIOR_INDEX | INTERIOR_TABLE => 12,
        LEAF_INDEX | LEAF_TABLE => 8,
        _ => return None,
    };
    let cells = usize::from(u16_at(usable, at + 3)?);
    let content = match u16_at(usable, at + 5)? {
        0 => 65_536,
        start => usize::from(start),
    };
    let pointers_end = at + header + 2 * cells;
    if pointers_end > content || content > layout.usable {
        return None;
    }
    let mut owned = vec![(0, pointers_end)];
    let mut overflows = Vec::new();
    for index in 0..cells {
        let start = usize::from(u16_at(usable, at + header + 2 * index)?);
        let (size, overflow) = read_cell(usable, start, kind, layout)?;
        owned.push((start, start + size));
        overflows.extend(overflow);
    }
    let mut free_bytes = 0;
    let mut block = usize::from(u16_at(usable, at + 1)?);
    while block > 0 {
        let (next, size) = (usize::from(u16_at(usable, block)?), usize::from(u16_at(usable, block + 2)?));
        if size < 4 || block + size > layout.usable || next > 0 && next < block + size {
            return None;
        }
        owned.push((block, block + 4));
        free_bytes += size - 4;
        block = next;
    }
    let fragments = usize::from(usable[at + 7]);
    owned.sort_unstable();
    let mut cleaned = bytes.to_vec();
    let (mut end, mut unowned) = (0, 0);
    for (from, to) in owned {
        if from < end || end >= pointers_end && end > 0 && from < content {
            return None;
        }
        // The gap before the first cell is no part of the content.
        unowned += from - end.max(content.min(from));
        cleaned[end..from].fill(0);
        end = to;
    }
    unowned += layout.usable.checked_sub(end.max(content))?;
    cleaned[end..layout.usable].fill(0);
    if unowned != free_bytes + fragments {
        return None;
    }
    Some(BTreePage { cleaned: (cleaned != bytes).then_some(cleaned), overflows })
}

/// The size of a cell, and where its value goes on.
fn read_cell(usable: &[u8], start: usize, kind: u8, layout: Layout) -> Option<(usize, Option<Overflow>)> {
    let mut at = start;
    if matches!(kind, INTERIOR_INDEX | INTERIOR_TABLE) {
        at += 4;
    }
    if kind == INTERIOR_TABLE {
        at += varint(usable, at)?.1;
        return (at <= usable.len()).then_some(((at - start).max(4), None));
    }
    let (payload, length) = varint(usable, at)?;
    at += length;
    if kind == LEAF_TABLE {
        at += varint(usable, at)?.1;
    }
    let payload = usize::try_from(payload).ok()?;
    let local = local_bytes(payload, kind, layout.usable);
    at += local;
    if local == payload {
        let size = (at - start).max(4);
        return (start + size <= usable.len()).then_some((size, None));
    }
    let first = u32_at(usable, at)?;
    let (rest, room) = (payload - local, layout.usable - 4);
    let pages = u32::try_from(rest.div_ceil(room)).ok()?;
    let last_bytes = rest - (pages as usize - 1) * room;
    Some((at + 4 - start, Some(Overflow { first, pages, last_bytes })))
}

/// How many bytes of a value lie on the b-tree page.
fn local_bytes(payload: usize, kind: u8, usable: usize) -> usize {
    let most = if kind == LEAF_TABLE { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    if payload <= most {
        return payload;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let wanted = least + (payload - least) % (usable - 4);
    if wanted <= most { wanted } else { least }
}

/// The next overflow page, 0 after the last, or the next trunk of the list of free pages.
pub fn next_page(bytes: &[u8]) -> Option<u32> {
    u32_at(bytes, 0)
}

/// The last page of a long value, with zeros behind the value; `None` when they are zeros already.
pub fn clean_last_overflow(bytes: &[u8], last_bytes: usize, layout: Layout) -> Option<Vec<u8>> {
    blank(bytes, 4 + last_bytes, layout)
}

/// The numbers of the free pages that a trunk page lists; `None` when the page is no trunk.
pub fn read_trunk(bytes: &[u8], layout: Layout) -> Option<Vec<u32>> {
    let count = u32_at(bytes, 4)? as usize;
    if count > layout.usable / 4 - 2 {
        return None;
    }
    (0..count).map(|index| u32_at(bytes, 8 + 4 * index)).collect()
}

/// A trunk page with zeros behind its numbers; `None` when they are zeros already.
pub fn clean_trunk(bytes: &[u8], leaves: usize, layout: Layout) -> Option<Vec<u8>> {
    blank(bytes, 8 + 4 * leaves, layout)
}

/// A free page as zeros; `None` when it holds nothing else.
pub fn clean_free(bytes: &[u8], layout: Layout) -> Option<Vec<u8>> {
    blank(bytes, 0, layout)
}

fn blank(bytes: &[u8], from: usize, layout: Layout) -> Option<Vec<u8>> {
    let mut cleaned = bytes.to_vec();
    cleaned.get_mut(from..layout.usable)?.fill(0);
    (cleaned != bytes).then_some(cleaned)
}

/// The first trunk of the list of free pages and the number of free pages, from page 1.
pub fn free_list_head(page_1: &[u8]) -> Option<(u32, u32)> {
    Some((u32_at(page_1, 32)?, u32_at(page_1, 36)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number of one to nine bytes, and its length.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for index in 0..8 {
        let byte = *bytes.get(at + index)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(at + 8)?), 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { page: 512, usable: 512 };

    /// A leaf of a table with two cells, a free block of ten bytes and a fragment of two between them.
    fn leaf() -> Vec<u8> {
        let mut page = vec![b'd'; 512];
        page[..12].copy_from_slice(&[13, 0x01, 0xea, 0, 2, 0x01, 0xe0, 2, 0x01, 0xe0, 0x01, 0xf6]);
        page[480..488].copy_from_slice(&[6, 1, b'l', b'i', b'v', b'i', b'n', b'g']);
        // Fragment at 488, free block at 490, second cell at 502.
        page[490..494].copy_from_slice(&[0, 0, 0, 12]);
        page[502..512].copy_from_slice(&[8, 2, b'r', b'e', b'm', b'a', b'i', b'n', b's', b'!']);
        page
    }

    #[test]
    fn bytes_that_belong_to_nothing_become_zeros() {
        let page = leaf();

        let cleaned = read_btree(&page, 2, LAYOUT).expect("a page").cleaned.expect("was not clean");

        assert!(!cleaned[12..].contains(&b'd'));
        assert_eq!(cleaned[480..488], page[480..488]);
        assert_eq!(cleaned[490..494], page[490..494]);
        assert_eq!(cleaned[502..], page[502..]);
        assert_eq!(read_btree(&cleaned, 2, LAYOUT), Some(BTreePage { cleaned: None, overflows: Vec::new() }));
    }

    #[test]
    fn a_page_whose_numbers_disagree_is_left_alone() {
        for (at, value) in
            [(0, 7), (4, 200), (6, 0xe4), (7, 3), (9, 0xe2), (11, 0xe1), (491, 9), (493, 200), (480, 200)]
        {
            let mut page = leaf();
            page[at] = value;
            assert_eq!(read_btree(&page, 2, LAYOUT), None, "byte {at}");
        }
    }

    #[test]
    fn a_long_value_names_its_overflow_pages() {
        let mut page = vec![0; 512];
        let payload = 2_000;
        let local = local_bytes(payload, LEAF_TABLE, 512);
        let start = 512 - (2 + 1 + local + 4);
        page[..10].copy_from_slice(&[
            13,
            0,
            0,
            0,
            1,
            (start >> 8) as u8,
            start as u8,
            0,
            (start >> 8) as u8,
            start as u8,
        ]);
        page[start..start + 3].copy_from_slice(&[0x8f, 0x50, 1]);
        page[508..].copy_from_slice(&[0, 0, 0, 9]);

        let found = read_btree(&page, 2, LAYOUT).expect("a page");

        let rest = payload - local;
        let expected = Overflow { first: 9, pages: rest.div_ceil(508) as u32, last_bytes: (rest - 1) % 508 + 1 };
        assert_eq!(found.overflows, [expected]);
    }

    #[test]
    fn numbers_of_all_lengths_are_read() {
        assert_eq!(varint(&[0x7f], 0), Some((127, 1)));
        assert_eq!(varint(&[0x81, 0x00], 0), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0xff; 8], 0), None);
    }
}
