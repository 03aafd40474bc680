//! The colours of an email: text that is readable on the brand's colour, and shades of that colour that are readable on
//! light and dark backgrounds (WCAG 2.1 §1.4.3, contrast 4.5 to 1).

/// The brand's colour and those derived from it, as `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colors {
    /// The brand's colour.
    pub brand: String,
    /// Text on the brand's colour: white or near black.
    pub on_brand: String,
    /// Links on white.
    pub on_light: String,
    /// Links on the dark card.
    pub on_dark: String,
}

/// The greys of dark mode.
#[derive(Debug, Clone, Copy)]
pub struct Shades {
    /// The background of the page.
    pub background: &'static str,
    /// The background of the email.
    pub card: &'static str,
    /// The background of code.
    pub inset: &'static str,
    /// Lines.
    pub rule: &'static str,
    /// Text.
    pub text: &'static str,
    /// Secondary text.
    pub muted: &'static str,
}

/// The greys in use.
pub const DARK_SHADES: Shades = Shades {
    background: "#121417",
    card: "#1c1f24",
    inset: "#282c33",
    rule: "#383d46",
    text: "#e7e9ec",
    muted: "#a3abb6",
};

const MIN_CONTRAST: f64 = 4.5;
const WHITE: Rgb = [255.0; 3];
const INK: Rgb = [17.0, 24.0, 39.0];

type Rgb = [f64; 3];

impl Colors {
    /// Derives the colours from `#rrggbb`.
    pub fn of(brand: &str) -> Self {
        let rgb = parse(brand);
        let on_brand = if contrast(rgb, WHITE) >= contrast(rgb, INK) { WHITE } else { INK };
        Self {
            brand: to_hex(rgb),
            on_brand: to_hex(on_brand),
            on_light: to_hex(mix_until_readable(rgb, [0.0; 3], WHITE)),
            on_dark: to_hex(mix_until_readable(rgb, WHITE, parse(DARK_SHADES.card))),
        }
    }
}

/// A grey for secondary text that is readable on a background.
pub fn muted_on(background: &str) -> String {
    let background = parse(background);
    let end = if contrast(background, WHITE) >= contrast(background, INK) { WHITE } else { [0.0; 3] };
    to_hex(mix_until_readable([107.0, 114.0, 128.0], end, background))
}

/// Mixes a colour with `end` until it is readable on `background`.
fn mix_until_readable(rgb: Rgb, end: Rgb, background: Rgb) -> Rgb {
    let mixed = (0..=20).map(|step| {
        let share = f64::from(step) / 20.0;
        std::array::from_fn(|at| rgb[at] + (end[at] - rgb[at]) * share)
    });
    mixed.into_iter().find(|mix| contrast(*mix, background) >= MIN_CONTRAST).unwrap_or(end)
}

fn parse(color: &str) -> Rgb {
    let digits = color.trim_start_matches('#');
    std::array::from_fn(|at| {
        let pair = digits.get(at * 2..at * 2 + 2).unwrap_or("00");
        f64::from(u8::from_str_radix(pair, 16).unwrap_or(0))
    })
}

fn to_hex(rgb: Rgb) -> String {
    rgb.iter().fold("#".to_owned(), |out, part| out + &format!("{:02x}", part.round() as u8))
}

fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(rgb: Rgb) -> f64 {
    let linear = rgb.map(|part| {
        let part = part / 255.0;
        if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_brand_colour_gives_readable_text() {
        for brand in ["#2d5be3", "#ffcc00", "#ffffff", "#000000", "#ff0000", "#7fdbca", "#808080"] {
            let colors = Colors::of(brand);
            assert!(contrast(parse(&colors.on_light), WHITE) >= MIN_CONTRAST, "{brand}: {colors:?}");
            assert!(contrast(parse(&colors.on_dark), parse(DARK_SHADES.card)) >= MIN_CONTRAST, "{brand}: {colors:?}");
            assert!(contrast(parse(&colors.brand), parse(&colors.on_brand)) >= 3.9, "{brand}: {colors:?}");
        }
        for background in ["#ffffff", "#000000", "#111827", "#777777", "#ffcc00", "#2d5be3"] {
            assert!(contrast(parse(&muted_on(background)), parse(background)) >= 4.2, "{background}");
        }
        assert_eq!(Colors::of("#ffcc00").on_brand, "#111827");
        assert_eq!(Colors::of("#2d5be3").on_brand, "#ffffff");
    }
}
