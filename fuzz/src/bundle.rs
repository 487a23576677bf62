//! Reads any bytes as a bundle. Bytes that do not begin like a bundle become the body of a bundle
//! that a trusted key signed. Otherwise no mutation would get past the signature.

use afield::bundle::{Sealed, SecretKey};
use afield::engine::Session;
use ed25519_dalek::{Signer, SigningKey};

const SEED: [u8; 32] = [7; 32];

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let key = SecretKey::from_seed(SEED);
    let trusted = [key.public()];
    let bundle = match bytes.starts_with(b"AFBUNDLE") {
        true => bytes.to_vec(),
        false => around(bytes),
    };
    let Ok(contents) = Sealed::read(&bundle).and_then(|sealed| sealed.open(&trusted)) else {
        return;
    };
    let sealed = contents.seal(&key).expect("what was opened can be sealed");
    let again = Sealed::read(&sealed).and_then(|sealed| sealed.open(&trusted));
    assert_eq!(again.expect("what was sealed can be opened"), contents);
    let folder = tempfile::tempdir().expect("a writable folder for temporary files");
    if let Ok(session) = Session::unbundle(contents, folder.path(), 1) {
        let _ = session.status();
    }
}

/// A bundle of format 1 with this body, as docs/BUNDLES.md says.
pub fn around(body: &[u8]) -> Vec<u8> {
    let key = SigningKey::from_bytes(&SEED);
    let mut bundle = b"AFBUNDLE\x01\x00".to_vec();
    bundle.extend((body.len() as u64).to_le_bytes());
    bundle.extend(key.verifying_key().as_bytes());
    let signed = [b"afield bundle\n", bundle.as_slice(), body].concat();
    bundle.extend(key.sign(&signed).to_bytes());
    bundle.extend(body);
    bundle
}
