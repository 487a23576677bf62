#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| afield_fuzz::header::run(bytes));
