//! Bytes from the host, from the interrupt to the loop.

use core::cell::{Cell, RefCell};

use cortex_m::interrupt::{Mutex, free};
use cortex_m_rt::exception;
use heapless::spsc::Producer;

use crate::board::{self, UartReceived};

static QUEUE: Mutex<RefCell<Option<Producer<'static, u8>>>> = Mutex::new(RefCell::new(None));
static DROPPED: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));

/// Switches the UART on; what comes in goes to `queue`.
pub fn start(queue: Producer<'static, u8>) {
    free(|cs| QUEUE.borrow(cs).replace(Some(queue)));
    board::start();
}

/// Bytes for which there was no room.
pub fn dropped() -> u32 {
    free(|cs| DROPPED.borrow(cs).get())
}

// SAFETY: an interrupt handler, and no other code calls it.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number != UartReceived::NUMBER as i16 {
        return;
    }
    while let Some(byte) = board::received() {
        free(|cs| {
            let kept =
                (QUEUE.borrow(cs).borrow_mut().as_mut()).is_some_and(|q| q.enqueue(byte).is_ok());
            if !kept {
                let dropped = DROPPED.borrow(cs);
                dropped.set(dropped.get().wrapping_add(1));
            }
        });
    }
}
