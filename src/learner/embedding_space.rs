//! The embeddings of a backbone, the input of a contract.

/// Describes the embeddings that examples are made from: their backbone, length and range.
///
/// ```
/// use afield::learner::{Contract, EmbeddingSpace, Pool, Transform};
/// let space = EmbeddingSpace::new("my-network", 384, 1.0).file_sha256("00ff");
/// let contract = Contract::new(space, Pool::Mean, Transform::None)?;
/// assert_eq!(contract.width(), 384);
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingSpace {
    pub(super) backbone: String,
    pub(super) backbone_sha256: String,
    pub(super) frontend: String,
    pub(super) size: usize,
    pub(super) max_abs: f32,
}

impl EmbeddingSpace {
    /// The embeddings of the named backbone: `size` numbers each, with magnitudes up to `max_abs`.
    /// Larger numbers are clamped.
    pub fn new(backbone: impl Into<String>, size: usize, max_abs: f32) -> Self {
        Self {
            backbone: backbone.into(),
            backbone_sha256: String::new(),
            frontend: String::new(),
            size,
            max_abs,
        }
    }

    /// The sha256 of the backbone's file, lower-case hex.
    #[must_use]
    pub fn file_sha256(self, sha256: impl Into<String>) -> Self {
        Self {
            backbone_sha256: sha256.into(),
            ..self
        }
    }

    /// A description of the front end that feeds the backbone. Equal front ends have equal
    /// descriptions.
    #[must_use]
    pub fn frontend(self, description: impl Into<String>) -> Self {
        Self {
            frontend: description.into(),
            ..self
        }
    }
}
