//! Tables of a FlatBuffer, read with every offset checked.
//!
//! A table begins with the distance back to its list of fields (the vtable). A field that is not
//! in the list has its default value. An offset that leads out of the file is read as a missing
//! field; the graph that misses it is rejected later. The format is described in
//! <https://flatbuffers.dev/internals/>.

/// A table in the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: usize,
    fields_len: usize,
}

/// A list of tables, strings or numbers in the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a> {
    bytes: &'a [u8],
    at: usize,
    len: usize,
}

impl<'a> Table<'a> {
    /// The table that the first four bytes of a file name.
    pub(super) fn root(bytes: &'a [u8]) -> Option<Self> {
        Self::at(bytes, follow(bytes, 0)?)
    }

    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let back = i32::from_le_bytes(four(bytes, at)?);
        let fields = usize::try_from(i64::try_from(at).ok()? - i64::from(back)).ok()?;
        let fields_len = usize::from(u16::from_le_bytes(two(bytes, fields)?));
        Some(Self {
            bytes,
            at,
            fields,
            fields_len,
        })
    }

    /// The place of field `index`; `None` if it is not there.
    fn field(&self, index: usize) -> Option<usize> {
        let slot = 4 + 2 * index;
        if slot + 2 > self.fields_len {
            return None;
        }
        let offset = u16::from_le_bytes(two(self.bytes, self.fields.checked_add(slot)?)?);
        (offset != 0).then(|| self.at + usize::from(offset))
    }

    pub(super) fn byte(&self, index: usize) -> u8 {
        let byte = self.field(index).and_then(|at| self.bytes.get(at));
        byte.copied().unwrap_or(0)
    }

    pub(super) fn int(&self, index: usize, default: i32) -> i32 {
        let bytes = self.field(index).and_then(|at| four(self.bytes, at));
        bytes.map_or(default, i32::from_le_bytes)
    }

    pub(super) fn float(&self, index: usize) -> f32 {
        let bytes = self.field(index).and_then(|at| four(self.bytes, at));
        bytes.map_or(0.0, f32::from_le_bytes)
    }

    /// A number that is never negative, such as an index.
    pub(super) fn size(&self, index: usize, default: usize) -> usize {
        match self.field(index) {
            Some(_) => usize::try_from(self.int(index, 0)).unwrap_or(usize::MAX),
            None => default,
        }
    }

    pub(super) fn table(&self, index: usize) -> Option<Table<'a>> {
        Self::at(self.bytes, follow(self.bytes, self.field(index)?)?)
    }

    pub(super) fn list(&self, index: usize) -> Option<List<'a>> {
        List::at(self.bytes, follow(self.bytes, self.field(index)?)?)
    }

    pub(super) fn text(&self, index: usize) -> Option<&'a str> {
        std::str::from_utf8(self.list(index)?.bytes()?).ok()
    }
}

impl<'a> List<'a> {
    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let len = usize::try_from(u32::from_le_bytes(four(bytes, at)?)).ok()?;
        // Every element has a byte at least.
        let at = at.checked_add(4)?;
        (len <= bytes.len().saturating_sub(at)).then_some(Self { bytes, at, len })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        self.bytes.get(self.at..self.at.checked_add(self.len)?)
    }

    pub(super) fn table(&self, index: usize) -> Option<Table<'a>> {
        if index >= self.len {
            return None;
        }
        Table::at(self.bytes, follow(self.bytes, self.at + 4 * index)?)
    }

    pub(super) fn ints(&self) -> Option<Vec<i32>> {
        let values = self.words::<4>()?;
        Some(values.map(|&four| i32::from_le_bytes(four)).collect())
    }

    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        let values = self.words::<4>()?;
        Some(values.map(|&four| f32::from_le_bytes(four)).collect())
    }

    pub(super) fn longs(&self) -> Option<Vec<i64>> {
        let values = self.words::<8>()?;
        Some(values.map(|&eight| i64::from_le_bytes(eight)).collect())
    }

    fn words<const N: usize>(&self) -> Option<impl Iterator<Item = &'a [u8; N]> + use<'a, N>> {
        let end = self.at.checked_add(self.len.checked_mul(N)?)?;
        Some(self.bytes.get(self.at..end)?.as_chunks::<N>().0.iter())
    }
}

fn two(bytes: &[u8], at: usize) -> Option<[u8; 2]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The place that the offset at `at` leads to.
fn follow(bytes: &[u8], at: usize) -> Option<usize> {
    let offset = u32::from_le_bytes(four(bytes, at)?);
    at.checked_add(usize::try_from(offset).ok()?)
}
