//! QR codes as a path of SVG, without an image file and without a style.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// White modules around the code, as the standard asks.
const MARGIN: i32 = 4;

/// The length of the side with its margin, and the path of the dark modules; `None` for a text that is too long.
pub fn path(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            let run = i32::try_from(run).unwrap_or(0);
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + MARGIN, y + MARGIN);
            }
            x += run.max(1);
        }
    }
    Some((code.size() + 2 * MARGIN, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_draws_the_dark_modules() {
        let text = "otpauth://totp/Sendoff:anna%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sendoff";
        let (side, path) = path(text).expect("short enough");
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).expect("short enough");

        let runs = path.split_terminator('z').map(|run| {
            let numbers: Vec<i32> = run.split(['M', ' ', 'h', 'v', '-']).filter_map(|text| text.parse().ok()).collect();
            (numbers[0] - MARGIN, numbers[1] - MARGIN, numbers[2])
        });
        let drawn: Vec<(i32, i32)> = runs.flat_map(|(x, y, run)| (x..x + run).map(move |x| (x, y))).collect();
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark: Vec<(i32, i32)> = dark.filter(|(x, y)| code.get_module(*x, *y)).collect();
        assert_eq!(side, code.size() + 8);
        assert_eq!(drawn, dark);
        assert_eq!(super::path(&"x".repeat(3_000)), None);
    }
}
