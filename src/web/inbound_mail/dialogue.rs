//! The server's side of an SMTP or LMTP conversation (RFC 5321, RFC 2033), without its connection: lines in, replies out.
//!
//! It takes mail for one purpose, so it knows no sign-in, relays nothing and offers no extension but PIPELINING, SIZE, 8BITMIME and
//! SMTPUTF8. A line ends with CR LF and with nothing else: a bare line feed could hide a second message (SMTP smuggling).

/// Octets of a command line; RFC 5321 §4.5.3.1 asks for 512, extensions for more.
pub const MAX_COMMAND: usize = 2_048;
/// Recipients of one message.
const MAX_RECIPIENTS: usize = 100;
/// Wrong commands of a client before it is sent away.
const MAX_ERRORS: u32 = 20;

/// What a command line leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A reply.
    Reply(&'static str),
    /// A reply of several lines, which greets.
    Greet,
    /// Whether mail for this address is taken has to be found out; then [`Dialogue::add_recipient`].
    CheckRecipient(String),
    /// 354, then the message.
    Data,
    /// A reply, then the end.
    Close(&'static str),
}

/// The state of a conversation.
#[derive(Debug, Default)]
pub struct Dialogue {
    /// LHLO was said: a reply for each recipient follows a message (RFC 2033 §4.2).
    pub is_lmtp: bool,
    is_greeted: bool,
    has_sender: bool,
    recipients: Vec<String>,
    errors: u32,
}

impl Dialogue {
    /// The step that follows a command line, without its line end.
    pub fn command(&mut self, line: &[u8]) -> Step {
        let Ok(line) = std::str::from_utf8(line) else { return self.wrong("500 5.5.2 The command is not UTF-8") };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" => self.greet(false),
            "LHLO" => self.greet(true),
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" if self.recipients.is_empty() => self.wrong("503 5.5.1 RCPT first"),
            "DATA" => Step::Data,
            "RSET" => {
                self.reset();
                Step::Reply("250 2.0.0 Forgotten")
            }
            "NOOP" => Step::Reply("250 2.0.0 OK"),
            "VRFY" => Step::Reply("252 2.1.5 Send and see"),
            "QUIT" => Step::Close("221 2.0.0 Bye"),
            _ => self.wrong("502 5.5.1 Unknown command"),
        }
    }

    /// Adds the recipient of [`Step::CheckRecipient`].
    pub fn add_recipient(&mut self, address: String) -> &'static str {
        self.recipients.push(address);
        "250 2.1.5 OK"
    }

    /// A command that is not understood or out of order.
    pub fn wrong(&mut self, reply: &'static str) -> Step {
        self.errors += 1;
        if self.errors > MAX_ERRORS { Step::Close("421 4.7.0 Too many errors") } else { Step::Reply(reply) }
    }

    /// The recipients of the message that has come in; another may follow.
    pub fn take_recipients(&mut self) -> Vec<String> {
        let recipients = std::mem::take(&mut self.recipients);
        self.reset();
        recipients
    }

    fn reset(&mut self) {
        self.has_sender = false;
        self.recipients.clear();
    }

    fn greet(&mut self, is_lmtp: bool) -> Step {
        self.reset();
        (self.is_lmtp, self.is_greeted) = (is_lmtp, true);
        Step::Greet
    }

    fn mail(&mut self, rest: &str) -> Step {
        if !self.is_greeted {
            return self.wrong("503 5.5.1 EHLO first");
        }
        if self.has_sender {
            return self.wrong("503 5.5.1 One MAIL a message");
        }
        // Who sends is not asked: a bounce has no sender, and any other can be forged.
        match path(rest, "FROM:") {
            Some((_, parameters)) if declares_too_much(parameters) => self.wrong("552 5.3.4 Too large"),
            Some(_) => {
                self.has_sender = true;
                Step::Reply("250 2.1.0 OK")
            }
            None => self.wrong("501 5.5.4 MAIL FROM:<address>"),
        }
    }

    fn rcpt(&mut self, rest: &str) -> Step {
        if !self.has_sender {
            return self.wrong("503 5.5.1 MAIL first");
        }
        if self.recipients.len() >= MAX_RECIPIENTS {
            return Step::Reply("452 4.5.3 Too many recipients");
        }
        match path(rest, "TO:") {
            Some((address, _)) if !address.is_empty() => Step::CheckRecipient(address.to_owned()),
            _ => self.wrong("501 5.5.4 RCPT TO:<address>"),
        }
    }
}

/// The address in angle brackets, and the parameters behind it.
fn path<'l>(rest: &'l str, keyword: &str) -> Option<(&'l str, &'l str)> {
    let start = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword))?;
    let (address, parameters) = rest[start.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace();
    address.chars().all(is_plain).then_some((address, parameters))
}

/// Whether the parameter SIZE (RFC 1870) is above what is taken.
fn declares_too_much(parameters: &str) -> bool {
    let words = parameters.split_whitespace().filter_map(|word| word.split_once('='));
    let sizes = words.filter(|(name, _)| name.eq_ignore_ascii_case("SIZE"));
    sizes.filter_map(|(_, size)| size.parse::<u64>().ok()).any(|size| size > super::MAX_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_in_order_and_for_known_recipients() {
        let mut dialogue = Dialogue::default();
        assert_eq!(dialogue.command(b"MAIL FROM:<>"), Step::Reply("503 5.5.1 EHLO first"));
        assert_eq!(dialogue.command(b"EHLO mx.example.org"), Step::Greet);
        assert_eq!(dialogue.command(b"DATA"), Step::Reply("503 5.5.1 RCPT first"));
        assert_eq!(dialogue.command(b"RCPT TO:<b-a@x.example>"), Step::Reply("503 5.5.1 MAIL first"));
        assert_eq!(dialogue.command(b"mail from:<> SIZE=10"), Step::Reply("250 2.1.0 OK"));
        let step = dialogue.command(b"RCPT TO:<b-a@x.example> NOTIFY=NEVER");
        assert_eq!(step, Step::CheckRecipient("b-a@x.example".to_owned()));
        assert_eq!(dialogue.command(b"DATA"), Step::Reply("503 5.5.1 RCPT first"), "not added yet");
        dialogue.add_recipient("b-a@x.example".to_owned());
        assert_eq!(dialogue.command(b"DATA"), Step::Data);
        assert_eq!((dialogue.take_recipients().len(), dialogue.is_lmtp), (1, false));
        assert_eq!(dialogue.command(b"DATA"), Step::Reply("503 5.5.1 RCPT first"), "a new message begins");
        assert_eq!(dialogue.command(b"LHLO x"), Step::Greet);
        assert!(dialogue.is_lmtp);
    }

    #[test]
    fn wrong_lines_are_answered_and_a_client_that_sends_nothing_else_is_sent_away() {
        let mut dialogue = Dialogue::default();
        dialogue.command(b"EHLO x");
        assert_eq!(dialogue.command(b"MAIL FROM:<a@b> SIZE=99999999"), Step::Reply("552 5.3.4 Too large"));
        for bad in [&b"\xff"[..], b"", b"MAIL", b"MAIL FROM:a@b", b"MAIL FROM:<a b@c>", b"AUTH PLAIN x", b"BDAT 1"] {
            assert!(matches!(dialogue.command(bad), Step::Reply(reply) if reply.starts_with('5')), "{bad:?}");
        }
        let end = (0..30).map(|_| dialogue.command(b"X")).find(|step| matches!(step, Step::Close(_)));
        assert_eq!(end, Some(Step::Close("421 4.7.0 Too many errors")));
    }
}
