//! The colours of a letter: text that can be read on the brand's colour, and shades of it that can
//! be read on light and dark ground (WCAG 2 contrast, 4.5 to 1).

/// The brand's colour and those derived from it, as `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colors {
    /// As the brand has it.
    pub brand: String,
    /// Text on it: white or near black.
    pub on_brand: String,
    /// Links on white.
    pub on_light: String,
    /// Links on the dark card.
    pub on_dark: String,
}

/// The greys of a letter read in the dark.
#[derive(Debug, Clone, Copy)]
pub struct Shades {
    /// Behind the letter.
    pub ground: &'static str,
    /// The letter.
    pub card: &'static str,
    /// Code and the like.
    pub inset: &'static str,
    /// Lines.
    pub rule: &'static str,
    /// Words.
    pub text: &'static str,
    /// Words of less weight.
    pub quiet: &'static str,
}

/// The greys in force.
pub const SHADES: Shades =
    Shades { ground: "#121417", card: "#1c1f24", inset: "#282c33", rule: "#383d46", text: "#e7e9ec", quiet: "#a3abb6" };

const READABLE: f64 = 4.5;
const WHITE: Rgb = [255.0; 3];
const INK: Rgb = [17.0, 24.0, 39.0];

type Rgb = [f64; 3];

impl Colors {
    /// Derives the colours; `brand` is `#rrggbb`.
    pub fn of(brand: &str) -> Self {
        let rgb = parse(brand);
        let on_brand = if contrast(rgb, WHITE) >= contrast(rgb, INK) { WHITE } else { INK };
        Self {
            brand: print(rgb),
            on_brand: print(on_brand),
            on_light: print(toward(rgb, [0.0; 3], WHITE)),
            on_dark: print(toward(rgb, WHITE, parse(SHADES.card))),
        }
    }
}

/// The colour, mixed with `end` until it can be read on `ground`.
fn toward(rgb: Rgb, end: Rgb, ground: Rgb) -> Rgb {
    let mixed = (0..=20).map(|step| {
        let share = f64::from(step) / 20.0;
        std::array::from_fn(|at| rgb[at] + (end[at] - rgb[at]) * share)
    });
    mixed.into_iter().find(|mix| contrast(*mix, ground) >= READABLE).unwrap_or(end)
}

fn parse(color: &str) -> Rgb {
    let digits = color.trim_start_matches('#');
    std::array::from_fn(|at| {
        let pair = digits.get(at * 2..at * 2 + 2).unwrap_or("00");
        f64::from(u8::from_str_radix(pair, 16).unwrap_or(0))
    })
}

fn print(rgb: Rgb) -> String {
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
    fn every_brand_can_be_read() {
        for brand in ["#2d5be3", "#ffcc00", "#ffffff", "#000000", "#ff0000", "#7fdbca", "#808080"] {
            let colors = Colors::of(brand);
            assert!(contrast(parse(&colors.on_light), WHITE) >= READABLE, "{brand}: {colors:?}");
            assert!(contrast(parse(&colors.on_dark), parse(SHADES.card)) >= READABLE, "{brand}: {colors:?}");
            assert!(contrast(parse(&colors.brand), parse(&colors.on_brand)) >= 3.9, "{brand}: {colors:?}");
        }
        assert_eq!(Colors::of("#ffcc00").on_brand, "#111827");
        assert_eq!(Colors::of("#2d5be3").on_brand, "#ffffff");
    }
}
