import pytest

from config.errors import ConfigError, Permanent, Transient
from connectors.addresses import Origin, checked_addresses, origin


def at(host: str, scheme: str = "https", private: bool = False) -> Origin:
    return Origin(scheme, host, 443, private, "connector acme")


@pytest.mark.parametrize(
    "host",
    [
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
        "017700000001",
        "1.2.3",
        "010.0.0.1",
        "127.0.0.1.",
        "0",
        "1.1.1.0x1",
    ],
)
def test_an_odd_spelling_of_an_address_is_refused_before_anything_resolves_it(host: str) -> None:
    with pytest.raises(ConfigError, match=r"odd spelling|no host name"):
        origin(f"https://{host}/", "connector acme")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.5", "172.16.9.9", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "[::1]", "[::]",
        "[fe80::1]", "[fc00::1]", "[fd12::1]", "[ff02::1]", "[::ffff:169.254.169.254]",
        "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "localhost",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_unless_its_file_says_so(host: str) -> None:
    with pytest.raises(ConfigError):
        origin(f"https://{host}/", "http:erp")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0", "224.0.0.1", "[64:ff9b::a9fe:a9fe]"]
)
def test_cloud_metadata_multicast_and_unspecified_stay_refused_even_for_private_true(host: str) -> None:
    with pytest.raises(ConfigError, match="nothing may connect"):
        origin(f"https://{host}/", "http:erp", private=True, listed=True)


@pytest.mark.parametrize("host", ["10.0.0.5", "192.168.1.1", "100.64.0.1", "[fd12::1]"])
def test_private_true_opens_private_networks(host: str) -> None:
    assert origin(f"https://{host}/", "http:erp", private=True, listed=True)[0].private


def test_a_listed_loopback_may_be_plain_http_and_others_may_not() -> None:
    assert origin("http://127.0.0.1:8900", "connector acme", listed=True)[0].url == "http://127.0.0.1:8900"
    assert origin("http://localhost:8900", "connector acme", listed=True)[0].port == 8900
    with pytest.raises(ConfigError, match="plain http"):
        origin("http://erp.example.com", "http:erp", listed=True)
    assert origin("http://erp.internal", "http:erp", private=True, listed=True)[0].scheme == "http"


@pytest.mark.parametrize(
    "url",
    [
        "http://a@b/", "https://user:pw@erp.example.com", "ftp://erp.example.com", "https://", "erp.example.com",
        "https://erp.example.com/?x=1", "https://erp.example.com/#x",
        "https://erp.example.com\\@evil.example", "https://erp.example.com\r\nX: y", "https://erp .example.com",
        "https://erp.example.com:99999", "https://ерп.example.com",
        "javascript:alert(1)", "file:///etc/passwd", "https://-x.example.com",
        "https://[::1", "https://a..b.example",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_of_a_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        origin(url, "http:erp")


def test_a_name_that_resolves_to_a_private_address_is_refused_when_it_is_called() -> None:
    with pytest.raises(Permanent, match=r"resolves to 10.1.2.3, a private address") as raised:
        checked_addresses(at("erp.example.com"), lambda host, port: ["93.184.216.34", "10.1.2.3"])
    assert raised.value.kind == "blocked_address"


def test_a_name_on_a_private_network_never_gets_plain_http_on_a_public_address() -> None:
    with pytest.raises(Permanent, match="plain http is not allowed"):
        checked_addresses(at("erp.internal", "http", private=True), lambda host, port: ["93.184.216.34"])


def test_a_name_that_is_not_localhost_does_not_reach_loopback() -> None:
    with pytest.raises(Permanent):
        checked_addresses(at("localtest.example"), lambda host, port: ["127.0.0.1"])


def test_a_name_that_does_not_resolve_is_transient() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(Transient, match=r"api.example.com does not resolve \(Name or service not known\)") as raised:
        checked_addresses(at("api.example.com"), unknown)
    assert raised.value.kind == "connection"
