//! tract may panic inside; `backbone` turns that into an error. libFuzzer's panic hook would end
//! the process before it can, so it is taken off; a panic that does get out still ends it.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| afield_fuzz::tflite::run(bytes)
);
