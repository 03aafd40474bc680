//! Takes mail that comes back, by SMTP and LMTP: behind a mail server, or as the mail server of the bounce domain. A message that
//! was acknowledged has had its effect; while the database does not answer, the client is told to try again.

mod dialogue;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::dialogue::{Dialogue, MAX_COMMAND, Step};
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::privacy::request_journal::RequestJournal;
use crate::usecase::returned_mail::{self, MAX_BYTES};
use crate::usecase::{Actor, NO_WORKSPACE};

/// Conversations at a time.
const MAX_CONNECTIONS: usize = 64;
/// How long a client may take for a line, and for the bytes of one.
const IDLE: Duration = Duration::from_secs(60);
/// How long a conversation may last.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long the listener waits when the process has no file left for a connection.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Octets of a line of a message; RFC 5322 §2.1.1 allows 1,000.
const LINE: u64 = 64 * 1024;

/// Serves until `stop` ends.
pub async fn serve(
    installation: &Installation,
    journal: &RequestJournal,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut conversations = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        while conversations.try_join_next().is_some() {}
        let Ok((mut stream, _)) = accepted else {
            tokio::time::sleep(RETRY_INTERVAL).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            let _ = stream.try_write(b"421 4.3.2 Too many connections\r\n");
            let _ = stream.shutdown().await;
            continue;
        };
        let (installation, journal) = (installation.clone(), journal.clone());
        conversations.spawn(async move {
            let _place = place;
            let talk = Box::pin(async {
                let ended = timeout(LIFETIME, Conversation::new(&installation, &journal, stream).run()).await;
                Ok::<_, crate::infra::error::Error>(ended.is_ok())
            });
            if panic::catch_async(talk).await.is_err() {
                installation.panics.record("inbound mail");
            }
        });
    }
    conversations.shutdown().await;
}

/// One connection.
struct Conversation<'i> {
    installation: &'i Installation,
    journal: &'i RequestJournal,
    stream: BufReader<TcpStream>,
    dialogue: Dialogue,
}

impl<'i> Conversation<'i> {
    fn new(installation: &'i Installation, journal: &'i RequestJournal, stream: TcpStream) -> Self {
        Self { installation, journal, stream: BufReader::new(stream), dialogue: Dialogue::default() }
    }

    /// Talks until the client is gone or sent away. Errors of the connection end it; nothing was acknowledged then.
    async fn run(mut self) -> io::Result<()> {
        self.say("220 Sendoff takes mail that comes back").await?;
        let mut line = Vec::new();
        loop {
            let step = match self.read_command(&mut line).await? {
                None => return Ok(()),
                Some(true) => self.dialogue.command(&line),
                Some(false) => self.dialogue.wrong("500 5.5.2 A line ends with CR LF and has 2048 octets at most"),
            };
            match step {
                Step::Reply(reply) => self.say(reply).await?,
                Step::Greet => self.greet().await?,
                Step::CheckRecipient(address) => self.check_recipient(address).await?,
                Step::Data => self.take_message().await?,
                Step::Close(reply) => {
                    self.say(reply).await?;
                    return self.stream.get_mut().shutdown().await;
                }
            }
        }
    }

    /// Reads a command. False when it is too long or does not end with CR LF; `None` at the end of the connection.
    async fn read_command(&mut self, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
        line.clear();
        let mut is_short = true;
        loop {
            let piece = self.read_line(line, MAX_COMMAND as u64 + 2).await?;
            if piece == 0 {
                return Ok(None);
            }
            if line.ends_with(b"\n") {
                let is_whole = line.ends_with(b"\r\n");
                line.truncate(line.len().saturating_sub(2));
                return Ok(Some(is_short && is_whole && !line.contains(&b'\r')));
            }
            // The rest of a long line is read and dropped.
            is_short = false;
            line.clear();
        }
    }

    async fn read_line(&mut self, line: &mut Vec<u8>, limit: u64) -> io::Result<usize> {
        timeout(IDLE, (&mut self.stream).take(limit).read_until(b'\n', line)).await?
    }

    async fn greet(&mut self) -> io::Result<()> {
        let greeting = format!(
            "250-Sendoff\r\n250-PIPELINING\r\n250-SIZE {MAX_BYTES}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES"
        );
        self.say(&greeting).await
    }

    async fn check_recipient(&mut self, address: String) -> io::Result<()> {
        let reply = match returned_mail::is_mailbox(self.installation, &address).await {
            Ok(true) => self.dialogue.add_recipient(address),
            Ok(false) => "550 5.1.1 No such mailbox here",
            Err(_) => "451 4.3.0 Try again later",
        };
        self.say(reply).await
    }

    async fn take_message(&mut self) -> io::Result<()> {
        self.say("354 End with a dot on a line of its own").await?;
        let read = self.read_message().await?;
        let recipients = self.dialogue.take_recipients();
        let replies = match read {
            Ok(message) => self.take(&message, &recipients).await,
            Err(refusal) => vec![refusal; recipients.len()],
        };
        // By SMTP one reply stands for all; what was taken already is known when the message comes again.
        let worst = replies.iter().find(|reply| !reply.starts_with('2')).copied();
        let for_all = [worst.unwrap_or("250 2.0.0 Taken")];
        for reply in if self.dialogue.is_lmtp { &replies[..] } else { &for_all[..] } {
            self.say(reply).await?;
        }
        Ok(())
    }

    /// Reads a message up to its final dot and undoes dot-stuffing. The inner error is a refusal.
    async fn read_message(&mut self) -> io::Result<Result<Vec<u8>, &'static str>> {
        let (mut message, mut line) = (Vec::new(), Vec::new());
        let mut refusal = None;
        let mut starts_line = true;
        loop {
            line.clear();
            if self.read_line(&mut line, LINE).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if starts_line && line == b".\r\n" {
                return Ok(refusal.map_or(Ok(message), Err));
            }
            let ends_line = line.ends_with(b"\n");
            let body = line.strip_suffix(b"\r\n").unwrap_or(&line);
            if !ends_line {
                refusal = Some("554 5.6.0 A line is too long");
            } else if body.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                refusal = Some("554 5.6.0 A bare CR or LF in the message");
            }
            let from = usize::from(starts_line && line.starts_with(b"."));
            if message.len() + line.len() > MAX_BYTES {
                refusal = refusal.or(Some("552 5.3.4 Too large"));
                message = Vec::new();
            }
            if refusal.is_none() {
                message.extend_from_slice(&line[from..]);
            }
            starts_line = ends_line;
        }
    }

    /// Takes a message for each recipient; the address it was sent to stands in a header field as mail servers add it.
    async fn take(&self, message: &[u8], recipients: &[String]) -> Vec<&'static str> {
        let mut replies = Vec::new();
        for recipient in recipients {
            let raw = [b"Delivered-To: ", recipient.as_bytes(), b"\r\n", message].concat();
            let engine = Actor::engine(NO_WORKSPACE);
            replies.push(match returned_mail::take(self.installation, self.journal, &engine, &raw).await {
                Ok(_) => "250 2.0.0 Taken",
                Err(error) => {
                    error.log_causes();
                    "451 4.3.0 Try again later"
                }
            });
        }
        replies
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        let text = format!("{reply}\r\n");
        timeout(IDLE, self.stream.get_mut().write_all(text.as_bytes())).await?
    }
}
