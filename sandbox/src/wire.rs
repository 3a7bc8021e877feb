//! Frames on a unix stream socket: four bytes of length (big endian), JSON, descriptors beside it.
//!
//! One codec for both ends: the init uses it blocking, the service through readiness. Descriptors
//! are attached to the first byte of a frame; the kernel never merges a read across two such
//! messages, so those that arrive while a frame is read belong to it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest frame either side accepts.
pub const MAX_FRAME: usize = 32 << 20;
const HEADER: usize = 4;
/// Far more than any message has.
const MOST_SENT: usize = 16;
/// The kernel's own limit of descriptors per message: with room for all, none is lost unnoticed.
const MAX_DESCRIPTORS: usize = 253;

/// A frame, ready to be sent.
pub fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEADER];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - HEADER;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a message of {length} bytes exceeds {MAX_FRAME}"),
        ));
    }
    frame[..HEADER].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(frame)
}

/// Sends as much as the socket takes now; `descriptors` go with the first byte.
pub fn send_some(
    socket: impl AsFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SENT))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("more than {MOST_SENT} descriptors in a message"),
        ));
    }
    let sent = rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    Ok(sent)
}

/// A frame being received.
#[derive(Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Incoming {
    /// Reads what is there, at most to the end of the frame. `Ok(true)`: the frame is complete.
    pub fn read_some(&mut self, socket: impl AsFd) -> io::Result<bool> {
        let wanted = self.wanted()?;
        let start = self.bytes.len();
        // Grown piece by piece: a length alone must not make the service allocate.
        let step = (wanted - start).min(64 << 10);
        self.bytes.resize(start + step, 0);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut self.bytes[start..])],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        );
        let count = received.as_ref().map_or(0, |message| message.bytes);
        self.bytes.truncate(start + count);
        received?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.bytes.len() >= HEADER && self.bytes.len() == self.wanted()?)
    }

    /// The message and its descriptors, once complete.
    pub fn finish<T: DeserializeOwned>(self) -> io::Result<(T, Vec<OwnedFd>)> {
        let message = serde_json::from_slice(&self.bytes[HEADER..])?;
        Ok((message, self.descriptors))
    }

    fn wanted(&self) -> io::Result<usize> {
        let Some(header) = self.bytes.first_chunk::<HEADER>() else {
            return Ok(HEADER);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a frame announces {length} bytes"),
            ));
        }
        Ok(HEADER + length)
    }
}

/// Sends a whole message on a blocking socket.
pub fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let frame = encode(message)?;
    let mut sent = 0;
    while sent < frame.len() {
        let with = if sent == 0 { descriptors } else { &[] };
        match send_some(&socket, &frame[sent..], with) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Receives a whole message from a blocking socket; what travels beside it is let go.
pub fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<T> {
    Ok(receive_all(socket)?.0)
}

/// Receives a whole message, and the descriptors beside it, from a blocking socket.
pub fn receive_all<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut incoming = Incoming::default();
    loop {
        match incoming.read_some(&socket) {
            Ok(true) => return incoming.finish(),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
