//! The envelope of a bundle: its format, its signing key and its signature.
//!
//! `"AFBUNDLE" | format u16 | length of the body u64 | key [32] | signature [64] | body`,
//! little-endian. The signature is Ed25519 (RFC 8032) over a fixed text, everything before
//! the signature, and the body. The body is [`Contents`] in postcard's wire format; it is
//! parsed only after the signature is verified.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{BundleError, Contents, PublicKey, SecretKey};

/// The largest bundle, in bytes.
const MAX_BYTES: u64 = 256 << 20;

const MAGIC: &[u8; 8] = b"AFBUNDLE";
const FORMAT: u16 = 1;
/// Prefix of the signed text, so that a signature of other data is never valid for a bundle.
const CONTEXT: &[u8] = b"afield bundle\n";

impl Contents {
    /// Signs the contents and returns the bundle.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let dir = folder.path().join("watch");
    /// use afield::bundle::{Sealed, SecretKey};
    /// use afield::engine::{Engine, Session};
    /// Engine::open_or_create(&dir, "imu")?;
    /// let contents = Session::open(&dir)?.bundled(true, 0)?;
    /// let key = SecretKey::from_seed([7; 32]);
    /// let mut bundle = contents.seal(&key)?;
    /// assert_eq!(Sealed::read(&bundle)?.open(&[key.public()])?, contents);
    /// assert!(Sealed::read(&bundle)?.open(&[]).is_err());
    /// *bundle.last_mut().unwrap() ^= 1;
    /// assert!(Sealed::read(&bundle)?.open(&[key.public()]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BundleError::TooLarge`], and [`BundleError::Contents`] if a part of the contents exceeds
    /// its limit.
    pub fn seal(&self, key: &SecretKey) -> Result<Vec<u8>, BundleError> {
        self.check()?;
        let body = postcard::to_stdvec(self).map_err(|error| BundleError::Contents {
            reason: error.to_string(),
        })?;
        let mut bundle = Vec::with_capacity(body.len() + 256);
        bundle.extend_from_slice(MAGIC);
        bundle.extend_from_slice(&FORMAT.to_le_bytes());
        bundle.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bundle.extend_from_slice(key.public().as_bytes());
        let signature = key.sign(&message(&bundle, &body));
        bundle.extend_from_slice(&signature);
        bundle.extend_from_slice(&body);
        match bundle.len() as u64 {
            bytes if bytes > MAX_BYTES => Err(BundleError::TooLarge {
                bytes,
                limit: MAX_BYTES,
            }),
            _ => Ok(bundle),
        }
    }
}

/// Reads the file at `path`, up to the size limit of a bundle.
///
/// # Errors
/// [`BundleError::Io`], [`BundleError::TooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, BundleError> {
    let file = File::open(path).map_err(BundleError::io("read", path))?;
    let mut bytes = Vec::new();
    (file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(BundleError::io("read", path))?;
    match bytes.len() as u64 {
        bytes if bytes > MAX_BYTES => Err(BundleError::TooLarge {
            bytes,
            limit: MAX_BYTES,
        }),
        _ => Ok(bytes),
    }
}

/// A parsed envelope, whose contents are not verified yet.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    head: &'a [u8],
    key: PublicKey,
    signature: [u8; 64],
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Parses the envelope of a bundle.
    ///
    /// # Errors
    /// [`BundleError::NoBundle`] if the bytes are not a bundle or have the wrong length,
    /// [`BundleError::Version`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let no = |reason| BundleError::NoBundle { reason };
        let short = || no("it is cut short");
        if bytes.len() as u64 > MAX_BYTES {
            let (bytes, limit) = (bytes.len() as u64, MAX_BYTES);
            return Err(BundleError::TooLarge { bytes, limit });
        }
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or(no("it does not begin like one"))?;
        let (format, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let found = u16::from_le_bytes(*format);
        if found != FORMAT {
            let known = FORMAT;
            return Err(BundleError::Version { found, known });
        }
        let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (key, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        let (signature, body) = rest.split_first_chunk::<64>().ok_or_else(short)?;
        match u64::from_le_bytes(*length).cmp(&(body.len() as u64)) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => return Err(short()),
            std::cmp::Ordering::Less => return Err(no("there is more after its end")),
        }
        let head = bytes.len() - body.len() - signature.len();
        Ok(Self {
            head: bytes.get(..head).unwrap_or_default(),
            key: PublicKey::from_bytes(*key),
            signature: *signature,
            body,
        })
    }

    /// The signing key that the bundle names.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The contents, if one of the `trusted` keys signed them.
    ///
    /// # Errors
    /// [`BundleError::Untrusted`], [`BundleError::Forged`], and [`BundleError::Contents`] if
    /// the signed contents are not valid.
    pub fn open(&self, trusted: &[PublicKey]) -> Result<Contents, BundleError> {
        let key = self.key;
        if !trusted.contains(&key) {
            return Err(BundleError::Untrusted { key });
        }
        if !key.signed(&message(self.head, self.body), &self.signature) {
            return Err(BundleError::Forged { key });
        }
        let unread = |reason: String| BundleError::Contents { reason };
        let (contents, rest): (Contents, _) =
            postcard::take_from_bytes(self.body).map_err(|error| unread(error.to_string()))?;
        if !rest.is_empty() {
            return Err(unread("bytes left over".to_owned()));
        }
        contents.check()?;
        Ok(contents)
    }
}

fn message(head: &[u8], body: &[u8]) -> Vec<u8> {
    [CONTEXT, head, body].concat()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::signal::{ClipId, Label, Micros};
    use crate::store::{Checkpoint, ReplicaId, TaughtClip};

    fn contents() -> Contents {
        Contents {
            learner: ReplicaId::from_bytes([9; 16]),
            revision: 300,
            made_unix_ms: -1,
            program: "p".into(),
            card: "card".into(),
            contract: "contract".into(),
            settings: "settings".into(),
            checkpoints: vec![Checkpoint {
                label: Some(Label::new("rain").unwrap()),
                examples: 3,
                state: vec![1, 2, 3],
            }],
            clips: vec![TaughtClip {
                label: Label::new("dog").unwrap(),
                features: vec![-32767, 0, 300],
                id: ClipId::from_bytes([5; 32]),
                duration: Micros(1),
                source: "dog.wav".into(),
                group: None,
                taught_unix_ms: 2,
            }],
        }
    }

    fn key() -> SecretKey {
        SecretKey::from_seed([3; 32])
    }

    #[test]
    fn every_changed_bit_is_detected() {
        let bundle = contents().seal(&key()).unwrap();
        let trusted = [key().public()];
        assert_eq!(
            Sealed::read(&bundle).unwrap().open(&trusted).unwrap(),
            contents()
        );
        for at in 0..8 * bundle.len() {
            let mut changed = bundle.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let opened = Sealed::read(&changed).and_then(|sealed| sealed.open(&trusted));
            assert!(opened.is_err(), "bit {at}");
        }
    }

    #[test]
    fn bundle_cut_short_or_too_long_is_refused() {
        let bundle = contents().seal(&key()).unwrap();
        for length in 0..bundle.len() {
            let error = Sealed::read(&bundle[..length]).unwrap_err();
            assert!(matches!(error, BundleError::NoBundle { .. }), "{length}");
        }
        let longer = [bundle.as_slice(), &[0]].concat();
        let error = Sealed::read(&longer).unwrap_err();
        assert!(error.to_string().contains("after its end"), "{error}");
    }

    #[test]
    fn untrusted_key_is_named_and_exchanged_key_is_detected() {
        let bundle = contents().seal(&key()).unwrap();
        let other = SecretKey::from_seed([4; 32]).public();
        let error = Sealed::read(&bundle).unwrap().open(&[other]).unwrap_err();
        assert!(matches!(error, BundleError::Untrusted { .. }));
        assert!(
            error.to_string().contains(&key().public().to_string()),
            "{error}"
        );
        let mut renamed = bundle;
        renamed[18..50].copy_from_slice(other.as_bytes());
        let error = Sealed::read(&renamed).unwrap().open(&[other]).unwrap_err();
        assert!(matches!(error, BundleError::Forged { .. }));
    }

    #[test]
    fn bytes_of_a_bundle_are_pinned() {
        // Existing bundles have these bytes: to change them is to change the format.
        let bundle = contents().seal(&key()).unwrap();
        assert_eq!(&bundle[..10], b"AFBUNDLE\x01\x00");
        assert_eq!(bundle[10..18], 111_u64.to_le_bytes());
        assert_eq!(&bundle[18..50], key().public().as_bytes());
        assert_eq!(bundle.len(), 114 + 111);
        assert_eq!(
            bundle[114..134],
            [&[9; 16][..], &[0xac, 0x02, 1, 1]].concat()
        );
        let digest = Sha256::digest(&bundle);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digest,
            "a40c20a11d73508cd05eba40df7813e03a6ca7d66ea316772fa3d5f2fd755788"
        );
    }

    #[test]
    fn too_large_contents_are_refused() {
        let long = || "x".repeat(5000);
        let too_much: [fn(&mut Contents, String); 3] = [
            |c, long| c.clips[0].source = long,
            |c, long| c.settings = long,
            |c, long| c.program = long,
        ];
        for change in too_much {
            let mut large = contents();
            change(&mut large, long());
            let error = large.seal(&key()).unwrap_err();
            assert!(error.to_string().contains("at most"), "{error}");
        }
    }
    #[test]
    fn signed_body_with_an_invalid_label_or_group_is_refused() {
        // The bytes of a valid body, with "rain" or "dog" replaced by a longer text.
        let body = postcard::to_stdvec(&contents()).unwrap();
        let open = |body: &[u8]| {
            let mut bundle = [MAGIC.as_slice(), &FORMAT.to_le_bytes()].concat();
            bundle.extend((body.len() as u64).to_le_bytes());
            bundle.extend(key().public().as_bytes());
            let signature = key().sign(&message(&bundle, body));
            bundle.extend(signature);
            bundle.extend(body);
            Sealed::read(&bundle).unwrap().open(&[key().public()])
        };
        assert_eq!(open(&body).unwrap(), contents());
        for name in ["rain", "dog"] {
            let counted = [&[name.len() as u8], name.as_bytes()].concat();
            let at = body
                .windows(counted.len())
                .position(|window| window == counted);
            let (before, after) = body.split_at(at.unwrap());
            for wrong in [
                &b"\x00"[..],
                b"\x02 x",
                &[&b"\x88\x27"[..], &[b'x'; 5000]].concat(),
            ] {
                let changed = [before, wrong, &after[counted.len()..]].concat();
                let error = open(&changed).unwrap_err();
                assert!(matches!(error, BundleError::Contents { .. }), "{error}");
            }
        }
    }
}
