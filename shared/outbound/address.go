package outbound

import "net/netip"

// global is where IPv6 addresses of the public are; private, link-local, unique-local
// and multicast ones, loopback and forms of IPv4 are outside.
var global = netip.MustParsePrefix("2000::/3")

// nat64 carries an IPv4 address in its last four bytes.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// special are the ranges of IANA's special-purpose registries that are not the
// public's, within IPv4 and within global.
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // behind a provider's NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, with the cloud's metadata
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocols
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, with the broadcast
	"2001::/23",       // protocols, with Teredo, which carries IPv4
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4, which carries IPv4
	"3fff::/20",       // documentation
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// public reports whether an address is one of the public internet.
func public(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsValid() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
