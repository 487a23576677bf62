//! How samples arrive: much faster than real time, as from a file in a pipe, or not at all.
//!
//! Times are arguments. Each finding is told once, as a line of text.

use std::time::Duration;

/// Samples that arrive so many times faster than real time are no live sound.
const FAST: f64 = 4.0;
/// A pipe and what fills it may hold so many seconds of sound before anybody reads.
const HELD_BY_PIPES_S: f64 = 10.0;
/// A server may send so many seconds of sound at once: three segments of HLS are half a minute.
const HELD_BY_SERVERS_S: f64 = 90.0;
/// The least sound, in seconds, that is judged when the stream has ended.
const LEAST_S: f64 = 3.0;
/// A pipe without samples for this time is silent.
const SILENCE: Duration = Duration::from_secs(5);

/// Watches the samples of a live source.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The seconds of sound that may arrive at once.
    held_s: f64,
    tells_silence: bool,
    /// When the first samples arrived, and the latest ones.
    first: Option<Duration>,
    latest: Duration,
    heard_s: f64,
    is_fast: bool,
    is_silent: bool,
}

impl Arrival {
    /// Of a pipe that is open since `now`.
    pub(super) fn of_pipe(now: Duration) -> Self {
        Self {
            held_s: HELD_BY_PIPES_S,
            tells_silence: true,
            first: None,
            latest: now,
            heard_s: 0.0,
            is_fast: false,
            is_silent: false,
        }
    }

    /// Of a network stream, which reports by itself that it is lost.
    pub(super) fn of_network(now: Duration) -> Self {
        Self {
            held_s: HELD_BY_SERVERS_S,
            tells_silence: false,
            ..Self::of_pipe(now)
        }
    }

    /// Takes so many seconds of sound, which arrived at `now`, or 0 if nothing did. Returns what is
    /// odd about it.
    pub(super) fn arrived(&mut self, seconds: f64, now: Duration) -> Option<String> {
        let silent = now.saturating_sub(self.latest);
        if seconds <= 0.0 {
            let is_new = self.tells_silence && !self.is_silent && silent >= SILENCE;
            self.is_silent |= is_new;
            return is_new.then(|| {
                let seconds = silent.as_secs();
                format!("nothing has arrived for {seconds} s; the pipe is open")
            });
        }
        self.latest = now;
        self.first.get_or_insert(now);
        self.heard_s += seconds;
        if std::mem::take(&mut self.is_silent) {
            return Some(format!(
                "samples arrive again, after {} s without any; that time is not in the stream",
                silent.as_secs()
            ));
        }
        self.fast(self.held_s, now)
    }

    /// What is odd about a stream that ended at `now`.
    pub(super) fn ended(&mut self, now: Duration) -> Option<String> {
        self.fast(LEAST_S, now)
    }

    fn fast(&mut self, least_s: f64, now: Duration) -> Option<String> {
        let elapsed = now.saturating_sub(self.first?).as_secs_f64();
        if self.is_fast || self.heard_s < least_s + FAST * elapsed {
            return None;
        }
        self.is_fast = true;
        Some(format!(
            "{:.0} s of sound arrived in {elapsed:.1} s, faster than real time: `time` counts \
             samples, and `at` is when they were read, not when they sounded",
            self.heard_s
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_file_in_a_pipe_is_told_once_and_a_microphone_is_not() {
        let mut file = Arrival::of_pipe(at(0));
        let told: Vec<String> = (0..100)
            .filter_map(|i| file.arrived(0.5, at(1_000 + i * 20)))
            .collect();
        let [told] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(
            told.starts_with("12 s of sound arrived in 0.5 s, "),
            "{told}"
        );
        assert_eq!(file.ended(at(9_000)), None);
        // What waited in the pipe comes at once; then samples come in time.
        let mut microphone = Arrival::of_pipe(at(0));
        assert_eq!(microphone.arrived(8.0, at(5_000)), None);
        for i in 0..1_000 {
            assert_eq!(microphone.arrived(0.1, at(5_000 + i * 100)), None);
        }
        assert_eq!(microphone.ended(at(105_000)), None);
        // Three times as fast is a slow computer with a file, or a quick one with a queue.
        let mut queue = Arrival::of_pipe(at(0));
        assert!((1..300).all(|i| queue.arrived(0.3, at(i * 100)).is_none()));
    }

    #[test]
    fn a_short_file_is_told_at_its_end() {
        let mut file = Arrival::of_pipe(at(0));
        assert_eq!(file.arrived(4.0, at(100)), None);
        assert!(file.ended(at(200)).is_some());
        let mut word = Arrival::of_pipe(at(0));
        assert_eq!(word.arrived(1.0, at(100)), None);
        assert_eq!(word.ended(at(200)), None);
        assert_eq!(Arrival::of_pipe(at(0)).ended(at(9)), None);
    }

    #[test]
    fn a_server_may_send_the_first_segments_at_once() {
        let mut radio = Arrival::of_network(at(0));
        assert_eq!(radio.arrived(60.0, at(10)), None);
        assert_eq!(
            radio.arrived(0.0, at(60_010)),
            None,
            "the device reports it"
        );
        let mut file = Arrival::of_network(at(0));
        assert!(file.arrived(100.0, at(10)).is_some());
    }

    #[test]
    fn silence_and_its_end_are_told_once() {
        let mut pipe = Arrival::of_pipe(at(0));
        assert_eq!(pipe.arrived(0.0, at(4_999)), None);
        let told = pipe.arrived(0.0, at(5_400)).unwrap();
        assert_eq!(told, "nothing has arrived for 5 s; the pipe is open");
        assert_eq!(pipe.arrived(0.0, at(60_000)), None);
        let told = pipe.arrived(0.1, at(61_000)).unwrap();
        assert!(
            told.starts_with("samples arrive again, after 61 s"),
            "{told}"
        );
        assert_eq!(pipe.arrived(0.1, at(61_100)), None);
        assert!(pipe.arrived(0.0, at(66_100)).is_some(), "a second time");
    }
}
