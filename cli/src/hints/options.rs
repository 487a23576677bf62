//! Hints for options that contradict each other.

use std::error::Error;

use afield::Error as EngineError;
use afield::engine::OptionError;
use afield::source::SourceError;

/// The flag that sets the option that the error is about, if any.
pub fn flag(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<EngineError>() {
        return match error {
            EngineError::Option(error) => flag_of_option(error),
            EngineError::Source(error) => flag_of_source(error),
            EngineError::CannotCompact { .. } => Some("--max-disk"),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<SourceError>() {
        return flag_of_source(error);
    }
    error.downcast_ref().and_then(flag_of_option)
}

fn flag_of_option(error: &OptionError) -> Option<&'static str> {
    match error {
        OptionError::NoPublishedClasses { .. } => Some("--with-classes"),
        OptionError::NothingToCalibrate => Some("--transform"),
        OptionError::CalibratedInVain => Some("--calibrate"),
        OptionError::NormalisedSound { .. } | OptionError::ChannelAtRest => Some("--normalise"),
        OptionError::GateOfSensor { .. } => Some("--gate"),
        OptionError::StartOfSeveral => Some("--start"),
        _ => None,
    }
}

fn flag_of_source(error: &SourceError) -> Option<&'static str> {
    match error {
        SourceError::Option { option: "rate", .. } => Some("--rate"),
        SourceError::Option {
            option: "columns", ..
        } => Some("--columns"),
        SourceError::Option {
            option: "channel", ..
        } => Some("--channel"),
        SourceError::NoChannel { .. } => Some("--channel"),
        SourceError::Option { .. } => Some("--source"),
        _ => None,
    }
}

/// One thing to type or check, if there is a hint.
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<EngineError>() {
        return match error {
            EngineError::Option(error) => Some(of_options(error)),
            EngineError::NoEvent { .. } => {
                Some("ids are in the lines of a running `afield listen` on this learner".to_owned())
            }
            _ => None,
        };
    }
    error.downcast_ref().map(of_options)
}

fn of_options(error: &OptionError) -> String {
    match error {
        OptionError::NoPublishedClasses { .. } => {
            "leave it out, or name a backbone with classes, such as birdnet; `afield model show \
             NAME` tells"
                .to_owned()
        }
        OptionError::NothingToCalibrate => "name some with --calibrate FILE…, of everything that \
             will be heard; they need no labels"
            .to_owned(),
        OptionError::CalibratedInVain => {
            "add --transform standardise, or leave --calibrate out".to_owned()
        }
        OptionError::NormalisedSound { .. } => "leave --normalise out".to_owned(),
        OptionError::ChannelAtRest => {
            "give recordings of everything that will be measured".to_owned()
        }
        OptionError::GateOfSensor { .. } => "leave --gate out".to_owned(),
        OptionError::SoundscapeOfSensor { .. } => {
            "teach recordings in which nothing happens as `background`".to_owned()
        }
        OptionError::SoundscapeOfClips => {
            "make a learner without --whole-clips, on a backbone whose card names decision windows"
                .to_owned()
        }
        OptionError::UpgradeOfWindows => "there is nothing to do".to_owned(),
        OptionError::UpgradeWithoutWindows { .. } => "go on with the learner as it is".to_owned(),
        OptionError::UpgradeWhileListening { .. } => "stop `afield listen` first".to_owned(),
        OptionError::UpgradedBefore { .. } => "move that folder away".to_owned(),
        OptionError::UpgradeLoses { .. } => {
            "name their folder with --recordings, or leave them out by --without-missing".to_owned()
        }
        OptionError::NoQuietMoments => "`afield listen --soundscape keep` keeps them".to_owned(),
        OptionError::SoundscapeTooShort { .. } | OptionError::SoundscapeSilent => {
            "record a minute or two in which nothing happens".to_owned()
        }
        OptionError::StartOfSeveral => "name one file, or leave --start out".to_owned(),
        _ => "see `afield init --help`".to_owned(),
    }
}
