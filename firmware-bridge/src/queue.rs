//! A queue from the interrupt that samples to the loop that sends. It blocks neither.
//!
//! The producer numbers every sample. If there is no room for a sample, its number is missing.
//! This gap informs the consumer and the host.

use heapless::spsc;

/// One sample of `C` channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<const C: usize> {
    /// Its number since the device started.
    pub number: u64,
    /// When it was taken, by the device's clock, in microseconds.
    pub time_us: u64,
    /// One count a channel.
    pub values: [i16; C],
}

/// A queue for `N - 1` samples of `C` channels.
#[derive(Debug)]
pub struct SampleQueue<const C: usize, const N: usize> {
    queue: spsc::Queue<Sample<C>, N>,
}

impl<const C: usize, const N: usize> Default for SampleQueue<C, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, const N: usize> SampleQueue<C, N> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self {
            queue: spsc::Queue::new(),
        }
    }

    /// Splits the queue into the end for the interrupt and the end for the loop.
    pub fn split(&mut self) -> (SampleProducer<'_, C>, SampleConsumer<'_, C>) {
        let (producer, consumer) = self.queue.split();
        (
            SampleProducer { producer, next: 0 },
            SampleConsumer {
                consumer,
                next: 0,
                dropped: 0,
                most: 0,
            },
        )
    }
}

/// The end where the interrupt adds samples.
pub struct SampleProducer<'a, const C: usize> {
    producer: spsc::Producer<'a, Sample<C>>,
    next: u64,
}

impl<const C: usize> SampleProducer<'_, C> {
    /// Numbers and adds a sample. Returns `false` if there was no room.
    pub fn push(&mut self, time_us: u64, values: [i16; C]) -> bool {
        let number = self.next;
        self.next += 1;
        let sample = Sample {
            number,
            time_us,
            values,
        };
        self.producer.enqueue(sample).is_ok()
    }

    /// Number of samples numbered so far.
    pub fn taken(&self) -> u64 {
        self.next
    }
}

/// The end where the loop removes samples.
pub struct SampleConsumer<'a, const C: usize> {
    consumer: spsc::Consumer<'a, Sample<C>>,
    next: u64,
    dropped: u64,
    most: usize,
}

impl<const C: usize> SampleConsumer<'_, C> {
    /// Removes and returns the oldest sample.
    pub fn pop(&mut self) -> Option<Sample<C>> {
        self.most = self.most.max(self.consumer.len());
        let sample = self.consumer.dequeue()?;
        self.dropped += sample.number - self.next;
        self.next = sample.number + 1;
        Some(sample)
    }

    /// Number of samples dropped because the queue was full, up to the latest one removed.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The maximum observed number of waiting samples.
    pub fn most(&self) -> usize {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_dropped_by_a_full_queue_leave_a_counted_gap() {
        let mut queue = SampleQueue::<1, 4>::new();
        let (mut producer, mut consumer) = queue.split();
        for i in 0..5 {
            assert_eq!(producer.push(i, [i as i16]), i < 3);
        }
        for i in 0..3 {
            assert_eq!(consumer.pop().unwrap().number, i);
        }
        assert_eq!(consumer.pop(), None);
        assert_eq!((consumer.dropped(), consumer.most()), (0, 3));
        assert!(producer.push(9, [9]));
        let next = consumer.pop().unwrap();
        assert_eq!((next.number, next.values), (5, [9]));
        assert_eq!((consumer.dropped(), producer.taken()), (2, 6));
    }
}
