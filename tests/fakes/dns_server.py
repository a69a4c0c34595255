"""Answer DNS on loopback over UDP, from a zone whose answers may change from one question to the next."""

import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 60
DROP = "!DROP"
"""As an answer: say nothing at all."""
SERVFAIL = "!SERVFAIL"
REFUSED = "!REFUSED"

Zone = Mapping[tuple[str, str], Sequence[str] | Sequence[Sequence[str]]]


class DnsServer:
    """Serve a zone while the `with` block lasts.

    Keys are (name, type). A value is a list of records, or a list of such lists: the first is the answer to the first
    question, the second to the second, and the last to all that follow. CNAMEs are followed within the zone. A name
    without any record does not exist.
    """

    def __init__(self, zone: Zone, *, authenticated: bool = False) -> None:
        self._zone = {(name, kind): _turns(value) for (name, kind), value in zone.items()}
        self._authenticated = authenticated
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.questions: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        """Return where it listens, as `address:port`."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", self._socket.getsockname())  # Wakes the thread, which ends on an empty packet.
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, question: dns.message.Message) -> dns.message.Message | None:
        asked = question.question[0]
        name, kind = str(asked.name).rstrip(".").lower(), dns.rdatatype.to_text(asked.rdtype)
        self.questions.append((name, kind))
        answer = dns.message.make_response(question, recursion_available=True)
        if self._authenticated:
            answer.flags |= dns.flags.AD
        while (name, kind) not in self._zone and (name, "CNAME") in self._zone:
            [target] = self._turn(name, "CNAME")
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "CNAME", target))
            name = target.rstrip(".").lower()
        records = self._turn(name, kind)
        if records == [DROP]:
            return None
        if records and records[0].startswith("!"):
            answer.set_rcode(dns.rcode.from_text(records[0][1:]))
        elif records:
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", kind, *records))
        elif not any(known == name for known, _ in self._zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _turn(self, name: str, kind: str) -> list[str]:
        turns = self._zone.get((name, kind), [[]])
        return turns.pop(0) if len(turns) > 1 else turns[0]


def _turns(value: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
    if value and isinstance(value[0], str):
        return [[str(record) for record in value]]
    return [list(records) for records in value] or [[]]
