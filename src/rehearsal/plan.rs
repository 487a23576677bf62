//! The settings of the rehearsal memory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Capacity, Origin, Policy, RehearsalError, Storage};

/// Which examples are kept, how many, and at what precision.
///
/// The text form is `none` or `POLICY:SIZE[:STORAGE]`: `balanced:512KiB`, `herding:200:int8`. The
/// default storage is `i16`.
///
/// | policy | keeps |
/// |---|---|
/// | `reservoir` | a uniform random sample of all examples |
/// | `balanced` | a random sample of each class, with equal class sizes where possible |
/// | `herding` | of each class, the examples whose mean is nearest to the mean of all |
/// | `recent` | the latest examples, whatever their class |
///
/// | storage | bytes a feature | precision |
/// |---|---|---|
/// | `int8` | 1, and 2 an example | an error of at most 1/254 of the largest magnitude, rounded up |
/// | `i16` | 2 | exact |
/// | `f32` | 4 | exact |
///
/// ```
/// use afield::rehearsal::{Capacity, Plan};
/// let plan: Plan = "herding:64KiB:int8".parse()?;
/// assert_eq!(plan.policy(), "herding");
/// assert_eq!(plan.to_string(), "herding:64KiB:int8");
/// assert_eq!(Plan::default().to_string(), "balanced:512KiB");
/// assert_eq!(Plan::from(Capacity::Examples(40)).to_string(), "balanced:40");
/// # Ok::<(), afield::rehearsal::RehearsalError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Plan {
    /// Which examples are kept.
    pub(crate) policy: Policy,
    /// The maximum size.
    pub(crate) capacity: Capacity,
    /// The precision.
    pub(crate) storage: Storage,
}

/// Size of one index entry of a class.
pub(super) const ROW_NUMBER_BYTES: usize = size_of::<u32>();

impl Plan {
    /// The name of the policy, as in the text form.
    pub fn policy(&self) -> &'static str {
        self.policy.name()
    }

    /// Bytes of one example of `width` features: its features with their scale, its index entry,
    /// and its [`Origin`].
    pub(crate) fn example_bytes(&self, width: usize) -> usize {
        (self.storage.row_bytes(width)).saturating_add(ROW_NUMBER_BYTES + Origin::BYTES)
    }
}

impl From<Capacity> for Plan {
    /// A balanced memory of this capacity that stores examples exactly.
    fn from(capacity: Capacity) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }
}

impl FromStr for Plan {
    type Err = RehearsalError;

    fn from_str(text: &str) -> Result<Self, RehearsalError> {
        if text == "none" {
            return Ok(Capacity::None.into());
        }
        let parsed = || {
            let (policy, rest) = text.split_once(':')?;
            let (size, storage) = match rest.split_once(':') {
                Some((size, storage)) => (size, Storage::named(storage)?),
                None => (rest, Storage::default()),
            };
            Some(Self {
                policy: Policy::named(policy)?,
                capacity: (size != "none").then(|| size.parse().ok())??,
                storage,
            })
        };
        parsed().ok_or_else(|| RehearsalError::Plan {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.capacity == Capacity::None {
            return f.write_str("none");
        }
        write!(f, "{}:{}", self.policy, self.capacity)?;
        match self.storage == Storage::default() {
            true => Ok(()),
            false => write!(f, ":{}", self.storage),
        }
    }
}

impl TryFrom<String> for Plan {
    type Error = RehearsalError;
    fn try_from(text: String) -> Result<Self, RehearsalError> {
        text.parse()
    }
}

impl From<Plan> for String {
    fn from(plan: Plan) -> String {
        plan.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plans_are_read_as_users_write_them() {
        let parse = |text: &str| text.parse::<Plan>();
        // The text form from before policies and storages existed.
        assert_eq!(parse("none"), Ok(Capacity::None.into()));
        assert_eq!(parse("balanced:200"), Ok(Capacity::Examples(200).into()));
        assert_eq!(parse("balanced:1MiB"), Ok(Capacity::Bytes(1 << 20).into()));
        assert_eq!(parse("balanced:64kB"), Ok(Capacity::Bytes(64_000).into()));
        let plan = |policy, capacity, storage| {
            Ok(Plan {
                policy,
                capacity,
                storage,
            })
        };
        let (ten, kib) = (Capacity::Examples(10), Capacity::Bytes(1024));
        assert_eq!(
            parse("recent:10:f32"),
            plan(Policy::Recent, ten, Storage::F32)
        );
        assert_eq!(
            parse("reservoir:1KiB:int8"),
            plan(Policy::Reservoir, kib, Storage::Int8)
        );
        let (explicit, short) = (parse("herding:10:i16"), parse("herding:10"));
        assert_eq!(explicit, short);
        for wrong in [
            "",
            "200",
            "balanced",
            "balanced:",
            "balanced:0",
            "balanced:0KiB",
            "balanced:KiB",
            "balanced:+5",
            "balanced:-5",
            "balanced:1.5MiB",
            "balanced:99999999999999999999",
            "balanced:99999999999GiB",
            "balanced:none",
            "none:10",
            "ring:10",
            "Balanced:10",
            "balanced:10:",
            "balanced:10:f64",
            "balanced:10:int8:int8",
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("; expected "), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn the_default_storage_is_not_written() {
        let plan: Plan = "recent:10:i16".parse().unwrap();
        assert_eq!(plan.to_string(), "recent:10");
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(json, r#""recent:10""#);
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(
            policy in proptest::sample::select(Policy::ALL.to_vec()),
            storage in proptest::sample::select(Storage::ALL.to_vec()),
            n in 1..=usize::MAX >> 16,
            bytes: bool,
            shift in 0_u32..12,
        ) {
            let n = n << shift;
            let capacity = if bytes { Capacity::Bytes(n) } else { Capacity::Examples(n) };
            let plan = Plan { policy, capacity, storage };
            prop_assert_eq!(plan.to_string().parse::<Plan>(), Ok(plan));
        }
    }
}
