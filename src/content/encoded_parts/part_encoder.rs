//! From the masked parts of a letter to its forms.

use crate::content::brand::Brand;
use crate::content::email::{CompiledEmail, Tracking};
use crate::content::encoded_parts::run::Run;
use crate::content::encoded_parts::slot_values::Slot;
use crate::content::encoded_parts::{Form, Forms, Line, MARK, Piece};
use crate::content::link;
use crate::content::mime::header::HeaderText;
use crate::content::template::engine::{FUEL, escape, image};
use crate::content::template::pieces::{self, Item, Print};
use crate::content::template::placeholder::Mask;
use crate::infra::token::TokenPurpose;

/// The masked parts of a letter.
pub struct Masked<'a> {
    /// What holds their tags.
    pub mask: &'a Mask,
    /// The subject.
    pub subject: &'a str,
    /// The preheader.
    pub preheader: &'a str,
    /// The HTML.
    pub html: &'a str,
    /// The text.
    pub text: &'a str,
}

/// Makes the forms of a letter with the tokens of its placeholder_secret; `None` when it is too irregular: so many
/// tags that a limit might stop them, or texts in tags that spell characters by number.
pub fn make(letter: &mut CompiledEmail, masked: &Masked<'_>) -> Option<Forms> {
    let read = |text| pieces::read(masked.mask, text);
    let parts = [masked.subject, masked.preheader, masked.html, masked.text].map(read);
    if parts.iter().any(|items| is_irregular(items)) {
        return None;
    }
    let brand = &letter.brand;
    if [&brand.name, &brand.address, &brand.color, &brand.logo].iter().any(|word| word.contains(MARK)) {
        return None;
    }
    let [subject, preheader, html, text] = &parts;
    let mut maker = Maker { letter, heads: [None, None], fields: Vec::new(), needed: Vec::new(), engine: false };
    let heads = [maker.line("subject", subject), maker.line("preheader", preheader)];
    maker.heads = heads.each_ref().map(|line| if let Line::Still(text) = line { Some(text.to_string()) } else { None });
    let html = maker.form("html-tags", html, true)?;
    let text = maker.form("text-tags", text, false)?;
    let Maker { fields, needed, engine, .. } = maker;
    let in_heads = [subject, preheader].into_iter().flatten().any(|item| names_page(item, true));
    let in_parts = parts.iter().flatten().any(|item| names_page(item, false));
    let in_links = letter.links.iter().any(|link| link.personal && link.destination.contains("_url"));
    Some(Forms { heads, html, text, fields, needed, engine, pages: in_heads || in_parts || in_links })
}

/// An instruction of the engine takes more than two bytes of a tag.
fn is_irregular(items: &[Item]) -> bool {
    let tags = || items.iter().filter_map(|item| if let Item::Tag(tag) = item { Some(tag) } else { None });
    let by_number = |c: char| matches!(c, 'u' | 'x' | '0'..='7');
    let spells = |tag: &String| tag.match_indices('\\').any(|(at, _)| tag[at + 1..].starts_with(by_number));
    let marked = |item: &Item| matches!(item, Item::Text(text) | Item::Tag(text) if text.contains(MARK));
    let length: usize = tags().map(String::len).sum();
    length as u64 > FUEL / 2 || tags().any(spells) || items.iter().any(marked)
}

/// Whether the engine may meet a page of the delivery in a tag. In a head it meets them all, elsewhere
/// those that are more than printed.
fn names_page(item: &Item, in_head: bool) -> bool {
    let Item::Tag(tag) = item else { return false };
    tag.contains("_url") && (in_head || !matches!(pieces::print(tag), Some(Print::Page(_))))
}

struct Maker<'a> {
    letter: &'a mut CompiledEmail,
    /// Those that are the same for every reader.
    heads: [Option<String>; 2],
    fields: Vec<String>,
    needed: Vec<usize>,
    engine: bool,
}

impl Maker<'_> {
    fn line(&mut self, name: &'static str, items: &[Item]) -> Line {
        let mut pieces = Vec::new();
        for item in items {
            let piece = match item {
                Item::Text(text) => Some(Piece::Still(text.clone())),
                Item::Tag(tag) if pieces::is_brace(tag) => Some(Piece::Still("{".to_owned())),
                Item::Tag(tag) => match pieces::print(tag) {
                    Some(Print::Brand(name)) => word(&self.letter.brand, name).map(Piece::Still),
                    Some(print) => self.slot(&print).map(Piece::Slot),
                    None => None,
                },
            };
            let Some(piece) = piece else {
                self.engine = true;
                return Line::Engine(name);
            };
            pieces.push(piece);
        }
        let still = |piece: &Piece<String>| if let Piece::Still(text) = piece { Some(text.clone()) } else { None };
        match pieces.iter().map(still).collect::<Option<String>>() {
            Some(text) => Line::Still(HeaderText::clean(&text)),
            None => Line::Filled(pieces),
        }
    }

    fn form(&mut self, name: &'static str, items: &[Item], is_html: bool) -> Option<Form> {
        let is_filled = items.iter().all(|item| match item {
            Item::Text(_) => true,
            Item::Tag(tag) => self.still(tag).is_some() || pieces::print(tag).is_some_and(|print| self.knows(&print)),
        });
        let mut pieces = Vec::new();
        let mut template = String::new();
        let mut runs = Vec::new();
        let stretches: Vec<_> = items.chunk_by(|a, b| self.is_still(a) && self.is_still(b)).collect();
        for stretch in stretches {
            if self.is_still(&stretch[0]) {
                let texts: Vec<_> = stretch.iter().filter_map(|item| self.written(item, is_html)).collect();
                let run = Run::of(&texts, &self.letter.placeholder_secret, !is_html);
                match is_filled {
                    true => pieces.push(Piece::Still(run)),
                    false => {
                        template.push_str(&format!("{MARK}{}", runs.len()));
                        runs.push(run);
                    }
                }
            } else if let Item::Tag(tag) = &stretch[0] {
                match is_filled {
                    true => pieces.push(Piece::Slot(self.slot(&pieces::print(tag)?)?)),
                    false => template.push_str(tag),
                }
            }
        }
        if is_filled {
            return Some(Form::Filled(pieces));
        }
        self.engine = true;
        self.letter.templates.add(name.to_owned(), template).ok()?;
        Some(Form::Engine(name, runs))
    }

    fn is_still(&self, item: &Item) -> bool {
        match item {
            Item::Text(_) => true,
            Item::Tag(tag) => self.still(tag).is_some(),
        }
    }

    /// What the engine would write for an item that is the same for every reader.
    fn written(&self, item: &Item, is_html: bool) -> Option<String> {
        match item {
            Item::Text(text) => Some(text.clone()),
            Item::Tag(tag) => {
                let text = self.still(tag)?;
                let raw = !is_html || pieces::print(tag) == Some(Print::Pixel);
                Some(if raw { text } else { escape(&text) })
            }
        }
    }

    /// What a tag prints that prints the same for every reader, tokens aside.
    fn still(&self, tag: &str) -> Option<String> {
        if pieces::is_brace(tag) {
            return Some("{".to_owned());
        }
        let CompiledEmail { public_url, tracking, links, brand, placeholder_secret, .. } = &*self.letter;
        let measures = *tracking == Tracking::Individual;
        match pieces::print(tag)? {
            Print::Page(door) => Some(link::page_url(public_url, placeholder_secret, door)),
            Print::Pixel if measures => {
                Some(image(&link::page_url(public_url, placeholder_secret, TokenPurpose::Open)))
            }
            Print::Pixel => Some(String::new()),
            Print::Head(at) => self.heads[at].clone(),
            Print::Brand(name) => word(brand, name),
            Print::Link(position) => match links.get(position)? {
                link if link.personal => None,
                link if measures => Some(link::click_url(public_url, placeholder_secret, link.position)),
                link => Some(link.destination.clone()),
            },
            Print::Email | Print::Field(..) => None,
        }
    }

    /// Whether a print that differs can be done without the engine.
    fn knows(&self, print: &Print<'_>) -> bool {
        match print {
            Print::Field(name, _) => self.letter.fields.iter().any(|tag| tag == name),
            Print::Email | Print::Link(_) | Print::Head(_) => true,
            Print::Page(_) | Print::Pixel | Print::Brand(_) => false,
        }
    }

    fn slot(&mut self, print: &Print<'_>) -> Option<Slot> {
        if !self.knows(print) {
            return None;
        }
        match print {
            Print::Email => Some(Slot::Email),
            Print::Head(at) => Some(Slot::Head(*at)),
            Print::Link(position) => {
                self.engine = true;
                Some(Slot::Link(*position))
            }
            Print::Field(name, fallback) => {
                let at = self.field(name);
                if fallback.is_none() && !self.needed.contains(&at) {
                    self.needed.push(at);
                }
                Some(Slot::Field(at, fallback.map(str::to_owned)))
            }
            Print::Page(_) | Print::Pixel | Print::Brand(_) => None,
        }
    }

    fn field(&mut self, name: &str) -> usize {
        self.fields.iter().position(|field| field == name).unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        })
    }
}

/// A word about the sender.
fn word(brand: &Brand, name: &str) -> Option<String> {
    match name {
        "name" => Some(brand.name.clone()),
        "address" => Some(brand.address.clone()),
        "color" => Some(brand.color.clone()),
        "logo" => Some(brand.logo.clone()),
        _ => None,
    }
}
