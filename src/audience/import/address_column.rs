//! Finds the column of addresses, by the names of columns and by what stands in them.

use super::column_names::{address_rank, clean, is_like_address, listed, printable, quoted};
use super::target::Target;
use crate::audience::address::Address;
use crate::audience::people_file::ADDRESS_COLUMN;
use crate::infra::error::{Error, Message};

/// Whether one of the names may be that of a column of addresses.
pub fn has_address_name(names: &[String], map: &[(String, String)]) -> bool {
    let is_mapped = |name: &str| {
        let mut fills = map.iter().filter(|(_, field)| field.trim().eq_ignore_ascii_case("email"));
        !name.is_empty() && fills.any(|(column, _)| clean(column).to_lowercase() == name.to_lowercase())
    };
    let mut names = names.iter().map(|name| clean(name));
    names.any(|name| {
        is_mapped(&name) || name == ADDRESS_COLUMN || address_rank(&name).is_some() || is_like_address(&name)
    })
}

/// The column of addresses: of those whose name may mean one, the first that has one, else the most certain name.
pub fn find_address(names: &[String], targets: &[Option<Target>], sample: &[Vec<String>]) -> Option<usize> {
    let free = || (0..names.len()).filter(|index| targets[*index].is_none());
    let certain = || free().filter_map(|index| Some((address_rank(&names[index])?, index)));
    let mut candidates: Vec<(usize, usize)> = certain().collect();
    candidates.sort_unstable();
    let likely = free().filter(|index| is_like_address(&names[*index]) && address_rank(&names[*index]).is_none());
    let mut all = candidates.iter().map(|(_, index)| *index).chain(likely);
    all.find(|index| has_address(sample, *index)).or_else(|| candidates.first().map(|(_, index)| *index))
}

pub fn has_address(sample: &[Vec<String>], column: usize) -> bool {
    sample.iter().any(|row| row.get(column).is_some_and(|cell| Address::parse(cell).is_ok()))
}

/// The refusal of a file without a column of addresses, with the column that has some, if any.
pub fn no_address(names: &[String], sample: &[Vec<String>]) -> Error {
    let likely = (0..names.len()).find(|index| has_address(sample, *index));
    let name = likely.map_or("COLUMN".to_owned(), |index| match names[index].as_str() {
        "" => format!("#{}", index + 1),
        name => printable(name),
    });
    Message::new("import-no-address")
        .with("known", listed(names))
        .with("map", quoted(&format!("{name}=email")))
        .invalid()
}
