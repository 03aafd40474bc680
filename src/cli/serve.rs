//! `sendoff serve`: the public pages, the desk and the mailer, in one process.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::mailer_supervisor::MailerSupervisor;
use super::print::{self, Output};
use super::shutdown;
use crate::access::SecretToken;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::infra::lock_file;
use crate::mailer::scheduler::Mode;
use crate::privacy::physical_erasure::BackgroundEraser;
use crate::usecase::{mailed_report, retention, segment, setup};
use crate::web::inbound_mail;
use crate::web::router;
use crate::web::state::WebState;

/// Where to listen and what to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of the public pages; put a web server with TLS in front of it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the desk and the capture inbox; another than loopback once there is an administrator
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025")]
    desk: SocketAddr,
    /// all, web (no sending) or mail (no pages)
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
    /// A further address for /metrics and /healthz alone, e.g. for --role mail
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Address that takes mail that comes back, by SMTP and LMTP, e.g. 127.0.0.1:2525 behind Postfix
    #[arg(long, value_name = "ADDR")]
    inbound: Option<SocketAddr>,
}

/// What a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    All,
    Web,
    Mail,
}

/// The listeners of the pages, bound before anything is announced.
pub struct Listeners {
    /// The public pages.
    pub public: TcpListener,
    /// The desk and the inbox.
    pub desk: TcpListener,
}

impl Listeners {
    /// Binds both. When the public port is any free one, so is that of the desk.
    pub async fn bind(public: SocketAddr, desk: SocketAddr) -> Result<Self> {
        let desk = if public.port() == 0 { SocketAddr::new(desk.ip(), 0) } else { desk };
        Ok(Self { public: bind(public).await?, desk: bind(desk).await? })
    }

    /// The addresses of the public pages and the desk.
    pub fn addresses(&self) -> Result<(SocketAddr, SocketAddr)> {
        Ok((local_address(&self.public)?, local_address(&self.desk)?))
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(Error::io(address))
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(Error::io("listener"))
}

/// Serves until the process is asked to stop.
pub async fn run(installation: &Installation, args: Args, lang: Lang, json: bool) -> Result<Output> {
    let is_open_to_others = args.role != Role::Mail && !args.desk.ip().is_loopback();
    if is_open_to_others && !setup::is_done(installation).await? {
        return Err(Message::new("desk-not-loopback").with("address", args.desk).invalid_field("desk"));
    }
    // One `serve` for each data folder: its journals have one reader. Machines that share a PostgreSQL have a folder
    // each.
    let _lock = lock_file::acquire(&installation.config.data.join("serve.lock"))?;
    let supervisor = MailerSupervisor::start(installation).await?;
    let stop = supervisor.stop.clone();
    let eraser = BackgroundEraser::start(installation.clone());
    let indexed = installation.clone();
    let indexing = tokio::spawn(async move { segment::index_in_background(&indexed).await });
    let reported = installation.clone();
    let reporting = (args.role != Role::Web)
        .then(|| tokio::spawn(async move { mailed_report::send_in_background(&reported).await }));
    let retained = installation.clone();
    let retaining =
        (args.role != Role::Web).then(|| tokio::spawn(async move { retention::run_in_background(&retained).await }));
    let web = WebState::open(installation.clone(), eraser.notifier()).await?;
    let pages = if args.role == Role::Mail { None } else { Some(Listeners::bind(args.listen, args.desk).await?) };
    let metrics = match args.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let inbound = match args.inbound {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let setup = if pages.is_some() { setup::pending_link(installation).await? } else { None };
    announce(
        &Announcement::new(args.role, pages.as_ref(), metrics.as_ref(), setup.as_ref(), inbound.as_ref())?,
        lang,
        json,
    );
    let gated = web.clone();
    let gate = Arc::new(move || gated.journal.is_empty());
    let mailer_ended = Notify::new();
    let mailer = async {
        match args.role {
            // The pages stay open when a mailer ends.
            Role::All => supervisor.run_with_restart(installation, gate).await,
            // A process that only sends ends with its mailer.
            Role::Mail => {
                let sent = supervisor.send(installation, Mode::Forever, gate).await;
                mailer_ended.notify_one();
                sent
            }
            Role::Web => {
                shutdown::requested(stop.clone()).await;
                Ok(None)
            }
        }
    };
    let serve_pages = async {
        match pages {
            Some(listeners) => {
                router::serve(web.clone(), listeners.public, listeners.desk, shutdown::requested(stop.clone())).await
            }
            None => Ok(()),
        }
    };
    let serve_metrics = async {
        let ended = async {
            tokio::select! {
                () = shutdown::requested(stop.clone()) => {}
                () = mailer_ended.notified() => {}
            }
        };
        if let Some(listener) = metrics {
            router::serve_metrics(web.clone(), listener, ended).await;
        }
    };
    let take_mail = async {
        if let Some(listener) = inbound {
            inbound_mail::serve(installation, &web.journal, listener, shutdown::requested(stop.clone())).await;
        }
    };
    let (sent, served, (), ()) = tokio::join!(mailer, serve_pages, serve_metrics, take_mail);
    indexing.abort();
    reporting.inspect(|reporting| reporting.abort());
    retaining.inspect(|retaining| retaining.abort());
    eraser.stop().await;
    served?;
    supervisor.exit_error()?;
    sent?;
    Ok(Output { json: json!({ "stopped": true }), text: lang.tr("serve-stopped"), failed: false })
}

/// What a process runs and where it listens, as it is printed at the start.
#[derive(Serialize)]
struct Announcement {
    role: Role,
    #[serde(flatten)]
    pages: Option<PageUrls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
    /// Where mail comes in that comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    inbound: Option<String>,
}

#[derive(Serialize)]
struct PageUrls {
    public: String,
    desk: String,
    inbox: String,
    /// The page that makes the first administrator, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_url: Option<String>,
}

impl Announcement {
    fn new(
        role: Role,
        pages: Option<&Listeners>,
        metrics: Option<&TcpListener>,
        setup: Option<&SecretToken>,
        inbound: Option<&TcpListener>,
    ) -> Result<Self> {
        let urls = |listeners: &Listeners| -> Result<PageUrls> {
            let (public, desk) = listeners.addresses()?;
            Ok(PageUrls {
                public: format!("http://{public}"),
                desk: format!("http://{desk}"),
                inbox: format!("http://{desk}/inbox"),
                setup_url: setup.map(|token| format!("http://{desk}/setup?token={}", token.expose())),
            })
        };
        let url = |listener| local_address(listener).map(|address| format!("http://{address}/metrics"));
        let inbound = inbound.map(|listener| local_address(listener).map(|address| address.to_string()));
        Ok(Self {
            role,
            pages: pages.map(urls).transpose()?,
            metrics: metrics.map(url).transpose()?,
            inbound: inbound.transpose()?,
        })
    }
}

fn announce(announcement: &Announcement, lang: Lang, json: bool) {
    if json {
        return print::line(&json!(announcement).to_string());
    }
    let mut lines = vec![match &announcement.pages {
        Some(urls) => {
            let message = Message::new("serve-open").with("public", &urls.public).with("desk", &urls.desk);
            lang.translate(&message)
        }
        None => lang.tr("serve-mail"),
    }];
    if let Some(url) = announcement.pages.as_ref().and_then(|urls| urls.setup_url.as_ref()) {
        lines.push(lang.translate(&Message::new("serve-setup").with("url", url)));
    }
    if let Some(url) = &announcement.metrics {
        lines.push(lang.translate(&Message::new("serve-metrics").with("url", url)));
    }
    if let Some(address) = &announcement.inbound {
        lines.push(lang.translate(&Message::new("serve-inbound").with("address", address)));
    }
    print::line(&lines.join("\n"));
}
