//! Outgoing network connections: TCP, or what a test puts in its place.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

/// A connection's bytes, plain or encrypted.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// An open connection and the addresses of its two ends.
pub struct Link {
    /// Its bytes.
    pub stream: Box<dyn Stream>,
    /// Our address.
    pub local: IpAddr,
    /// The server's address.
    pub remote: IpAddr,
}

/// Why no connection was made.
#[derive(Debug)]
pub enum ConnectError {
    /// The name has no address.
    Lookup,
    /// No address of the server accepts a connection.
    Io(io::Error),
}

/// Connects to a host and port.
type Connect = dyn Fn(&str, u16) -> BoxFuture<'static, Result<Link, ConnectError>> + Send + Sync;

/// Makes outgoing connections. Cheap to clone.
#[derive(Clone, Default)]
pub struct Network {
    simulated: Option<Arc<Connect>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.simulated.is_some() { "Network(simulated)" } else { "Network(TCP)" })
    }
}

impl Network {
    /// The network of this machine.
    pub fn tcp() -> Self {
        Self::default()
    }

    /// A network whose connections `connect` makes.
    pub fn simulated(
        connect: impl Fn(&str, u16) -> BoxFuture<'static, Result<Link, ConnectError>> + Send + Sync + 'static,
    ) -> Self {
        Self { simulated: Some(Arc::new(connect)) }
    }

    /// Looks the host up and connects to the first of its addresses that accepts.
    pub async fn connect(&self, host: &str, port: u16) -> Result<Link, ConnectError> {
        if let Some(connect) = &self.simulated {
            return connect(host, port).await;
        }
        let addresses: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(|_| ConnectError::Lookup)?.collect();
        if addresses.is_empty() {
            return Err(ConnectError::Lookup);
        }
        let link = async {
            let stream = TcpStream::connect(&addresses[..]).await?;
            stream.set_nodelay(true)?;
            let (local, remote) = (stream.local_addr()?.ip(), stream.peer_addr()?.ip());
            Ok(Link { stream: Box::new(stream), local, remote })
        };
        link.await.map_err(ConnectError::Io)
    }
}
