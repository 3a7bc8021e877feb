//! The frames of ZMTP 3, as far as it takes to know how large a message becomes.
//!
//! After a greeting: frames of flags, a length of one byte or of eight (big-endian) and a body. A
//! message is made of frames up to the first without the `more` flag; commands come in between.

use thiserror::Error;

/// Of all parts of a message.
pub(super) const MESSAGE_BYTES: u64 = 64 << 20;
/// A message of Jupyter's has six, and one more for each buffer.
const MESSAGE_PARTS: u32 = 64;
/// They are dozens of bytes long; their reader makes much more of each.
const COMMAND_BYTES: u64 = 64 * 1024;

const GREETING_BYTES: u64 = 64;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What must not go on to the service.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Breach {
    /// Also where it only says that it will be.
    #[error("a message larger than {} MiB", MESSAGE_BYTES >> 20)]
    TooLarge,
    /// Each of them costs memory, however small it is.
    #[error("a message of more than {MESSAGE_PARTS} parts")]
    TooManyParts,
    /// They set up a connection.
    #[error("a command larger than {} KiB", COMMAND_BYTES >> 10)]
    Command,
}

/// Follows a stream of bytes, whatever pieces it comes in. Keeps nothing of it.
#[derive(Debug)]
pub(super) struct Frames {
    next: Next,
    bytes: u64,
    parts: u32,
}

#[derive(Debug)]
enum Next {
    /// This many bytes that say nothing: the greeting, or a body.
    Skip(u64),
    Flags,
    Length {
        flags: u8,
        digits: u8,
        so_far: u64,
    },
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            next: Next::Skip(GREETING_BYTES),
            bytes: 0,
            parts: 0,
        }
    }
}

impl Frames {
    /// Fails before the last byte of a header that announces too much has gone on.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> Result<(), Breach> {
        while let [first, rest @ ..] = bytes {
            self.next = match self.next {
                Next::Skip(left) => {
                    let skipped = left.min(bytes.len() as u64);
                    bytes = &bytes[skipped as usize..];
                    match left - skipped {
                        0 => Next::Flags,
                        left => Next::Skip(left),
                    }
                }
                Next::Flags => {
                    bytes = rest;
                    Next::Length {
                        flags: *first,
                        digits: if first & LONG == 0 { 1 } else { 8 },
                        so_far: 0,
                    }
                }
                Next::Length {
                    flags,
                    digits,
                    so_far,
                } => {
                    bytes = rest;
                    let length = so_far << 8 | u64::from(*first);
                    match digits {
                        1 => self.begin(flags, length)?,
                        _ => Next::Length {
                            flags,
                            digits: digits - 1,
                            so_far: length,
                        },
                    }
                }
            };
        }
        Ok(())
    }

    fn begin(&mut self, flags: u8, length: u64) -> Result<Next, Breach> {
        if flags & COMMAND != 0 {
            if length > COMMAND_BYTES {
                return Err(Breach::Command);
            }
        } else {
            self.bytes = self.bytes.saturating_add(length);
            self.parts += 1;
            if self.bytes > MESSAGE_BYTES {
                return Err(Breach::TooLarge);
            }
            if self.parts > MESSAGE_PARTS {
                return Err(Breach::TooManyParts);
            }
            if flags & MORE == 0 {
                (self.bytes, self.parts) = (0, 0);
            }
        }
        Ok(match length {
            0 => Next::Flags,
            length => Next::Skip(length),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(flags: u8, length: u64) -> Vec<u8> {
        match flags & LONG {
            0 => vec![flags, length as u8],
            _ => [&[flags][..], &length.to_be_bytes()].concat(),
        }
    }

    fn frame(flags: u8, length: usize) -> Vec<u8> {
        let mut bytes = header(flags, length as u64);
        // A body that would itself be a header of endless length.
        bytes.resize(bytes.len() + length, 0xff);
        bytes
    }

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        [vec![0xff; 64], frames.concat()].concat()
    }

    fn outcome(bytes: &[u8]) -> Result<(), Breach> {
        Frames::default().follow(bytes)
    }

    #[test]
    fn what_a_kernel_says_passes() {
        let message = [
            frame(MORE, 0),
            frame(MORE, 255),
            frame(COMMAND, 30),
            frame(LONG, 70_000),
        ];
        let bytes = stream(&[&message[..]; 40].concat());
        assert_eq!(outcome(&bytes), Ok(()));
        let largest = stream(&[header(LONG, MESSAGE_BYTES)]);
        assert_eq!(outcome(&largest), Ok(()));
        let parts = vec![frame(MORE, 1); 63];
        let last = frame(0, 1);
        let bytes = stream(
            &[
                &parts[..],
                std::slice::from_ref(&last),
                &parts[..],
                std::slice::from_ref(&last),
            ]
            .concat(),
        );
        assert_eq!(outcome(&bytes), Ok(()));
    }

    #[test]
    fn what_the_service_has_no_room_for_does_not() {
        for (frames, breach) in [
            (vec![header(LONG, 1 << 62)], Breach::TooLarge),
            (vec![header(LONG, u64::MAX)], Breach::TooLarge),
            (vec![header(LONG, MESSAGE_BYTES + 1)], Breach::TooLarge),
            // Flags that mean nothing do not hide those that do.
            (vec![header(0xf8 | LONG, 1 << 62)], Breach::TooLarge),
            (
                vec![frame(MORE, 1), header(LONG, u64::MAX)],
                Breach::TooLarge,
            ),
            (vec![frame(LONG | MORE, 1 << 20); 65], Breach::TooLarge),
            (vec![frame(MORE, 0); 65], Breach::TooManyParts),
            // A command in between begins no new message.
            (
                [
                    vec![frame(MORE, 0); 64],
                    vec![frame(COMMAND, 0), frame(0, 0)],
                ]
                .concat(),
                Breach::TooManyParts,
            ),
            (
                vec![header(COMMAND | LONG, COMMAND_BYTES + 1)],
                Breach::Command,
            ),
        ] {
            assert_eq!(outcome(&stream(&frames)), Err(breach), "{breach}");
        }
    }

    #[test]
    fn it_is_the_last_byte_of_the_header_that_fails() {
        let bytes = stream(&[frame(MORE, 3), header(LONG, 1 << 62)]);
        assert_eq!(outcome(&bytes[..bytes.len() - 1]), Ok(()));
    }

    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..300_u64, Just(MESSAGE_BYTES / 2), Just(1 << 62)];
        (any::<u8>(), length).prop_map(|(flags, length)| match length {
            0..300 => frame(
                flags,
                if flags & LONG == 0 {
                    length % 256
                } else {
                    length
                } as usize,
            ),
            _ => header(flags | LONG, length),
        })
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_come_to_the_same_end(
            frames in prop::collection::vec(any_frame(), 0..100),
            cuts in prop::collection::vec(0..2000_usize, 0..20),
        ) {
            let bytes = stream(&frames);
            let whole = outcome(&bytes);
            for at in 0..=bytes.len() {
                let mut pieces = Frames::default();
                let split = pieces.follow(&bytes[..at]).and_then(|()| pieces.follow(&bytes[at..]));
                prop_assert_eq!(split, whole);
            }
            let mut pieces = Frames::default();
            let mut outcome = Ok(());
            let mut rest = &bytes[..];
            for cut in cuts {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                outcome = outcome.and_then(|()| pieces.follow(piece));
                rest = left;
            }
            prop_assert_eq!(outcome.and_then(|()| pieces.follow(rest)), whole);
            let mut bytewise = Frames::default();
            prop_assert_eq!(bytes.chunks(1).try_for_each(|byte| bytewise.follow(byte)), whole);
        }
    }
}
