//! CRC-32C (Castagnoli; CRC-32/ISCSI, RFC 3720): reflected polynomial
//! 0x82F63B78, starts as and is finally inverted by all ones.
//!
//! A nibble at a time: 64 bytes of table suit a small flash better than 1 KiB.

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

/// A checksum in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..2 {
            // 4 bits: always within the table.
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
    fn the_check_value_is_the_catalogues() {
        let mut crc = Crc::new();
        b"123456789".iter().for_each(|&byte| crc.push(byte));
        assert_eq!(crc.value(), 0xE306_9283);
    }
}
