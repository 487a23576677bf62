//! Sensors from the command line: tables and JSON lines, on the backbone that is part of the
//! program, with no network and an empty cache.

use serde_json::Value;

use crate::harness::listener::ENDED;
use crate::harness::{Sandbox, watch};

/// A movement: a tilt of gravity, and turns about one axis.
#[derive(Clone, Copy)]
struct Movement {
    tilt: f64,
    hz: f64,
    axis: usize,
}

const ROW: Movement = Movement {
    tilt: 0.2,
    hz: 0.6,
    axis: 3,
};
const LIFT: Movement = Movement {
    tilt: 1.2,
    hz: 1.1,
    axis: 5,
};

impl Movement {
    /// Six values `seconds` into it, done a little differently by each `who`.
    fn at(self, seconds: f64, who: f64) -> [f64; 6] {
        let phase = std::f64::consts::TAU * self.hz * (1.0 + 0.05 * who) * seconds;
        let angle = self.tilt + 0.5 * phase.sin() + 0.05 * who;
        let mut values = [angle.cos(), angle.sin(), 0.1 * who, 0.0, 0.0, 0.0];
        values[self.axis] = (2.0 + 0.2 * who) * phase.cos();
        values
    }
}

const HEAD: &str = "ax [g],ay [g],az [g],wx [rad/s],wy [rad/s],wz [rad/s]";

/// Twelve seconds of a movement, as a table.
fn write_movement(sandbox: &Sandbox, name: &str, movement: Movement, who: f64) {
    let rows: Vec<Vec<f64>> = (0..600)
        .map(|i| movement.at(f64::from(i) / 50.0, who).to_vec())
        .collect();
    sandbox.table(name, HEAD, 50, &rows);
}

/// A learner on the backbone in the program, with an empty cache, taught both movements.
fn taught() -> Sandbox {
    let sandbox = Sandbox::cold().with_learner("box");
    let made = sandbox.run("init box --backbone imu").ok();
    made.says(["lda on imu, pool mean+std+max"]);
    for (movement, label) in [(ROW, "row"), (LIFT, "lift")] {
        for who in [0, 1, 2] {
            let name = format!("{label}/{who}.csv");
            write_movement(&sandbox, &name, movement, f64::from(who));
        }
        sandbox.run(["teach", label, label, "--cut", "3:1.5"]).ok();
    }
    sandbox
}

#[test]
fn movements_at_another_rate_in_other_units_are_recognised_offline() {
    let sandbox = taught();
    for (movement, label) in [(ROW, "row"), (LIFT, "lift")] {
        // Of another rate, in other units, under other names, beside other columns.
        let rows: Vec<Vec<f64>> = (0..1_248)
            .map(|i| {
                let v = movement.at(f64::from(i) / 104.0, 0.5);
                let degrees = |x: f64| x.to_degrees();
                let turns = [degrees(v[3]), degrees(v[4]), degrees(v[5])];
                let metres = [v[0] * 9.80665, v[1] * 9.80665, v[2] * 9.80665];
                [&[f64::from(i) / 0.104][..], &turns, &[20.0], &metres].concat()
            })
            .collect();
        let head = "t [ms],gx [dps],gy [dps],gz [dps],celsius,x [m/s2],y [m/s2],z [m/s2]";
        sandbox.table("new.csv", head, 104, &rows);
        let predict = "predict new.csv --columns ax=x,ay=y,az=z,wx=gx,wy=gy,wz=gz";
        let answer = sandbox.run(predict).ok().json_lines();
        assert_eq!(answer[0]["label"], label, "{answer:?}");
    }
    let error = sandbox.run("predict new.csv").refused();
    assert!(error.contains("--columns"), "{error}");
    assert!(!sandbox.path("cache").join("models").exists());
}

#[test]
fn json_lines_give_the_same_decisions_as_a_table() {
    let sandbox = taught();
    write_movement(&sandbox, "new.csv", LIFT, 0.5);
    let listen = "listen --windows --window 3 --every 1 --source";
    let file = sandbox.afield(listen).args("csv:new.csv").run().ok();
    let text: String = (0..600)
        .map(|i| {
            let [ax, ay, az, wx, wy, wz] = LIFT.at(f64::from(i) / 50.0, 0.5);
            format!("{{\"ax\":{ax},\"ay\":{ay},\"az\":{az},\"wx\":{wx},\"wy\":{wy},\"wz\":{wz}}}\n")
        })
        .collect();
    let stdin = sandbox.afield(listen).args("stdin --rate 50").stdin(text);
    let piped = stdin.run();
    assert_eq!(piped.code, Some(ENDED), "{piped}");
    let (file, piped) = (file.json_lines(), piped.json_lines());
    assert!(file.len() >= 8, "{file:?}");
    assert_eq!(file.len(), piped.len());
    for (a, b) in file.iter().zip(&piped) {
        assert_eq!((&a["time"], &a["label"]), (&b["time"], &b["label"]));
        assert_eq!(a["label"], "lift");
    }
}

#[test]
fn no_decision_looks_across_missing_samples() {
    let sandbox = taught();
    // Five seconds of one movement, two lost, five of another.
    let rows: Vec<Vec<f64>> = (0..600)
        .filter(|i| !(250..350).contains(i))
        .map(|i| {
            let seconds = f64::from(i) / 50.0;
            let movement = if i < 250 { ROW } else { LIFT };
            [&[seconds][..], &movement.at(seconds, 0.5)].concat()
        })
        .collect();
    sandbox.table("gap.csv", &format!("time [s],{HEAD}"), 50, &rows);
    let listen = "listen --windows --window 3 --every 0.5 --source csv:gap.csv";
    let events = sandbox.run(listen).ok().json_lines();
    let (mut before, mut after) = (0, 0);
    for event in &events {
        let (start, end) = (
            event["start"].as_f64().unwrap(),
            event["time"].as_f64().unwrap(),
        );
        if end <= 5.0 {
            before += 1;
            assert_eq!(event["label"], "row", "{event}");
        } else {
            after += 1;
            assert!(start >= 7.0, "looks across the gap: {event}");
            assert_eq!(event["label"], "lift", "{event}");
        }
    }
    assert!(before >= 3 && after >= 3, "{events:?}");
    // Nor does an event.
    let listen = "listen --window 3 --every 0.5 --source csv:gap.csv";
    let events = sandbox.run(listen).ok().json_lines();
    let [before, after] = events.as_slice() else {
        panic!("{events:#?}");
    };
    assert_eq!(
        (&before["label"], &after["label"]),
        (&"row".into(), &"lift".into())
    );
    assert!(before["end"].as_f64().unwrap() <= 5.0, "{before}");
    assert!(after["start"].as_f64().unwrap() >= 7.0, "{after}");
}

#[test]
fn tables_are_embedded_and_evaluated_in_pieces() {
    let sandbox = Sandbox::cold();
    for (movement, label) in [(ROW, "row"), (LIFT, "lift")] {
        for who in [0, 1, 2] {
            let name = format!("data/{label}/{who}-a.csv");
            write_movement(&sandbox, &name, movement, f64::from(who));
        }
    }
    let input = r"--backbone imu --cut 3:1.5 --group-pattern ^(\d)-";
    let embed = sandbox.afield("embed data --labelled -o x.npz").args(input);
    let embedded = embed.run().ok().json();
    let imu = afield::model::Card::built_in()
        .iter()
        .find(|card| card.name == "imu");
    let features = 3 * imu.unwrap().embedding.size;
    // Of each of six recordings: every 1.5 s but for the last piece, and to the hop.
    let clips = embedded["clips"].as_u64().unwrap();
    assert!(clips == 36 || clips == 42, "{embedded}");
    assert_eq!(
        embedded["features"], features,
        "mean, deviation and maximum"
    );
    let evaluate = "evaluate --data data --test-groups 2 --head lda --json";
    let report = sandbox.afield(evaluate).args(input).run().ok().json();
    assert_eq!(report["heads"][0]["final_accuracy"], 1.0, "{report}");
}

#[test]
fn recordings_of_sound_and_of_sensors_are_told_apart() {
    let sandbox = Sandbox::cold().with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    sandbox.run("doctor").ok().prints(["imu is the one"]);
    let sound = crate::root().join("tests/goldens/audio/stereo.wav");
    let error = sandbox.run(["teach", "x", sound.to_str().unwrap()]);
    let error = error.refused();
    assert!(
        error.contains("ax, ay, az") && error.contains("sound"),
        "{error}"
    );
    sandbox.write("odd.csv", "a,b\n1,2\n");
    let error = sandbox.run("teach x odd.csv").refused();
    assert!(error.contains("--rate"), "{error}");
    let listen = "listen --source serial:nowhere --columns a";
    let error = sandbox.run(listen).refused();
    assert!(error.contains("--columns"), "{error}");
}

#[test]
fn the_demo_learns_exercises_of_new_people() {
    let Some(cache) = watch::cache("the_demo_learns_exercises_of_new_people") else {
        return;
    };
    let sandbox = Sandbox::on_cache(&cache);
    let demo = sandbox.run("demo imu --json --head finetune,lda").ok();
    let reports = demo.json_lines();
    assert_eq!(
        reports.len(),
        2,
        "exercise after exercise, person after person"
    );
    let accuracy =
        |report: &Value, head: usize| report["heads"][head]["final_accuracy"].as_f64().unwrap();
    // Of seven exercises: forgotten and kept.
    assert!(accuracy(&reports[0], 0) < 0.4, "{}", reports[0]);
    assert!(accuracy(&reports[0], 1) > 0.75, "{}", reports[0]);
    assert!(accuracy(&reports[1], 1) > 0.75, "{}", reports[1]);
    assert!(sandbox.path("afield-demo.html").exists());
}

#[test]
fn normalised_channels_are_part_of_the_contract() {
    let sandbox = taught();
    let contract = |arguments: &str| sandbox.run(arguments).ok().json()["contract"].clone();
    let usual = contract("status --json");
    // A sensor a hundred times as strong, which all but drowns otherwise.
    for (name, movement, who) in [("a", ROW, 0.0), ("b", LIFT, 1.0), ("c", LIFT, 2.0)] {
        let rows: Vec<Vec<f64>> = (0..600)
            .map(|i| {
                movement
                    .at(f64::from(i) / 50.0, who)
                    .map(|x| x * 100.0)
                    .to_vec()
            })
            .collect();
        sandbox.table(&format!("strong/{name}.csv"), HEAD, 50, &rows);
    }
    let init = "init strong-box --normalise strong --backbone imu";
    let error = sandbox.run(init).refused();
    assert!(error.contains("never changes"), "{error}");
    let rows: Vec<Vec<f64>> = (0..600).map(|i| vec![f64::from(i % 7); 6]).collect();
    sandbox.table("strong/noise.csv", HEAD, 50, &rows);
    sandbox.run(init).ok();
    for (label, name) in [("row", "strong/a.csv"), ("lift", "strong/b.csv")] {
        let teach = ["teach", label, name, "--learner", "strong-box"];
        sandbox.run(teach).ok();
    }
    let predict = "predict strong/c.csv --learner strong-box";
    let said = sandbox.run(predict).ok();
    assert_eq!(said.json_lines()[0]["label"], "lift", "{said}");
    assert_ne!(usual, contract("status --json --learner strong-box"));
}

#[test]
fn forget_takes_a_table_or_json_lines_as_a_clip() {
    let sandbox = Sandbox::cold().with_learner("box");
    sandbox.run("init box --backbone imu").ok();
    write_movement(&sandbox, "row.csv", ROW, 0.0);
    write_movement(&sandbox, "lift.csv", LIFT, 0.0);
    let line = |i: i32| {
        let x = f64::from(i);
        format!(
            "{{\"t\":{},\"ax\":{},\"ay\":0,\"az\":1,\"wx\":0,\"wy\":{},\"wz\":0}}\n",
            x / 50.0,
            (x / 9.0).sin(),
            (x / 7.0).cos()
        )
    };
    let text: String = (0..600).map(line).collect();
    sandbox.write("turn.jsonl", text);
    for (label, file) in [
        ("row", "row.csv"),
        ("lift", "lift.csv"),
        ("turn", "turn.jsonl"),
    ] {
        sandbox.run(["teach", label, file]).ok();
    }
    // Under another name it is the same clip.
    std::fs::rename(sandbox.path("row.csv"), sandbox.path("other.csv")).unwrap();
    let listed = sandbox.run("forget --clip other.csv --dry-run").ok();
    assert!(listed.stdout.ends_with("  row  row.csv\n"), "{listed}");
    let forgot = sandbox.run("forget --clip other.csv").ok();
    assert_eq!(forgot.stderr, "forgot 1 clips of row\n");
    sandbox.run("forget --clip turn.jsonl").ok();
    let classes = sandbox.status()["classes"].clone();
    assert_eq!(classes.as_array().unwrap().len(), 1);
    // Read with other columns it is another clip.
    let columns = "ax=wx [g],ay,az,wx=ax [rad/s],wy,wz";
    let refused = sandbox.run(["forget", "--clip", "lift.csv", "--columns", columns]);
    let said = refused.refused();
    assert!(said.contains("nothing that is taught matches"), "{said}");
    sandbox.run("forget --clip lift.csv").ok();
}
