//! Teaches a learner hours of a simulated pump, and lets it listen for days.

use std::path::Path;

use afield::engine::Durability;
use afield::engine::{EngineOptions, LearnerOptions, ListenOptions};
use afield::signal::{Chunk, Label};
use afield::source::Source;
use afield::{Engine, Error, Recording};
use serde::Serialize;

use super::pump::{Fault, Pump};
use super::trend::{Block, Trend};

/// Seconds of a taught clip: four decision windows of `imu` cover it.
const CLIP_SECONDS: usize = 12;
/// Seconds of the recording by which the channels are normalised.
const NORMALISED_SECONDS: f64 = 600.0;
/// An alarm lasts if so many blocks of an hour are one.
const LASTING: usize = 3;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// What is taught and listened to.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorPlan {
    /// Hours of `normal` that are taught.
    pub taught_hours: f64,
    /// Days of the stream before the fault begins.
    pub healthy_days: f64,
    /// Days of the stream after it.
    pub fault_days: f64,
    /// The amplitude of an impact at the onset, in g.
    pub fault_amplitude: f64,
    /// The hours in which it doubles.
    pub fault_doubles_hours: f64,
    /// False alarms to allow in a day.
    pub alarms_per_day: f64,
    /// Decides the vibration.
    pub seed: u64,
}

impl Default for MonitorPlan {
    fn default() -> Self {
        Self {
            taught_hours: 12.0,
            healthy_days: 5.0,
            fault_days: 3.0,
            fault_amplitude: 0.004,
            fault_doubles_hours: 12.0,
            alarms_per_day: 2.0,
            seed: 0,
        }
    }
}

/// What a learner found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonitorReport {
    /// Hours of `normal` that were taught.
    pub taught_hours: f64,
    /// Days before the fault, and the alarms in them.
    pub healthy_days: f64,
    /// See [`Self::healthy_days`].
    pub false_alarms: usize,
    /// False alarms that were allowed, in a day.
    pub allowed_per_day: f64,
    /// Hours before the fault in which an alarm lasted.
    pub false_lasting_hours: usize,
    /// Days after the onset.
    pub fault_days: f64,
    /// Hours from the onset to the first alarm, which may be a false one.
    pub first_alarm_hours: Option<f64>,
    /// Hours from the onset until an alarm lasts: three blocks within an hour.
    pub found_hours: Option<f64>,
    /// The amplitude of an impact then, in g.
    pub found_amplitude: Option<f64>,
    /// The mean of `-log10 p` by hour.
    pub trend: Trend,
    /// The onset in seconds of the stream.
    pub onset: f64,
}

impl MonitorReport {
    /// False alarms a day.
    pub fn false_alarms_per_day(&self) -> f64 {
        self.false_alarms as f64 / self.healthy_days.max(f64::MIN_POSITIVE)
    }

    fn of(plan: &MonitorPlan, fault: &Fault, blocks: &[Block]) -> Self {
        let onset = fault.onset;
        let alarms = Trend::alarms(blocks);
        // A lasting alarm: the end of the last of some blocks that begin within an hour.
        let single: Vec<&Block> = blocks.iter().filter(|s| s.is_alarm).collect();
        let lasting = single.windows(LASTING);
        let lasting = lasting.filter(|run| run[LASTING - 1].start - run[0].start < HOUR);
        let lasting: Vec<f64> = lasting.map(|run| run[LASTING - 1].end).collect();
        let found = lasting.iter().copied().find(|&end| end > onset);
        let mut false_hours: Vec<u64> = lasting
            .iter()
            .filter(|&&end| end <= onset)
            .map(|end| (end / HOUR) as u64)
            .collect();
        false_hours.dedup();
        let first = blocks.iter().find(|s| s.is_alarm && s.end > onset);
        Self {
            taught_hours: plan.taught_hours,
            healthy_days: plan.healthy_days,
            false_alarms: alarms.iter().filter(|(start, _)| *start < onset).count(),
            allowed_per_day: plan.alarms_per_day,
            false_lasting_hours: false_hours.len(),
            fault_days: plan.fault_days,
            first_alarm_hours: first.map(|block| (block.end - onset) / HOUR),
            found_hours: found.map(|end| (end - onset) / HOUR),
            found_amplitude: found.map(|end| fault.amplitude_at(end)),
            trend: Trend::of(blocks, HOUR),
            onset,
        }
    }
}

impl MonitorPlan {
    /// Makes a learner on `imu` in the folder `dir`, teaches it, and lets it listen. `progress`
    /// receives the seconds that are done, and all.
    ///
    /// # Errors
    /// [`Error`] if the learner cannot be made, taught or asked.
    pub fn run(
        &self,
        dir: &Path,
        engine: EngineOptions,
        mut progress: impl FnMut(f64, f64),
    ) -> Result<MonitorReport, Error> {
        let taught_seconds = self.taught_hours * HOUR;
        let onset = self.healthy_days * DAY;
        let length = onset + self.fault_days * DAY;
        let all = taught_seconds + length;
        let engine = self.learner(dir, engine)?;
        let label = Label::new("normal")?;
        let mut pump = Pump::new(self.seed * 2, taught_seconds, None)?;
        let (rate, channels) = (pump.rate().hz(), pump.channels().to_vec());
        let clip = CLIP_SECONDS * rate as usize * channels.len();
        let mut lesson = engine.lesson(Durability::Batched(std::time::Duration::from_secs(60)))?;
        let (mut chunk, mut samples, mut done) = (Chunk::default(), Vec::new(), 0.0);
        while pump.read(&mut chunk)? {
            samples.extend_from_slice(&chunk.samples);
            while samples.len() >= clip {
                let rest = samples.split_off(clip);
                let samples = std::mem::replace(&mut samples, rest);
                let recording = Recording::from_channels(rate, channels.clone(), samples)?;
                lesson.teach(&label, recording.named("the simulated pump"))?;
                done += CLIP_SECONDS as f64;
                progress(done, all);
            }
        }
        lesson.finish()?;
        let fault = Fault {
            onset,
            amplitude: self.fault_amplitude,
            doubles: self.fault_doubles_hours * HOUR,
        };
        let pump = Pump::new(self.seed * 2 + 1, length, Some(fault))?;
        let options = ListenOptions {
            false_alarms_per_day: self.alarms_per_day,
            ..ListenOptions::default()
        };
        let recording = Recording::from_source(Box::new(pump), "the simulated pump");
        let mut blocks = Vec::new();
        for event in engine.listen_to(recording, options)? {
            blocks.extend(Block::of(&event?));
            if let Some(latest) = blocks.last() {
                progress(taught_seconds + latest.end, all);
            }
        }
        Ok(MonitorReport::of(self, &fault, &blocks))
    }

    /// A learner whose channels are normalised by minutes of the pump: its vibration is a hundredth
    /// of what a wrist does.
    fn learner(&self, dir: &Path, engine: EngineOptions) -> Result<Engine, Error> {
        let pump = Pump::new(self.seed * 2, NORMALISED_SECONDS, None)?;
        let mut recording = Recording::from_source(Box::new(pump), "the simulated pump");
        let folder = tempfile::tempdir().map_err(|error| Error::File {
            path: dir.to_owned(),
            error,
        })?;
        let path = folder.path().join("normal.csv");
        std::fs::write(&path, recording.to_table()?).map_err(|error| Error::File {
            path: path.clone(),
            error,
        })?;
        let options = LearnerOptions {
            backbone: Some("imu".to_owned()),
            normalise: vec![path],
            ..LearnerOptions::default()
        };
        Engine::create_with(dir, &options, engine, &|_, _| {})
    }
}

#[cfg(test)]
mod tests {
    use super::super::trend::TrendPoint;
    use super::*;

    #[test]
    fn a_growing_fault_is_found_and_a_healthy_pump_gives_few_alarms() {
        let folder = tempfile::tempdir().unwrap();
        let plan = MonitorPlan {
            taught_hours: 2.0,
            healthy_days: 0.25,
            fault_days: 0.2,
            fault_doubles_hours: 0.8,
            ..MonitorPlan::default()
        };
        let options = EngineOptions::default();
        let report = plan
            .run(&folder.path().join("pump"), options, |_, _| {})
            .unwrap();
        assert!(report.false_alarms <= 3, "{report:?}");
        let found = report.found_hours.unwrap();
        assert!(found < 4.5, "{report:?}");
        let (before, after): (Vec<TrendPoint>, Vec<TrendPoint>) =
            (report.trend.points.iter().copied()).partition(|point| point.start < report.onset);
        assert!(
            before.iter().all(|point| point.surprise < 1.5),
            "{before:?}"
        );
        assert!(after.last().unwrap().surprise > 3.0, "{after:?}");
    }
}
