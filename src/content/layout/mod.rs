//! The layouts of an email (templates/layout), and the footer of an email that is an HTML page of its own.
//!
//! Styles are inline, because some mail programs ignore style sheets; the style sheet adds narrow screens and dark
//! mode.

mod color;
pub mod element_style;
mod panel;

use askama::Template;

use self::color::{Colors, DARK_SHADES, Shades, muted_on};
use super::brand::Brand;
use super::template::escape::escape_html;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;

crate::text_enum! {
    /// The layout around the body.
    Layout {
        /// Like a personal message.
        Plain = "plain",
        /// A card with the brand at its top.
        Newsletter = "newsletter",
        /// A band in the brand's colour with the first headline, and links as buttons.
        Announcement = "announcement",
    }
}

/// The content of a layout. Texts may hold placeholders for tags.
#[derive(Debug)]
pub struct Page<'a> {
    /// The language of the page and its footer.
    pub lang: Lang,
    /// The brand.
    pub brand: &'a Brand,
    /// The title of the page.
    pub subject: String,
    /// The line that mail programs show after the subject; may be empty.
    pub preheader: String,
    /// The first headline of an announcement, as HTML.
    pub hero: String,
    /// The body as HTML.
    pub body: String,
    /// The name of the list.
    pub list_name: &'a str,
    /// The unsubscribe page.
    pub unsubscribe_url: String,
    /// The page with the recipient's data.
    pub preferences_url: String,
    /// The email in a browser.
    pub view_url: String,
    /// The tracking pixel.
    pub pixel: String,
}

/// The values of the layout templates.
struct LayoutValues<'a> {
    lang: Lang,
    brand: &'a Brand,
    colors: Colors,
    shades: Shades,
    font: &'static str,
    subject: &'a str,
    preheader: &'a str,
    hero: &'a str,
    body: &'a str,
    pixel: &'a str,
    unsubscribe_url: &'a str,
    preferences_url: &'a str,
    view_url: &'a str,
    reason: String,
    unsubscribe: String,
    preferences: String,
    view: String,
    signature: Vec<&'a str>,
}

impl LayoutValues<'_> {
    fn has_header(&self) -> bool {
        !self.brand.name.is_empty() || !self.brand.logo.is_empty()
    }
}

#[derive(Template)]
#[template(path = "layout/plain.html")]
struct Plain<'a> {
    page: LayoutValues<'a>,
}

#[derive(Template)]
#[template(path = "layout/newsletter.html")]
struct Newsletter<'a> {
    page: LayoutValues<'a>,
}

#[derive(Template)]
#[template(path = "layout/announcement.html")]
struct Announcement<'a> {
    page: LayoutValues<'a>,
}

const FONT: &str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

impl Page<'_> {
    /// Renders the HTML document.
    pub fn render(&self, layout: Layout) -> Result<String> {
        let page = self.values();
        let html = match layout {
            Layout::Plain => Plain { page }.render(),
            Layout::Newsletter => Newsletter { page }.render(),
            Layout::Announcement => Announcement { page }.render(),
        };
        html.map_err(|_| Message::new("layout-failed").internal())
    }

    fn values(&self) -> LayoutValues<'_> {
        LayoutValues {
            lang: self.lang,
            brand: self.brand,
            colors: Colors::of(&self.brand.color),
            shades: DARK_SHADES,
            font: FONT,
            subject: &self.subject,
            preheader: &self.preheader,
            hero: &self.hero,
            body: &self.body,
            pixel: &self.pixel,
            unsubscribe_url: &self.unsubscribe_url,
            preferences_url: &self.preferences_url,
            view_url: &self.view_url,
            reason: reason(self.lang, self.list_name),
            unsubscribe: self.lang.tr("email-unsubscribe"),
            preferences: self.lang.tr("email-preferences"),
            view: self.lang.tr("email-view"),
            signature: signature(self.brand),
        }
    }

    /// The footer of the plain text, without what the body already has.
    pub fn text_footer(&self, has_unsubscribe: bool, has_address: bool) -> String {
        let line = |key, url: &str| format!("{}: {url}", self.lang.tr(key));
        let mut lines = Vec::new();
        if !has_unsubscribe {
            lines.push(reason(self.lang, self.list_name));
            lines.push(line("email-unsubscribe", &self.unsubscribe_url));
            lines.push(line("email-preferences", &self.preferences_url));
            lines.push(line("email-view", &self.view_url));
        }
        if !has_address {
            let signature = signature(self.brand);
            if !lines.is_empty() && !signature.is_empty() {
                lines.push(String::new());
            }
            lines.extend(signature.into_iter().map(str::to_owned));
        }
        if lines.is_empty() { String::new() } else { format!("\n-- \n{}\n", lines.join("\n")) }
    }

    /// The footer of an HTML page without a layout, without what the page already has. It stands on a colour of its own,
    /// `#rrggbb`, so that it is readable on any page.
    pub fn html_footer(&self, has_unsubscribe: bool, has_address: bool, background: &str) -> String {
        let color = muted_on(background);
        let mut lines = Vec::new();
        if !has_unsubscribe {
            let link = |key, url: &str| {
                format!("<a href=\"{url}\" style=\"color:{color};text-decoration:underline\">{}</a>", self.lang.tr(key))
            };
            lines.push(escape_html(&reason(self.lang, self.list_name)));
            lines.push(format!(
                "{} &nbsp;·&nbsp; {}",
                link("email-unsubscribe", &self.unsubscribe_url),
                link("email-preferences", &self.preferences_url)
            ));
        }
        if !has_address {
            lines.extend(signature(self.brand).into_iter().map(escape_html));
        }
        if lines.is_empty() {
            return String::new();
        }
        format!(
            "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
             bgcolor=\"{background}\" style=\"clear:both;background-color:{background}\"><tr><td align=\"center\" \
             style=\"padding:24px 16px;font-family:{FONT};font-size:13px;line-height:1.5;color:{color};\
             text-align:center\">{}</td></tr></table>",
            lines.join("<br>")
        )
    }
}

fn reason(lang: Lang, list_name: &str) -> String {
    lang.translate(&Message::new("email-why").with("list", list_name))
}

/// The lines of name and postal address.
fn signature(brand: &Brand) -> Vec<&str> {
    std::iter::once(brand.name.as_str()).chain(brand.address.lines()).filter(|line| !line.is_empty()).collect()
}
