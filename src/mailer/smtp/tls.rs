//! TLS to a relay: verifies the certificate against the host name in the relay's URL.
//!
//! Trusted are the system's authorities (`SSL_CERT_FILE` is honoured), Mozilla's where the system has none, or only
//! the CA file that the URL names with `ca=`. Sessions are not resumed.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::infra::network::Stream;
use crate::infra::tls::{configure, system_config};
use crate::mailer::smtp::error::{Cause, CertificateProblem};

/// Runs the TLS handshake with `host`; trusts only the CA file `authority` when one is given.
pub async fn connect<S: Stream>(stream: S, host: &str, authority: Option<&Path>) -> Result<TlsStream<S>, Cause> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Cause::Certificate(CertificateProblem::Name))?;
    let config = match authority {
        Some(file) => configure(read_ca_file(file)?),
        None => system_config(),
    };
    TlsConnector::from(config).connect(name, stream).await.map_err(cause_of)
}

fn read_ca_file(file: &Path) -> Result<RootCertStore, Cause> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|_| Cause::CaFile)? {
        roots.add(certificate.map_err(|_| Cause::CaFile)?).map_err(|_| Cause::CaFile)?;
    }
    if roots.is_empty() { Err(Cause::CaFile) } else { Ok(roots) }
}

fn cause_of(error: std::io::Error) -> Cause {
    use CertificateError as Why;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => Cause::Certificate(match why {
            Why::Expired | Why::ExpiredContext { .. } | Why::NotValidYet | Why::NotValidYetContext { .. } => {
                CertificateProblem::Expired
            }
            Why::NotValidForName | Why::NotValidForNameContext { .. } => CertificateProblem::Name,
            // A bad signature means an issuer with a trusted name and another key.
            Why::UnknownIssuer | Why::BadSignature => CertificateProblem::Issuer,
            _ => CertificateProblem::Other,
        }),
        Some(_) => Cause::Handshake,
        None => error.into(),
    }
}
