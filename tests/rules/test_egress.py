"""Which addresses may be connected to, and which hosts may be configured: a row each."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.egress import METADATA, allowed, canonical_host, networks

PUBLIC = {
    "a public address": "8.8.8.8",
    "the address before the private ten": "9.255.255.255",
    "the address behind the private ten": "11.0.0.0",
    "the address before shared space": "100.63.255.255",
    "the address behind shared space": "100.128.0.0",
    "the address before 172.16": "172.15.255.255",
    "the address behind 172.31": "172.32.0.0",
    "the address before 192.168": "192.167.255.255",
    "the last address before multicast": "223.255.255.255",
    "a public IPv6 address": "2606:4700:4700::1111",
    "a public address, mapped into IPv6": "::ffff:8.8.8.8",
    "a public address behind NAT64": "64:ff9b::8.8.8.8",
    "a public address behind 6to4": "2002:808:808::1",
    "Teredo between public addresses": "2001:0:808:808:0:0:f7f7:f7f7",
}
DENIED = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.255.255.254",
    "unspecified": "0.0.0.0",  # noqa: S104 - judged, not bound
    "this network": "0.1.2.3",
    "private ten": "10.0.0.1",
    "private 172": "172.16.0.1",
    "the end of private 172": "172.31.255.255",
    "private 192": "192.168.1.1",
    "shared, behind a carrier": "100.64.0.1",
    "link-local": "169.254.1.1",
    "protocol assignments": "192.0.0.8",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "benchmarks": "198.19.255.255",
    "6to4 relays": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%eth0",
    "IPv6 unique local": "fd12:3456:789a::1",
    "IPv6 site-local, deprecated": "fec0::1",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, the newer block": "3fff::1",
    "IPv6 discard": "100::1",
    "IPv6 benchmarks": "2001:2::1",
    "IPv6 that nobody has assigned": "4000::1",
    "loopback, mapped into IPv6": "::ffff:127.0.0.1",
    "private, mapped into IPv6": "::ffff:10.0.0.1",
    "loopback, compatible": "::127.0.0.1",
    "a public address, compatible": "::8.8.8.8",
    "loopback behind NAT64": "64:ff9b::127.0.0.1",
    "private behind the local NAT64": "64:ff9b:1::10.0.0.1",
    "a public address behind the local NAT64": "64:ff9b:1::8.8.8.8",
    "loopback behind 6to4": "2002:7f00:1::1",
    "private behind 6to4": "2002:c0a8:101::",
    "a Teredo client at home": "2001:0:808:808:0:0:3f57:fefe",
    "a Teredo server on loopback": "2001:0:7f00:1:0:0:f7f7:f7f7",
    "metadata of most clouds": "169.254.169.254",
    "metadata of tasks": "169.254.170.2",
    "metadata of pods": "169.254.170.23",
    "metadata that is a public address": "168.63.129.16",
    "metadata in shared space": "100.100.100.200",
    "metadata over IPv6": "fd00:ec2::254",
    "metadata over IPv6, another cloud": "fd20:ce::254",
    "metadata, mapped": "::ffff:169.254.169.254",
    "public metadata, mapped": "::ffff:168.63.129.16",
    "metadata behind NAT64": "64:ff9b::169.254.169.254",
    "public metadata behind 6to4": "2002:a83f:8110::1",
    "a name": "localhost",
    "nothing": "",
    "a short form": "127.1",
    "a number": "2130706433",
}


@pytest.mark.parametrize("address", PUBLIC.values(), ids=PUBLIC)
def test_a_public_address_may_be_connected_to(address):
    assert allowed(address, networks(()))


@pytest.mark.parametrize("address", DENIED.values(), ids=DENIED)
def test_what_is_not_public_may_not_be_connected_to(address):
    assert not allowed(address, networks(()))


LISTED = {  # address, blocks, host of the url; may it be connected to?
    "a listed block opens its addresses": ("10.1.2.3", ["10.0.0.0/8"], "", True),
    "an address beside a listed block stays closed": ("10.2.0.1", ["10.1.0.0/16"], "", False),
    "a listed block opens the mapped form too": ("::ffff:127.0.0.1", ["127.0.0.0/8"], "", True),
    "a mapped block opens the address itself": ("127.0.0.1", ["::ffff:127.0.0.0/104"], "", True),
    "a listed IPv6 block opens its addresses": ("fd12::1", ["fd00::/8"], "", True),
    "a zone does not hide metadata": ("fd00:ec2::254%1", ["fd00::/8"], "", False),
    "IPv6 loopback holds no IPv4 address": ("::1", ["::1/128"], "", True),
    "nor does the unspecified address": ("::", ["::/128"], "", True),
    "a zone does not matter": ("fe80::1%eth0", ["fe80::/10"], "", True),
    "a listed wrapping does not open what is inside": ("64:ff9b:1::10.0.0.1", ["64:ff9b:1::/48"], "", False),
    "both listed, it is open": ("64:ff9b:1::10.0.0.1", ["64:ff9b:1::/48", "10.0.0.0/8"], "", True),
    "a wide block does not open metadata": ("169.254.169.254", ["169.254.0.0/16"], "", False),
    "everything does not open metadata": ("169.254.169.254", ["0.0.0.0/0"], "", False),
    "a pair of addresses does not open metadata": ("169.254.169.254", ["169.254.169.254/31"], "", False),
    "their own /32 does": ("169.254.169.254", ["169.254.169.254/32"], "", True),
    "an address without a prefix is a /32": ("169.254.169.254", ["169.254.169.254"], "", True),
    "their own /128 does": ("fd00:ec2::254", ["fd00:ec2::254/128"], "", True),
    "a wide block does not open IPv6 metadata": ("fd00:ec2::254", ["fd00::/8"], "", False),
    "the mapped form of their own opens them": ("169.254.169.254", ["::ffff:169.254.169.254/128"], "", True),
    "an address in the url lists itself": ("127.0.0.1", [], "127.0.0.1", True),
    "and no neighbour": ("127.0.0.2", [], "127.0.0.1", False),
    "an IPv6 address in the url lists itself": ("::1", [], "::1", True),
    "in brackets too": ("::1", [], "[::1]", True),
    "a wrapped address in the url lists what is inside": ("64:ff9b::7f00:1", [], "64:ff9b::7f00:1", True),
    "metadata in the url do not list themselves": ("169.254.169.254", [], "169.254.169.254", False),
    "nor mapped": ("::ffff:169.254.169.254", [], "::ffff:169.254.169.254", False),
    "nor behind NAT64": ("64:ff9b::169.254.169.254", [], "64:ff9b::169.254.169.254", False),
    "metadata in the url and listed are open": ("169.254.169.254", ["169.254.169.254/32"], "169.254.169.254", True),
    "a name in the url lists nothing": ("127.0.0.1", [], "localhost", False),
}


@pytest.mark.parametrize(("address", "blocks", "host", "is_open"), LISTED.values(), ids=LISTED)
def test_a_list_opens_what_it_names(address, blocks, host, is_open):
    assert allowed(address, networks(blocks, host)) is is_open


@pytest.mark.parametrize("block", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "", "10.0.0.0/8/8", "::1/129"])
def test_a_block_that_is_none_is_an_error(block):
    with pytest.raises(ValueError, match=r"\S"):
        networks([block])


HOSTS = {  # host, is it one?
    "a name": ("api.stripe.com", True),
    "a name of one label": ("inventory", True),
    "localhost": ("localhost", True),
    "a name with a digit first": ("1e100.net", True),
    "a name with an underscore": ("my_service", True),
    "a name with a dash": ("a-b.example", True),
    "a name in capitals": ("API.Example", True),
    "a name with a final dot": ("api.example.", True),
    "an encoded name": ("xn--bcher-kva.example", True),
    "hex letters that are a name": ("face", True),
    "an address": ("127.0.0.1", True),
    "an IPv6 address": ("::1", True),
    "an IPv6 address in brackets": ("[2001:db8::1]", True),
    "a short address": ("127.1", False),
    "a shorter address": ("127", False),
    "a decimal address": ("2130706433", False),
    "a hex address": ("0x7f000001", False),
    "a hex address in capitals": ("0X7F000001", False),
    "an empty hex number": ("0x", False),
    "an octal address": ("0177.0.0.1", False),
    "an address with a hex part": ("127.0.0.0x1", False),
    "an address with leading zeros": ("127.0.0.01", False),
    "an address with five parts": ("1.2.3.4.5", False),
    "an address with a part over 255": ("1.2.3.256", False),
    "an address with a final dot": ("127.0.0.1.", False),
    "a name that ends in a number": ("api.example.1", False),
    "a zone": ("fe80::1%eth0", False),
    "a zone in brackets": ("[fe80::1%25eth0]", False),
    "brackets around a name": ("[localhost]", False),
    "brackets around an IPv4 address": ("[127.0.0.1]", False),
    "an IPv6 address that is none": ("::1::", False),
    "nothing": ("", False),
    "a dot": (".", False),
    "an empty label": ("a..b", False),
    "a label that begins with a dash": ("-a.example", False),
    "a label that ends with a dash": ("a-.example", False),
    "a label of 64": ("a" * 64, False),
    "a name of 254": ("a." * 126 + "ab", False),
    "a blank": ("a b", False),
    "a line end": ("api.example\n", False),
    "letters beyond ASCII": ("bücher.example", False),
    "digits beyond ASCII": ("١٢٧.0.0.1", False),
    "a percent sign": ("a%2eb", False),
    "a user": ("u@h", False),
}


@pytest.mark.parametrize(("host", "good"), HOSTS.values(), ids=HOSTS)
def test_a_host_is_a_name_or_an_address_as_usually_written(host, good):
    assert canonical_host(host) is good


@given(st.integers(0, 2**32 - 1))
def test_no_wrapping_opens_what_is_closed(bits):
    inner = IPv4Address(bits)
    wrapped = [
        IPv6Address(0xFFFF << 32 | bits),
        IPv6Address(0x64FF9B << 96 | bits),
        IPv6Address(0x2002 << 112 | bits << 80),
        IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | bits ^ 0xFFFFFFFF),
    ]
    is_open = allowed(str(inner), ())
    assert [allowed(str(one), ()) for one in wrapped] == [is_open] * 4


@given(st.sampled_from(sorted(METADATA, key=str)), st.integers(0, 31))
def test_no_wide_block_opens_metadata(address, prefix):
    wide = ip_network((address, prefix), strict=False)
    assert not allowed(str(address), networks([str(wide)]))
