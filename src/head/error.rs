use super::HeadKind;

/// What can go wrong in a head. Whatever it is, the head has not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// No head has this name.
    #[error("no head is called {name:?}\nhint: one of {}", HeadKind::names())]
    UnknownHead {
        /// The name asked for.
        name: String,
    },
    /// An example has another length than the head was made for.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features the head expects.
        expected: usize,
        /// Features the example has.
        actual: usize,
    },
    /// The class index is neither known nor the next new one.
    #[error("class {class} does not exist, there are {classes}")]
    Class {
        /// The index.
        class: usize,
        /// Classes the head knows.
        classes: usize,
    },
    /// The statistic holds as many examples as its integers are proven for.
    #[error("a head learns at most {limit} examples")]
    Full {
        /// The limit.
        limit: u64,
    },
    /// The example cannot be among those learned for the class.
    #[error("this example was never learned for this class")]
    NeverLearned,
    /// This head has no way back.
    #[error(
        "{head} cannot unlearn: {why}\nhint: `ncm`, `lda` and `ridge` unlearn exactly; heads with a rehearsal memory refit from it"
    )]
    CannotUnlearn {
        /// The head.
        head: HeadKind,
        /// What is missing.
        why: &'static str,
    },
    /// What the head learned is no sum, so two of them have none.
    #[error("only exact heads can be merged\nhint: `ncm`, `lda` and `ridge` are")]
    CannotMerge,
    /// Saved bytes are not what this version writes.
    #[error("damaged head state: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: &'static str,
    },
}
