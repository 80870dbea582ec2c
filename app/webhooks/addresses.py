"""Where requests may go. Whoever subscribes chooses the URL, and must not use the hub to reach what only the hub can.

A name is resolved here and the connection is made to the address that was looked at: a name that means another address a moment
later (DNS rebinding) changes nothing. TLS goes on to ask for a certificate of the name, as httpcore starts it on what this returns.
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import httpcore

from app.errors import Text

_RESOLVE_SECONDS = 5.0
# Threads of their own: names whose servers do not answer must not keep the few threads that everything else shares.
_RESOLVERS = ThreadPoolExecutor(32, thread_name_prefix="resolver")
# Not link-local, but what answers there are the agents of a cloud: of Azure, Alibaba, Oracle and AWS.
_AGENTS = frozenset(map(ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
_GLOBAL_UNICAST = ip_network("2000::/3")  # all that is routed; every other prefix is for a purpose of its own
# In which an IPv4 address is wrapped: mapped, of NAT64, of 6to4 (the last one inside the global ones).
_MAPPED, _NAT64, _SIX_TO_FOUR = ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"), ip_network("2002::/16")
_SHARED, _LOCAL = ip_network("100.64.0.0/10"), ip_network("fc00::/7")  # carrier-grade NAT; unique local


class AddressRefused(Exception):
    """Requests may not go there; the text says why."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


def is_allowed(address: str, *, private: bool) -> bool:
    """Whether a request may go to an address: a public one, or with `private` one of the own network or machine.

    Never to one that is no host's own (multicast, unspecified, reserved) or that is there for configuration only (link-local,
    where clouds keep the credentials of their machines).
    """
    ip = _unwrapped(ip_address(address.partition("%")[0]))
    if ip.is_multicast or ip.is_unspecified or ip.is_link_local or ip in _AGENTS:
        return False
    if isinstance(ip, IPv4Address):
        return not ip.is_reserved and (private or (ip.is_global and ip not in _SHARED))
    if ip in _GLOBAL_UNICAST:
        return ip.is_global
    return private and (ip.is_loopback or ip in _LOCAL)


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _MAPPED or ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip in _SIX_TO_FOUR:
        return IPv4Address(int(ip) >> 80 & 0xFFFF_FFFF)
    return ip


async def allowed_addresses(host: str, port: int, *, private: bool) -> list[str]:
    """What a name means now.

    Raises:
        AddressRefused: nothing, or one of the addresses is none to send to.
    """
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().run_in_executor(
                _RESOLVERS, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            )
    except (OSError, UnicodeError, TimeoutError) as error:
        why = Text(f"không tìm được địa chỉ của '{host}'", f"no address of '{host}' can be found")
        raise AddressRefused(why) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_allowed(address, private=private):
            raise AddressRefused(
                Text(
                    f"'{host}' là {address}, không phải địa chỉ công cộng",
                    f"'{host}' is {address}, not a public address",
                )
            )
    return addresses


async def require_allowed_url(address: str, *, private: bool) -> None:
    """Raises: AddressRefused, unless it is a URL that messages may be sent to (by what its name means now)."""
    try:
        url = urlsplit(address)
        host, port = url.hostname or "", 443 if url.port is None else url.port
    except ValueError as error:
        raise AddressRefused(Text("không phải một URL", "it is not a URL")) from error
    if url.scheme not in ({"https", "http"} if private else {"https"}):
        raise AddressRefused(Text("phải là https://…", "it must be https://…"))
    if not host or "@" in url.netloc or url.fragment or port == 0:
        raise AddressRefused(
            Text(
                "phải có tên máy, không có mật khẩu và phần sau dấu #",
                "it must have a host, and neither a password nor what follows a #",
            )
        )
    await allowed_addresses(host, port, private=private)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to allowed addresses only."""

    def __init__(self, *, private: bool) -> None:
        self._private, self._network = private, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (as httpcore names it)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises: AddressRefused, httpcore.ConnectError, httpcore.ConnectTimeout."""
        *others, last = await allowed_addresses(host, port, private=self._private)
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)
