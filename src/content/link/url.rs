//! The URLs in a message that lead to this installation. The web server takes the paths of its routes from here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::destination::is_valid_destination;
use crate::infra::token::{MessageSecret, TokenPurpose};

/// The URL of a page: `/o/TOKEN.gif`, `/u/TOKEN`, `/p/TOKEN`, `/v/TOKEN`. For clicks, the URL that positions are
/// appended to.
pub fn page_url(public_url: &str, secret: &MessageSecret, purpose: TokenPurpose) -> String {
    let token = secret.token(purpose);
    match purpose {
        TokenPurpose::Open => format!("{public_url}/o/{token}.gif"),
        TokenPurpose::Click => format!("{public_url}/c/{token}"),
        TokenPurpose::Unsubscribe => format!("{public_url}/u/{token}"),
        TokenPurpose::Preferences => format!("{public_url}/p/{token}"),
        TokenPurpose::View => format!("{public_url}/v/{token}"),
    }
}

/// A measured link whose destination is stored here: `/c/TOKEN/POSITION`.
pub fn click_url(public_url: &str, secret: &MessageSecret, position: usize) -> String {
    format!("{}/{position}", page_url(public_url, secret, TokenPurpose::Click))
}

/// A measured link that carries its signed destination: `/c/TOKEN/POSITION/DESTINATION/TAG`.
pub fn personal_click_url(public_url: &str, secret: &MessageSecret, position: usize, destination: &str) -> String {
    let tag = secret.destination_tag(position, destination);
    format!("{}/{}/{tag}", click_url(public_url, secret, position), URL_SAFE_NO_PAD.encode(destination))
}

/// Decodes the destination segment of [`personal_click_url`]. Its tag must still be verified.
pub fn decode_destination(segment: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(segment).ok()?).ok()?;
    Some(text).filter(|text| is_valid_destination(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_destination_round_trips_through_its_url() {
        let signer = crate::infra::token::Signer::new(&crate::infra::secret::Keyring::ephemeral());
        let delivery = crate::infra::token::DeliveryRef { campaign: 1, delivery: 2 };
        let url = personal_click_url(
            "https://news.example",
            &signer.message_secret(delivery),
            3,
            "https://shop.example/?n=1",
        );

        let parts: Vec<_> = url.split('/').skip(3).collect();
        assert_eq!((parts[0], parts[2]), ("c", "3"));
        assert_eq!(signer.verify(TokenPurpose::Click, parts[1]), Some(delivery));
        let destination = decode_destination(parts[3]).expect("a destination");
        assert!(signer.verify_destination(delivery, 3, &destination, parts[4]));
    }
}
