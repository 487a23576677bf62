//! The memory: it stores inserted examples and draws rows for replay.

use super::balanced::Balanced;
use super::chance::{below, of_draw, of_insert};
use super::held::{Held, Shown};
use super::herding::{Herding, sum_bound};
use super::recent::Recent;
use super::reservoir::Reservoir;
use super::{Capacity, Draws, Origin, Plan, Policy, RehearsalError, Rows};

/// A bounded memory of the examples shown to it.
///
/// The policy of the [`Plan`] decides which examples stay, and its storage how they are stored. The result depends only on the plan, the seed and the shown examples in their order.
/// Each event has its own ChaCha8 stream, so the whole random state is a counter.
///
/// ```
/// use afield::rehearsal::{Capacity, Origin, Rehearsal};
/// let mut memory = Rehearsal::new(Capacity::Examples(4), 2, 7)?;
/// for i in 0..100 {
///     memory.insert(&[i, -i], usize::from(i >= 90), Origin::default())?;
/// }
/// let held: Vec<usize> = memory.statistics().classes.iter().map(|class| class.held).collect();
/// assert_eq!((memory.len(), held), (4, vec![2, 2]));
/// # Ok::<(), afield::rehearsal::RehearsalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    plan: Plan,
    pub(super) width: usize,
    seed: u64,
    /// Examples shown so far. Also numbers the random streams.
    pub(super) shown: u64,
    pub(super) held: Held,
    pub(super) keeper: Keeper,
}

/// The state of a policy beside the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keeper {
    Reservoir(Reservoir),
    Balanced(Balanced),
    Herding(Herding),
    Recent(Recent),
}

impl Rehearsal {
    /// An empty memory for examples of `width` features.
    ///
    /// # Errors
    /// [`RehearsalError::TooSmall`] if the capacity is too small for one example,
    /// [`RehearsalError::Width`] if `width` is 0.
    pub fn new(plan: impl Into<Plan>, width: usize, seed: u64) -> Result<Self, RehearsalError> {
        let plan = plan.into();
        if width == 0 {
            return Err(RehearsalError::Width {
                expected: 1,
                actual: 0,
            });
        }
        let example = plan.example_bytes(width);
        match plan.capacity {
            Capacity::Bytes(limit) if limit < example => {
                return Err(RehearsalError::TooSmall { limit, example });
            }
            _ => {}
        }
        let keeper = match plan.policy {
            Policy::Reservoir => Keeper::Reservoir(Reservoir::default()),
            Policy::Balanced => Keeper::Balanced(Balanced::default()),
            Policy::Herding => Keeper::Herding(Herding::new()),
            Policy::Recent => Keeper::Recent(Recent::default()),
        };
        Ok(Self {
            plan,
            width,
            seed,
            shown: 0,
            held: Held::new(plan.storage, width),
            keeper,
        })
    }

    /// The plan of this memory.
    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    /// Number of stored examples.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no example is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Maximum number of stored examples. Under a limit in bytes, this number falls with every new
    /// class of a herding memory, because the sums of the classes count as well.
    pub(crate) fn capacity(&self) -> usize {
        let rows = match self.plan.capacity {
            Capacity::None => 0,
            Capacity::Examples(n) => n,
            Capacity::Bytes(limit) => {
                limit.saturating_sub(self.sums_bytes()) / self.plan.example_bytes(self.width)
            }
        };
        rows.min(u32::MAX as usize)
    }

    /// Bytes in use: rows, their index, their origins, and the sums of a herding memory. A few
    /// words a class are not counted.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * self.plan.example_bytes(self.width) + self.sums_bytes()
    }

    /// Number of classes shown so far.
    pub(crate) fn classes(&self) -> usize {
        self.held.classes.len()
    }

    /// Number of stored examples of one class; 0 for an unknown class.
    pub(crate) fn held(&self, class: usize) -> usize {
        let class = self.held.classes.get(class);
        class.map_or(0, |class| class.rows.len())
    }

    /// Examples shown of one class, minus the removed ones.
    pub(crate) fn seen(&self, class: usize) -> u64 {
        self.held.classes.get(class).map_or(0, |class| class.seen)
    }

    /// The stored examples of one class. Each is decoded as it is read.
    pub fn examples(&self, class: usize) -> impl Iterator<Item = Vec<i16>> {
        let rows = self.held.classes.get(class).map_or(&[][..], |c| &c.rows);
        rows.iter().map(|&row| {
            let mut features = Vec::with_capacity(self.width);
            self.held.arena.read_into(row, &mut features);
            features
        })
    }

    /// Shows one example. The policy decides whether it is stored and which one it replaces.
    ///
    /// # Errors
    /// [`RehearsalError::Width`]; the memory is then unchanged.
    pub fn insert(
        &mut self,
        features: &[i16],
        class: usize,
        origin: Origin,
    ) -> Result<(), RehearsalError> {
        self.check_width(features)?;
        let shown = Shown {
            features,
            class,
            origin,
        };
        self.meet(class);
        let random = &mut of_insert(self.seed, self.shown);
        self.shown += 1;
        self.held.classes[class].seen += 1;
        if let Keeper::Herding(herding) = &mut self.keeper {
            herding.count(shown);
        }
        let limit = self.capacity();
        if limit == 0 {
            return Ok(());
        }
        let held = &mut self.held;
        match &mut self.keeper {
            Keeper::Reservoir(reservoir) => reservoir.insert(held, limit, shown, random),
            Keeper::Balanced(balanced) => balanced.insert(held, limit, shown, random),
            Keeper::Herding(herding) => herding.insert(held, limit, shown, random),
            Keeper::Recent(recent) => recent.insert(held, limit, shown),
        }
        Ok(())
    }

    /// Removes one example whose stored form equals that of `features`, and counts it as never
    /// shown. Returns whether it was stored. The caller must ensure that it was shown. Nothing
    /// changes if it provably was not: if everything shown is stored, or if the sums would become
    /// impossible.
    ///
    /// # Errors
    /// [`RehearsalError::Width`]; the memory is then unchanged.
    pub(crate) fn remove(
        &mut self,
        features: &[i16],
        class: usize,
    ) -> Result<bool, RehearsalError> {
        self.check_width(features)?;
        let Some(rows) = self.held.classes.get(class) else {
            return Ok(false);
        };
        let mut stored = Vec::new();
        self.held.arena.encode_into(features, &mut stored);
        let same = |&row: &u32| self.held.arena.row(row) == stored;
        let slot = rows.rows.iter().position(same);
        let all_held = rows.seen == rows.rows.len() as u64;
        if (slot.is_none() && all_held) || !self.may_have_seen(features, class) {
            return Ok(false);
        }
        self.held.classes[class].seen -= 1;
        if let Keeper::Herding(herding) = &mut self.keeper {
            herding.uncount(features, class);
        }
        match slot {
            Some(slot) => self.free(class, slot),
            None => {
                if let Keeper::Reservoir(reservoir) = &mut self.keeper {
                    reservoir.removed_other += 1;
                }
            }
        }
        Ok(slot.is_some())
    }

    /// Removes a class. The classes after it move down by one.
    pub(crate) fn remove_class(&mut self, class: usize) {
        if class >= self.classes() {
            return;
        }
        while let Some(slot) = self.held(class).checked_sub(1) {
            self.held.classes[class].seen -= 1;
            self.free(class, slot);
        }
        let unheld = self.held.classes.remove(class).seen;
        match &mut self.keeper {
            Keeper::Reservoir(reservoir) => reservoir.removed_other += unheld,
            Keeper::Balanced(balanced) => {
                balanced.full.remove(class);
            }
            Keeper::Herding(herding) => {
                herding.balanced.full.remove(class);
                herding.remove_class(class, self.width);
            }
            Keeper::Recent(_) => {}
        }
    }

    /// Appends `n` rows, drawn with replacement as [`Policy::draws`] says. Appends nothing if the
    /// memory is empty. The function is pure: the same `draw` number gives the same rows.
    pub(crate) fn draw_into(&self, n: usize, draw: u64, rows: &mut Rows) {
        let classes = &self.held.classes;
        let holding = classes.iter().filter(|c| !c.rows.is_empty()).count();
        if holding == 0 {
            return;
        }
        let random = &mut of_draw(self.seed, draw);
        for _ in 0..n {
            let drawn = match self.plan.policy.draws() {
                Draws::Uniform => self.held.nth(below(random, self.len() as u64)),
                Draws::ClassBalanced => {
                    let nth = below(random, holding as u64) as usize;
                    let drawn = (classes.iter().enumerate())
                        .filter(|(_, class)| !class.rows.is_empty())
                        .nth(nth);
                    drawn.map(|(index, class)| {
                        (index, below(random, class.rows.len() as u64) as usize)
                    })
                }
            };
            if let Some((class, slot)) = drawn {
                self.read_into(class, classes[class].rows[slot], rows);
            }
        }
    }

    /// Appends all stored rows, class by class.
    pub(crate) fn all_into(&self, rows: &mut Rows) {
        for (index, class) in self.held.classes.iter().enumerate() {
            for &row in &class.rows {
                self.read_into(index, row, rows);
            }
        }
    }

    fn read_into(&self, class: usize, row: u32, rows: &mut Rows) {
        self.held.arena.read_into(row, &mut rows.features);
        rows.classes.push(class);
        rows.groups.push(self.held.arena.origin(row).group);
    }

    /// Bytes of the sums of a herding memory.
    pub(super) fn sums_bytes(&self) -> usize {
        match &self.keeper {
            Keeper::Herding(Herding {
                sums: Some(sums), ..
            }) => size_of_val(&sums[..]),
            _ => 0,
        }
    }

    /// Whether the sums of `classes` classes leave enough of the limit to rows.
    pub(super) fn has_room_for_sums(&self, classes: usize) -> bool {
        let Capacity::Bytes(limit) = self.plan.capacity else {
            return true;
        };
        let sums = classes.saturating_mul(self.width).saturating_mul(8);
        let rows = limit.saturating_sub(sums) / self.plan.example_bytes(self.width);
        sums <= limit / 2 && rows >= classes
    }

    /// Adds a class, and any missing classes before it.
    fn meet(&mut self, class: usize) {
        let classes = class + 1;
        if classes <= self.classes() {
            return;
        }
        self.held.classes.resize_with(classes, Default::default);
        let room = self.has_room_for_sums(classes);
        match &mut self.keeper {
            Keeper::Balanced(balanced) => balanced.full.resize(classes, false),
            Keeper::Herding(herding) => {
                herding.balanced.full.resize(classes, false);
                match &mut herding.sums {
                    Some(sums) if room => {
                        sums.reserve_exact(classes * self.width - sums.len());
                        sums.resize(classes * self.width, 0);
                    }
                    sums => *sums = None,
                }
            }
            _ => {}
        }
        let limit = self.capacity();
        if let Keeper::Herding(herding) = &mut self.keeper
            && herding.sums.is_some()
        {
            herding.shrink(&mut self.held, limit, self.width);
        }
    }

    /// Whether the remaining examples are possible after this example is removed.
    fn may_have_seen(&self, features: &[i16], class: usize) -> bool {
        let Keeper::Herding(herding) = &self.keeper else {
            return true;
        };
        let most = sum_bound(self.seen(class).saturating_sub(1));
        let sum = herding.sum(class, self.width).unwrap_or(&[]);
        (sum.iter().zip(features)).all(|(sum, &x)| (sum - i64::from(x)).unsigned_abs() <= most)
    }

    fn free(&mut self, class: usize, slot: usize) {
        match &mut self.keeper {
            Keeper::Recent(recent) => recent.free(&mut self.held, class, slot),
            Keeper::Reservoir(reservoir) => {
                reservoir.removed_held += 1;
                self.held.free(class, slot);
            }
            _ => self.held.free(class, slot),
        }
    }

    fn check_width(&self, features: &[i16]) -> Result<(), RehearsalError> {
        if features.len() == self.width {
            return Ok(());
        }
        Err(RehearsalError::Width {
            expected: self.width,
            actual: features.len(),
        })
    }
}
