//! `afield forget`: unlearns examples.

use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use afield::engine::{CompactedStatus, clip_sha256};
use afield::signal::{ClipId, ClipIdPrefix, Group, Label};
use afield::source::open_recording;
use afield::store::ClipFilter;
use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};

use super::learner::{LearnerPlace, now_unix_ms};
use super::model::Places;
use super::recording::SensorArgs;

/// Unlearn examples, as if they had never been taught
///
/// Unlearns the clips that match all given options. The heads ncm, lda and ridge unlearn
/// to the bit; heads with a rehearsal memory refit from its remaining examples. The log
/// keeps a record of each removal.
///
/// Compacted examples (`afield compact`) can be unlearned only with their whole class, by
/// --class alone.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").required(true).multiple(true),
    after_help = "Examples:\n  afield forget --class kettle --learner box\n  \
                  afield forget --since 2h --dry-run --learner box"
)]
pub struct ForgetArgs {
    /// Select a whole class
    #[arg(long, value_name = "LABEL", group = "which")]
    class: Option<Label>,

    /// Select one clip by its file (audio, table, JSON lines), or by the first digits of
    /// its sha256, 8 or more. A file is read as `afield teach` reads it
    #[arg(long, value_name = "FILE|SHA256", group = "which")]
    clip: Option<String>,

    /// Select clips by file or folder, as named when taught; `*` and `?` are wildcards
    #[arg(long, value_name = "PATTERN", group = "which")]
    source: Option<String>,

    /// Select the clips of a group: a speaker, machine, site or subject
    #[arg(long, value_name = "NAME", group = "which")]
    group: Option<Group>,

    /// Select clips taught in the last 30min, 2h or 7days, or since 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", group = "which")]
    since: Option<Since>,

    #[command(flatten)]
    sensor: SensorArgs,

    /// List the selected clips without unlearning them
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    place: LearnerPlace,
}

/// A moment, or a time before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    UnixMs(i64),
    Ago(Duration),
}

impl Since {
    fn unix_ms(self, now_unix_ms: i64) -> i64 {
        match self {
            Self::UnixMs(at) => at,
            Self::Ago(ago) => {
                now_unix_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

impl FromStr for Since {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        let at = humantime::parse_rfc3339_weak(text)
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_millis()).ok());
        at.map(Self::UnixMs).ok_or_else(|| {
            "neither a duration such as 2h nor a time such as 2026-11-24T08:00:00Z".into()
        })
    }
}

/// Runs the command.
pub fn run(args: ForgetArgs, places: &Places) -> Result<()> {
    let engine = args.place.open(places)?;
    let now = now_unix_ms();
    args.sensor.check(engine.card())?;
    let clip = |clip: &str| digits(clip, &args.sensor).context("--clip");
    let selection = ClipFilter {
        label: args.class,
        clip: args.clip.as_deref().map(clip).transpose()?,
        source: args.source,
        group: args.group,
        since_unix_ms: args.since.map(|since| since.unix_ms(now)),
    };
    if args.dry_run {
        let mut out = io::stdout().lock();
        for taught in engine.clips(&selection)? {
            let digits = taught.id.short();
            let group = taught.group.map(|group| format!("  of {group}"));
            let group = group.unwrap_or_default();
            writeln!(out, "{digits}  {}  {}{group}", taught.label, taught.source)?;
        }
        return Ok(());
    }
    let folded = engine.compacted()?;
    let forgotten = engine.forget(&selection)?;
    let whole = selection.whole_class().map(Label::as_str);
    let (gone, left): (Vec<CompactedStatus>, Vec<CompactedStatus>) =
        (folded.into_iter()).partition(|class| whole.is_some() && class.label.as_deref() == whole);
    let left = left.iter().map(|class| class.examples).sum::<u64>();
    if forgotten.is_empty() && gone.is_empty() {
        let folded = match left {
            0 => String::new(),
            left => format!(" ({left} examples are folded: they go by --class alone)"),
        };
        bail!(
            "nothing that is taught matches{folded}\nhint: `afield forget --source '*' --dry-run` lists what is taught"
        );
    }
    for class in &gone {
        let label = class.label.as_deref().unwrap_or_default();
        eprintln!("forgot {} folded examples of {label}", class.examples);
    }
    if left > 0 && whole.is_none() {
        eprintln!(
            "{left} examples are folded into the statistic and were not looked at: they can be forgotten by --class alone"
        );
    }
    let mut classes: Vec<&str> = forgotten
        .iter()
        .map(|taught| taught.label.as_str())
        .collect();
    classes.sort_unstable();
    classes.dedup();
    if !forgotten.is_empty() {
        eprintln!("forgot {} clips of {}", forgotten.len(), classes.join(", "));
    }
    Ok(engine.close()?)
}

/// The clip's id: computed from the recording in a file, or its first digits as given.
fn digits(clip: &str, sensor: &SensorArgs) -> Result<ClipIdPrefix> {
    if Path::new(clip).is_file() {
        let mut source = open_recording(Path::new(clip), &sensor.format())?;
        return Ok(ClipId::from(clip_sha256(&mut *source)?).into());
    }
    match ClipIdPrefix::parse(clip) {
        Some(digits) if clip.len() >= 8 => Ok(digits),
        _ => bail!(
            "{clip} is neither a file nor 8 or more digits of a sha256\nhint: `--dry-run` lists the first digits of every clip"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_or_times_ago() {
        assert_eq!("2h".parse(), Ok(Since::Ago(Duration::from_secs(7200))));
        assert_eq!("1970-01-01T00:00:02Z".parse(), Ok(Since::UnixMs(2000)));
        assert!("yesterday".parse::<Since>().is_err());
        assert_eq!(Since::Ago(Duration::from_secs(1)).unix_ms(5000), 4000);
    }
}
