//! The files and sockets that the process may have open.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The assumed limit when the system names none.
const UNLIMITED: u64 = 65_536;

/// Raises the limit of open files as far as the system allows without privileges. Called once at the start.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
}

/// How many files and sockets the process may have open.
pub fn limit() -> usize {
    usize::try_from(getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED)).unwrap_or(usize::MAX)
}

/// Closes a TCP connection whose peer does not take bytes that wait for it so long (`TCP_USER_TIMEOUT`; Linux only).
pub fn set_write_timeout(socket: &impl AsFd, timeout: Duration) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(socket, u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}
