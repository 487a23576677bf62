//! CRC-32C (Castagnoli; CRC-32/ISCSI, RFC 3720): reflected polynomial 0x82F63B78, with initial
//! value and final XOR of all ones.
//!
//! It processes one nibble at a time: a table of 64 bytes suits a small flash better than one of 1
//! KiB.

const TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        let mut value = nibble as u32;
        let mut bit = 0;
        while bit < 4 {
            value = (value >> 1) ^ ((value & 1) * 0x82F6_3B78);
            bit += 1;
        }
        table[nibble] = value;
        nibble += 1;
    }
    table
};

/// A checksum in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..2 {
            // The index has 4 bits, so it is always within the table.
            self.0 = (self.0 >> 4) ^ TABLE[(self.0 & 0xF) as usize];
        }
    }

    pub(crate) fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_matches_the_catalogue() {
        let mut crc = Crc::new();
        b"123456789".iter().for_each(|&byte| crc.push(byte));
        assert_eq!(crc.value(), 0xE306_9283);
    }
}
