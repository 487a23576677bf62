//! The clock, and the samples that its interrupt takes.

use core::cell::RefCell;

use cortex_m::interrupt::{Mutex, free};
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use firmware_bridge::SampleProducer;

use crate::board::CORE_HZ;
use crate::imu::{self, CHANNELS};

static STATE: Mutex<RefCell<Option<State>>> = Mutex::new(RefCell::new(None));

struct State {
    timer: SYST,
    producer: SampleProducer<'static, CHANNELS>,
    /// Cycles up to the latest interrupt.
    cycles: u64,
    running: bool,
}

/// Rates that the timer can keep, in thousandths of a hertz.
pub const RATES_MHZ: core::ops::RangeInclusive<u32> = 2_000..=1_000_000;

/// Counts of one sample that was recorded.
const SAMPLE_BYTES: usize = 2 * CHANNELS;
/// What was recorded, if anything: replayed over and over.
static RECORDING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recording.i16"));

/// Starts the clock; samples go to `producer` once [`run`] says so.
pub fn start(mut timer: SYST, producer: SampleProducer<'static, CHANNELS>, rate_mhz: u32) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(reload(rate_mhz));
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
    let state = State {
        timer,
        producer,
        cycles: 0,
        running: false,
    };
    free(|cs| STATE.borrow(cs).replace(Some(state)));
}

/// Takes samples at that rate, or none.
pub fn run(rate_mhz: Option<u32>) {
    with(|state| {
        state.running = rate_mhz.is_some();
        if let Some(rate_mhz) = rate_mhz {
            // The cycles of the present tick, which the new rate cuts short.
            state.cycles += u64::from(SYST::get_reload() - SYST::get_current());
            state.timer.set_reload(reload(rate_mhz));
            state.timer.clear_current();
        }
    });
}

/// Microseconds since the start, and samples taken since then.
pub fn now() -> (u64, u64) {
    let now = with(|state| {
        let ticking = u64::from(SYST::get_reload() - SYST::get_current());
        (micros(state.cycles + ticking), state.producer.taken())
    });
    now.unwrap_or_default()
}

fn with<T>(act: impl FnOnce(&mut State) -> T) -> Option<T> {
    free(|cs| STATE.borrow(cs).borrow_mut().as_mut().map(act))
}

fn reload(rate_mhz: u32) -> u32 {
    let cycles = u64::from(CORE_HZ) * 1_000 / u64::from(rate_mhz).max(1);
    (cycles as u32).saturating_sub(1).min(0xFF_FFFF)
}

fn micros(cycles: u64) -> u64 {
    cycles / u64::from(CORE_HZ / 1_000_000)
}

fn sample(number: u64, time_us: u64) -> [i16; CHANNELS] {
    let samples = (RECORDING.len() / SAMPLE_BYTES) as u64;
    if samples == 0 {
        return imu::sample(number, time_us);
    }
    let at = (number % samples) as usize * SAMPLE_BYTES;
    let mut values = [0; CHANNELS];
    for (value, bytes) in values.iter_mut().zip(RECORDING[at..].chunks_exact(2)) {
        *value = i16::from_le_bytes([bytes[0], bytes[1]]);
    }
    values
}

#[exception]
fn SysTick() {
    with(|state| {
        state.cycles += u64::from(SYST::get_reload()) + 1;
        if state.running {
            let time_us = micros(state.cycles);
            let values = sample(state.producer.taken(), time_us);
            // Without room the producer leaves a hole in the numbers.
            state.producer.push(time_us, values);
        }
    });
}
