//! Teaching what is being listened to: by `afield teach --last` elsewhere, or by a label typed
//! into the terminal that listens.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use afield::backbone::Backbone;
use afield::engine::{Lending, Recent, Session, SessionError, TaughtAs, hear};
use afield::model::Card;
use afield::signal::{Chunk, Label};
use afield::source::{LiveSource, Source};

use super::learner::now_unix_ms;
use super::message;

/// Most bytes of a typed line that are read.
const MOST_TYPED: u64 = 4_096;

/// What was heard lately, and who may teach it.
pub struct LiveTeaching {
    recent: Recent,
    source: String,
    span: Duration,
    typed: Option<Receiver<Vec<u8>>>,
    _lending: Option<Lending>,
}

impl LiveTeaching {
    /// Keeps what comes from `source`, which people call `name`, and lends it to `afield teach
    /// --last` on the learner in `dir`. With `typed`, and where a terminal is there, a label that
    /// is typed teaches the last `span`.
    pub fn begin(source: &dyn Source, name: &str, dir: &Path, span: Duration, typed: bool) -> Self {
        let recent = Recent::of(source, Instant::now());
        if let Some(device) = source.live() {
            recent.note(device);
        }
        let lending = Lending::start(dir, recent.clone(), name);
        let lending = lending
            .map_err(|error| {
                eprintln!("note: `afield teach --last` does not reach this one: {error}");
            })
            .ok();
        let typed = (typed && io::stdin().is_terminal() && !in_background()).then(lines);
        if typed.is_some() {
            eprintln!(
                "type a label and Enter to teach the last {:.1} s",
                span.as_secs_f64()
            );
        }
        Self {
            recent,
            source: name.to_owned(),
            span,
            typed,
            _lending: lending,
        }
    }

    /// How the device fares that is listened to, for whoever asks.
    pub fn note(&self, device: &dyn LiveSource) {
        self.recent.note(device);
    }

    /// Takes what was just heard, and teaches it where a label has been typed. What cannot be
    /// taught is told, and listened on.
    pub fn hear(&self, chunk: &Chunk, session: &mut Session, card: &Card, backbone: &Backbone) {
        self.recent.hear(chunk, Instant::now());
        let typed = self.typed.iter().flat_map(Receiver::try_iter);
        for line in typed.filter(|line| !line.trim_ascii().is_empty()) {
            let taught = match std::str::from_utf8(line.trim_ascii()) {
                Ok(text) => Label::new(text).map_err(SessionError::from),
                Err(error) => {
                    eprintln!("not taught: what was typed is no text: {error}");
                    continue;
                }
            };
            let taught = taught.and_then(|label| self.teach(&label, session, card, backbone));
            match taught {
                Ok(said) => eprintln!("{said}"),
                Err(error) => eprintln!("not taught: {}", message(&error.into())),
            }
        }
    }

    fn teach(
        &self,
        label: &Label,
        session: &mut Session,
        card: &Card,
        backbone: &Backbone,
    ) -> Result<String, SessionError> {
        let (mut excerpt, _) =
            self.recent
                .last(self.span)
                .map_err(|less| SessionError::HeardLess {
                    asked: self.span,
                    heard: less.heard,
                })?;
        let heard = hear(&mut excerpt, card, backbone)?;
        let clip = clip_name(self.span, &self.source);
        session.begin_command();
        Ok(match session.teach(label, &heard, &clip, now_unix_ms())? {
            TaughtAs::Corrected { from } => format!("{clip}: was {from}, is {label}"),
            _ => format!("taught {clip} as {label}"),
        })
    }
}

/// What a clip is called that is the last `span` of what came from `source`.
pub fn clip_name(span: Duration, source: &str) -> String {
    format!("last {} s of {source}", span.as_secs_f64())
}

/// What is typed, line by line, read by a thread of its own that ends with the program.
fn lines() -> Receiver<Vec<u8>> {
    let (sender, typed) = sync_channel(16);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = stdin.by_ref().take(MOST_TYPED).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) || sender.send(line.clone()).is_err() {
                return;
            }
        }
    });
    typed
}

/// Whether the terminal is another job's: reading from it would stop this one.
fn in_background() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the program's name in parentheses: state, parent, group, session, terminal, and the
    // group in the foreground of that.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let mut numbers = behind.split_whitespace().skip(2);
    let (group, foreground) = (numbers.next(), numbers.nth(2));
    let terminal = foreground.and_then(|group| group.parse::<i64>().ok());
    // Without a terminal to be controlled by, nothing is stopped.
    terminal.is_some_and(|group| group > 0) && group != foreground
}
