//! Second factor: codes of six digits that an authenticator program makes of a secret and the time (TOTP, RFC 6238: SHA-1,
//! 30 seconds).

use std::fmt;

use rand::RngExt;
use ring::hmac;
use subtle::ConstantTimeEq;
use url::form_urlencoded::byte_serialize;

use crate::infra::base32;
use crate::infra::clock::Millis;
use crate::infra::hex;

/// How long a code is shown.
const STEP: Millis = 30_000;
/// Steps before and after the present one whose codes are accepted: clocks differ, and typing takes time.
const TOLERANCE: i64 = 1;
/// Digits of a code.
const DIGITS: usize = 6;
/// The name of the account in an authenticator program begins with it.
const ISSUER: &str = "Sendoff";

/// The secret that a user's authenticator program shares. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Vec<u8>);

impl TotpSecret {
    /// A random secret of 160 bits.
    pub fn generate() -> Self {
        let bytes: [u8; 20] = rand::rng().random();
        Self(bytes.to_vec())
    }

    /// The secret of its hexadecimal form.
    pub fn from_hex(text: &str) -> Option<Self> {
        let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
        bytes.filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// The hexadecimal form, to be sealed.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// The secret as people type it into an authenticator program.
    pub fn to_base32(&self) -> String {
        base32::encode(&self.0)
    }

    /// The URI that authenticator programs read from a QR code.
    pub fn uri(&self, account: &str) -> String {
        let account: String = byte_serialize(account.as_bytes()).collect::<String>().replace('+', "%20");
        format!("otpauth://totp/{ISSUER}:{account}?secret={}&issuer={ISSUER}", self.to_base32())
    }

    /// The code of a moment.
    pub fn code_at(&self, now: Millis) -> String {
        self.code_of(now.div_euclid(STEP))
    }

    /// The step of a code that is valid now and newer than the last accepted one, so that a code that somebody saw is of no
    /// use to them.
    pub fn verify(&self, code: &str, now: Millis, last_step: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let present = now.div_euclid(STEP);
        (present - TOLERANCE..=present + TOLERANCE)
            .filter(|step| *step > last_step)
            .find(|step| bool::from(self.code_of(*step).as_bytes().ct_eq(code.as_bytes())))
    }

    /// HOTP (RFC 4226 §5.3) of a step.
    fn code_of(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let number = tag[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 1_000_000)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn secret() -> TotpSecret {
        TotpSecret(b"12345678901234567890".to_vec())
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        let examples =
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000_i64, "353130")];
        for (seconds, code) in examples {
            assert_eq!(secret().code_at(seconds * 1_000), code);
        }
    }

    #[test]
    fn code_is_accepted_within_a_step_and_once() {
        let (secret, now) = (secret(), 1_111_111_109_000);
        let code = secret.code_at(now);
        let step = secret.verify(&code, now, 0).expect("valid");

        assert_eq!(secret.verify(" 081 804 ", now + STEP, 0), Some(step));
        assert_eq!(secret.verify(&code, now + 2 * STEP, 0), None, "too old");
        assert_eq!(secret.verify(&code, now - 2 * STEP, 0), None, "too early");
        assert_eq!(secret.verify(&code, now, step), None, "a second time");
        for wrong in ["", "081805", "81804", "0818040"] {
            assert_eq!(secret.verify(wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn uri_and_hex_have_the_secret() {
        let uri = secret().uri("anna b@example.org");

        assert_eq!(
            uri,
            "otpauth://totp/Sendoff:anna%20b%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sendoff"
        );
        assert_eq!(TotpSecret::from_hex(&secret().to_hex()), Some(secret()));
        assert_eq!((TotpSecret::from_hex("3"), TotpSecret::from_hex("")), (None, None));
    }
}
