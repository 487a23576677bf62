//! From the interrupt that samples to the loop that sends, without blocking
//! either.
//!
//! The producer counts every sample it is given; one that finds no room leaves a
//! hole in the numbers, which is how the consumer and, at the other end of the
//! line, the host know.

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

/// Room for `N - 1` samples of `C` channels.
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

    /// The end for the interrupt and the end for the loop.
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

/// The end that the interrupt puts samples in at.
pub struct SampleProducer<'a, const C: usize> {
    producer: spsc::Producer<'a, Sample<C>>,
    next: u64,
}

impl<const C: usize> SampleProducer<'_, C> {
    /// Numbers a sample and puts it in; `false` where there was no room.
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

    /// Samples numbered so far.
    pub fn taken(&self) -> u64 {
        self.next
    }
}

/// The end that the loop takes samples out at.
pub struct SampleConsumer<'a, const C: usize> {
    consumer: spsc::Consumer<'a, Sample<C>>,
    next: u64,
    dropped: u64,
    most: usize,
}

impl<const C: usize> SampleConsumer<'_, C> {
    /// The oldest sample.
    pub fn pop(&mut self) -> Option<Sample<C>> {
        self.most = self.most.max(self.consumer.len());
        let sample = self.consumer.dequeue()?;
        self.dropped += sample.number - self.next;
        self.next = sample.number + 1;
        Some(sample)
    }

    /// Samples for which there was no room, up to the latest one taken out.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The most samples that were seen waiting.
    pub fn most(&self) -> usize {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_leaves_a_hole_that_is_counted() {
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
