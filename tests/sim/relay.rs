//! Simulated relay: an SMTP server at the far end of an in-memory connection, with the faults that the seed decides.
//! Checks, when an envelope or a body arrives, that the mailer may send it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::poll_immediate;
use sendoff::campaign::model::State;
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sendoff::infra::network::{ConnectError, Link, Network};
use sqlx::Row;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep;

use crate::launches::learn_launches;
use crate::mailer::read_lease;
use crate::observations::{Checked, Observations, Shared, ensure};
use crate::plan::{Plan, RelayFaults};
use crate::rng::Rng;

/// A mark older than this is checked again before the message goes out, in ms.
pub const FRESH: Millis = 250;

/// Bytes on the way in one direction.
const BUFFER: usize = 512;

/// What the relay does with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyFate {
    Accepted,
    Deferred,
    Rejected,
    ReplyLost,
    Dropped,
}

/// What it says to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecipientFate {
    Accepted,
    Deferred,
    Rejected,
    HungUp,
}

/// The relay of a seed.
pub struct Relay {
    observations: Shared,
    installation: Installation,
    pipelining: bool,
    faults: Mutex<(RelayFaults, Rng)>,
}

/// The connection is over.
struct HungUp;

impl Relay {
    /// A relay over which the seed decides.
    pub fn new(observations: Shared, installation: Installation, plan: &Plan, rng: Rng) -> Arc<Self> {
        let (pipelining, faults) = (plan.pipelining, Mutex::new((plan.relay, rng)));
        Arc::new(Self { observations, installation, pipelining, faults })
    }

    /// The network of a mailer, in which the relay is the only host.
    pub fn network(self: &Arc<Self>, mailer: usize, lease_file: PathBuf) -> Network {
        let relay = self.clone();
        Network::simulated(move |_host, _port| {
            let (relay, lease_file) = (relay.clone(), lease_file.clone());
            Box::pin(async move {
                if relay.decide(|faults, rng| rng.chance(faults.cut / 3)) {
                    return Err(ConnectError::Io(std::io::ErrorKind::ConnectionRefused.into()));
                }
                let (client, stream) = tokio::io::duplex(BUFFER);
                let connection = Connection {
                    relay,
                    mailer,
                    lease_file,
                    stream,
                    input: Vec::new(),
                    output: Vec::new(),
                    arrived: 0,
                    envelope_began: 0,
                    reset: false,
                    pipelined: false,
                    recipient: None,
                };
                tokio::spawn(connection.serve());
                let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
                Ok(Link { stream: Box::new(client), local: address, remote: address })
            })
        })
    }

    /// From now on the relay has no faults.
    pub fn end_faults(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).0 = RelayFaults::default();
    }

    fn decide<T>(&self, choose: impl FnOnce(&RelayFaults, &mut Rng) -> T) -> T {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (faults, rng) = &mut *faults;
        choose(faults, rng)
    }
}

/// One connection of a mailer.
struct Connection {
    relay: Arc<Relay>,
    mailer: usize,
    /// Where the mailer writes the id of its lease.
    lease_file: PathBuf,
    stream: DuplexStream,
    input: Vec<u8>,
    /// Replies that are not written yet.
    output: Vec<u8>,
    /// When the last bytes arrived, by the uptime.
    arrived: Millis,
    /// When the first command of the current envelope arrived. Without PIPELINING the mailer does not check again before
    /// the others.
    envelope_began: Millis,
    /// Whether that command was RSET.
    reset: bool,
    /// Whether the whole envelope came at once.
    pipelined: bool,
    /// The contact whose address was accepted.
    recipient: Option<Id>,
}

impl Connection {
    async fn serve(mut self) {
        // A connection has no other end than that one side hangs up.
        let Err(HungUp) = self.converse().await else { return };
    }

    async fn converse(&mut self) -> Result<(), HungUp> {
        self.reply("220 relay.example ESMTP");
        loop {
            let line = self.line().await?;
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" if self.relay.pipelining => self.reply("250-relay.example\r\n250-PIPELINING\r\n250 8BITMIME"),
                "EHLO" => self.reply("250-relay.example\r\n250 8BITMIME"),
                "RCPT" => self.recipient(&line).await?,
                "DATA" => self.data().await?,
                "MAIL" => {
                    if !std::mem::take(&mut self.reset) {
                        self.envelope_began = self.arrived;
                    }
                    self.pipelined = !self.input.is_empty();
                    self.reply("250 2.1.0 ok");
                }
                "RSET" => {
                    (self.recipient, self.reset, self.envelope_began) = (None, true, self.arrived);
                    self.reply("250 2.0.0 ok");
                }
                "QUIT" => {
                    self.reply("221 2.0.0 bye");
                    self.flush().await?;
                    return Err(HungUp);
                }
                _ => self.reply("250 2.0.0 ok"),
            }
        }
    }

    async fn recipient(&mut self, line: &str) -> Result<(), HungUp> {
        let address = line.split(['<', '>']).nth(1).unwrap_or_default();
        let fate = self.relay.decide(|faults, rng| {
            let RelayFaults { deferred, rejected, cut, .. } = *faults;
            rng.weighted(&[
                (100 - (deferred + rejected + cut) / 2, RecipientFate::Accepted),
                (deferred / 2, RecipientFate::Deferred),
                (rejected / 2, RecipientFate::Rejected),
                (cut / 2, RecipientFate::HungUp),
            ])
        });
        let contact = {
            let mut observations = self.relay.observations.lock();
            let contact = observations.contacts.get(address).copied().unwrap_or_default();
            let name = format!("contact {}", observations.contact_number(contact));
            observations.note(format!("mailer {} offers {name} to the relay: {fate:?}", self.mailer));
            let checked = self.may_mail(&observations, contact, &name);
            observations.check(checked);
            let now = observations.uptime();
            observations.offered.insert(contact, now);
            match fate {
                RecipientFate::Deferred => *observations.deferred.entry(contact).or_default() += 1,
                RecipientFate::Rejected => drop(observations.rejected_contacts.insert(contact)),
                RecipientFate::Accepted | RecipientFate::HungUp => {}
            }
            contact
        };
        match fate {
            RecipientFate::Accepted => {
                self.recipient = Some(contact);
                self.reply("250 2.1.5 ok");
            }
            RecipientFate::Deferred => self.reply("451 4.3.0 later"),
            RecipientFate::Rejected => self.reply("550 5.1.1 no such user"),
            RecipientFate::HungUp => {
                self.flush().await?;
                return Err(HungUp);
            }
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), HungUp> {
        if self.recipient.take().is_none() {
            if self.relay.decide(|_, rng| rng.chance(70)) {
                self.reply("503 5.5.1 no recipient");
                return Ok(());
            }
            // RFC 2920 §3.1: some servers ask for a body that has no recipient.
            self.reply("354 go on");
            self.line().await?;
            self.reply("554 5.5.1 no recipient");
            return Ok(());
        }
        match self.read_body().await {
            Ok((body, began)) => self.body(&body, began).await,
            Err(HungUp) => {
                let mut observations = self.relay.observations.lock();
                observations.note(format!("a body of mailer {} is cut", self.mailer));
                // Without PIPELINING whatever fails between DATA and the reply to the body counts as uncertain.
                observations.replies_lost += i64::from(!self.pipelined);
                Err(HungUp)
            }
        }
    }

    /// The body, and when it began. Sometimes the relay hangs up before it, or in the middle.
    async fn read_body(&mut self) -> Result<(Vec<u8>, Millis), HungUp> {
        let cut = self.relay.decide(|faults, rng| rng.chance(faults.cut).then(|| rng.below(2)));
        self.reply("354 go on");
        self.flush().await?;
        if cut == Some(0) {
            return Err(HungUp);
        }
        let asked = self.arrived;
        self.read().await?;
        if cut.is_some() {
            return Err(HungUp);
        }
        // Without PIPELINING the mailer checks the mark before DATA, not again before the body.
        let began = if self.pipelined { self.arrived } else { asked };
        let end = loop {
            match memchr::memmem::find(&self.input, b"\r\n.\r\n") {
                Some(end) => break end,
                None => self.read().await?,
            }
        };
        Ok((self.input.drain(..end + 5).collect(), began))
    }

    /// A whole body has arrived, whose first bytes came at `began`.
    async fn body(&mut self, body: &[u8], began: Millis) -> Result<(), HungUp> {
        let fate = self.relay.decide(|faults, rng| {
            let RelayFaults { deferred, rejected, reply_lost, dropped, .. } = *faults;
            rng.weighted(&[
                (100 - deferred - rejected - reply_lost - dropped, BodyFate::Accepted),
                (deferred, BodyFate::Deferred),
                (rejected, BodyFate::Rejected),
                (reply_lost, BodyFate::ReplyLost),
                (dropped, BodyFate::Dropped),
            ])
        });
        let message_id = message_id(body).unwrap_or_default();
        if !self.relay.observations.lock().message_ids.contains_key(&message_id) {
            let learned = learn_launches(&self.relay.installation, &self.relay.observations).await;
            self.relay.observations.lock().check(learned);
        }
        let delivery = {
            let mut observations = self.relay.observations.lock();
            let id = observations.message_ids.get(&message_id).copied().unwrap_or_default();
            observations.check(ensure(id > 0, || "a message has no delivery".to_owned()));
            let name = observations.name(id);
            observations.note(format!("mailer {} sends the body of {name}: {fate:?}", self.mailer));
            let checked = self.may_send(&observations, id, &name, began);
            observations.check(checked);
            observations.bodies_sent += 1;
            let first = observations.bodies.entry(id).or_insert_with(|| body.to_vec());
            let same = first == body;
            observations.check(ensure(same, || format!("{name} is repeated with other bytes")));
            match fate {
                BodyFate::Deferred => {
                    let contact = observations.deliveries.get(&id).map(|of| of.0).unwrap_or_default();
                    *observations.deferred.entry(contact).or_default() += 1;
                }
                BodyFate::Rejected => drop(observations.rejected.insert(id)),
                BodyFate::ReplyLost | BodyFate::Dropped => observations.replies_lost += 1,
                BodyFate::Accepted => {}
            }
            id
        };
        if matches!(fate, BodyFate::Accepted | BodyFate::ReplyLost) {
            let checked = self.accept(delivery).await;
            self.relay.observations.lock().check(checked);
        }
        match fate {
            BodyFate::Accepted => self.reply("250 2.0.0 queued"),
            BodyFate::Deferred => self.reply("451 4.3.0 later"),
            BodyFate::Rejected => self.reply("550 5.1.1 no such user"),
            BodyFate::ReplyLost | BodyFate::Dropped => return Err(HungUp),
        }
        self.read_ahead().await;
        let read = self.flush().await;
        if read.is_err() {
            self.relay.observations.lock().replies_lost += 1;
        }
        read
    }

    /// The relay takes responsibility for a message. Twice it may do so only where it was uncertain.
    async fn accept(&self, delivery: Id) -> Checked {
        let (times, name, repeats) = {
            let mut observations = self.relay.observations.lock();
            let times = observations.accepted.entry(delivery).or_default();
            *times += 1;
            let times = *times;
            let campaign = observations.deliveries.get(&delivery).map(|of| of.1).unwrap_or_default();
            (times, observations.name(delivery), observations.repeats(campaign))
        };
        if times < 2 {
            return Ok(());
        }
        ensure(repeats, || format!("{name} is sent {times} times"))?;
        let row = sqlx::query("select resent from delivery where id = $1")
            .bind(delivery)
            .fetch_optional(&mut *self.relay.installation.db.read().await?)
            .await?;
        let resent = row.map_or(times, |row| i64::from(row.get::<i32, _>(0)));
        ensure(times <= 1 + resent, || format!("{name} is sent {times} times and was uncertain {resent} times"))
    }

    /// No message goes to a contact that may not be mailed for longer than a mark may be old.
    fn may_mail(&self, observations: &Observations, contact: Id, name: &str) -> Checked {
        let gone = observations.gone.get(&contact).map_or(0, |since| self.envelope_began - since);
        ensure(gone <= FRESH, || format!("mailer {} mails {name} {gone} ms after that is forbidden", self.mailer))
    }

    /// Nor does one of a campaign that is stopped, or held.
    fn may_send(&self, observations: &Observations, delivery: Id, name: &str, began: Millis) -> Checked {
        let (contact, campaign) = observations.deliveries.get(&delivery).copied().unwrap_or_default();
        let age = |since: Option<Millis>| since.map_or(0, |since| began - since);
        let gone = age(observations.gone.get(&contact).copied());
        ensure(gone <= FRESH, || {
            format!("mailer {} begins the body of {name} {gone} ms after mailing the contact is forbidden", self.mailer)
        })?;
        if let Some((expired_at, lease)) = observations.expired_leases.get(&self.mailer)
            && began > *expired_at
        {
            ensure(read_lease(&self.lease_file) != Some(*lease), || {
                let late = began - expired_at;
                format!("mailer {} begins the body of {name} {late} ms after its lease has expired", self.mailer)
            })?;
        }
        let seen = observations.campaigns.get(&campaign);
        let stopped = age(seen.and_then(|seen| seen.stopped));
        let state = seen.map_or(State::Draft, |seen| seen.state);
        ensure(stopped <= FRESH, || {
            format!("mailer {} begins the body of {name} {stopped} ms after its campaign was {state}", self.mailer)
        })?;
        let (now, holds) = (self.relay.installation.clock.now(), seen.and_then(|seen| seen.holds_until).unwrap_or(0));
        ensure(now >= holds || observations.clock_put_back, || {
            format!("mailer {} begins the body of {name} {} ms before the hold ends", self.mailer, holds - now)
        })
    }

    fn reply(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Writes the replies, sometimes late.
    async fn flush(&mut self) -> Result<(), HungUp> {
        if self.output.is_empty() {
            return Ok(());
        }
        let delay = self.relay.decide(|faults, rng| match rng.chance(faults.slow) {
            true => rng.weighted(&[(50, 20), (30, 200), (15, 900), (5, 6_000)]),
            false => 0,
        });
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        self.stream.write_all(&std::mem::take(&mut self.output)).await.map_err(|_| HungUp)
    }

    async fn read(&mut self) -> Result<(), HungUp> {
        self.flush().await?;
        self.input.reserve(BUFFER);
        match self.stream.read_buf(&mut self.input).await {
            Ok(1..) => {
                self.arrived = self.relay.observations.lock().uptime();
                Ok(())
            }
            Ok(0) | Err(_) => Err(HungUp),
        }
    }

    /// Reads what the mailer writes in the same moment: the envelope behind a body must not look as if it came later.
    async fn read_ahead(&mut self) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.input.reserve(BUFFER);
        let _ = poll_immediate(self.stream.read_buf(&mut self.input)).await;
    }

    async fn line(&mut self) -> Result<String, HungUp> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.read().await?;
        }
    }
}

/// The Message-ID of a message, without brackets.
fn message_id(message: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let line = text.lines().find_map(|line| line.strip_prefix("Message-ID:"))?;
    Some(line.trim().trim_matches(['<', '>']).to_owned())
}
