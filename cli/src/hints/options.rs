//! Hints for options that contradict each other.

use std::error::Error;

use afield::Error as EngineError;
use afield::engine::OptionError;

/// One thing to type or check, where there is one.
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
        OptionError::WhichBackbone { names } => {
            format!("--backbone: name one of {}", names.join(", "))
        }
        OptionError::NothingToCalibrate => "name some with --calibrate FILE…, of everything that \
             will be heard; they need no labels"
            .to_owned(),
        OptionError::CalibratedInVain => {
            "add --transform standardise, or leave --calibrate out".to_owned()
        }
        OptionError::NormalisedSound { .. } => "leave --normalise out".to_owned(),
        OptionError::ChannelAtRest => {
            "--normalise: give recordings of everything that will be measured".to_owned()
        }
        OptionError::GateOfSensor { .. } => "leave --gate out".to_owned(),
        _ => "see `afield init --help`".to_owned(),
    }
}
