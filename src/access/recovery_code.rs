//! Recovery codes: each signs in once in place of a code of the second factor. A code has 80 random bits, so that its SHA-256,
//! which the database holds, cannot be searched for.

use rand::RngExt;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::infra::base32;

use crate::infra::hex;

/// Codes that a user gets at a time.
const COUNT: usize = 10;
/// Characters of a code, without hyphens.
const LENGTH: usize = 16;

/// New codes as they are shown, once.
pub fn generate() -> Vec<String> {
    let code = |_| {
        let bytes: [u8; 10] = rand::rng().random();
        let text = base32::encode(&bytes).to_lowercase();
        let groups = [&text[..4], &text[4..8], &text[8..12], &text[12..]];
        groups.join("-")
    };
    (0..COUNT).map(code).collect()
}

/// The digests of codes, as they are stored.
pub fn digests(codes: &[String]) -> Vec<String> {
    codes.iter().filter_map(|code| normalize(code)).map(|code| digest(&code)).collect()
}

/// True for a text that can only be a recovery code, and not a code of the second factor.
pub fn is_one(text: &str) -> bool {
    normalize(text).is_some()
}

/// The digests without that of the code; `None` when the code is none of them.
pub fn spend(digests: &[String], code: &str) -> Option<Vec<String>> {
    let spent = digest(&normalize(code)?);
    let is_spent = |known: &&String| bool::from(known.as_bytes().ct_eq(spent.as_bytes()));
    let left: Vec<String> = digests.iter().filter(|known| !is_spent(known)).cloned().collect();
    (left.len() < digests.len()).then_some(left)
}

/// The code without hyphens and blanks, in lower case.
fn normalize(text: &str) -> Option<String> {
    let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let code = code.to_lowercase();
    (code.len() == LENGTH && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

fn digest(code: &str) -> String {
    hex::encode(&Sha256::digest(code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_spent_once() {
        let codes = generate();
        let stored = digests(&codes);
        assert_eq!((codes.len(), stored.len()), (COUNT, COUNT));

        let left = spend(&stored, &codes[3].to_uppercase().replace('-', " ")).expect("it is one of them");

        assert_eq!(left.len(), COUNT - 1);
        assert_eq!(spend(&left, &codes[3]), None);
        assert!(spend(&left, &codes[4]).is_some());
        assert!(is_one(&codes[0]) && !is_one("123456") && !is_one(""));
        assert_eq!(spend(&stored, "aaaa-aaaa-aaaa-aaaa"), None);
    }
}
