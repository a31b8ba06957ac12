"""Whose address counts: nobody can make up another one, and nobody behind a proxy is taken for this host."""

from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from domain.kit.settings import SettingsError, load_settings
from gateway.peer import TRUSTED, client_ip, is_local

OURS = "10.1.0.0/16, 127.0.0.1, 2001:db8:1::/48"


def request(remote: str, *forwarded: str, trusted: str | None = None, header: str = "X-Forwarded-For") -> web.Request:
    """A request over a connection from `remote`, with as many headers."""
    settings = load_settings() if trusted is None else load_settings(trusted_proxies=trusted)
    app = web.Application()
    app[TRUSTED] = settings.proxy_networks
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (remote, 1234) if name == "peername" else default
    headers = CIMultiDict((header, value) for value in forwarded)
    return make_mocked_request("GET", "/", headers=headers, app=app, transport=transport)


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "address"),
    [
        ("203.0.113.7", (), None, "203.0.113.7"),
        ("203.0.113.7", ("198.51.100.1",), None, "203.0.113.7"),
        ("10.1.2.3", ("198.51.100.1",), None, "10.1.2.3"),
        ("127.0.0.1", ("198.51.100.1",), None, "198.51.100.1"),
        ("127.0.0.1", ("127.0.0.1, 198.51.100.1",), None, "198.51.100.1"),
        ("127.0.0.1", ("8.8.8.8", "198.51.100.1"), None, "198.51.100.1"),
        ("127.0.0.1", ("198.51.100.1",), "", "127.0.0.1"),
        ("10.1.2.3", ("8.8.8.8, 198.51.100.1",), OURS, "198.51.100.1"),
        ("10.1.2.3", ("8.8.8.8, 198.51.100.1, 10.1.9.9",), OURS, "198.51.100.1"),
        ("10.1.2.3", ("8.8.8.8, 198.51.100.1, 10.2.9.9",), OURS, "10.2.9.9"),
        ("::ffff:10.1.2.3", ("198.51.100.1",), OURS, "198.51.100.1"),
        ("10.1.2.3", ("10.1.7.7",), OURS, "10.1.7.7"),
        ("10.1.2.3", ("198.51.100.1, nonsense",), OURS, "10.1.2.3"),
        ("10.1.2.3", ("",), OURS, "10.1.2.3"),
        ("2001:db8:1::5", ("2001:db8:2:3:4::6",), OURS, "2001:db8:2:3::/64"),
        ("nonsense", ("198.51.100.1",), OURS, "unknown"),
    ],
)
def test_only_our_proxies_are_believed(
    remote: str, forwarded: tuple[str, ...], trusted: str | None, address: str
) -> None:
    assert client_ip(request(remote, *forwarded, trusted=trusted)) == address


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_behind_a_proxy_nobody_is_local(header: str) -> None:
    assert is_local(request("127.0.0.1"))
    assert is_local(request("::1"))
    assert not is_local(request("127.0.0.1", "127.0.0.1", header=header))
    assert not is_local(request("10.1.2.3", trusted=OURS))
    assert not is_local(request("10.1.2.3", "127.0.0.1", trusted=OURS))


@pytest.mark.parametrize("value", ["everybody", "10.0.0.7/8", "10.0.0.0/33", "10.0.0.1 10.0.0.2"])
def test_a_wrong_list_of_proxies_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"TRUSTED_PROXIES: must be addresses or networks such as 10\.0\.0\.7"):
        load_settings(trusted_proxies=value)
