//! Prepares the parts of an email: encodes fixed text, turns tags into slots, and leaves the rest to the template
//! engine.

use super::run::EncodedRun;
use super::slot_values::Slot;
use super::{EncodedParts, Piece, PreparedBody, PreparedHeader, RUN_MARK};
use crate::content::brand::Brand;
use crate::content::email::Tracking;
use crate::content::link;
use crate::content::mime::header::HeaderText;
use crate::content::renderer::EmailRenderer;
use crate::content::template::bounds::MAX_STEPS;
use crate::content::template::escape::{escape_html, pixel_html};
use crate::content::template::pieces::{self, PrintTag, TemplatePiece};
use crate::content::template::placeholder::Placeholders;
use crate::infra::token::TokenPurpose;

/// The parts of an email, with placeholders for tags.
pub struct PartSources<'a> {
    /// Holds the tags.
    pub placeholders: &'a Placeholders,
    /// The subject.
    pub subject: &'a str,
    /// The preheader.
    pub preheader: &'a str,
    /// The HTML.
    pub html: &'a str,
    /// The plain text.
    pub text: &'a str,
}

/// Prepares an email with the renderer's placeholder tokens. Returns `None` if it must be rendered for each recipient:
/// it has so many tags that a limit might stop it, or a text in a tag spells characters by number.
pub fn encode(renderer: &mut EmailRenderer, sources: &PartSources<'_>) -> Option<EncodedParts> {
    let split = |text| pieces::split(sources.placeholders, text);
    let parts = [sources.subject, sources.preheader, sources.html, sources.text].map(split);
    if parts.iter().any(|pieces| is_irregular(pieces)) {
        return None;
    }
    let brand = &renderer.brand;
    if [&brand.name, &brand.address, &brand.color, &brand.logo].iter().any(|text| text.contains(RUN_MARK)) {
        return None;
    }
    let [subject, preheader, html, text] = &parts;
    let fixed_headers = [None, None];
    let mut encoder =
        PartEncoder { renderer, fixed_headers, fields: Vec::new(), required: Vec::new(), needs_engine: false };
    let headers = [encoder.header("subject", subject), encoder.header("preheader", preheader)];
    encoder.fixed_headers = headers.each_ref().map(|header| match header {
        PreparedHeader::Fixed(text) => Some(text.to_string()),
        _ => None,
    });
    let html = encoder.body("html-tags", html, true)?;
    let text = encoder.body("text-tags", text, false)?;
    let PartEncoder { fields, required, needs_engine, .. } = encoder;
    let in_headers = [subject, preheader].into_iter().flatten().any(|piece| needs_page_url(piece, true));
    let in_parts = parts.iter().flatten().any(|piece| needs_page_url(piece, false));
    let in_links = renderer.links.iter().any(|link| link.is_personal && link.destination.contains("_url"));
    let needs_pages = in_headers || in_parts || in_links;
    Some(EncodedParts { headers, html, text, fields, required, needs_engine, needs_pages })
}

/// True if the parts might meet the engine's limit of steps (a step takes more than two bytes of a tag), or if a text
/// might hold [`RUN_MARK`].
fn is_irregular(pieces: &[TemplatePiece]) -> bool {
    let tags = || pieces.iter().filter_map(|piece| if let TemplatePiece::Tag(tag) = piece { Some(tag) } else { None });
    let is_number = |c: char| matches!(c, 'u' | 'x' | '0'..='7');
    let spells = |tag: &String| tag.match_indices('\\').any(|(at, _)| tag[at + 1..].starts_with(is_number));
    let has_mark = |piece: &TemplatePiece| matches!(piece, TemplatePiece::Text(text) | TemplatePiece::Tag(text) if text.contains(RUN_MARK));
    let length: usize = tags().map(String::len).sum();
    length as u64 > MAX_STEPS / 2 || tags().any(spells) || pieces.iter().any(has_mark)
}

/// Whether the engine may print the URL of a page of the delivery for a tag. Headers with tags are always rendered by
/// the engine; bodies only with tags that do more than print.
fn needs_page_url(piece: &TemplatePiece, is_header: bool) -> bool {
    let TemplatePiece::Tag(tag) = piece else { return false };
    tag.contains("_url") && (is_header || !matches!(pieces::parse_print_tag(tag), Some(PrintTag::Page(_))))
}

struct PartEncoder<'a> {
    renderer: &'a mut EmailRenderer,
    /// Subject and preheader, if all recipients get the same.
    fixed_headers: [Option<String>; 2],
    fields: Vec<String>,
    required: Vec<usize>,
    needs_engine: bool,
}

impl PartEncoder<'_> {
    fn header(&mut self, name: &'static str, pieces: &[TemplatePiece]) -> PreparedHeader {
        let mut prepared = Vec::new();
        for piece in pieces {
            let piece = match piece {
                TemplatePiece::Text(text) => Some(Piece::Fixed(text.clone())),
                TemplatePiece::Tag(tag) if pieces::is_brace(tag) => Some(Piece::Fixed("{".to_owned())),
                TemplatePiece::Tag(tag) => match pieces::parse_print_tag(tag) {
                    Some(PrintTag::Brand(name)) => brand_field(&self.renderer.brand, name).map(Piece::Fixed),
                    Some(tag) => self.slot(&tag).map(Piece::Slot),
                    None => None,
                },
            };
            let Some(piece) = piece else {
                self.needs_engine = true;
                return PreparedHeader::Rendered(name);
            };
            prepared.push(piece);
        }
        let fixed = |piece: &Piece<String>| if let Piece::Fixed(text) = piece { Some(text.clone()) } else { None };
        match prepared.iter().map(fixed).collect::<Option<String>>() {
            Some(text) => PreparedHeader::Fixed(HeaderText::clean(&text)),
            None => PreparedHeader::Filled(prepared),
        }
    }

    fn body(&mut self, name: &'static str, pieces: &[TemplatePiece], is_html: bool) -> Option<PreparedBody> {
        let is_filled = pieces.iter().all(|piece| match piece {
            TemplatePiece::Text(_) => true,
            TemplatePiece::Tag(tag) => {
                self.fixed_text(tag).is_some() || pieces::parse_print_tag(tag).is_some_and(|tag| self.has_slot(&tag))
            }
        });
        let mut prepared = Vec::new();
        let mut template = String::new();
        let mut runs = Vec::new();
        let stretches: Vec<_> = pieces.chunk_by(|a, b| self.is_fixed(a) && self.is_fixed(b)).collect();
        for stretch in stretches {
            if self.is_fixed(&stretch[0]) {
                let texts: Vec<_> = stretch.iter().filter_map(|piece| self.written(piece, is_html)).collect();
                let encodings = self.renderer.encodings;
                let encoding = if is_html { encodings.html } else { encodings.text };
                let run = EncodedRun::encode(&texts, &self.renderer.placeholder_secret, !is_html, encoding);
                match is_filled {
                    true => prepared.push(Piece::Fixed(run)),
                    false => {
                        template.push_str(&format!("{RUN_MARK}{}", runs.len()));
                        runs.push(run);
                    }
                }
            } else if let TemplatePiece::Tag(tag) = &stretch[0] {
                match is_filled {
                    true => prepared.push(Piece::Slot(self.slot(&pieces::parse_print_tag(tag)?)?)),
                    false => template.push_str(tag),
                }
            }
        }
        if is_filled {
            return Some(PreparedBody::Filled(prepared));
        }
        self.needs_engine = true;
        self.renderer.templates.add(name.to_owned(), template).ok()?;
        Some(PreparedBody::Rendered(name, runs))
    }

    fn is_fixed(&self, piece: &TemplatePiece) -> bool {
        match piece {
            TemplatePiece::Text(_) => true,
            TemplatePiece::Tag(tag) => self.fixed_text(tag).is_some(),
        }
    }

    /// What the engine would write for a fixed piece.
    fn written(&self, piece: &TemplatePiece, is_html: bool) -> Option<String> {
        match piece {
            TemplatePiece::Text(text) => Some(text.clone()),
            TemplatePiece::Tag(tag) => {
                let text = self.fixed_text(tag)?;
                let is_safe = !is_html || pieces::parse_print_tag(tag) == Some(PrintTag::Pixel);
                Some(if is_safe { text } else { escape_html(&text) })
            }
        }
    }

    /// What a tag prints that prints the same for all recipients, except for tokens.
    fn fixed_text(&self, tag: &str) -> Option<String> {
        if pieces::is_brace(tag) {
            return Some("{".to_owned());
        }
        let EmailRenderer { public_url, tracking, links, brand, placeholder_secret, shared_pixel, .. } =
            &*self.renderer;
        let is_measured = *tracking == Tracking::Individual;
        match pieces::parse_print_tag(tag)? {
            PrintTag::Page(purpose) => Some(link::page_url(public_url, placeholder_secret, purpose)),
            PrintTag::Pixel if is_measured => {
                Some(pixel_html(&link::page_url(public_url, placeholder_secret, TokenPurpose::Open)))
            }
            PrintTag::Pixel if *tracking == Tracking::Campaign && !shared_pixel.is_empty() => {
                Some(pixel_html(shared_pixel))
            }
            PrintTag::Pixel => Some(String::new()),
            PrintTag::Header(at) => self.fixed_headers[at].clone(),
            PrintTag::Brand(name) => brand_field(brand, name),
            PrintTag::Link(position) => match links.get(position)? {
                link if link.is_personal => None,
                link if is_measured => Some(link::click_url(public_url, placeholder_secret, link.position)),
                link => Some(link.destination.clone()),
            },
            PrintTag::Address | PrintTag::Field(..) => None,
        }
    }

    /// Whether a tag that differs from recipient to recipient can be a slot.
    fn has_slot(&self, tag: &PrintTag<'_>) -> bool {
        match tag {
            PrintTag::Field(name, _) => self.renderer.fields.iter().any(|field| field == name),
            PrintTag::Address | PrintTag::Link(_) | PrintTag::Header(_) => true,
            PrintTag::Page(_) | PrintTag::Pixel | PrintTag::Brand(_) => false,
        }
    }

    fn slot(&mut self, tag: &PrintTag<'_>) -> Option<Slot> {
        if !self.has_slot(tag) {
            return None;
        }
        match tag {
            PrintTag::Address => Some(Slot::Address),
            PrintTag::Header(at) => Some(Slot::Header(*at)),
            PrintTag::Link(position) => {
                self.needs_engine = true;
                Some(Slot::Link(*position))
            }
            PrintTag::Field(name, fallback) => {
                let at = self.field(name);
                if fallback.is_none() && !self.required.contains(&at) {
                    self.required.push(at);
                }
                Some(Slot::Field(at, fallback.map(str::to_owned)))
            }
            PrintTag::Page(_) | PrintTag::Pixel | PrintTag::Brand(_) => None,
        }
    }

    fn field(&mut self, name: &str) -> usize {
        self.fields.iter().position(|field| field == name).unwrap_or_else(|| {
            self.fields.push(name.to_owned());
            self.fields.len() - 1
        })
    }
}

fn brand_field(brand: &Brand, name: &str) -> Option<String> {
    match name {
        "name" => Some(brand.name.clone()),
        "address" => Some(brand.address.clone()),
        "color" => Some(brand.color.clone()),
        "logo" => Some(brand.logo.clone()),
        _ => None,
    }
}
