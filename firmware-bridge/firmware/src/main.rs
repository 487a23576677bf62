//! A synthetic IMU on a Cortex-M4F: samples in an interrupt, sends blocks of them
//! over a UART, learns and recognises movements by itself, and does what the host
//! asks.
//!
//! ```console
//! $ eval "$(../toolchain.sh)"
//! $ cargo run --release          # in qemu-system-arm; prints its serial port
//! $ afield ports --probe /dev/pts/7
//! ```

#![no_std]
#![no_main]

mod board;
mod device;
mod features;
mod head;
mod imu;
mod sampler;
mod uart;

use cortex_m::Peripherals;
use cortex_m::asm::wfi;
use cortex_m_rt::entry;
use firmware_bridge::SampleQueue;
use heapless::spsc::Queue;
use panic_halt as _;

use device::Device;
use head::Head;
use imu::CHANNELS;

#[entry]
fn main() -> ! {
    static mut SAMPLES: SampleQueue<CHANNELS, 64> = SampleQueue::new();
    static mut BYTES: Queue<u8, 256> = Queue::new();
    static mut HEAD: Head = Head::new();
    let (producer, consumer) = SAMPLES.split();
    let (bytes_in, mut bytes) = BYTES.split();
    let mut device = Device::new(consumer, HEAD);
    if let Some(peripherals) = Peripherals::take() {
        sampler::start(peripherals.SYST, producer, device.rate_mhz());
    }
    uart::start(bytes_in);
    // Ends whatever noise the line has seen before.
    board::send(0);
    loop {
        while let Some(byte) = bytes.dequeue() {
            device.receive(byte);
        }
        device.forward();
        // An interrupt between the last look and here waits for the next tick.
        wfi();
    }
}
