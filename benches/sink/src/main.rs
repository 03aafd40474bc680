//! SMTP sink for benchmarks: accepts and discards messages as fast as one thread can, so that most of
//! the CPU is left to the client under test. `XCOUNT` replies with the number of messages and the times of
//! the first and the last in µs since 1970; `XRESET` sets the count to zero.
//!
//! ```text
//! cargo run --release --package sink -- 127.0.0.1:2525 [DELAY]    milliseconds before each reply
//! ```

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::{memchr, memmem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// Octets read at a time.
const BLOCK: usize = 256 * 1024;

/// Counts of received messages.
#[derive(Default)]
struct Taken {
    texts: Cell<u64>,
    /// In µs since 1970, 0 before the first.
    first: Cell<u128>,
    last: Cell<u128>,
}

impl Taken {
    #[expect(clippy::disallowed_methods, reason = "the only clock of a tool without an installation")]
    fn add(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        if self.texts.replace(self.texts.get() + 1) == 0 {
            self.first.set(now);
        }
        self.last.set(now);
    }

    fn reset(&self) {
        self.texts.set(0);
    }

    fn counts(&self) -> String {
        format!("250 {} {} {}\r\n", self.texts.get(), self.first.get(), self.last.get())
    }
}

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let address = args.next().unwrap_or_else(|| "127.0.0.1:2525".to_owned());
    let delay = Duration::from_millis(args.next().and_then(|text| text.parse().ok()).unwrap_or(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(&address).await?;
        println!("listening on {}", listener.local_addr()?);
        let taken = Rc::new(Taken::default());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let taken = taken.clone();
            tokio::task::spawn_local(async move {
                // A client that hangs up is no error.
                let _ = converse(stream, delay, &taken).await;
            });
        }
    })
}

async fn converse(mut stream: TcpStream, delay: Duration, taken: &Taken) -> io::Result<()> {
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let mut input: Vec<u8> = Vec::with_capacity(2 * BLOCK);
    let mut output = Vec::with_capacity(1024);
    let (mut in_text, mut is_first) = (false, false);
    loop {
        let mut done = 0;
        let mut open = true;
        loop {
            let rest = &input[done..];
            if in_text {
                let end = if is_first && rest.starts_with(b".\r\n") {
                    Some(3)
                } else {
                    memmem::find(rest, b"\r\n.\r\n").map(|at| at + 5)
                };
                let Some(end) = end else {
                    // The end may stand across two reads.
                    done += rest.len().saturating_sub(4);
                    is_first &= rest.len() < 5;
                    break;
                };
                done += end;
                in_text = false;
                taken.add();
                output.extend_from_slice(b"250 2.0.0 taken\r\n");
                continue;
            }
            let Some(end) = memchr(b'\n', rest) else { break };
            let verb = rest[..end.min(4)].to_ascii_uppercase();
            done += end + 1;
            match &verb[..] {
                b"EHLO" => output.extend_from_slice(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"),
                b"DATA" => {
                    (in_text, is_first) = (true, true);
                    output.extend_from_slice(b"354 end with a dot\r\n");
                }
                b"QUIT" => {
                    open = false;
                    output.extend_from_slice(b"221 2.0.0 bye\r\n");
                }
                b"XCOU" => output.extend_from_slice(taken.counts().as_bytes()),
                b"XRES" => {
                    taken.reset();
                    output.extend_from_slice(b"250 2.0.0 ok\r\n");
                }
                _ => output.extend_from_slice(b"250 2.0.0 ok\r\n"),
            }
        }
        input.drain(..done);
        if !output.is_empty() {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            stream.write_all(&output).await?;
            output.clear();
        }
        if !open || stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}
