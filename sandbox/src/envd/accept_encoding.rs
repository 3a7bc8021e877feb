//! Whether a download is packed with gzip: what `Accept-Encoding` says, by RFC 9110, 12.5.3.

/// How a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// Packed.
    Gzip,
}

/// The best encoding for a header; `None` where it allows neither.
///
/// Every HTTP library accepts gzip among others without its user knowing, and packing costs the
/// sandbox's time: it is done only where gzip is all that is named, or all that is allowed.
pub fn choose(header: Option<&str>, only_part: bool) -> Option<Encoding> {
    let mut named: Vec<(String, f32)> = header
        .unwrap_or_default()
        .split(',')
        .map(weighted)
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let weight = |wanted: &str, named: &[(String, f32)]| {
        let of = |name: &str| named.iter().find(|(it, _)| it == name).map(|(_, q)| *q);
        of(wanted).or(of("*"))
    };
    let identity = weight("identity", &named).is_none_or(|weight| weight > 0.0);
    let gzip = weight("gzip", &named).is_some_and(|weight| weight > 0.0) && !only_part;
    named.retain(|(_, weight)| *weight > 0.0);
    let only_gzip = matches!(&named[..], [(name, _)] if name == "gzip");
    match (identity, gzip) {
        (_, true) if only_gzip || !identity => Some(Encoding::Gzip),
        (true, _) => Some(Encoding::Identity),
        (false, _) => None,
    }
}

fn weighted(part: &str) -> (String, f32) {
    let mut parameters = part.split(';').map(str::trim);
    let name = parameters.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parameters
        .find_map(|parameter| parameter.strip_prefix("q=")?.parse().ok())
        .unwrap_or(1.0);
    (name, weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_chosen_only_where_nothing_else_is_wanted() {
        for (header, expected) in [
            (None, Some(Encoding::Identity)),
            (Some(""), Some(Encoding::Identity)),
            (Some("gzip"), Some(Encoding::Gzip)),
            (Some("GZIP;q=0.5"), Some(Encoding::Gzip)),
            (Some("gzip, deflate, br, zstd"), Some(Encoding::Identity)),
            (Some("gzip, identity;q=0"), Some(Encoding::Gzip)),
            (Some("gzip, *;q=0"), Some(Encoding::Gzip)),
            (Some("*"), Some(Encoding::Identity)),
            (Some("br"), Some(Encoding::Identity)),
            (Some("identity;q=0"), None),
            (Some("br, *;q=0"), None),
        ] {
            assert_eq!(choose(header, false), expected, "{header:?}");
        }
        assert_eq!(choose(Some("gzip"), true), Some(Encoding::Identity));
        assert_eq!(choose(Some("gzip, identity;q=0"), true), None);
    }
}
