"""Which proxy stands between."""

from __future__ import annotations

import pytest

from offgrid_tui.network.errors import BadSetting
from offgrid_tui.network.proxy import proxy_for
from offgrid_tui.settings.schema import NetworkSettings

ENV = {"HTTPS_PROXY": "http://secure:1", "http_proxy": "plain:2", "ALL_PROXY": "http://all:3"}


@pytest.mark.parametrize(
    ("scheme", "host", "env", "setting", "expected"),
    [
        ("https", "a.example", ENV, None, "http://secure:1"),
        ("http", "a.example", ENV, None, "http://plain:2"),
        ("https", "a.example", {"ALL_PROXY": "http://all:3"}, None, "http://all:3"),
        ("https", "a.example", {}, None, None),
        ("https", "a.example", ENV, "http://ours:4", "http://ours:4"),
        ("http", "127.0.0.1", ENV, "http://ours:4", None),
        ("http", "localhost", ENV, None, None),
        ("https", "a.example", ENV | {"NO_PROXY": "b.example, a.example"}, None, None),
        ("https", "x.a.example", ENV | {"no_proxy": ".a.example"}, "http://ours:4", None),
        ("https", "nota.example", ENV | {"no_proxy": "a.example"}, None, "http://secure:1"),
        ("https", "a.example", ENV | {"no_proxy": "*"}, None, None),
        ("https", "a.example", ENV | {"no_proxy": "a.example:443"}, None, None),
        ("https", "10.1.2.3", ENV | {"no_proxy": "10.0.0.0/8"}, None, None),
        ("https", "11.1.2.3", ENV | {"no_proxy": "10.0.0.0/8,x/99"}, None, "http://secure:1"),
    ],
)
def test_which(scheme: str, host: str, env: dict[str, str], setting: str | None, expected: str | None) -> None:
    assert proxy_for(scheme, host, NetworkSettings(proxy=setting), env) == expected


@pytest.mark.parametrize("bad", ["socks5://me:word@x:1", "http://", "http://me:word@x:notaport", "ftp://x"])
def test_what_is_no_proxy(bad: str) -> None:
    with pytest.raises(BadSetting) as caught:
        proxy_for("https", "a.example", NetworkSettings(proxy=bad), {})
    assert "word" not in str(caught.value)
