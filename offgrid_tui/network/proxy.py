"""Which proxy stands between this machine and a host, by the settings or the variables that everybody knows."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from offgrid_tui.network.errors import BadSetting
from offgrid_tui.network.policy import stays_here
from offgrid_tui.settings.schema import NetworkSettings


def proxy_for(scheme: str, host: str, settings: NetworkSettings, env: Mapping[str, str]) -> str | None:
    """The address of the proxy to reach `host` through; None where it is spoken to directly.

    This machine itself is never asked for through a proxy. `network.proxy` holds for every other host but those of
    NO_PROXY; without it HTTPS_PROXY or HTTP_PROXY, by the scheme, then ALL_PROXY (lower case first, as curl does).

    Raises:
        BadSetting: it is not the address of an HTTP proxy.
    """
    if stays_here(host) or _excepted(host, _variable(env, "no_proxy")):
        return None
    if settings.proxy:
        return _checked(settings.proxy, "network.proxy")
    for name in (f"{scheme}_proxy", "all_proxy"):
        if found := _variable(env, name):
            return _checked(found, name.upper())
    return None


def _variable(env: Mapping[str, str], name: str) -> str:
    # HTTP_PROXY in capitals can be set by a request to a CGI program; this is none, and people do set it.
    return (env.get(name) or env.get(name.upper()) or "").strip()


def _checked(text: str, name: str) -> str:
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:  # its text is not quoted: it may hold a password
        raise BadSetting(name, "It has to be the address of an HTTP proxy, as http://proxy.example:3128")
    return address


def _excepted(host: str, rules: str) -> bool:
    """Whether NO_PROXY names `host`: `*`, a name and all below it, an address, or a network of addresses."""
    name = host.strip("[]").lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        address = None
    for rule in (part.strip().lower() for part in rules.split(",")):
        rule = rule.rpartition(":")[0] if rule.count(":") == 1 else rule
        if not rule:
            continue
        if rule == "*" or name == rule.lstrip(".") or name.endswith("." + rule.lstrip("*.")):
            return True
        if address is not None and "/" in rule:
            try:
                if address in ipaddress.ip_network(rule, strict=False):
                    return True
            except ValueError:
                continue
    return False
