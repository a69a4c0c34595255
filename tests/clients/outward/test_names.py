"""Show that looking names up is bounded in time, and that nobody who waits for one holds up another."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dns.name
import dns.nameserver
import dns.resolver
import pytest

from clients.outward import AllowList, Outward
from clients.outward.deadline import Deadline
from clients.outward.names import DnsNames, Found, SystemNames, read_servers
from clients.reach import Refused, Request, Unreachable
from tests.fakes.dns_server import DROP, SERVFAIL, DnsServer, Zone
from tests.fakes.web_servers import WebServer, reply

CALLERS = 40
ZONE: Zone = {
    ("shop.example", "A"): ["8.8.8.8"],
    ("silent.example", "A"): [DROP],
    ("half.example", "A"): ["8.8.8.8"],
    ("half.example", "AAAA"): [SERVFAIL],
    ("six.example", "A"): [SERVFAIL],
    ("six.example", "AAAA"): ["2606:4700::1111"],
    ("shop.example.corp.internal", "A"): ["10.0.0.1"],
    ("alias.example", "CNAME"): ["vault.corp.internal."],
    ("vault.corp.internal", "A"): ["10.0.0.7"],
    ("gone.example", "CNAME"): ["nobody.corp.internal."],
    ("lame.example", "CNAME"): ["lame.corp.internal."],
    ("lame.corp.internal", "A"): [SERVFAIL],
    ("near.example", "CNAME"): ["web.corp.internal."],
    ("web.corp.internal", "A"): ["127.0.0.1"],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """Make a server on loopback the system's resolver, with a search domain that ends every name."""
    with DnsServer(ZONE) as fake:
        host, _, port = fake.address.partition(":")

        def configured(self: dns.resolver.Resolver, _file: object) -> None:
            self.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]
            self.search = [dns.name.from_text("corp.internal.")]
            self.ndots = 5

        monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", configured)
        yield fake


def _at_once(ask: Callable[[], Any]) -> list[threading.Thread]:
    callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    return callers


def test_names_of_users_never_wait_in_getaddrinfo(server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_given: object, **_more: object) -> None:
        raise AssertionError("getaddrinfo was called")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(Unreachable, match="nobody.example does not exist"):
        Outward().fetch(Request("GET", "http://nobody.example/", seconds=2))
    assert server.questions[0] == ("nobody.example", "A")


def test_a_public_name_is_never_taken_for_one_of_a_search_domain(server: DnsServer) -> None:
    names = SystemNames(DnsNames(()))
    found = names.find("shop.example", Deadline(2), listed=False)
    assert [str(address) for address in found.addresses] == ["8.8.8.8"]
    assert names.find("vault", Deadline(2), listed=False).addresses == []
    assert not [name for name, _ in server.questions if name.endswith("corp.internal")]


def test_many_names_without_an_answer_hold_up_nobody(server: DnsServer) -> None:
    names = SystemNames(DnsNames(()))
    callers = _at_once(lambda: names.find("silent.example", Deadline(1.5), listed=False))
    began = time.monotonic()
    assert names.find("shop.example", Deadline(5), listed=False).problem is None
    took = time.monotonic() - began
    assert any(caller.is_alive() for caller in callers) and took < 1.2
    for caller in callers:
        caller.join(5)
        assert not caller.is_alive()


def test_a_listed_name_that_hangs_holds_one_thread_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    real, over, asked = socket.getaddrinfo, threading.Event(), []

    def slow(name: str, *given: Any, **more: Any) -> Any:
        asked.append(name)
        if name == "dead.internal":
            over.wait(10)
        return real("127.0.0.1", *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names = SystemNames(DnsNames(()))
    problems: list[Found] = []
    callers = _at_once(lambda: problems.append(names.find("dead.internal", Deadline(0.2), listed=True)))
    assert names.find("db.internal", Deadline(2), listed=True).problem is None
    for caller in callers:
        caller.join(5)
    assert [found.problem and found.problem.kind for found in problems] == ["timeout"] * CALLERS
    assert asked.count("dead.internal") == 1
    over.set()
    # It is forgotten as soon as it is over: the next one asks anew.
    while "dead.internal" in names._running:
        pass
    assert names.find("dead.internal", Deadline(2), listed=True).problem is None
    assert asked.count("dead.internal") == 2


def test_a_listed_name_is_asked_for_as_the_system_does_it(server: DnsServer) -> None:
    with WebServer(reply()) as web:
        out = Outward(AllowList.parse(["localhost"]))
        assert out.fetch(Request("GET", web.url_of("localhost"), seconds=2)).status == 200
    assert server.questions == []


@pytest.mark.parametrize(("name", "address"), [("half.example", "8.8.8.8"), ("six.example", "2606:4700::1111")])
def test_one_family_of_addresses_is_enough(name: str, address: str) -> None:
    with DnsServer(ZONE) as fake:
        found = DnsNames(read_servers([fake.address])).find(name, Deadline(2), listed=False)
    assert ([str(one) for one in found.addresses], found.problem) == ([address], None)


def test_a_server_without_any_resolver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_given: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", missing)
    out = Outward()
    with pytest.raises(Unreachable, match="its DNS servers gave no answer"):
        out.fetch(Request("GET", "http://shop.example/", seconds=2))
    with pytest.raises(Unreachable, match="DNS could not be asked"):
        out.lookup("shop.example", "A", seconds=2)


@pytest.mark.parametrize("name", ["alias.example", "gone.example", "lame.example"])
def test_an_alias_does_not_tell_which_inner_names_exist(server: DnsServer, name: str) -> None:
    for leave in (_fetched, _inspected):
        with pytest.raises(Refused) as refused:
            leave(Outward(), name)
        assert (refused.value.reason, refused.value.message) == (
            "internal_name",
            f"{name} leads to an internal name; only public hosts can be reached.",
        )


def test_an_alias_to_an_address_that_is_listed_is_followed(server: DnsServer) -> None:
    with WebServer(reply()) as web:
        out = Outward(AllowList.parse(["127.0.0.0/8"]))
        assert out.fetch(Request("GET", web.url_of("near.example"), seconds=2)).status == 200


def _fetched(out: Outward, name: str) -> None:
    out.fetch(Request("GET", f"http://{name}/", seconds=2))


def _inspected(out: Outward, name: str) -> None:
    out.inspect_tls(name, 443, seconds=2)
