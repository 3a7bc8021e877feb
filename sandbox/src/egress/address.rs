//! Which addresses anybody may mean by "the internet".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Special-purpose blocks (RFC 6890 and IANA's registry), and one address that looks public and is
/// the platform service of a cloud.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: also the metadata service of most clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, reserved and broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Azure's platform service.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// What is not meant by it within 2000::/3: Teredo, benchmarks and other protocol assignments,
/// documentation, and 6to4, which embeds IPv4 addresses. Outside 2000::/3 nothing is public, so
/// neither are mapped, compatible and NAT64 addresses.
const NOT_PUBLIC_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the public internet's hosts.
pub fn is_public(address: IpAddr) -> bool {
    let within = |net: IpNet| net.contains(&address);
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC_V4.into_iter().any(|block| within(v4(block))),
        IpAddr::V6(v6_address) => {
            v6_address.segments()[0] & 0xe000 == 0x2000
                && !NOT_PUBLIC_V6.into_iter().any(|block| within(v6(block)))
        }
    }
}

/// Whether a block holds public addresses only.
pub fn is_wholly_public(block: IpNet) -> bool {
    let apart = |other: IpNet| !block.contains(&other) && !other.contains(&block);
    match block {
        IpNet::V4(_) => NOT_PUBLIC_V4.into_iter().all(|other| apart(v4(other))),
        IpNet::V6(_) => {
            block.prefix_len() >= 3
                && is_public(block.network())
                && NOT_PUBLIC_V6.into_iter().all(|other| apart(v6(other)))
        }
    }
}

fn v4((address, prefix): (Ipv4Addr, u8)) -> IpNet {
    // The tables above hold no longer prefix than an address has bits.
    Ipv4Net::new(address, prefix).unwrap_or_default().into()
}

fn v6((address, prefix): (Ipv6Addr, u8)) -> IpNet {
    Ipv6Net::new(address, prefix).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_the_internet_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
        ] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn everything_special_is_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(
                !is_public(address.parse().expect("an address")),
                "{address}"
            );
        }
    }

    #[test]
    fn a_block_with_a_special_part_is_not_wholly_public() {
        for (block, public) in [
            ("8.8.8.0/24", true),
            ("1.1.1.1/32", true),
            ("2606:4700::/32", true),
            ("0.0.0.0/0", false),
            ("128.0.0.0/1", false),
            ("10.0.0.0/8", false),
            ("127.0.0.1/32", false),
            ("::/0", false),
            ("2000::/3", false),
            ("2001::/16", false),
            ("fd00::/8", false),
        ] {
            assert_eq!(
                is_wholly_public(block.parse().expect("an address")),
                public,
                "{block}"
            );
        }
    }
}
