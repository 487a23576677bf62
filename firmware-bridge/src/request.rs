//! A request that the host repeats until it is answered, and that the device carries out once.
//!
//! The first bytes after a reset are easily lost, and the answer may be lost, too. The clock is an
//! argument; nothing here waits.

use crate::command::{Acknowledge, Command, Outcome, Request};

/// The host's side: one request at a time, repeated until it is answered.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    next_id: u16,
    open: Option<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    request: Request,
    attempts: u32,
    due_us: u64,
}

impl Requests {
    /// The first wait for an answer, in microseconds. Each further one is twice
    /// as long, up to [`Self::LONGEST_WAIT_US`].
    pub const FIRST_WAIT_US: u64 = 200_000;
    /// The longest wait for an answer, in microseconds.
    pub const LONGEST_WAIT_US: u64 = 1_600_000;

    /// Starts without a request.
    pub const fn new() -> Self {
        Self {
            next_id: 0,
            open: None,
        }
    }

    /// Queues a command to be sent at the next [`Self::poll`].
    ///
    /// # Errors
    /// Returns the command if another one is still unanswered.
    pub fn ask(&mut self, command: Command) -> Result<(), Command> {
        if self.open.is_some() {
            return Err(command);
        }
        self.open = Some(Open {
            request: Request {
                id: self.next_id,
                command,
            },
            attempts: 0,
            due_us: 0,
        });
        self.next_id = self.next_id.wrapping_add(1);
        Ok(())
    }

    /// The request to send now, if one is due.
    pub fn poll(&mut self, now_us: u64) -> Option<&Request> {
        let open = self.open.as_mut().filter(|open| now_us >= open.due_us)?;
        let wait = Self::FIRST_WAIT_US << open.attempts.min(8);
        open.due_us = now_us.saturating_add(wait.min(Self::LONGEST_WAIT_US));
        open.attempts = open.attempts.saturating_add(1);
        Some(&open.request)
    }

    /// Takes an answer. Returns the command that it ends, and the outcome. Answers to other
    /// requests are ignored.
    pub fn answered(&mut self, answer: &Acknowledge) -> Option<(Command, Outcome)> {
        let open = self.open.take_if(|open| open.request.id == answer.id)?;
        Some((open.request.command, answer.outcome))
    }

    /// The command of the open request, and how often it has been sent.
    pub fn open(&self) -> Option<(&Command, u32)> {
        let open = self.open.as_ref()?;
        Some((&open.request.command, open.attempts))
    }

    /// Abandons the open request.
    pub fn abandon(&mut self) {
        self.open = None;
    }
}

/// The device's side: remembers the last request that it carried out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers {
    latest: Option<Acknowledge>,
}

impl Answers {
    /// Starts without a carried-out request.
    pub const fn new() -> Self {
        Self { latest: None }
    }

    /// Returns the answer to a request. If the request repeats the latest one, the earlier answer
    /// is returned at once; otherwise `carry_out` runs first. [`Command::Identify`] is always
    /// carried out.
    pub fn answer(
        &mut self,
        request: &Request,
        carry_out: impl FnOnce(&Command) -> Outcome,
    ) -> Acknowledge {
        match self.latest {
            Some(latest) if latest.id == request.id && request.command != Command::Identify => {
                latest
            }
            _ => {
                let outcome = carry_out(&request.command);
                let id = request.id;
                *self.latest.insert(Acknowledge { id, outcome })
            }
        }
    }

    /// The answer to a command frame whose payload could not be read. The request's number comes
    /// first in the payload. A later version of this protocol may have more commands.
    pub fn unsupported(payload: &[u8]) -> Option<Acknowledge> {
        let (id, _) = postcard::take_from_bytes::<u16>(payload).ok()?;
        let outcome = Outcome::Unsupported;
        Some(Acknowledge { id, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_repeated_with_growing_delays_until_it_is_answered() {
        let mut requests = Requests::new();
        requests.ask(Command::Start).unwrap();
        assert_eq!(requests.ask(Command::Stop), Err(Command::Stop));
        let mut sent = std::vec::Vec::new();
        for now in (0..6_000_000).step_by(100_000) {
            if let Some(request) = requests.poll(now) {
                assert_eq!((request.id, &request.command), (0, &Command::Start));
                sent.push(now / 100_000);
            }
        }
        assert_eq!(sent, [0, 2, 6, 14, 30, 46]);
        let answer = |id| Acknowledge {
            id,
            outcome: Outcome::Done,
        };
        assert_eq!(requests.answered(&answer(1)), None);
        let ended = requests.answered(&answer(0));
        assert_eq!(ended, Some((Command::Start, Outcome::Done)));
        assert_eq!(requests.answered(&answer(0)), None);
        assert!(requests.poll(u64::MAX).is_none());
        requests.ask(Command::Stop).unwrap();
        assert_eq!(requests.poll(7_000_000).unwrap().id, 1);
    }

    #[test]
    fn a_repeated_request_is_answered_again_and_not_carried_out_again() {
        let mut answers = Answers::new();
        let mut done = 0;
        let mut ask = |id, command: &Command| {
            let command = command.clone();
            answers.answer(&Request { id, command }, |_| {
                done += 1;
                Outcome::Done
            });
            done
        };
        assert_eq!(ask(4, &Command::Start), 1);
        assert_eq!(ask(4, &Command::Start), 1);
        assert_eq!(ask(5, &Command::Stop), 2);
        // A new host counts from 0 again and first sends `Identify`.
        assert_eq!(ask(5, &Command::Identify), 3);
        assert_eq!(ask(5, &Command::Identify), 4);
        assert_eq!(ask(6, &Command::Start), 5);
    }

    extern crate std;
}
