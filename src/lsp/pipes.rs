//! The two ends that an editor gave this server.
//!
//! The runtime reads standard input and writes standard output on threads of their own, since either may be a terminal or
//! a file. Editors give pipes (Node: a socket pair each), which tell when they are ready: then a message goes from the
//! editor to the loop and back without any other thread that has to wake.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::pin::Pin;

use rustix::fs::{FileType, fstat};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixStream, unix::pipe};

/// Standard input.
pub(super) fn input() -> Pin<Box<dyn AsyncRead>> {
    let ready: Option<Pin<Box<dyn AsyncRead>>> = match own(&io::stdin()) {
        Some((fd, FileType::Fifo)) => pipe::Receiver::from_owned_fd(fd).ok().map(|pipe| Box::pin(pipe) as _),
        Some((fd, FileType::Socket)) => socket(fd).ok().map(|socket| Box::pin(socket) as _),
        _ => None,
    };
    ready.unwrap_or_else(|| Box::pin(tokio::io::stdin()))
}

/// Standard output.
pub(super) fn output() -> Pin<Box<dyn AsyncWrite>> {
    let ready: Option<Pin<Box<dyn AsyncWrite>>> = match own(&io::stdout()) {
        Some((fd, FileType::Fifo)) => pipe::Sender::from_owned_fd(fd).ok().map(|pipe| Box::pin(pipe) as _),
        Some((fd, FileType::Socket)) => socket(fd).ok().map(|socket| Box::pin(socket) as _),
        _ => None,
    };
    ready.unwrap_or_else(|| Box::pin(tokio::io::stdout()))
}

/// A descriptor of this process's own for a standard stream, and what it is.
fn own(stream: &impl AsFd) -> Option<(OwnedFd, FileType)> {
    let fd = stream.as_fd().try_clone_to_owned().ok()?;
    let kind = FileType::from_raw_mode(fstat(&fd).ok()?.st_mode);
    Some((fd, kind))
}

fn socket(fd: OwnedFd) -> io::Result<UnixStream> {
    let socket = Socket::from(fd);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}
