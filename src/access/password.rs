//! Passwords: what may be one, and their hashes by Argon2id (RFC 9106; 19 MiB, two passes). Hashing is done in a thread of
//! its own and by few at a time, so that a flood of attempts takes neither all processors nor the memory.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use rand::RngExt;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::infra::error::{Error, Message, Result};

/// Characters that a password must have, and may have.
const MIN_CHARS: usize = 10;
const MAX_CHARS: usize = 200;
/// Characters of a password that must differ from each other.
const MIN_DIFFERENT: usize = 5;
/// A hash of no known password, checked for an account that does not exist, so that both answers take the same time.
const OF_NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2VuZG9mZm5vYm9keQ$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

/// Hashes at a time for clients that nobody knows, and for those that once signed in: the first cannot delay the others.
static FOR_UNKNOWN: Semaphore = Semaphore::const_new(2);
static FOR_KNOWN: Semaphore = Semaphore::const_new(2);

/// Whose turn it is to be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// A client that nobody knows.
    Unknown,
    /// A client that once signed in, or a person who is signed in.
    Known,
}

impl Queue {
    fn turns(self) -> &'static Semaphore {
        match self {
            Self::Unknown => &FOR_UNKNOWN,
            Self::Known => &FOR_KNOWN,
        }
    }
}

/// Refuses a password that is too short, too long, or easily guessed. `about` are the name and address of its owner.
///
/// # Errors
///
/// `Invalid` for the field `password`.
pub fn check(password: &str, about: &[&str]) -> Result<()> {
    let count = password.chars().count();
    let refuse = |key| Message::new(key).with("least", MIN_CHARS).with("most", MAX_CHARS).invalid_field("password");
    if count < MIN_CHARS {
        return Err(refuse("password-short"));
    }
    if count > MAX_CHARS {
        return Err(refuse("password-long"));
    }
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    let is_about_owner = about.iter().any(|text| !text.is_empty() && lower == text.to_lowercase());
    if different.len() < MIN_DIFFERENT || is_about_owner || is_sequence(&lower) {
        return Err(refuse("password-easy"));
    }
    Ok(())
}

/// True for a run of the alphabet, of digits or of a row of the keyboard, also backwards.
fn is_sequence(lower: &str) -> bool {
    const ROWS: [&str; 7] = [
        "abcdefghijklmnopqrstuvwxyz",
        "01234567890123456789",
        "qwertyuiopasdfghjklzxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "йцукенгшщзхъфывапролджэячсмитьбю",
        "1234567890qwertyuiop",
    ];
    let backwards: String = lower.chars().rev().collect();
    ROWS.iter().any(|row| row.contains(lower) || row.contains(&backwards))
}

/// The hash of a password, as a PHC string.
pub async fn hash(password: &str, queue: Queue) -> Result<String> {
    let (password, salt): (_, [u8; 16]) = (password.to_owned(), rand::rng().random());
    let _turn = queue.turns().acquire().await.map_err(|_| ended())?;
    let hashing = move || {
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|_| ended())
    };
    spawn_blocking(hashing).await.map_err(|_| ended())?
}

/// Whether the password is that of the hash. Without a hash, or with an empty one, it does the same work and returns false.
pub async fn verify(password: &str, hash: Option<&str>, queue: Queue) -> Result<bool> {
    let hash = hash.filter(|hash| !hash.is_empty());
    let is_somebody = hash.is_some();
    let (password, hash) = (password.to_owned(), hash.unwrap_or(OF_NOBODY).to_owned());
    let _turn = queue.turns().acquire().await.map_err(|_| ended())?;
    let verifying = move || Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
    let is_right = spawn_blocking(verifying).await.map_err(|_| ended())?;
    Ok(is_right && is_somebody)
}

fn ended() -> Error {
    Message::new("refusal-internal").internal()
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;

    use super::*;

    fn refusal(password: &str) -> Option<&'static str> {
        check(password, &["Anna Smirnova", "anna.smirnova@example.org"]).err().map(|error| error.message().key)
    }

    #[test]
    fn short_and_easy_passwords_are_refused() {
        assert_eq!(refusal("violet-19"), Some("password-short"));
        assert_eq!(refusal(&"long ".repeat(41)), Some("password-long"));
        for easy in [
            "aaaaaaaaaaaa",
            "1212121212",
            "1234567890",
            "9876543210",
            "Qwertyuiop",
            "йцукенгшщз",
            "Anna smirnova",
            "anna.smirnova@example.org",
        ] {
            assert_eq!(refusal(easy), Some("password-easy"), "{easy}");
        }
        for good in ["violet-1910", "осень в Казани", "correct horse battery"] {
            assert_eq!(refusal(good), None, "{good}");
        }
    }

    #[tokio::test]
    async fn hash_knows_its_own_password_only() {
        let hash = hash("violet-1910", Queue::Known).await.expect("hashed");

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("violet-1910", Some(&hash), Queue::Unknown).await.expect("verified"));
        assert!(!verify("violet-1911", Some(&hash), Queue::Unknown).await.expect("verified"));
        for none in [None, Some("")] {
            assert!(!verify("violet-1910", none, Queue::Unknown).await.expect("verified"));
        }
    }

    #[tokio::test]
    async fn hash_of_nobody_costs_what_a_real_one_costs() {
        let real = hash("violet-1910", Queue::Known).await.expect("hashed");
        let (real, nobody) = (PasswordHash::new(&real).expect("a hash"), PasswordHash::new(OF_NOBODY).expect("a hash"));

        assert_eq!((real.algorithm, real.version, &real.params), (nobody.algorithm, nobody.version, &nobody.params));
        assert_eq!(real.hash.map(|output| output.len()), nobody.hash.map(|output| output.len()));
    }
}
