//! Sound from standard input, read by a thread.
//!
//! A read of a pipe cannot be given up. So a thread reads it, and a source whose pipe is silent
//! returns an empty chunk after a while, as a device does. The thread ends with the pipe, or with the
//! first bytes after the source is gone.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use super::live::PATIENCE;
use super::{PcmReader, Source, SourceError, SourceOptions};

/// Bytes of a block, and the most blocks that wait.
const BLOCK: usize = 16 << 10;
const MOST_BLOCKS: usize = 4;
/// Time between two reads of a pipe that does not wait for bytes itself.
const LOOK: Duration = Duration::from_millis(10);

/// Reads a pipe by a thread, in blocks of up to `size` bytes, of which `most` may wait. The thread
/// ends with the pipe, at an error, or with the first block after the receiver is gone.
pub(super) fn read_blocks(
    mut pipe: impl Read + Send + 'static,
    size: usize,
    most: usize,
) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, blocks) = sync_channel(most);
    thread::spawn(move || {
        loop {
            let mut block = vec![0; size];
            let read = match pipe.read(&mut block) {
                Ok(0) => return,
                Ok(count) => {
                    block.truncate(count);
                    Ok(block)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(LOOK);
                    continue;
                }
                Err(error) => Err(error),
            };
            let is_over = read.is_err();
            if sender.send(read).is_err() || is_over {
                return;
            }
        }
    });
    blocks
}

/// A pipe.
#[derive(Debug)]
pub(crate) struct Piped {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Bytes of the block that were taken.
    taken: usize,
    is_ended: bool,
    /// Whether a read gives up after a while.
    gives_up: bool,
}

impl Piped {
    /// Reads `pipe` from now on.
    pub(crate) fn new(pipe: impl Read + Send + 'static) -> Self {
        let blocks = read_blocks(pipe, BLOCK, MOST_BLOCKS);
        Self {
            blocks,
            block: Vec::new(),
            taken: 0,
            is_ended: false,
            gives_up: false,
        }
    }

    /// Waits half a second for the first bytes, or for the end. Whether they came.
    ///
    /// # Errors
    /// [`SourceError::Io`] if the pipe cannot be read.
    pub(crate) fn is_ready(&mut self) -> Result<bool, SourceError> {
        let waited = self.next_block(Some(PATIENCE));
        match waited {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(SourceError::io_of_stream("the stream", &error)),
            Ok(()) => Ok(true),
        }
    }

    /// The sound in the pipe. Waits for its first four bytes.
    ///
    /// # Errors
    /// As [`PcmReader::read_header`].
    pub(crate) fn open(self, options: &SourceOptions) -> Result<Box<dyn Source>, SourceError> {
        let mut pcm = PcmReader::new(self, options.pcm);
        pcm.read_header()?;
        pcm.reader_mut().gives_up = true;
        Ok(Box::new(pcm.choosing(options.sensor.channel)))
    }

    /// Makes sure that a block has bytes left, unless the pipe has ended.
    fn next_block(&mut self, patience: Option<Duration>) -> io::Result<()> {
        if self.taken < self.block.len() || self.is_ended {
            return Ok(());
        }
        let received = match patience {
            Some(patience) => self.blocks.recv_timeout(patience),
            None => self.blocks.recv().map_err(RecvTimeoutError::from),
        };
        let block = match received {
            Ok(block) => block?,
            Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::WouldBlock.into()),
            Err(RecvTimeoutError::Disconnected) => {
                self.is_ended = true;
                Vec::new()
            }
        };
        (self.block, self.taken) = (block, 0);
        Ok(())
    }
}

impl Read for Piped {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.next_block(self.gives_up.then_some(PATIENCE))?;
        let count = self.block.get(self.taken..).unwrap_or_default().read(out)?;
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::signal::Chunk;

    /// A pipe that gives what is sent; an empty message would block.
    struct Sent(Receiver<Vec<u8>>);

    impl Read for Sent {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Ok(bytes) = self.0.recv() else {
                return Ok(0);
            };
            if bytes.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
            bytes.as_slice().read(out)
        }
    }

    fn pipe() -> (Sender<Vec<u8>>, Piped) {
        let (sender, sent) = channel();
        (sender, Piped::new(Sent(sent)))
    }

    #[test]
    fn a_silent_pipe_gives_empty_chunks_and_goes_on() {
        let (sender, mut piped) = pipe();
        assert!(!piped.is_ready().unwrap());
        sender.send(Vec::new()).unwrap();
        sender.send(vec![0, 0x40, 0, 0xc0, 0]).unwrap();
        assert!(piped.is_ready().unwrap() && piped.is_ready().unwrap());
        let mut source = piped.open(&SourceOptions::default()).unwrap();
        let mut chunk = Chunk::default();
        assert!(source.read(&mut chunk).unwrap());
        assert_eq!(chunk.samples, [0.5, -0.5]);
        assert!(source.read(&mut chunk).unwrap());
        assert!(chunk.samples.is_empty(), "nothing came");
        sender.send(vec![0x40]).unwrap();
        drop(sender);
        while chunk.samples.is_empty() {
            assert!(source.read(&mut chunk).unwrap());
        }
        // Half a sample waited for the rest of it.
        assert_eq!((chunk.start.0, chunk.samples[0]), (125, 0.5));
        assert!(!source.read(&mut chunk).unwrap() && !source.read(&mut chunk).unwrap());
    }

    #[test]
    fn a_pipe_that_ends_at_once_is_ready_and_empty() {
        let (sender, mut piped) = pipe();
        drop(sender);
        assert!(piped.is_ready().unwrap());
        let mut source = piped.open(&SourceOptions::default()).unwrap();
        assert!(!source.read(&mut Chunk::default()).unwrap());
    }
}
