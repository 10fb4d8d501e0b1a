//! A run's seal: a keyed hash over its order and its place.
//!
//! A workspace from the internet may come with a state folder, and in it a run that looks unfinished. Only what this user
//! started on this machine is ever carried out: a supervisor reads no order whose seal does not fit. Nothing else in the
//! folder can start a process, so nothing else is sealed.

use std::io;
use std::os::unix::ffi::OsStrExt as _;

use super::{RunPaths, private};
use crate::workspace::trust::{Store, Trusted};

/// No order is longer: some hundred bytes for each task.
pub(super) const LONGEST_ORDER: u64 = 256 << 20;
const LONGEST_SEAL: u64 = 1 << 10;

/// Seals the order that was written. Blocking.
pub(super) fn write(paths: &RunPaths, order: &[u8], trusted: &Trusted) -> io::Result<()> {
    let seal = trusted.seal(&sealed(paths, order)?).map_err(io::Error::other)?;
    private::write_whole(&paths.seal(), seal.as_bytes())
}

/// Reads a run's order, where it is sealed. Blocking.
pub(super) fn read_order(paths: &RunPaths) -> io::Result<Vec<u8>> {
    let order = private::read(&paths.order(), LONGEST_ORDER)?;
    let seal = private::read(&paths.seal(), LONGEST_SEAL).unwrap_or_default();
    let store = Store::of_user().map_err(io::Error::other)?;
    if store.is_sealed(&sealed(paths, &order)?, &seal).map_err(io::Error::other)? {
        return Ok(order);
    }
    Err(io::Error::other(format!(
        "{} was not written by you on this machine: nothing is started",
        paths.order().display()
    )))
}

/// What is sealed: the place, too, or an order could be carried into another workspace.
fn sealed(paths: &RunPaths, order: &[u8]) -> io::Result<Vec<u8>> {
    let dir = paths.dir().canonicalize()?;
    Ok([dir.as_os_str().as_bytes(), b"\0", order].concat())
}
