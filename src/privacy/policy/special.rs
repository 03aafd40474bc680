//! Special and biometric categories of personal data (GDPR articles 9 and 10, 152-FZ articles 10 and 11), found by the words that
//! name them in English and Russian. No field may have one.

crate::text_enum! {
    /// A special category.
    SpecialCategory {
        /// Health.
        Health = "health",
        /// Biometric and genetic data.
        Biometric = "biometric",
        /// Race and ethnic origin.
        Race = "race",
        /// Religious and philosophical beliefs.
        Religion = "religion",
        /// Political opinions and membership of a trade union.
        Politics = "politics",
        /// Sex life and sexual orientation.
        SexLife = "sex_life",
        /// Criminal convictions.
        Crime = "crime",
    }
}

/// Beginnings of the words of each category. A word of a name that begins so names the category; one with `$` must be the whole
/// word.
const WORDS: &[(SpecialCategory, &[&str])] = &[
    (
        SpecialCategory::Health,
        &[
            "health",
            "medical",
            "medicine$",
            "medication",
            "diagnos",
            "disease",
            "illness",
            "disab",
            "allerg",
            "pregnan",
            "therap",
            "patient",
            "hiv$",
            "blood",
            "здоров",
            "медицин",
            "медкарт",
            "диагноз",
            "болезн",
            "заболев",
            "инвалид",
            "аллерг",
            "беремен",
            "вич$",
            "лекарств",
            "пациент",
        ],
    ),
    (
        SpecialCategory::Biometric,
        &[
            "biometr",
            "fingerprint",
            "faceprint",
            "faceid$",
            "voiceprint",
            "retina",
            "iris$",
            "genetic",
            "genome",
            "dna$",
            "биометр",
            "отпечат",
            "дактилоск",
            "сетчатк",
            "радужк",
            "генетич",
            "геном",
            "днк$",
        ],
    ),
    (
        SpecialCategory::Race,
        &["race$", "racial", "ethnic", "nationality$", "раса$", "расов", "национальн", "этнич", "этнос"],
    ),
    (
        SpecialCategory::Religion,
        &[
            "religio",
            "faith$",
            "church",
            "belief",
            "philosoph",
            "религ",
            "вероисповед",
            "вера$",
            "конфесси",
            "философ",
            "убежден",
        ],
    ),
    (
        SpecialCategory::Politics,
        &["politic", "party_membership$", "trade_union", "union_member", "tradeunion", "полити", "партийн", "профсоюз"],
    ),
    (
        SpecialCategory::SexLife,
        &[
            "sexual",
            "sex_life",
            "sexlife",
            "sexual_orientation",
            "orientation$",
            "интимн",
            "сексуальн",
            "половая_жизнь",
            "ориентация$",
        ],
    ),
    (SpecialCategory::Crime, &["criminal", "conviction", "crime", "судимост", "уголовн", "преступл"]),
];

/// The special category that a name of a field, or of a category, stands for.
pub fn special_category(name: &str) -> Option<SpecialCategory> {
    let name = separated(name);
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let names = |beginning: &str| {
        let (beginning, whole) = beginning.strip_suffix('$').map_or((beginning, false), |word| (word, true));
        let parts: Vec<&str> = beginning.split('_').collect();
        words.windows(parts.len()).any(|window| {
            window.iter().zip(&parts).enumerate().all(|(index, (word, part))| match whole || index + 1 < parts.len() {
                true => word == part,
                false => word.starts_with(part),
            })
        })
    };
    WORDS.iter().find(|(_, beginnings)| beginnings.iter().any(|word| names(word))).map(|(category, _)| *category)
}

/// The words of a name in lower case with `_` between them, also where it is written as `healthState`.
fn separated(name: &str) -> String {
    let mut separated = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && was_lower {
            separated.push('_');
        }
        was_lower = c.is_lowercase();
        match c {
            'ё' | 'Ё' => separated.push('е'),
            c if c.is_alphanumeric() => separated.extend(c.to_lowercase()),
            _ => separated.push('_'),
        }
    }
    separated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_categories_are_found_in_both_languages_and_usual_fields_are_not() {
        let found = |name: &str| special_category(name).map(SpecialCategory::as_str);
        for (name, category) in [
            ("health", "health"),
            ("state_of_health", "health"),
            ("healthState", "health"),
            ("Diagnosis", "health"),
            ("состояние_здоровья", "health"),
            ("группа_инвалидности", "health"),
            ("fingerprint", "biometric"),
            ("биометрия", "biometric"),
            ("biometric", "biometric"),
            ("national_race", "race"),
            ("национальность", "race"),
            ("ethnicity", "race"),
            ("religion", "religion"),
            ("вероисповедание", "religion"),
            ("political_views", "politics"),
            ("политика", "politics"),
            ("trade_union_member", "politics"),
            ("sex_life", "sex_life"),
            ("sexual_orientation", "sex_life"),
            ("судимость", "crime"),
        ] {
            assert_eq!(found(name), Some(category), "{name}");
        }
        for name in [
            "sex",
            "пол",
            "first_name",
            "birth_date",
            "trace",
            "union_date",
            "ip",
            "device",
            "город",
            "plan",
            "верность",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
