//! Dates, numbers and money as people write them in the language of an email.

use std::sync::Arc;

use jiff::civil::Date;

use crate::infra::i18n::Lang;

/// The words and signs of one language.
#[derive(Debug)]
pub struct Locale {
    /// Months beside a day, such as `января`, and on their own, such as `январь`.
    months: [Vec<String>; 2],
    short_months: Vec<String>,
    weekdays: Vec<String>,
    short_weekdays: Vec<String>,
    decimal: String,
    group: String,
    /// True if the sign of a currency stands before the amount.
    is_sign_first: bool,
}

/// The signs of currencies by their codes (ISO 4217).
const SIGNS: &[(&str, &str)] = &[
    ("RUB", "₽"),
    ("USD", "$"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("KZT", "₸"),
    ("UAH", "₴"),
    ("BYN", "Br"),
    ("CNY", "¥"),
    ("JPY", "¥"),
    ("INR", "₹"),
    ("TRY", "₺"),
    ("ILS", "₪"),
];

impl Locale {
    /// The words of a language.
    pub fn of(lang: Lang) -> Arc<Self> {
        let words = |key| lang.tr(key).split(' ').map(str::to_owned).collect::<Vec<_>>();
        Arc::new(Self {
            months: [words("email-months"), words("email-months-alone")],
            short_months: words("email-months-short"),
            weekdays: words("email-weekdays"),
            short_weekdays: words("email-weekdays-short"),
            decimal: lang.tr("email-decimal"),
            group: lang.tr("email-group").replace('_', "\u{a0}"),
            is_sign_first: lang.tr("email-money") == "before",
        })
    }

    /// A date: `d m Y` are two, two and four digits, `j n y` the same without leading zeros or century, `F M` the name of
    /// the month and its short form, `l D` those of the day of the week, any other character is itself.
    pub fn date(&self, day: Date, form: &str) -> String {
        let pick = |names: &[String], from_one: i8| -> String {
            names.get(usize::from(from_one.unsigned_abs()).saturating_sub(1)).cloned().unwrap_or_default()
        };
        let is_alone = !form.contains(['d', 'j']);
        let component = |c: char| match c {
            'd' => format!("{:02}", day.day()),
            'm' => format!("{:02}", day.month()),
            'Y' => format!("{:04}", day.year()),
            'j' => day.day().to_string(),
            'n' => day.month().to_string(),
            'y' => format!("{:02}", day.year() % 100),
            'F' => pick(&self.months[usize::from(is_alone)], day.month()),
            'M' => pick(&self.short_months, day.month()),
            'l' => pick(&self.weekdays, day.weekday().to_monday_one_offset()),
            'D' => pick(&self.short_weekdays, day.weekday().to_monday_one_offset()),
            other => other.to_string(),
        };
        form.chars().map(component).collect()
    }

    /// A number with its thousands separated, and at most two digits after the decimal sign.
    pub fn number(&self, number: f64) -> String {
        let text = format!("{:.2}", number.abs());
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let part = part.trim_end_matches('0');
        self.joined(number, whole, part)
    }

    /// An amount of money with the sign of its currency; whole amounts without decimals.
    pub fn money(&self, number: f64, currency: &str) -> String {
        let text = format!("{:.2}", number.abs());
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let amount = self.joined(number, whole, if part == "00" { "" } else { part });
        let sign =
            SIGNS.iter().find(|(code, _)| code.eq_ignore_ascii_case(currency)).map_or(currency, |(_, sign)| sign);
        match (sign, self.is_sign_first) {
            ("", _) => amount,
            (sign, true) => {
                let (minus, amount) = amount.strip_prefix('−').map_or(("", amount.as_str()), |amount| ("−", amount));
                let space = if sign.ends_with(char::is_alphabetic) { "\u{a0}" } else { "" };
                format!("{minus}{sign}{space}{amount}")
            }
            (sign, false) => format!("{amount}\u{a0}{sign}"),
        }
    }

    fn joined(&self, number: f64, whole: &str, part: &str) -> String {
        let mut out = String::new();
        if number < 0.0 && (whole != "0" || !part.is_empty()) {
            out.push('−');
        }
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push_str(&self.group);
            }
            out.push(digit);
        }
        if !part.is_empty() {
            out.extend([self.decimal.as_str(), part]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_numbers_and_money_follow_the_language() {
        let day = Date::constant(2026, 12, 1);
        for (lang, date, alone, number, money) in [
            (
                Lang::EN,
                "Tuesday, December 1, 2026 Dec Tue",
                "December 2026",
                "1,234,567.5",
                ["$1,234.50", "₽99", "Br\u{a0}5"],
            ),
            (
                Lang::RU,
                "вторник, декабря 1, 2026 дек вт",
                "декабрь 2026",
                "1\u{a0}234\u{a0}567,5",
                ["1\u{a0}234,50\u{a0}$", "99\u{a0}₽", "5\u{a0}Br"],
            ),
        ] {
            let locale = Locale::of(lang);
            assert_eq!(locale.date(day, "l, F j, Y M D"), date);
            assert_eq!(locale.date(day, "F Y"), alone);
            assert_eq!(locale.number(1_234_567.5), number);
            assert_eq!([locale.money(1234.5, "USD"), locale.money(99.0, "rub"), locale.money(5.0, "BYN")], money);
        }
        assert_eq!(Locale::of(Lang::RU).date(day, "j F Y г."), "1 декабря 2026 г.");
        assert_eq!(Locale::of(Lang::EN).money(-3.0, "EUR"), "−€3");
        assert_eq!(
            [0.0, -0.001, 999.0, 1000.0].map(|number| Locale::of(Lang::EN).number(number)),
            ["0", "0", "999", "1,000"]
        );
    }
}
