//! Table `brand`: the name, postal address, colour and logo in the emails of a workspace. A workspace without a row has
//! the defaults.

use serde::{Deserialize, Serialize};
use url::Url;

use super::foreign_tag;
use super::mime::header::is_hidden;
use crate::infra::db::query::Query;
use crate::infra::db::{Cells, Conn};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// The brand of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand {
    /// The sender's name at the top and in the footer; may be empty.
    pub name: String,
    /// The postal address that many laws require (15 USC 7704); lines are separated by `\n`.
    pub address: String,
    /// The colour of links and buttons, `#rrggbb`.
    pub color: String,
    /// The http(s) URL of an image; may be empty.
    pub logo: String,
}

impl Default for Brand {
    fn default() -> Self {
        Self { name: String::new(), address: String::new(), color: "#2d5be3".to_owned(), logo: String::new() }
    }
}

/// The values to change; `None` leaves a value as it is.
#[derive(Debug, Clone, Default)]
pub struct BrandChange {
    /// At most 100 visible characters.
    pub name: Option<String>,
    /// At most 300 visible characters; line breaks are kept.
    pub address: Option<String>,
    /// `#rrggbb`, `rrggbb` or `#rgb`.
    pub color: Option<String>,
    /// An http(s) URL, or empty for none.
    pub logo: Option<String>,
}

/// Characters.
const MAX_NAME: usize = 100;
/// Characters.
const MAX_ADDRESS: usize = 300;

/// The brand of a workspace.
pub async fn get(conn: &mut Conn, workspace: Id) -> Result<Brand> {
    let row = Query::new("select name, address, color, logo from brand where workspace_id = :workspace")
        .bind("workspace", workspace)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(Brand::default()) };
    Ok(Brand { name: row.cell(0)?, address: row.cell(1)?, color: row.cell(2)?, logo: row.cell(3)? })
}

/// Checks the values, changes the brand, and returns it.
///
/// # Errors
/// Invalid if a value is refused.
pub async fn set(conn: &mut Conn, workspace: Id, change: &BrandChange) -> Result<Brand> {
    let brand = get(&mut *conn, workspace).await?.with(change)?;
    Query::new(
        "insert into brand (workspace_id, name, address, color, logo)
         values (:workspace, :name, :address, :color, :logo)
         on conflict (workspace_id) do update
            set name = excluded.name, address = excluded.address, color = excluded.color, logo = excluded.logo",
    )
    .bind("workspace", workspace)
    .bind("name", brand.name.clone())
    .bind("address", brand.address.clone())
    .bind("color", brand.color.clone())
    .bind("logo", brand.logo.clone())
    .execute(conn)
    .await?;
    Ok(brand)
}

impl Brand {
    fn with(self, change: &BrandChange) -> Result<Self> {
        Ok(Self {
            name: change.name.as_deref().map_or(Ok(self.name), check_name)?,
            address: change.address.as_deref().map_or(Ok(self.address), check_address)?,
            color: change.color.as_deref().map_or(Ok(self.color), check_color)?,
            logo: change.logo.as_deref().map_or(Ok(self.logo), check_logo)?,
        })
    }
}

fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    refuse_tags(name, "name")?;
    if name.chars().count() > MAX_NAME || name.chars().any(is_hidden) {
        return Err(Message::new("brand-name").with("limit", MAX_NAME).invalid_field("name"));
    }
    Ok(name.to_owned())
}

/// Refuses tags: the brand is the same for all recipients.
fn refuse_tags(text: &str, field: &'static str) -> Result<()> {
    let ours = ["{{", "{%", "{#"].iter().find_map(|open| text.find(open)).map(|at| text[at..].to_owned());
    match ours.or_else(|| foreign_tag::find(text, &[]).into_iter().next().map(|tag| tag.text)) {
        Some(tag) => Err(Message::new("brand-tag").with("tag", tag).invalid_field(field)),
        None => Ok(()),
    }
}

fn check_address(address: &str) -> Result<String> {
    let lines: Vec<_> = address.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let address = lines.join("\n");
    refuse_tags(&address, "address")?;
    if address.chars().count() > MAX_ADDRESS || lines.iter().any(|line| line.chars().any(is_hidden)) {
        return Err(Message::new("brand-address").with("limit", MAX_ADDRESS).invalid_field("address"));
    }
    Ok(address)
}

fn check_color(color: &str) -> Result<String> {
    let digits = color.trim().trim_start_matches('#').to_ascii_lowercase();
    let whole = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits,
    };
    if whole.len() != 6 || !whole.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Message::new("brand-color").with("color", color).invalid_field("color"));
    }
    Ok(format!("#{whole}"))
}

fn check_logo(logo: &str) -> Result<String> {
    let logo = logo.trim();
    refuse_tags(logo, "logo")?;
    if logo.is_empty() {
        return Ok(String::new());
    }
    let url = Url::parse(logo).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.as_str().len() <= 1_000
            && !logo.chars().any(is_hidden)
    });
    url.map(String::from).ok_or_else(|| Message::new("brand-logo").with("logo", logo).invalid_field("logo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_stored_in_one_spelling() {
        for (given, kept) in [("#2D5BE3", "#2d5be3"), ("fc0", "#ffcc00"), (" #abc ", "#aabbcc")] {
            assert_eq!(check_color(given).expect(given), kept);
        }
        for wrong in ["red", "#12345", "#gggggg", "", "#фффффф", "#12345678"] {
            assert!(check_color(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn logo_must_be_an_absolute_web_url() {
        assert_eq!(check_logo("https://пример.рф/лого.png").expect("a URL").as_bytes()[..12], *b"https://xn--");
        assert_eq!(check_logo(" ").expect("none"), "");
        for wrong in ["javascript:alert(1)", "//cdn.example/x.png", "file:///etc/passwd", "https://u:p@h.example/"] {
            assert!(check_logo(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hidden_characters_are_refused() {
        assert!(check_name("Shop\r\nBcc: x@y.example").is_err());
        assert!(check_name("Shop\u{202e}").is_err());
        for tag in ["{{ first_name }} Shop", "*|LIST:COMPANY|*", "%%name%%"] {
            assert!(check_name(tag).is_err() && check_address(tag).is_err(), "{tag}");
        }
        assert!(check_address(&"я".repeat(301)).is_err());
        assert_eq!(check_address("Москва,\r\n ул. Мира, 1\n").expect("an address"), "Москва,\nул. Мира, 1");
    }
}
