//! `afield embed`, run as a user runs it.

use std::fs;

use afield_lab::data::read_npz;
use ndarray::{Array2, Axis};

use crate::harness::Sandbox;

#[test]
fn both_modes_write_the_same_embeddings_and_a_line_for_each_file() {
    let sandbox = Sandbox::taught();
    let embed = |mode: &str, out: &str| {
        let arguments = format!("embed low high --backbone tiny --mode {mode} -o {out}");
        sandbox.run(arguments).ok()
    };
    let (streaming, windowed) = (embed("streaming", "s.npy"), embed("windowed", "w.npy"));
    let read = |name: &str| -> Array2<f32> { ndarray_npy::read_npy(sandbox.path(name)).unwrap() };
    let (s, w) = (read("s.npy"), read("w.npy"));
    // Half a second: 8,000 samples, a field of 2,640, hops of 640.
    assert_eq!(s.dim(), (8 * ((8_000 - 2_640) / 640 + 1), 16));
    assert_eq!(s.dim(), w.dim());
    let largest = (&s - &w).iter().fold(0.0f32, |m, d| m.max(d.abs()));
    println!("streaming and windowed files differ by {largest:.1e}");
    assert!(
        s.iter().all(|x| x.is_finite()) && largest < 1e-4,
        "{largest}"
    );
    for (run, mode) in [(&streaming, "streaming"), (&windowed, "windowed")] {
        run.has_keys(["path", "rows", "seconds", "cpu_seconds", "mode"]);
        let lines = run.json_lines();
        assert_eq!(lines.len(), 8);
        for line in &lines {
            assert!(
                line["mode"] == mode && line["rows"] == 9 && line["seconds"] == 0.5,
                "{run}"
            );
        }
        assert_eq!(lines[0]["path"], "low/0.wav");
    }
    // Nothing but what was asked for is left behind.
    let count = fs::read_dir(sandbox.root()).unwrap().count();
    assert_eq!(count, ["box", "low", "high", "s.npy", "w.npy"].len());
}

#[test]
fn labelled_embeddings_are_an_archive_that_evaluate_reads() {
    let sandbox = Sandbox::taught();
    fs::create_dir(sandbox.path("set")).unwrap();
    for class in ["high", "low"] {
        fs::rename(sandbox.path(class), sandbox.path("set").join(class)).unwrap();
    }
    let embed = |pool: &str, pattern: &str| {
        let program = sandbox.afield("embed set --labelled --backbone tiny -o set.npz");
        program
            .args(["--pool", pool, "--group-pattern", pattern])
            .run()
    };
    embed("mean", "(").fails(1);
    assert!(!sandbox.path("set.npz").exists());

    let said = embed("mean+max", r"^(\d)").ok().json();
    assert_eq!((&said["clips"], &said["features"]), (&8.into(), &32.into()));
    assert_eq!((&said["classes"], &said["groups"]), (&2.into(), &4.into()));
    let clips = read_npz(&sandbox.path("set.npz")).unwrap();
    let classes: Vec<_> = (0..8)
        .map(|clip| clips.classes()[clips.label(clip)].as_str())
        .collect();
    assert_eq!(classes, [["high"; 4], ["low"; 4]].concat());
    let groups = clips.groups().unwrap();
    let groups: Vec<_> = (groups.of().iter())
        .map(|&group| groups.names()[group].as_str())
        .collect();
    assert_eq!(groups, ["0", "1", "2", "3"].repeat(2));

    let rows = "embed set/high set/low --backbone tiny -o rows.npy";
    sandbox.run(rows).ok();
    let rows: Array2<f32> = ndarray_npy::read_npy(sandbox.path("rows.npy")).unwrap();
    for clip in 0..8 {
        let windows = rows.slice_axis(Axis(0), (9 * clip..9 * (clip + 1)).into());
        for (i, window) in windows.columns().into_iter().enumerate() {
            let largest = window.iter().fold(f32::MIN, |most, &x| most.max(x));
            let row = clips.windows(clip);
            assert!(
                (row[i] - window.sum() / 9.0).abs() < 1e-4,
                "mean {i} of {clip}"
            );
            assert!(
                (row[16 + i] - largest).abs() < 1e-4,
                "maximum {i} of {clip}"
            );
        }
    }
    let evaluate = "evaluate --embeddings set.npz --test-groups 3 --head ncm --json";
    sandbox.run(evaluate).ok();
}
