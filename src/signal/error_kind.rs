//! The kinds of errors, common to all modules.

/// The kind of an error, for callers that react to errors rather than print them.
///
/// Every error type of the library has a `kind()` that returns one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file, folder, device, backbone, class, clip or revision does not exist.
    NotFound,
    /// A learner, file or name exists already.
    AlreadyExists,
    /// An argument, a file's contents or a setting is not valid.
    InvalidInput,
    /// The input is valid, but this build, head or backbone cannot handle it.
    Unsupported,
    /// Stored data or a recording is damaged.
    Damaged,
    /// Two things do not belong together: contracts, backbones, rates, versions.
    Mismatch,
    /// Another process or program holds a resource; a retry may succeed.
    Busy,
    /// A device, port, service or registry does not answer.
    Unavailable,
    /// The operating system refused to read or write.
    Io,
    /// A limit of size, time or number is reached.
    Limit,
}
