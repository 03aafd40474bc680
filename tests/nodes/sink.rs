//! Counting SMTP server: a message counts as accepted from the moment its last dot is read, whether
//! or not anyone still waits for the answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The server. It runs until the program ends.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    accepted_messages: Arc<Mutex<HashMap<String, usize>>>,
}

impl Sink {
    /// Listens on all addresses; every reply takes `delay`.
    pub async fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let sink = Self { address, accepted_messages: Arc::default() };
        let at_work = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = at_work.clone();
                tokio::spawn(async move { drop(sink.serve(stream, delay).await) });
            }
        });
        sink
    }

    /// How many messages were accepted.
    pub fn count(&self) -> usize {
        self.accepted_messages().values().sum()
    }

    /// How many messages each recipient got.
    pub fn accepted_messages(&self) -> HashMap<String, usize> {
        self.accepted_messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(&self, stream: TcpStream, delay: Duration) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (input, mut output) = stream.into_split();
        let mut lines = BufReader::new(input).split(b'\n');
        output.write_all(b"220 sink.example.org ESMTP\r\n").await?;
        let mut to = String::new();
        while let Some(line) = lines.next_segment().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply: &[u8] = match verb.as_str() {
                "EHLO" => b"250-sink.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    b"250 ok\r\n"
                }
                "DATA" => {
                    tokio::time::sleep(delay).await;
                    output.write_all(b"354 go\r\n").await?;
                    loop {
                        match lines.next_segment().await? {
                            Some(line) if line == b".\r" => break,
                            Some(_) => {}
                            None => return Ok(()),
                        }
                    }
                    let mut accepted_messages = self.accepted_messages.lock().unwrap_or_else(PoisonError::into_inner);
                    *accepted_messages.entry(std::mem::take(&mut to)).or_default() += 1;
                    b"250 ok\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            tokio::time::sleep(delay).await;
            output.write_all(reply).await?;
        }
        Ok(())
    }
}
