"""The client's address. Who connects says it himself; only proxies of TRUSTED_PROXIES are believed about others."""

import ipaddress

from aiohttp import web

from domain.kit.settings import Network

TRUSTED = web.AppKey("trusted", tuple[Network, ...])
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def client_ip(request: web.Request) -> str:
    """The parsed address of the client; IPv6 clients are counted by their /64, as one customer has a whole one."""
    address = _client(request)
    if address is None:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
    return str(address)


def is_local(request: web.Request) -> bool:
    """Whether the request was made on this host, and not by somebody behind a proxy on it."""
    address = _parse(request.remote)
    return address is not None and address.is_loopback and not any(name in request.headers for name in _FORWARDING)


def _client(request: web.Request) -> Address | None:
    """The last address of the chain that is no proxy of ours: each proxy appends whom it saw, and what stands before
    the word of a stranger is his to make up."""
    trusted = request.app[TRUSTED]
    address = _parse(request.remote)
    chain = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while address is not None and chain and any(address in network for network in trusted):
        before = _parse(chain.pop())
        if before is None:
            break
        address = before
    return address


def _parse(text: str | None) -> Address | None:
    try:
        address = ipaddress.ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if address.version == 6 else address
