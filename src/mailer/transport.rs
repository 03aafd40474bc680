//! Where messages of a relay are handed in: an SMTP server, which for the capture relay is one of
//! our own on loopback, or a folder of files.

pub mod capture;
pub mod eml_store;

use std::net::Ipv4Addr;

use tokio::task::JoinHandle;

use super::relay::{Relay, RelayKind};
use super::smtp::endpoint::Endpoint;
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;
use eml_store::EmlStore;

/// An open way; closing it ends a capture server of ours.
pub struct Transport {
    end: End,
    capture: Option<JoinHandle<()>>,
}

/// The far end of a way.
pub enum End {
    /// An SMTP server.
    Smtp(Box<Endpoint>),
    /// A folder of files.
    Folder(EmlStore),
}

impl Transport {
    /// Opens the way of a relay; starts the capture server where it is the relay.
    pub async fn open(installation: &Installation, relay: &Relay) -> Result<Self> {
        match &relay.kind {
            RelayKind::Smtp(target) => Ok(Self { end: End::Smtp(target.clone()), capture: None }),
            RelayKind::Folder(path) => {
                Ok(Self { end: End::Folder(EmlStore::new(installation, path.clone())), capture: None })
            }
            RelayKind::Capture => {
                let listener = capture::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
                let address = listener.local_addr().map_err(Error::io("127.0.0.1"))?;
                let server = capture::serve(listener, EmlStore::of_capture(installation), std::future::pending());
                Ok(Self { end: End::Smtp(Box::new(Endpoint::local(address))), capture: Some(tokio::spawn(server)) })
            }
        }
    }

    /// Its far end.
    pub fn end(&self) -> &End {
        &self.end
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if let Some(capture) = &self.capture {
            capture.abort();
        }
    }
}
