"""Understand what is asked about web sites, certificates and names in DNS."""

import re
from urllib.parse import urlsplit

from clients.offline.steps import Say, Step, call

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(
    rf"(?<![\w.@/:-])((?:{_LABEL}\.){{1,10}}[a-z][a-z0-9-]{{1,62}})\.?(?::(\d{{1,5}}))?(?![\w@:-])(/[^\s<>\"'`]{{0,500}})?",
    re.IGNORECASE,
)
_URL = re.compile(r"\bhttps?://[^\s<>\"'`]{1,2000}", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.:/])\d{1,3}(?:\.\d{1,3}){3}(?![\w./])")
# What has no dots or no letters: this machine's own name, and an address with a port.
_BARE = re.compile(
    r"(?<![\w.@/:-])(localhost|\d{1,3}(?:\.\d{1,3}){3}(?=:\d))\.?(?::(\d{1,5}))?(?![\w@:.-])(/[^\s<>\"'`]{0,500})?",
    re.IGNORECASE,
)
# A file in the place of a host, as in "check main.py": these endings are files far more often than domains.
_FILES = frozenset(
    "py md sh go js ts tsx jsx yml yaml json tf tfvars txt log conf cfg ini toml lock xml html css env csv sql exe "
    "zip gz tar pem key crt svg png jpg svc local".split()
)
_TLS = re.compile(r"\b(?:cert(?:ificate|s|ificates)?|tls|ssl)\b", re.IGNORECASE)
_DNS = re.compile(
    r"\b(?:dns|nslookup|dig|resolve[sd]?|name ?servers?|mail ?servers?|spf|dmarc"
    r"|(?:a|aaaa|mx|txt|cname|ns|soa|caa|srv|ptr) records?|records? (?:of|for)|(?:which|what) ip|ip address(?:es)?"
    r"|look ?up|ips? (?:of|for)|ipv[46]|(?:mx|txt|ns|cname|soa|caa|srv) (?:of|for)"
    r"|(?:what|which) (?:is|are) the ips?|point(?:s|ing)? to)\b"
    r"|(?<![\w.-])(?:aaaa|cname|mx|txt|caa|soa|ptr)(?![\w.-])"
    r"|^\W*(?:ns|srv) |\s(?:ns|srv)$",
    re.IGNORECASE,
)
_DIG = re.compile(r"\W*(?:dig|dns|nslookup|host|resolve|lookup)\b", re.IGNORECASE)
_TYPES = "AAAA|CNAME|CAA|SOA|SRV|TXT|PTR|MX|NS"
_TYPE_LONG = re.compile(rf"(?<![\w.-])(?:{_TYPES})(?![\w.-])", re.IGNORECASE)
_TYPE_A = re.compile(r"(?<![\w.-])[Aa](?![\w.-])")
_A_RECORD = re.compile(
    r"\ba(?:[ -](?:records?|type|entr(?:y|ies))\b| (?:and|or) (?:aaaa|mx|txt|cname|ns)\b)", re.IGNORECASE
)
_BY_WORD = (
    (re.compile(r"\bmail ?servers?\b|\bmail exchang", re.IGNORECASE), "MX"),
    (re.compile(r"\bname ?servers?\b", re.IGNORECASE), "NS"),
    (re.compile(r"\bspf\b|\bdmarc\b", re.IGNORECASE), "TXT"),
    (re.compile(r"\bipv6\b", re.IGNORECASE), "AAAA"),
)
_CHECK = re.compile(
    r"\b(?:check|ping|curl|wget|fetch|probe|test|request|head|get|http|status|health|open|reach|load|visit|monitor)\b"
    r"|\b(?:up|down|reachable|online|offline|alive|available|working|responding|slow|fast|redirects?"
    r"|returns?|answers?|response time|[45]\d\d|ok|fine|broken|web ?site|headers?|loads?)\b",
    re.IGNORECASE,
)
_HEAD = re.compile(r"\bHEAD\b|\bcurl\b[^|]{0,200}\s(?:-\w*I\w*|--head)\b|\bheaders only\b")
_WRITING = re.compile(
    r"\b(?:POST|PUT|PATCH|DELETE)\b|\bcurl\b[^|]{0,400}\s(?:-d|--data\S{0,20}|-F|--form|-T|--upload-file)\b"
)
_PORT = re.compile(r"\bports?[ =:]\s?(\d{1,5}(?:(?:,| and|, and| or) \d{1,5}){0,5})(?![\d.])", re.IGNORECASE)
_PORT_OPEN = re.compile(r"\bopen\b|\bclosed\b|\blisten(?:s|ing)?\b|\bscan\b", re.IGNORECASE)
_REACH = re.compile(r"\b(?:ping|traceroute|tracert|mtr|up|down|reachable|alive|online|offline)\b", re.IGNORECASE)
NO_PING = (
    "I send no pings and trace no routes, and nothing was looked at. I can send a web request, as in "
    "`check http://{address}`, read a certificate, as in "
    "`check the certificate of {address}`, or calculate with the address alone."
)
NO_PORTS = (
    "I can't try whether a port is open, and nothing was looked at. I can send a web request, as in "
    "`check http://{host}:{port}`, or read a certificate, as in `check the certificate of {host}:{port}`."
)
_TRAILING = ".,;:!?)]}'\"*"


def find_network(words: str) -> Step:
    """Return calls of tls_inspect, dns_lookup or http_check."""
    if _DNS.search(words) and not _TLS.search(words):
        return _dns(words)
    if _TLS.search(words):
        return _tls(words)
    return _http(words)


def _tls(words: str) -> Step:
    named = [(host, port) for host, port, _ in _hosts(words)]
    addresses = [(address, None) for address in _ADDRESS.findall(_BARE.sub(" ", _URL.sub(" ", words)))]
    targets = dict.fromkeys([*_from_urls(words), *named, *addresses])
    ports = _ports(words)
    calls = [call("tls_inspect", host=host, port=one) for host, port in targets for one in ([port] if port else ports)]
    return calls or None


def _from_urls(words: str) -> list[tuple[str, int | None]]:
    found = []
    for url in _urls(words):
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            continue
        if host:
            found.append((host, port))
    return found


def _dns(words: str) -> Step:
    names = [host for host, _ in _from_urls(words)] + [host for host, _, _ in _hosts(words)]
    types = _record_types(words)
    if not names:
        # A bare address is asked for its name only if the words speak of DNS; else it is a network to calculate with.
        names = _ADDRESS.findall(words) if re.search(r"\b(?:dns|ptr|reverse|resolve)\b", words, re.IGNORECASE) else []
        types = ["PTR"]
    if re.search(r"\bdmarc\b", words, re.IGNORECASE):
        names = [name if name.startswith("_dmarc.") else f"_dmarc.{name}" for name in names]
    names = list(dict.fromkeys(names))
    return [call("dns_lookup", name=name, type=one) for name in names for one in types or (None,)] or None


def _record_types(words: str) -> list[str]:
    """Return the types that are named, or meant by words such as "mail servers"."""
    text = _HOST.sub(" ", _URL.sub(" ", words))
    found = [match.group().upper() for match in _TYPE_LONG.finditer(text)]
    # "A" begins too many sentences to be a type there, and "a" is one only behind "dig" or before "record".
    alone = _DIG.match(text) and not re.search(r"\ba\s+\w", text)
    if _A_RECORD.search(text) or any(alone or (one.start() and one.group() == "A") for one in _TYPE_A.finditer(text)):
        found.append("A")
    return list(dict.fromkeys(found)) or [type_ for pattern, type_ in _BY_WORD if pattern.search(words)][:1]


def _http(words: str) -> Step:
    if refusal := _not_by_web(words):
        return refusal
    urls = _urls(words)
    alone = len(words.split()) == 1
    if not urls:
        urls = [_url(*one) for one in _hosts(words)]
    if urls and _WRITING.search(words):
        return Say("I only look: `http_check` sends GET and HEAD, and no other request.")
    if not urls or not (alone or _CHECK.search(_URL.sub(" ", words))):
        return None
    method = "HEAD" if _HEAD.search(words) else None
    ports = _ports(_URL.sub(" ", words))
    return [call("http_check", url=one, method=method) for url in dict.fromkeys(urls) for one in _on(url, ports)]


def _not_by_web(words: str) -> Say | None:
    """Answer what only a packet or a bare connection could tell."""
    text = _URL.sub(" ", words)
    addresses = _ADDRESS.findall(_BARE.sub(" ", text))
    if addresses and _REACH.search(text):
        return Say(NO_PING.format(address=addresses[0]))
    if _PORT_OPEN.search(text) and (hosts := _hosts(words)) and set(_ports(text)) - {None, 80, 443}:
        return Say(NO_PORTS.format(host=hosts[0][0], port=_ports(text)[0]))
    return None


def _ports(words: str) -> list[int | None]:
    """Return the ports of "on port 8080"; one None if none is said."""
    text = " ".join(match.group(1) for match in _PORT.finditer(words))
    found: list[int | None] = [int(port) for port in re.findall(r"\d+", text)]
    return list(dict.fromkeys(found)) or [None]


def _on(url: str, ports: list[int | None]) -> list[str]:
    """Return the address with each of the ports, unless it has one of its own."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if ":" in host:
        return [url]
    return [f"{scheme}://{host}{f':{port}' if port else ''}{slash}{path}" for port in ports]


def _url(host: str, port: int | None, path: str) -> str:
    return f"https://{host}{f':{port}' if port else ''}{path}"


def _urls(words: str) -> list[str]:
    found = [match.group().rstrip(_TRAILING) for match in _URL.finditer(words)]
    return [url for url in found if len(url) > len("https://")]


def _hosts(words: str) -> list[tuple[str, int | None, str]]:
    """Return the hosts that are named without a scheme, with port and path."""
    found = []
    text = _URL.sub(" ", words)
    for match in sorted([*_HOST.finditer(text), *_BARE.finditer(text)], key=lambda match: match.start()):
        host, port, path = match.group(1).lower(), match.group(2), match.group(3) or ""
        if host.rpartition(".")[2] not in _FILES:
            found.append((host, int(port) if port else None, path.rstrip(_TRAILING)))
    return list(dict.fromkeys(found))
