//! Addresses of streams on a network, and what of them may be shown.
//!
//! A camera's address often holds a user's name and a password. They go to `ffmpeg` only. Every text
//! that is shown, logged or stored has the address without them.

use std::fmt;

use super::SourceError;

/// The longest address, in bytes.
const MOST_BYTES: usize = 4096;
/// A shorter password is no word that could be told from others.
const LEAST_PASSWORD: usize = 4;
/// A value in an address is secret if its name has one of these parts.
const SECRET: [&str; 9] = [
    "pass", "pwd", "token", "key", "auth", "secret", "sig", "session", "user",
];

/// An address of a stream of sound, such as `rtsp://camera/audio`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StreamUrl {
    text: String,
    scheme: Scheme,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Rtsp,
    Rtsps,
    Http,
    Https,
    Udp,
    Tcp,
}

impl Scheme {
    const ALL: [(&str, Scheme); 6] = [
        ("rtsp", Scheme::Rtsp),
        ("rtsps", Scheme::Rtsps),
        ("http", Scheme::Http),
        ("https", Scheme::Https),
        ("udp", Scheme::Udp),
        ("tcp", Scheme::Tcp),
    ];
}

impl StreamUrl {
    pub(super) const FORM: &str = "rtsp://HOST/PATH, or rtsps, http, https, udp or tcp";

    /// The address in `text`; `None` if the text has no `://`.
    ///
    /// # Errors
    /// [`SourceError::Syntax`], without a password, for another kind of address, or one without a
    /// host.
    pub(super) fn parse(text: &str) -> Option<Result<Self, SourceError>> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if scheme.is_empty() || !scheme.chars().all(is_scheme) {
            return None;
        }
        let refuse = |reason: &str| {
            let rest = rest.rsplit('@').next().unwrap_or_default();
            Some(Err(SourceError::Syntax {
                text: shown(&format!("{scheme}://{rest}")),
                what: "stream's address",
                form: Self::FORM,
                reason: reason.to_owned(),
            }))
        };
        let kinds = Scheme::ALL.into_iter();
        let known = kinds
            .rev()
            .find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        let Some((name, scheme)) = known else {
            return refuse("its kind is not supported");
        };
        if text.len() > MOST_BYTES {
            return refuse("it is too long");
        }
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "\"'<>\\`{}|^".contains(c);
        if text.contains(is_odd) {
            return refuse(
                "it has blanks or other characters that must be written as %20 and so on",
            );
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let place = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match place.rsplit_once(':') {
            // A colon within brackets belongs to an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (place, "80"),
        };
        if port.parse::<u16>().is_err() {
            return refuse("its port is not a number; a password must have %2F for a slash");
        }
        // A UDP stream may be sent to this machine.
        if host.is_empty() && scheme != Scheme::Udp {
            return refuse("it has no host");
        }
        Some(Ok(Self {
            text: format!("{name}://{rest}"),
            scheme,
        }))
    }

    /// The whole address, for `ffmpeg` only.
    pub(super) fn secret(&self) -> &str {
        &self.text
    }

    /// The protocols that `ffmpeg` needs: no files, no other programs.
    pub(super) fn protocols(&self) -> &'static str {
        match self.scheme {
            Scheme::Rtsp => "rtsp,rtp,tcp",
            Scheme::Rtsps => "rtsps,rtp,tls,tcp",
            // A server may send a client on to the other one; `crypto` is encrypted HLS.
            Scheme::Http | Scheme::Https => "http,https,httpproxy,tls,tcp,crypto",
            Scheme::Udp => "udp",
            Scheme::Tcp => "tcp",
        }
    }

    /// Whether it is a camera's protocol, with a session that is controlled.
    pub(super) fn is_rtsp(&self) -> bool {
        matches!(self.scheme, Scheme::Rtsp | Scheme::Rtsps)
    }

    /// `message` without what is secret in this address, or in any other.
    pub(super) fn redacted(&self, message: &str) -> String {
        let mut message = message.replace(&self.text, &shown(&self.text));
        let authority = self.text.split(['/', '?', '#']).nth(2).unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && !user.is_empty()
        {
            message = message.replace(&format!("{user}@"), "");
            if let Some((_, password)) = user.split_once(':')
                && password.len() >= LEAST_PASSWORD
            {
                message = message.replace(password, "***");
            }
        }
        redacted(&message)
    }
}

/// Without user and password.
impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.text))
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamUrl({self})")
    }
}

/// `text` with each address in it as it may be shown.
fn redacted(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'<>`".contains(c);
    let pieces = text.split_inclusive(is_end).map(|piece| {
        let word = piece.trim_end_matches(|c| is_end(c) || ":,;.".contains(c));
        let end = piece.get(word.len()..).unwrap_or_default();
        format!("{}{end}", shown(word))
    });
    pieces.collect()
}

/// An address without user and password, and without values that are secret by their names.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let Some((path, query)) = rest.split_once('?') else {
        return format!("{scheme}://{host}{rest}");
    };
    let value = |part: &str| match part.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=***"),
        _ => part.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(value).collect();
    format!("{scheme}://{host}{path}?{}", query.join("&"))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> StreamUrl {
        StreamUrl::parse(text).unwrap().unwrap()
    }

    #[test]
    fn addresses_are_shown_without_what_is_secret() {
        for (text, expected) in [
            ("rtsp://camera/audio", "rtsp://camera/audio"),
            ("RTSP://anna:s3cret@camera:554/a", "rtsp://camera:554/a"),
            ("rtsp://anna:p@ss@camera/a@b", "rtsp://camera/a@b"),
            ("https://anna@host/live.m3u8", "https://host/live.m3u8"),
            ("udp://@239.1.1.1:5000", "udp://239.1.1.1:5000"),
            ("udp://:5000", "udp://:5000"),
            ("tcp://[::1]:9000", "tcp://[::1]:9000"),
            ("http://[fe80::1]/x", "http://[fe80::1]/x"),
            (
                "http://host/c?channel=1&Password=s3cret&user=anna#a",
                "http://host/c?channel=1&Password=***&user=***",
            ),
        ] {
            let url = url(text);
            assert_eq!(url.to_string(), expected);
            assert_eq!(format!("{url:?}"), format!("StreamUrl({expected})"));
            assert!(url.secret().ends_with(text.split_once(':').unwrap().1));
        }
    }

    #[test]
    fn messages_are_shown_without_what_is_secret() {
        let camera = url("rtsp://anna:s3cret@camera:554/a");
        for (message, expected) in [
            (
                "rtsp://anna:s3cret@camera:554/a: 401 Unauthorized",
                "rtsp://camera:554/a: 401 Unauthorized",
            ),
            (
                "moved to 'http://bert:pw@other/x?token=7', refused",
                "moved to 'http://other/x?token=***', refused",
            ),
            ("bad user anna:s3cret@camera", "bad user camera"),
            ("s3cret is wrong", "*** is wrong"),
            ("Connection refused", "Connection refused"),
        ] {
            let redacted = camera.redacted(message);
            assert_eq!(redacted, expected);
        }
    }

    #[test]
    fn invalid_addresses_are_rejected_without_what_is_secret() {
        for text in [
            "ftp://anna:s3cret@host/x",
            "rtsp://",
            "rtsp:///audio",
            "rtsp://anna:s3cret@",
            "rtsp://anna:s3c/s3cret@camera/a",
            "rtsp://anna:s3cret@camera:port/a",
            "http://anna:s3cret@host:99999/",
            "http://anna:s3cret@host/a b",
            "http://anna:s3cret@host/\n-f",
            "file:///etc/passwd",
            "concat://a",
        ] {
            let error = StreamUrl::parse(text).unwrap().unwrap_err();
            assert!(matches!(error, SourceError::Syntax { .. }), "{error}");
            let (shown, debug) = (error.to_string(), format!("{error:?}"));
            assert!(!shown.contains("s3c") && !debug.contains("s3c"), "{shown}");
        }
        assert!(
            StreamUrl::parse("http://h/".repeat(1_000).as_str())
                .unwrap()
                .is_err()
        );
        assert!(StreamUrl::parse("wav:a.wav").is_none());
        assert!(StreamUrl::parse("wav:http://x").is_none());
    }
}
