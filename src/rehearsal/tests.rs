//! What every policy promises under every storage, and what each one promises
//! alone.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn plan(policy: Policy, capacity: Capacity, storage: Storage) -> Plan {
    Plan {
        policy,
        capacity,
        storage,
    }
}

fn plans(capacity: Capacity) -> Vec<Plan> {
    let of = |policy| Storage::ALL.map(|storage| plan(policy, capacity, storage));
    Policy::ALL.into_iter().flat_map(of).collect()
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let capacity = prop_oneof![
        (1_usize..12).prop_map(Capacity::Examples),
        (60_usize..1500).prop_map(Capacity::Bytes),
    ];
    (
        select(Policy::ALL.to_vec()),
        capacity,
        select(Storage::ALL.to_vec()),
    )
        .prop_map(|(policy, capacity, storage)| plan(policy, capacity, storage))
}

fn of(policy: Policy, limit: usize, seed: u64) -> Rehearsal {
    let plan = plan(policy, Capacity::Examples(limit), Storage::I16);
    Rehearsal::new(plan, 1, seed).unwrap()
}

fn at(group: u64) -> Origin {
    Origin {
        group,
        at_unix_ms: -(group as i64),
    }
}

const WIDTH: usize = 8;

/// An example that names its class and its group, exact under every storage.
fn named(class: usize, i: usize) -> ([i16; WIDTH], Origin) {
    let value = class * 1000 + i % 1000 + 1;
    ([value as i16; WIDTH], at(value as u64))
}

/// One step of a memory's life: mostly inserts.
fn step(memory: &mut Rehearsal, i: usize, class: usize, action: u8) -> Result<(), TestCaseError> {
    match action {
        0..=1 => {
            let held = memory.examples(class).next();
            let gone = held.clone().unwrap_or(vec![-7; WIDTH]);
            let before = memory.clone();
            let removed = memory.remove(&gone, class).unwrap();
            prop_assert_eq!(removed, held.is_some());
            let fewer = before.seen(class) - memory.seen(class);
            prop_assert!(fewer == 1 || (fewer == 0 && *memory == before));
            prop_assert!(memory.examples(class).all(|row| row != gone));
        }
        2 => {
            let (classes, held) = (memory.classes(), memory.held(class));
            let len = memory.len();
            memory.remove_class(class);
            prop_assert_eq!(memory.classes() + usize::from(class < classes), classes);
            prop_assert_eq!(memory.len() + held, len);
        }
        _ => {
            let (features, origin) = named(class, i);
            memory.insert(&features, class, origin).unwrap();
        }
    }
    Ok(())
}

/// Every row is what its class was shown, with its own origin.
fn check(memory: &Rehearsal) -> Result<(), TestCaseError> {
    if let Capacity::Bytes(limit) = memory.plan().capacity {
        prop_assert!(memory.bytes() <= limit, "{} of {limit}", memory.bytes());
        let lists = 4 * memory.len();
        let allocated = memory.held.arena.allocated() + lists + memory.sums_bytes();
        prop_assert!(allocated <= limit, "{allocated} of {limit} allocated");
    }
    prop_assert!(memory.len() <= memory.capacity());
    let mut rows = Rows::default();
    memory.all_into(&mut rows);
    prop_assert_eq!(
        (rows.len(), rows.groups.len()),
        (memory.len(), memory.len())
    );
    let examples = rows.features.chunks(WIDTH);
    for ((row, &class), &group) in examples.zip(&rows.classes).zip(&rows.groups) {
        prop_assert_eq!(row, &[group as i16; WIDTH]);
        prop_assert_eq!((group as usize - 1) / 1000, class);
    }
    let statistics = memory.statistics();
    let held: usize = statistics.classes.iter().map(|class| class.held).sum();
    prop_assert_eq!(held, memory.len());
    let bytes = statistics.bytes;
    let parts = bytes.features + bytes.scales + bytes.index + bytes.origins + bytes.sums;
    prop_assert_eq!((parts, bytes.total), (memory.bytes(), memory.bytes()));
    Ok(())
}

fn saved(memory: &Rehearsal) -> Vec<u8> {
    let mut bytes = Vec::new();
    memory.save_into(&mut bytes);
    assert_eq!(bytes.len(), memory.saved_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_limit_holds_and_every_row_belongs_to_its_class(
        plan in any_plan(),
        seed: u64,
        steps in proptest::collection::vec((0_usize..5, 0_u8..20), 1..150),
    ) {
        let mut memory = Rehearsal::new(plan, WIDTH, seed).unwrap();
        for (i, &(class, action)) in steps.iter().enumerate() {
            // Removing a class renames those after it, which `named` cannot.
            let action = if action == 2 { 3 } else { action };
            step(&mut memory, i, class, action)?;
            check(&memory)?;
        }
        while memory.classes() > 0 {
            let last = memory.classes() - 1;
            memory.remove_class(last);
            check(&memory)?;
        }
        prop_assert!(memory.is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_loading_goes_on_alike(
        plan in any_plan(),
        seed: u64,
        steps in proptest::collection::vec((0_usize..5, 0_u8..20), 1..120),
        cut in 0_usize..120,
    ) {
        let mut memory = Rehearsal::new(plan, WIDTH, seed).unwrap();
        let mut again = memory.clone();
        for (i, &(class, action)) in steps.iter().enumerate() {
            step(&mut memory, i, class, action)?;
            step(&mut again, i, class, action)?;
            if i == cut % steps.len() {
                again = Rehearsal::load(plan, WIDTH, seed, &saved(&again)).unwrap();
                prop_assert_eq!(&again, &memory);
            }
        }
        prop_assert_eq!(saved(&again), saved(&memory));
        let (mut rows, mut same) = (Rows::default(), Rows::default());
        memory.draw_into(7, 3, &mut rows);
        again.draw_into(7, 3, &mut same);
        prop_assert_eq!(rows, same);
    }

    #[test]
    fn damaged_bytes_never_panic(
        plan in any_plan(),
        steps in proptest::collection::vec((0_usize..4, 0_u8..20), 1..60),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut memory = Rehearsal::new(plan, WIDTH, 1).unwrap();
        for (i, &(class, action)) in steps.iter().enumerate() {
            step(&mut memory, i, class, action)?;
        }
        let good = saved(&memory);
        let mut bytes = good.clone();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let load = |bytes: &[u8]| Rehearsal::load(plan, WIDTH, 1, bytes);
        if let Ok(mut loaded) = load(&bytes) {
            // What loads is a valid memory, whatever it remembers.
            prop_assert_eq!(&saved(&loaded), &bytes);
            for (i, &(class, _)) in steps.iter().enumerate() {
                loaded.insert(&named(class, i).0, class, at(1)).unwrap();
                prop_assert!(loaded.len() <= loaded.capacity());
            }
            let _ = loaded.remove(&[1; WIDTH], 0);
            let mut rows = Rows::default();
            loaded.draw_into(5, 0, &mut rows);
            loaded.statistics();
            loaded.remove_class(0);
            prop_assert_eq!(&load(&saved(&loaded)).unwrap(), &loaded);
        }
        prop_assert!(load(&good[..cut.index(good.len())]).is_err());
    }

    #[test]
    fn any_bytes_never_panic(
        plan in any_plan(),
        bytes in proptest::collection::vec(0_u8..3, 0..300),
    ) {
        if let Ok(memory) = Rehearsal::load(plan, WIDTH, 1, &bytes) {
            prop_assert_eq!(saved(&memory), bytes);
        }
    }

    #[test]
    fn recent_holds_the_latest_in_the_ring(
        limit in 1_usize..6,
        steps in proptest::collection::vec((0_usize..3, 0_u8..8), 1..80),
    ) {
        let mut memory = of(Policy::Recent, limit, 0);
        let mut model: VecDeque<(i16, usize)> = VecDeque::new();
        for (i, &(class, action)) in steps.iter().enumerate() {
            // Some of those removed were let go long ago.
            let gone = (i / 2) as i16;
            match action {
                0 => {
                    if let Some(place) = model.iter().position(|&x| x == (gone, class)) {
                        model.remove(place);
                    }
                    memory.remove(&[gone], class).unwrap();
                }
                _ => {
                    if model.len() == limit {
                        model.pop_front();
                    }
                    model.push_back((i as i16, class));
                    memory.insert(&[i as i16], class, at(i as u64)).unwrap();
                }
            }
            let mut rows = Rows::default();
            memory.all_into(&mut rows);
            let mut held: Vec<_> = rows.features.into_iter().zip(rows.classes).collect();
            held.sort_unstable();
            let mut wanted: Vec<_> = model.iter().copied().collect();
            wanted.sort_unstable();
            prop_assert_eq!(held, wanted);
        }
    }

    #[test]
    fn herding_keeps_exact_sums_through_removal(
        steps in proptest::collection::vec((0_usize..3, any::<i16>(), any::<i16>()), 1..60),
        removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut memory = Rehearsal::new("herding:6".parse::<Plan>().unwrap(), 2, 0).unwrap();
        let mut left = steps;
        for &(class, x, y) in &left {
            memory.insert(&[x, y], class, Origin::default()).unwrap();
        }
        for index in removed {
            if !left.is_empty() {
                let (class, x, y) = left.swap_remove(index.index(left.len()));
                memory.remove(&[x, y], class).unwrap();
            }
        }
        for (class, statistics) in memory.statistics().classes.iter().enumerate() {
            let of_class = || left.iter().filter(|(c, ..)| *c == class);
            prop_assert_eq!(statistics.seen, of_class().count() as u64);
            let total = |of: fn(&(usize, i16, i16)) -> i16| {
                of_class().map(|x| i64::from(of(x))).sum::<i64>() as f64
            };
            if let Some(length) = statistics.mean_length {
                let wanted = total(|x| x.1).hypot(total(|x| x.2)) / statistics.seen as f64;
                prop_assert!((length - wanted).abs() <= 1e-9 * wanted.max(1.0));
            }
        }
    }
}

#[test]
fn a_limit_in_bytes_counts_features_scale_place_and_origin() {
    let bytes = |storage| plan(Policy::Recent, Capacity::Bytes(1000), storage).example_bytes(10);
    assert_eq!(Storage::ALL.map(bytes), [32, 40, 60]);
    for plan in plans(Capacity::Bytes(1000)) {
        let mut memory = Rehearsal::new(plan, 10, 0).unwrap();
        for i in 0..500 {
            let class = i as usize % 4;
            memory.insert(&[i; 10], class, at(3)).unwrap();
        }
        let sums = if plan.policy == Policy::Herding {
            4 * 80
        } else {
            0
        };
        assert_eq!(memory.len(), (1000 - sums) / bytes(plan.storage), "{plan}");
        let error = Rehearsal::new(
            Plan {
                capacity: Capacity::Bytes(31),
                ..plan
            },
            10,
            0,
        );
        let (limit, example) = (31, bytes(plan.storage));
        assert_eq!(error, Err(RehearsalError::TooSmall { limit, example }));
    }
}

#[test]
fn what_int8_changed_is_found_and_removed_by_what_was_shown() {
    for plan in plans(Capacity::Examples(5)) {
        let mut memory = Rehearsal::new(plan, 3, 0).unwrap();
        let odd = [12_345, -20_001, 77];
        memory.insert(&odd, 0, at(1)).unwrap();
        memory.insert(&[1, 2, 3], 0, at(2)).unwrap();
        let read = memory.examples(0).next().unwrap();
        assert_eq!(read != odd, plan.storage == Storage::Int8);
        assert_eq!(memory.remove(&odd, 0), Ok(true), "{plan}");
        assert_eq!((memory.len(), memory.seen(0)), (1, 1));
        // All that was shown is held: this was not shown.
        assert_eq!(memory.remove(&odd, 0), Ok(false));
        assert_eq!(memory.seen(0), 1);
        assert_eq!(
            memory.remove(&[1], 0),
            Err(RehearsalError::Width {
                expected: 3,
                actual: 1
            })
        );
    }
}

#[test]
fn rows_that_no_storage_writes_are_refused() {
    let refused = |plan: &str, at_end: &[u8]| {
        let plan: Plan = plan.parse().unwrap();
        let mut memory = Rehearsal::new(plan, 2, 0).unwrap();
        memory.insert(&[300, -200], 0, at(1)).unwrap();
        let mut bytes = saved(&memory);
        // The ring's own four bytes come last.
        let end = bytes.len() - 4;
        bytes[end - at_end.len()..end].copy_from_slice(at_end);
        Rehearsal::load(plan, 2, 0, &bytes).is_err()
    };
    let scale = 300_u16.to_le_bytes();
    assert!(!refused("recent:1:int8", &[scale[0], scale[1], 127, 171]));
    assert!(refused("recent:1:int8", &[scale[0], scale[1], 128, 171]));
    // No feature of the scale's size.
    assert!(refused("recent:1:int8", &[scale[0], scale[1], 126, 171]));
    assert!(refused("recent:1:int8", &[0, 0, 0, 171]));
    for x in [0.5, f32::NAN, f32::INFINITY, -0.0, 40_000.0] {
        assert!(refused("recent:1:f32", &x.to_le_bytes()), "{x}");
    }
    assert!(!refused("recent:1:f32", &7_f32.to_le_bytes()));
    assert!(!refused("recent:1", &7_i16.to_le_bytes()));
}

#[test]
fn without_capacity_nothing_is_kept() {
    for plan in plans(Capacity::None) {
        let mut memory = Rehearsal::new(plan, 1, 0).unwrap();
        for i in 0..10 {
            memory.insert(&[i], 0, at(1)).unwrap();
        }
        assert_eq!((memory.len(), memory.seen(0)), (0, 10));
        let loaded = Rehearsal::load(plan, 1, 0, &saved(&memory)).unwrap();
        assert_eq!(loaded, memory);
    }
}

#[test]
fn a_class_streamed_later_gets_its_equal_share() {
    for policy in [Policy::Balanced, Policy::Herding] {
        let mut memory = of(policy, 30, 5);
        for class in 0..3 {
            for i in 0..1000 {
                memory.insert(&[i], class, at(1)).unwrap();
            }
        }
        let held: Vec<usize> = (0..3).map(|class| memory.held(class)).collect();
        assert_eq!(held, [10, 10, 10], "{policy}");
    }
}

#[test]
fn herding_is_balanced_to_one_row_in_any_order() {
    let mut memory = of(Policy::Herding, 31, 0);
    for i in 0..5000_usize {
        // Class 0 comes half of the time, class 6 seldom.
        let class = (i.wrapping_mul(0x9e37_79b9) >> 7).leading_zeros() as usize % 7;
        memory
            .insert(&[(i * 37 % 997) as i16], class, at(1))
            .unwrap();
    }
    let held: Vec<usize> = (0..7).map(|class| memory.held(class)).collect();
    assert_eq!(held.iter().sum::<usize>(), 31);
    let seen: Vec<u64> = (0..7).map(|class| memory.seen(class)).collect();
    assert!(
        held.iter()
            .zip(&seen)
            .all(|(&h, &s)| (4..=5).contains(&h) || h as u64 == s),
        "{held:?} of {seen:?}"
    );
}

#[test]
fn within_a_class_old_and_new_examples_are_held_alike() {
    let mut old = 0;
    for seed in 0..400 {
        let mut memory = of(Policy::Balanced, 10, seed);
        for i in 0..100 {
            memory.insert(&[i], 0, at(1)).unwrap();
        }
        old += memory.examples(0).filter(|x| x[0] < 50).count();
    }
    // 4000 held, each old with probability 1/2: sd about 30.
    assert!((1880..2120).contains(&old), "{old}");
}

/// How often each of `items` is held over many seeds is within five standard
/// deviations of the same for all.
fn assert_uniform(items: std::ops::Range<i16>, life: impl Fn(u64) -> Rehearsal) {
    const SEEDS: u64 = 4000;
    let mut held = vec![0_u32; items.end as usize];
    for seed in 0..SEEDS {
        let memory = life(seed);
        for row in (0..memory.classes()).flat_map(|class| memory.examples(class)) {
            held[row[0] as usize] += 1;
        }
    }
    let held: Vec<u32> = held.into_iter().filter(|&n| n > 0).collect();
    let mean = held.iter().sum::<u32>() as f64 / held.len() as f64;
    let share = mean / SEEDS as f64;
    let sd = (SEEDS as f64 * share * (1.0 - share)).sqrt();
    for &n in &held {
        assert!(
            (f64::from(n) - mean).abs() < 5.0 * sd,
            "{mean} +- {sd}: {held:?}"
        );
    }
}

#[test]
fn the_reservoir_holds_every_example_alike() {
    assert_uniform(0..40, |seed| {
        let mut memory = of(Policy::Reservoir, 7, seed);
        for i in 0..40 {
            memory.insert(&[i], usize::from(i > 30), at(1)).unwrap();
        }
        assert_eq!(memory.len(), 7);
        memory
    });
}

#[test]
fn the_reservoir_stays_uniform_when_examples_are_removed() {
    assert_uniform(0..40, |seed| {
        let mut memory = of(Policy::Reservoir, 7, seed);
        for i in 0..20 {
            memory.insert(&[i], usize::from(i % 3 == 0), at(1)).unwrap();
        }
        for i in [0, 3, 5, 9, 12, 15, 19] {
            memory.remove(&[i], usize::from(i % 3 == 0)).unwrap();
        }
        for i in 20..25 {
            memory.insert(&[i], 0, at(1)).unwrap();
        }
        memory
    });
}

#[test]
fn draws_are_balanced_over_classes_or_uniform_over_rows() {
    for policy in Policy::ALL {
        let mut memory = of(policy, 100, 3);
        for i in 0..90 {
            memory.insert(&[i], 0, at(i as u64)).unwrap();
        }
        for i in 500..510 {
            memory.insert(&[i], 1, at(i as u64)).unwrap();
        }
        let mut rows = Rows::default();
        memory.draw_into(1000, 9, &mut rows);
        let ones = rows.classes.iter().filter(|&&class| class == 1).count();
        let wanted = match policy.draws() {
            Draws::ClassBalanced => 420..580,
            Draws::Uniform => 50..150,
        };
        assert!(wanted.contains(&ones), "{policy}: {ones}");
        let named = rows.features.iter().zip(&rows.groups);
        assert!(
            named
                .zip(&rows.classes)
                .all(|((&x, &group), &class)| { (x >= 500) == (class == 1) && x as u64 == group })
        );
        let mut again = Rows::default();
        memory.draw_into(1000, 9, &mut again);
        assert_eq!(rows, again);
        again.clear();
        memory.draw_into(1000, 10, &mut again);
        assert_ne!(rows, again);
    }
}

/// Skewed, correlated features, as embeddings are after a rectifier.
fn skewed(class: usize, i: usize) -> Vec<i16> {
    let noise = |j: usize| {
        // SplitMix64.
        let mut mixed = ((class * 7919 + i) * 1009 + j) as u64;
        for factor in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9_u64] {
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(factor);
        }
        mixed ^= mixed >> 31;
        (mixed >> 40) as f64 / (1 << 24) as f64
    };
    (0..32)
        .map(|j| (3000.0 * (noise(j) * noise(100 + j / 4)) * (1 + (j + class) % 3) as f64) as i16)
        .collect()
}

#[test]
fn herding_is_nearer_to_the_class_mean_than_a_random_sample() {
    let (classes, per_class) = (4, 300);
    let shown = |policy, seed| {
        let plan = plan(policy, Capacity::Examples(40), Storage::Int8);
        let mut memory = Rehearsal::new(plan, 32, seed).unwrap();
        for class in 0..classes {
            for i in 0..per_class {
                memory.insert(&skewed(class, i), class, at(1)).unwrap();
            }
        }
        memory
    };
    // By hand, so that it is not the policy's own word.
    let distance = |memory: &Rehearsal, class: usize| {
        let mean = |rows: &mut dyn Iterator<Item = Vec<i16>>| {
            let (mut sums, mut n) = ([0.0; 32], 0.0);
            for row in rows {
                n += 1.0;
                (sums.iter_mut().zip(row)).for_each(|(sum, x)| *sum += f64::from(x));
            }
            sums.map(|sum| sum / n)
        };
        let held = mean(&mut memory.examples(class));
        let all = mean(&mut (0..per_class).map(|i| skewed(class, i)));
        let squares = held.iter().zip(&all).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let herding = shown(Policy::Herding, 0);
    assert_eq!(
        saved(&herding)[24..],
        saved(&shown(Policy::Herding, 9))[24..]
    );
    for class in 0..classes {
        let ours = distance(&herding, class);
        let told = herding.statistics().classes[class].mean_distance.unwrap();
        assert!((ours - told).abs() < 1e-6, "{ours} {told}");
        let random: Vec<f64> = (0..20)
            .map(|seed| distance(&shown(Policy::Balanced, seed), class))
            .collect();
        let best = random.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = random.iter().sum::<f64>() / random.len() as f64;
        assert!(
            ours < best && 2.0 * ours < mean,
            "{ours} against {random:?}"
        );
    }
}

#[test]
fn herding_without_room_for_sums_goes_on_as_balanced() {
    let plan: Plan = "herding:1000B:int8".parse().unwrap();
    let mut memory = Rehearsal::new(plan, 10, 0).unwrap();
    let mut herds = Vec::new();
    for class in 0..8 {
        for i in 0..50 {
            memory.insert(&[i; 10], class, at(1)).unwrap();
        }
        herds.push(memory.statistics().herds.unwrap());
    }
    // 6 x 80 B are less than half of 1000, 7 x 80 B are not.
    assert_eq!(herds, [true, true, true, true, true, true, false, false]);
    assert_eq!((memory.len(), memory.sums_bytes()), (1000 / 32, 0));
    // What made room for sums is gone; the room goes to the classes after them.
    let held: Vec<usize> = (0..8).map(|class| memory.held(class)).collect();
    assert!(held.iter().all(|&held| held >= 2), "{held:?}");
    for i in 0..2000 {
        memory.insert(&[i; 10], i as usize % 8, at(1)).unwrap();
    }
    assert_eq!(memory.len(), 1000 / 32);
    assert_eq!(memory.statistics().classes[0].mean_distance, None);
}

#[test]
fn statistics_tell_times_groups_and_bytes() {
    let mut memory = Rehearsal::new("recent:8:int8".parse::<Plan>().unwrap(), 4, 0).unwrap();
    for (i, group) in [7, 3, 7, 0, 7].into_iter().enumerate() {
        let at_unix_ms = if group == 0 { 0 } else { 100 + i as i64 };
        let origin = Origin { group, at_unix_ms };
        memory.insert(&[i as i16; 4], 1, origin).unwrap();
    }
    let json = serde_json::to_value(memory.statistics()).unwrap();
    let wanted = serde_json::json!({
        "plan": "recent:8:int8", "policy": "recent", "storage": "int8", "draws": "uniform",
        "examples": 5, "capacity": 8, "shown": 5, "herds": null,
        "bytes": {
            "features": 20, "scales": 10, "index": 20, "origins": 80, "sums": 0,
            "total": 130, "limit": null,
        },
        "classes": [
            {
                "held": 0, "seen": 0, "oldest_unix_ms": null, "newest_unix_ms": null,
                "groups": [], "mean_distance": null, "mean_length": null,
            },
            {
                "held": 5, "seen": 5, "oldest_unix_ms": 100, "newest_unix_ms": 104,
                "groups": [
                    {"group": 0, "held": 1}, {"group": 3, "held": 1}, {"group": 7, "held": 3},
                ],
                "mean_distance": null, "mean_length": null,
            },
        ],
    });
    assert_eq!(json, wanted);
}
