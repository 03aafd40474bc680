//! ESMTP extensions: parses the server's reply to EHLO (RFC 5321 §4.1.1.1).

/// The extensions that a server offers and this client uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// PIPELINING (RFC 2920): several commands may go in one write.
    pub pipelining: bool,
    /// SMTPUTF8 (RFC 6531): addresses may have non-ASCII local parts.
    pub smtputf8: bool,
    /// 8BITMIME (RFC 6152): the message may have octets above 127.
    pub eightbitmime: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// SIZE (RFC 1870): MAIL may declare the size of the message.
    pub declares_size: bool,
    /// The largest message in octets, if the server named one with SIZE.
    pub size: Option<u64>,
    /// DSN (RFC 3461): the server can be told what to report.
    pub dsn: bool,
    /// AUTH PLAIN.
    pub plain: bool,
    /// AUTH LOGIN.
    pub login: bool,
}

impl Extensions {
    /// Parses the lines of the reply; the first line is the greeting.
    pub fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let mut found = Self::default();
        for line in lines.skip(1) {
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("PIPELINING") => found.pipelining = true,
                Some("SMTPUTF8") => found.smtputf8 = true,
                Some("8BITMIME") => found.eightbitmime = true,
                Some("STARTTLS") => found.starttls = true,
                Some("DSN") => found.dsn = true,
                Some("SIZE") => {
                    found.declares_size = true;
                    found.size = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0);
                }
                Some("AUTH") => words.for_each(|mechanism| match mechanism.as_str() {
                    "PLAIN" => found.plain = true,
                    "LOGIN" => found.login = true,
                    _ => {}
                }),
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Extensions {
        Extensions::read(lines.iter().copied())
    }

    #[test]
    fn keywords_are_parsed_in_any_case_and_the_greeting_is_skipped() {
        let found =
            read(&["STARTTLS", "pipelining", "SmtpUtf8", "SIZE 1000", "AUTH=LOGIN", "AUTH CRAM-MD5 PLAIN", "dsn"]);

        let expected = Extensions {
            pipelining: true,
            smtputf8: true,
            declares_size: true,
            size: Some(1000),
            plain: true,
            login: true,
            dsn: true,
            ..Extensions::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn empty_lines_and_invalid_sizes_are_ignored() {
        let found =
            read(&["hi", "", "   ", "=", "SIZE", "SIZE 99999999999999999999999", "SIZE 0", "SIZE x", "\u{fffd}"]);

        assert_eq!(found, Extensions { declares_size: true, ..Extensions::default() });
    }
}
