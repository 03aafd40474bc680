//! `sendoff serve`: what recipients touch, the desk, and the mailer, in one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use super::mailer_supervisor::Vigil;
use super::print::{self, Output};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::mailer::lease;
use crate::mailer::scheduler::Mode;
use crate::privacy::physical_erasure::BackgroundEraser;
use crate::web::router;
use crate::web::state::WebState;

/// From the word to stop to the end, whatever hangs. Letters on the wire have 20 seconds of it.
const PARTING: Duration = Duration::from_secs(24);

/// Where to listen and what to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address for what recipients touch; put a web server with TLS before it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the desk and the capture inbox; keep it on loopback
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025")]
    desk: SocketAddr,
    /// all, web (no sending) or mail (no pages)
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
    /// A further address for /metrics and /healthz alone, e.g. for --role mail
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    All,
    Web,
    Mail,
}

/// True once the process is asked to stop (SIGTERM or Ctrl-C).
pub fn stop_signal() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        let _ = stop.send(true);
    });
    stopped
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    drop(tokio::signal::ctrl_c().await);
}

/// Waits until the process should have ended: a database or a disk that hangs may not hold it up.
/// What is not written by then is found as uncertain.
pub async fn shutdown_overdue() {
    asked(stop_signal()).await;
    tokio::time::sleep(PARTING).await;
}

/// Waits until the process is asked to stop.
pub async fn asked(mut stop: watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Both listeners, bound before anything is promised.
pub struct Doors {
    /// What recipients touch.
    pub public: TcpListener,
    /// The desk and the inbox.
    pub desk: TcpListener,
}

impl Doors {
    /// Binds both. When the public port is any free one, so is the desk's.
    pub async fn open(public: SocketAddr, desk: SocketAddr) -> Result<Self> {
        let desk = if public.port() == 0 { SocketAddr::new(desk.ip(), 0) } else { desk };
        let bind = async |address: SocketAddr| TcpListener::bind(address).await.map_err(Error::io(address));
        Ok(Self { public: bind(public).await?, desk: bind(desk).await? })
    }

    /// The addresses they got.
    pub fn addresses(&self) -> Result<(SocketAddr, SocketAddr)> {
        let address = |listener: &TcpListener| listener.local_addr().map_err(Error::io("listener"));
        Ok((address(&self.public)?, address(&self.desk)?))
    }
}

/// Carries the command out.
pub async fn run(installation: &Installation, args: Args, lang: Lang, json: bool) -> Result<Output> {
    // One `serve` a folder: its journals have one reader. Machines that share a PostgreSQL have a folder each.
    let _lock = lease::lock_file(&installation.config.data.join("serve.lock"))?;
    let vigil = Vigil::start(installation).await?;
    let stop = vigil.stop.clone();
    let eraser = BackgroundEraser::start(installation.clone());
    let app = WebState::open(installation.clone(), eraser.notifier()).await?;
    let doors = if args.role == Role::Mail { None } else { Some(Doors::open(args.listen, args.desk).await?) };
    let outside = match args.metrics {
        Some(address) => Some(TcpListener::bind(address).await.map_err(Error::io(address))?),
        None => None,
    };
    announce(doors.as_ref(), outside.as_ref(), args.role, lang, json)?;
    let gated = app.clone();
    let gate = Arc::new(move || gated.journal.is_empty());
    // Pages outlive a mailer; a process that does nothing but send ends with it.
    let (mut over, done) = (stop.clone(), Arc::new(Notify::new()));
    let over = async {
        tokio::select! {
            _ = over.wait_for(|stop| *stop) => {}
            () = done.notified() => {}
        }
    };
    let mailer = async {
        match args.role {
            Role::All => vigil.insist(installation, gate).await,
            Role::Mail => {
                let mailed = vigil.send(installation, Mode::Forever, gate).await;
                done.notify_one();
                mailed
            }
            Role::Web => {
                let _ = stop.clone().wait_for(|stop| *stop).await;
                Ok(None)
            }
        }
    };
    let pages = async {
        match doors {
            Some(doors) => router::serve(app.clone(), doors.public, doors.desk, asked(stop.clone())).await,
            None => Ok(()),
        }
    };
    let probes = async {
        match outside {
            Some(door) => router::serve_metrics(app.clone(), door, over).await,
            None => Ok(()),
        }
    };
    let (mailed, served, probed) = tokio::join!(mailer, pages, probes);
    drop(eraser);
    served.and(probed)?;
    vigil.verdict()?;
    mailed?;
    Ok(Output { json: json!({ "stopped": true }), text: lang.tr("serve-stopped"), failed: false })
}

fn announce(doors: Option<&Doors>, outside: Option<&TcpListener>, role: Role, lang: Lang, json: bool) -> Result<()> {
    let mut told = json!({ "role": format!("{role:?}").to_lowercase() });
    let mut lines = Vec::new();
    match doors {
        Some(doors) => {
            let (public, desk) = doors.addresses()?;
            told["public"] = format!("http://{public}").into();
            told["desk"] = format!("http://{desk}").into();
            told["inbox"] = format!("http://{desk}/inbox").into();
            lines.push(lang.translate(&Message::new("serve-open").with("public", public).with("desk", desk)));
        }
        None => lines.push(lang.tr("serve-mail")),
    }
    if let Some(listener) = outside {
        let address = listener.local_addr().map_err(Error::io("listener"))?;
        told["metrics"] = format!("http://{address}/metrics").into();
        lines.push(lang.translate(&Message::new("serve-metrics").with("address", address)));
    }
    print::line(&if json { told.to_string() } else { lines.join("\n") });
    Ok(())
}
