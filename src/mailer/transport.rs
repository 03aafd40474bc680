//! Transport of a relay: hands messages to an SMTP server, to the capture server, or to a folder of `.eml` files.
//!
//! A connection loop sees one interface: [`Transport::connect`] opens a [`Channel`], [`Channel::exchange`] sends one
//! message and the envelope of the next. Extension points:
//!
//! - A new kind of relay is a variant here, in [`RelayKind`] and in the channel.
//! - A DKIM signer belongs at the end of `compose` in `queue/compose.rs`: there the message is complete, has no final
//!   dot yet, and may be on the pool of threads.
//! - Another SASL mechanism, such as XOAUTH2, belongs in [`auth`].
//! - A simulation passes its own [`Network`] and plays the SMTP server.
//!
//! [`auth`]: crate::mailer::smtp::auth

pub mod capture;
mod channel;
pub mod eml_store;

use std::net::Ipv4Addr;

use tokio::task::JoinHandle;

use super::relay::{Relay, RelayKind};
use super::smtp::endpoint::Endpoint;
use super::smtp::error::SmtpError;
use super::smtp::session::Session;
use super::smtp::timeouts::Timeouts;
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;
use crate::infra::network::Network;
pub use channel::{Channel, OutgoingMessage};
use eml_store::EmlStore;

/// Where the messages of one relay go.
pub enum Transport {
    /// To an SMTP server.
    Smtp(SmtpTransport),
    /// To the capture server of this process, by SMTP over loopback.
    Capture(CaptureServer),
    /// To files, one per message.
    Folder(EmlStore),
}

/// An SMTP server and the network that reaches it.
pub struct SmtpTransport {
    endpoint: Endpoint,
    network: Network,
}

/// A capture server that runs until it is dropped.
pub struct CaptureServer {
    smtp: SmtpTransport,
    task: JoinHandle<()>,
}

impl Transport {
    /// Opens the transport of a relay; starts the capture server if the relay is the capture.
    pub async fn open(installation: &Installation, relay: &Relay) -> Result<Self> {
        Ok(match &relay.kind {
            RelayKind::Smtp(endpoint) => {
                Self::Smtp(SmtpTransport { endpoint: (**endpoint).clone(), network: installation.network.clone() })
            }
            RelayKind::Folder(path) => Self::Folder(EmlStore::new(installation, path.clone())),
            RelayKind::Capture => Self::Capture(CaptureServer::start(installation).await?),
        })
    }

    /// Opens a channel for messages.
    pub async fn connect(&self, timeouts: &Timeouts) -> std::result::Result<Channel, SmtpError> {
        match self {
            Self::Smtp(smtp) | Self::Capture(CaptureServer { smtp, .. }) => smtp.connect(timeouts).await,
            Self::Folder(store) => Ok(Channel::folder(store.clone())),
        }
    }

    /// True when the relay accepts connections.
    pub async fn is_reachable(&self, timeouts: &Timeouts) -> bool {
        let Ok(mut channel) = self.connect(timeouts).await else { return false };
        let replies = channel.is_alive().await;
        channel.close().await;
        replies
    }
}

impl SmtpTransport {
    async fn connect(&self, timeouts: &Timeouts) -> std::result::Result<Channel, SmtpError> {
        Ok(Channel::smtp(Session::open_over(&self.network, &self.endpoint, timeouts).await?))
    }
}

impl CaptureServer {
    async fn start(installation: &Installation) -> Result<Self> {
        let listener = capture::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
        let address = listener.local_addr().map_err(Error::io("127.0.0.1"))?;
        let server = capture::serve(listener, EmlStore::of_capture(installation), std::future::pending());
        let smtp = SmtpTransport { endpoint: Endpoint::local(address), network: Network::tcp() };
        Ok(Self { smtp, task: tokio::spawn(server) })
    }
}

impl Drop for CaptureServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
