//! The options of `afield evaluate` for protocols that create learners of their own, as `afield
//! init` does: `field`, `unknown`, `guard` and `adapt`.

use afield::engine::LearnerOptions;
use afield::head::HeadKind;
use afield::learner::Transform;
use afield_lab::evaluate::{HeadChoice, TransformChoice};
use afield_lab::streams::{Imbalance, LabelNoise};
use anyhow::{Result, bail};

use super::evaluate::EvaluateArgs;

impl EvaluateArgs {
    /// Rejects options that have no effect on such a protocol.
    ///
    /// # Errors
    /// For the first of them that was given.
    pub(super) fn check_own_learners(&self) -> Result<()> {
        let protocol = self.protocol;
        if self.embeddings.is_some() {
            bail!(
                "--embeddings: --protocol {protocol} needs recordings, not embeddings\nhint: give --data DIR, laid out as DIR/<class>/<clip>"
            );
        }
        let flags = [
            (self.label_noise != LabelNoise::NONE, "--label-noise"),
            (self.imbalance != Imbalance::NONE, "--imbalance"),
            (self.save_stream.is_some(), "--save-stream"),
            (self.no_upper_bound, "--no-upper-bound"),
        ];
        if let Some((_, flag)) = flags.into_iter().find(|(given, _)| *given) {
            bail!("{flag} has no effect on --protocol {protocol}\nhint: leave it out");
        }
        Ok(())
    }

    /// How the learners are created.
    ///
    /// # Errors
    /// For several heads, and for a transform that is no fixed one.
    pub(super) fn own_learners(&self) -> Result<LearnerOptions> {
        Ok(LearnerOptions {
            backbone: self.backbone.clone(),
            head: self.one_head()?,
            pool: self.pool,
            transform: self.fixed_transform()?,
            rehearsal: self.rehearsal,
            ..LearnerOptions::default()
        })
    }

    /// The head of the learners. Without the flag, the default of `afield init`.
    fn one_head(&self) -> Result<HeadKind> {
        let protocol = self.protocol;
        if self.head == HeadKind::ALL.map(HeadChoice::from) {
            return Ok(HeadKind::default());
        }
        match self.head.as_slice() {
            [HeadChoice::Named(head)] => Ok(*head),
            [HeadChoice::Best] => bail!(
                "--head best does not apply to --protocol {protocol}\nhint: name one head, such as lda"
            ),
            _ => {
                bail!("--head: --protocol {protocol} teaches one head\nhint: name one, such as lda")
            }
        }
    }

    fn fixed_transform(&self) -> Result<Option<Transform>> {
        match self.transform {
            None | Some(TransformChoice::Default) => Ok(None),
            Some(TransformChoice::Named(Transform::Standardise)) | Some(TransformChoice::Auto) => {
                bail!(
                    "--transform: --protocol {} takes a fixed transform, such as l2\nhint: leave it out for the transform of the backbone",
                    self.protocol
                )
            }
            Some(TransformChoice::Named(transform)) => Ok(Some(transform)),
        }
    }
}
