//! What the relays of a campaign say about its messages before the start: whether they exist, deliver, and take messages
//! of this size and sender. An SMTP server is asked; one that does not answer in time is only a warning.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::campaign::preflight::Preflight;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::relay::{self, Relay, RelayKind};
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::extension::Extensions;
use crate::mailer::smtp::timeouts::Timeouts;
use crate::mailer::transport::Transport;
use crate::mailer::{relay_selection, test_send};

/// The longest wait for the extensions of a relay.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Adds what the relays say to the result of a preflight.
pub(super) async fn add_findings(installation: &Installation, workspace: Id, found: &mut Preflight) -> Result<()> {
    let Some(from) = found.from.clone() else { return Ok(()) };
    let (relays, timeouts) = {
        let mut conn = installation.db.read().await?;
        (relay::list(installation, &mut conn, workspace).await?, Timeouts::interactive(&mut conn).await?)
    };
    let eligible = relay_selection::eligible_relays(&relays, found.relay.as_deref(), &from);
    if eligible.is_empty() {
        found.problems.push(match &found.relay {
            Some(name) => {
                let known: Vec<_> = relays.iter().map(|relay| relay.name.as_str()).collect();
                Message::new("preflight-relay-unknown").with("relay", name).with("known", known.join(", "))
            }
            None => Message::new("preflight-relay-none"),
        });
        return Ok(());
    }
    let mut probes = JoinSet::new();
    for relay in eligible.into_iter().map(|at| relays[at].clone()) {
        let name = relay.name.clone();
        match &relay.kind {
            RelayKind::Capture => found.warnings.push(Message::new("preflight-capture").with("relay", name)),
            RelayKind::Folder(_) => found.warnings.push(Message::new("preflight-folder").with("relay", name)),
            RelayKind::Smtp(_) => {
                let installation = installation.clone();
                probes.spawn(async move { (name, probe(&installation, &relay, &timeouts).await) });
            }
        }
    }
    let mut probed = Vec::new();
    while let Some(one) = probes.join_next().await {
        probed.extend(one.ok());
    }
    probed.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, extensions) in probed {
        match extensions {
            Ok(extensions) => {
                let size = found.largest as u64;
                if let Some(limit) = extensions.size.filter(|limit| size > *limit) {
                    found.problems.push(test_send::too_large(&name, size, limit));
                }
                if from.needs_smtputf8() && !extensions.smtputf8 {
                    found.problems.push(Message::new("relay-sender-smtputf8").with("relay", &name));
                }
            }
            Err(error) => {
                let why = error.message();
                found
                    .warnings
                    .push(Message::new("preflight-relay-silent").with("relay", &name).with_message("why", why));
            }
        }
    }
    Ok(())
}

/// The extensions that a relay offers.
async fn probe(
    installation: &Installation,
    relay: &Relay,
    timeouts: &Timeouts,
) -> std::result::Result<Extensions, SmtpError> {
    let connect = async {
        let transport = Transport::open(installation, relay).await.map_err(|_| Cause::Lookup.at(Phase::Connect))?;
        let channel = transport.connect(timeouts).await?;
        let extensions = channel.extensions().unwrap_or_default();
        channel.close().await;
        Ok(extensions)
    };
    timeout(PROBE_TIMEOUT, connect).await.unwrap_or_else(|_| Err(Cause::Timeout.at(Phase::Greeting)))
}
