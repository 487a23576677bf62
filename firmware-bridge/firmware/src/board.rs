//! The registers of an MPS2+ board with the AN386 image: UART0, two LEDs.
//!
//! The only unsafe code: addresses from the board's documentation (Arm
//! application note 386; the UART is the CMSDK's). For another board this file is
//! what changes.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

/// The core's clock.
pub const CORE_HZ: u32 = 25_000_000;
/// Bits a second on the UART; an emulator has no use for it.
const BAUD: u32 = 921_600;

const UART: usize = 0x4000_4000;
const LEDS: usize = 0x4002_8000;

/// Registers of the UART.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Register {
    Data = 0x0,
    State = 0x4,
    Control = 0x8,
    Interrupt = 0xC,
    Divisor = 0x10,
}

const STATE_TX_FULL: u32 = 1;
const STATE_RX_FULL: u32 = 2;
const CONTROL_TX_RX_RX_INTERRUPT: u32 = 1 | 2 | 8;
const INTERRUPT_RX: u32 = 2;

/// The interrupt of a byte that has come in.
#[derive(Clone, Copy)]
pub struct UartReceived;

impl UartReceived {
    /// Its number.
    pub const NUMBER: u16 = 0;
}

// SAFETY: the number is the board's, and constant.
unsafe impl InterruptNumber for UartReceived {
    fn number(self) -> u16 {
        Self::NUMBER
    }
}

fn read(register: Register) -> u32 {
    // SAFETY: a register of the UART, aligned, readable at any time.
    unsafe { ((UART + register as usize) as *const u32).read_volatile() }
}

fn write(register: Register, value: u32) {
    // SAFETY: a register of the UART, aligned; it refers to no memory.
    unsafe { ((UART + register as usize) as *mut u32).write_volatile(value) }
}

/// Switches the UART and the interrupt of its receiver on.
pub fn start() {
    write(Register::Divisor, CORE_HZ / BAUD);
    write(Register::Control, CONTROL_TX_RX_RX_INTERRUPT);
    // SAFETY: no critical section is built on this interrupt being masked.
    unsafe { NVIC::unmask(UartReceived) }
}

/// Waits for room and sends a byte.
pub fn send(byte: u8) {
    while read(Register::State) & STATE_TX_FULL != 0 {}
    write(Register::Data, byte.into());
}

/// The byte that has come in, if one has; to be called by its interrupt.
pub fn received() -> Option<u8> {
    write(Register::Interrupt, INTERRUPT_RX);
    (read(Register::State) & STATE_RX_FULL != 0).then(|| read(Register::Data) as u8)
}

/// Lights the two LEDs by the lowest two bits.
pub fn show(bits: u32) {
    // SAFETY: the register of the LEDs, aligned; it refers to no memory.
    unsafe { (LEDS as *mut u32).write_volatile(bits & 3) }
}
