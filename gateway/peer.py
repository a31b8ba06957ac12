"""The client's address. Only a proxy on this host is believed: the last address it wrote into X-Forwarded-For."""

import ipaddress

from aiohttp import web

_FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def client_ip(request: web.Request) -> str:
    """The parsed address of the client; IPv6 clients are counted by their /64, as one customer has a whole one."""
    address = _parse(request.remote)
    if address is not None and address.is_loopback:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        if forwarded:
            address = _parse(forwarded[-1].rpartition(",")[2]) or address
    if address is None:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
    return str(address)


def is_local(request: web.Request) -> bool:
    """Whether the request was made on this host, and not by somebody behind a proxy on it."""
    address = _parse(request.remote)
    return address is not None and address.is_loopback and not any(name in request.headers for name in _FORWARDING)


def _parse(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if address.version == 6 else address
