"""Show that a kubeconfig is read as data: what is inline is taken, and all else is refused in a clear sentence."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from agent.kinds.kubernetes import KUBERNETES
from agent.types import Connection, Reach, ToolError
from clients.outward import AllowList, Outward
from tests.agent.tools.support import local_reach
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes_scenes import answer
from tests.fakes.web_servers import WebServer, reply

TOKEN = "eyJhbGciOiJSUzI1NiJ9.payload-of-the-token.signature-wxyz"
CA = trustme.CA(organization_name="test cluster")
CA_PEM = CA.cert_pem.bytes().decode()
KEY_BYTES = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def fake() -> Iterator[FakeKubernetes]:
    """Return a running fake cluster."""
    with FakeKubernetes() as running:
        yield running


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pair(**more: Any) -> tuple[str, str]:
    """Return a client certificate and its key."""
    made = CA.issue_cert("agent@example.org", common_name="devops-agent", organization_name="readers", **more)
    return made.cert_chain_pems[0].bytes().decode(), made.private_key_pem.bytes().decode()


def kubeconfig(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **config: Any
) -> dict[str, Any]:
    """Return a whole kubeconfig, with parts replaced or, where they are None, left out."""
    first = {"server": "https://203.0.113.10:6443", "certificate-authority-data": encoded(CA_PEM), **(cluster or {})}
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "prod-cluster", "cluster": {k: v for k, v in first.items() if v is not None}}],
        "users": [{"name": "reader", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod-cluster", "user": "reader", "namespace": "shop"}}],
        "current-context": "prod",
        **config,
    }
    return {key: value for key, value in whole.items() if value is not None}


def read(config: dict[str, Any] | str) -> dict[str, str]:
    return KUBERNETES.read({"kubeconfig": config if isinstance(config, str) else yaml.safe_dump(config)})


def refusal(raw: object) -> str:
    """Return the one sentence or two of a refusal, which never repeat a secret."""
    with pytest.raises(ToolError) as caught:
        KUBERNETES.read(raw)
    said = str(caught.value)
    assert len(said) < 300
    assert "payload-of-the-token" not in said and "PRIVATE KEY" not in said
    return said


def test_a_token_and_an_authority_are_taken() -> None:
    assert read(kubeconfig()) == {
        "server": "https://203.0.113.10:6443",
        "token": TOKEN,
        "ca": CA_PEM,
        "namespace": "shop",
        "context": "prod",
    }


def test_a_client_certificate_is_taken() -> None:
    certificate, key = pair()
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    found = read(kubeconfig(user=user))
    assert sorted(found) == ["ca", "client_certificate", "client_key", "context", "namespace", "server"]
    assert found["client_certificate"] == certificate
    assert found["client_key"].startswith("-----BEGIN PRIVATE KEY-----")


def test_a_client_certificate_needs_https() -> None:
    certificate, key = pair()
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    assert "only counts where" in refusal(
        {"kubeconfig": yaml.safe_dump(kubeconfig({"server": "http://10.0.0.5"}, user))}
    )


def test_without_an_authority_the_system_s_own_counts() -> None:
    assert "ca" not in read(kubeconfig({"certificate-authority-data": None}))


def test_the_current_context_of_several_counts() -> None:
    config = kubeconfig()
    config["contexts"].append({"name": "stage", "context": {"cluster": "stage-cluster", "user": "stager"}})
    config["clusters"].append({"name": "stage-cluster", "cluster": {"server": "https://stage.example"}})
    config["users"].append({"name": "stager", "user": {"token": "stage-token"}})
    config["current-context"] = "stage"
    found = read(config)
    assert (found["server"], found["token"], found["namespace"]) == ("https://stage.example", "stage-token", "default")


def test_a_single_context_need_not_be_named() -> None:
    assert read(kubeconfig(**{"current-context": None}))["context"] == "prod"


def test_json_is_yaml_too() -> None:
    text = '{"clusters":[{"name":"c","cluster":{"server":"https://k.example/k8s/clusters/c-1/"}}],'
    text += (
        '"users":[{"name":"u","user":{"token":"t"}}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}]}'
    )
    assert read(text)["server"] == "https://k.example/k8s/clusters/c-1"


def test_what_other_contexts_do_is_of_no_concern() -> None:
    config = kubeconfig()
    config["users"].append({"name": "other", "user": {"exec": {"command": "curl"}}})
    assert read(config)["token"] == TOKEN


CONTEXT_ELSEWHERE = {"name": "prod", "context": {"cluster": "prod-cluster", "user": "reader", "namespace": "../x"}}
RUNS = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", "touch /tmp/owned"]}
CERTIFICATE, KEY = pair()
OTHER_KEY = pair()[1]
EXPIRED = pair(not_after=datetime(2020, 1, 1, tzinfo=UTC))
LOCKED = KEY_BYTES.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
UNRELATED = KEY_BYTES.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def by_certificate(certificate: str, key: str) -> dict[str, str]:
    return {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (kubeconfig(user={"exec": RUNS}), "never runs"),
        (kubeconfig(user={"token": TOKEN, "exec": RUNS}), "never runs"),
        (kubeconfig(user={"auth-provider": {"name": "gcp"}}), "`auth-provider` is not supported"),
        (kubeconfig(user={"tokenFile": "/var/run/secrets/token"}), "`tokenFile` is the path of a file"),
        (kubeconfig(user={"client-certificate": "/etc/passwd", "client-key": "/etc/shadow"}), "path of a file"),
        (kubeconfig(user={"token": TOKEN, "client-key": "/etc/shadow"}), "`client-key` is the path of a file"),
        (kubeconfig(user={"username": "admin", "password": "hunter2"}), "User name and password"),
        (kubeconfig(user={"token": TOKEN, "as": "system:admin"}), "Acting as someone else"),
        (kubeconfig(user={"token": TOKEN, "as-groups": ["system:masters"]}), "Acting as someone else"),
        (kubeconfig(user={}), "is empty|neither a token nor"),
        (kubeconfig(user={"token": "two\nlines"}), "`token` is no token"),
        (kubeconfig(user={"token": 12345}), "`token` of the kubeconfig must be text"),
        (kubeconfig(user={"client-certificate-data": encoded(CERTIFICATE)}), "only work together"),
        (kubeconfig(user=by_certificate(CERTIFICATE, OTHER_KEY)), "do not belong together"),
        (kubeconfig(user=by_certificate(CERTIFICATE, UNRELATED)), "do not belong together"),
        (kubeconfig(user=by_certificate(CERTIFICATE, "hello")), "no readable private key"),
        (kubeconfig(user=by_certificate("hello", KEY)), "no readable certificate"),
        (kubeconfig(user=by_certificate(CERTIFICATE, LOCKED)), "locked with a passphrase"),
        (kubeconfig(user=by_certificate(*EXPIRED)), "expired on 2020-01-01"),
        (kubeconfig(user={"client-certificate-data": "%%%", "client-key-data": "%%%"}), "no base64"),
        (kubeconfig({"certificate-authority": "/etc/kubernetes/ca.crt"}), "`certificate-authority` is the path"),
        (kubeconfig({"certificate-authority-data": "not base64!"}), "no base64"),
        (kubeconfig({"certificate-authority-data": encoded("no certificate")}), "no readable certificate"),
        (kubeconfig({"certificate-authority-data": encoded(KEY)}), "no readable certificate"),
        (kubeconfig({"proxy-url": "http://proxy:3128"}), "`proxy-url` is not supported"),
        (kubeconfig({"insecure-skip-tls-verify": True}), "`insecure-skip-tls-verify` is not supported"),
        (kubeconfig({"insecure-skip-tls-verify": "true"}), "`insecure-skip-tls-verify` is not supported"),
        (kubeconfig({"tls-server-name": "kubernetes.default"}), "`tls-server-name` is not supported"),
        (kubeconfig({"server": "http://203.0.113.10:8080"}), "token would travel in the clear"),
        (kubeconfig({"server": "file:///etc/passwd"}), "no address"),
        (kubeconfig({"server": "203.0.113.10:6443"}), "no address"),
        (kubeconfig({"server": "https://admin:pw@203.0.113.10"}), "user name or password"),
        (kubeconfig({"server": "https://k.example?x=1"}), "plain path"),
        (kubeconfig({"server": "https://k.example/../admin"}), "plain path"),
        (kubeconfig({"server": "https://k.example:99999"}), "no address"),
        (kubeconfig({"server": "https://k.ex\r\nHost: x"}), "no address"),
        (kubeconfig({"server": None}), "has no `server`"),
        (kubeconfig(**{"current-context": "missing"}), "no context called `missing`"),
        (kubeconfig(users=[]), "no user called `reader`"),
        (kubeconfig(clusters=[]), "no cluster called `prod-cluster`"),
        (kubeconfig(clusters=None), "no list of clusters"),
        (kubeconfig(contexts=[], **{"current-context": None}), "0 contexts and no `current-context`"),
        (kubeconfig(contexts=[CONTEXT_ELSEWHERE]), "no name of a namespace"),
        (kubeconfig(kind="Deployment"), "no kubeconfig"),
        (kubeconfig(contexts=[{"name": "prod", "context": "text"}]), "is empty"),
        ("just text", "one YAML document"),
        ("a: 1\n---\nb: 2\n", "one YAML document"),
        ("clusters: [\n", "line"),
        ("!!python/object/apply:os.system ['touch /tmp/owned']", ""),
        ("a: &a [x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\nclusters: *d\n", ""),
        ("[" * 100_000, ""),
        ("x" * 10_000_000, "longer than"),
        ("clusters: []\nclusters: []\n", "same key twice"),
    ],
    ids=range(53),
)
def test_a_trap_in_a_kubeconfig_is_refused(config: dict[str, Any] | str, words: str) -> None:
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    said = refusal({"kubeconfig": text})
    assert any(part in said for part in words.split("|")), said


def test_nothing_in_a_kubeconfig_is_run_or_opened(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    command = {"command": "/bin/sh", "args": ["-c", f"touch {trace}"]}
    refusal({"kubeconfig": yaml.safe_dump(kubeconfig(user={"exec": command}))})
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    assert TOKEN not in refusal({"kubeconfig": yaml.safe_dump(kubeconfig(user={"tokenFile": str(secret)}))})
    assert not trace.exists()


def test_broken_yaml_is_refused_without_its_secrets() -> None:
    refusal({"kubeconfig": f"users:\n- name: x\n  user:\n    token: {TOKEN}\n   bad: [\n"})
    refusal({"kubeconfig": f'token: "{TOKEN}\n'})
    refusal({"kubeconfig": f"? {{{TOKEN}: [}}"})


def test_server_and_token_are_taken_too() -> None:
    raw = {"server": " https://k.example:6443/ ", "token": f" {TOKEN}\n", "ca": CA_PEM, "kubeconfig": ""}
    assert KUBERNETES.read(raw) == {
        "server": "https://k.example:6443",
        "token": TOKEN,
        "ca": CA_PEM,
        "namespace": "default",
    }
    assert KUBERNETES.read({"server": "https://k.example", "token": "t", "ca": encoded(CA_PEM)})["ca"] == CA_PEM


@pytest.mark.parametrize("server", ["http://127.0.0.1:8001", "http://10.0.0.5:8080", "http://kubernetes.default.svc"])
def test_within_ones_own_network_http_is_enough_for_a_token(server: str) -> None:
    assert KUBERNETES.read({"server": server, "token": TOKEN})["server"] == server


def test_a_cluster_behind_plain_http_is_asked_with_the_token() -> None:
    told = b'{"gitVersion": "v1.31.2", "kind": "NamespaceList", "items": []}'
    with WebServer(reply(200, told, ("Content-Type", "application/json"))) as server:
        settings = KUBERNETES.read({"server": server.url, "token": TOKEN})
        assert probed(settings)["version"] == "v1.31.2"
    assert {asked.headers["authorization"] for asked in server.requests} == {f"Bearer {TOKEN}"}


def test_only_certificates_are_kept_of_an_authority() -> None:
    raw = {"server": "https://k.example", "token": "t", "ca": f"# a note\n{CA_PEM}trailing words"}
    assert KUBERNETES.read(raw)["ca"] == CA_PEM


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "must be a JSON object"),
        ([], "must be a JSON object"),
        ({}, "Give a kubeconfig"),
        ({"server": "https://k.example"}, "Service account token is missing"),
        ({"token": TOKEN}, "API server is missing"),
        ({"server": "http://k.example", "token": TOKEN}, "https"),
        ({"server": "https://k.example", "token": "a b"}, "no token"),
        ({"server": "https://k.example", "token": "a\r\nX-Evil: 1"}, "no token"),
        ({"server": "https://k.example", "token": "tök"}, "no token"),
        ({"server": "https://k.example", "token": "x" * 20_000}, "no token"),
        ({"server": "https://k.example", "token": TOKEN, "ca": "nonsense"}, "no base64"),
        ({"server": "https://k.example", "token": TOKEN, "kubeconfig": "x"}, "not both"),
        ({"server": "https://k.example", "token": TOKEN, "exec": "x"}, "an unknown setting"),
        ({"server": 5, "token": TOKEN}, "API server must be text"),
        ({"kubeconfig": {"clusters": []}}, "Kubeconfig must be text"),
        ({5: "x"}, "an unknown setting"),
    ],
)
def test_wrong_settings_are_refused(raw: object, words: str) -> None:
    assert words in refusal(raw)


def test_secrets_are_masked() -> None:
    certificate, key = pair(not_after=datetime(2031, 5, 6, tzinfo=UTC))
    shown = KUBERNETES.mask(read(kubeconfig(user={"token": TOKEN, **by_certificate(certificate, key)})))
    assert shown.pop("certificate").endswith("O=readers, expires 2031-05-06")
    assert shown == {
        "server": "https://203.0.113.10:6443",
        "context": "prod",
        "namespace": "shop",
        "token": "****wxyz",
    }
    assert KUBERNETES.mask({"server": "https://k.example", "token": "short-token"})["token"] == "****"
    assert KUBERNETES.mask({"server": "https://k.example", "token": "a-16-chars-token"})["token"] == "****oken"
    assert set(KUBERNETES.secrets) == {"token", "client_key"}


def probed(settings: dict[str, str]) -> dict[str, str]:
    return KUBERNETES.probe(local_reach(Connection("1", "kubernetes", "prod", settings)))


@pytest.mark.parametrize("certificate", [False, True])
def test_a_connection_is_tried_as_it_was_read(fake: FakeKubernetes, certificate: bool) -> None:
    found = probed(read(fake.kubeconfig(certificate=certificate)))
    assert found == {"version": "v1.31.2", "access": "may list namespaces"}
    assert fake.requests[-1].query == {"limit": "1"}
    assert fake.requests[-1].certificate is certificate


def test_few_rights_are_no_failure(fake: FakeKubernetes) -> None:
    fake.forbid("list", "namespaces")
    assert probed(fake.settings())["access"] == "may not list namespaces"


def test_a_wrong_token_is_said(fake: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match="does not accept the connection's credentials") as caught:
        probed({**fake.settings(), "token": TOKEN})
    assert TOKEN not in str(caught.value)


def test_a_wrong_authority_is_said(fake: FakeKubernetes) -> None:
    with pytest.raises(ToolError, match="Check the certificate authority"):
        probed({**fake.settings(), "ca": CA_PEM})
    assert fake.requests == []


def test_a_server_that_is_something_else_is_said(fake: FakeKubernetes) -> None:
    fake.answers["/version"] = answer({"hello": "world"})
    with pytest.raises(ToolError, match="not as a Kubernetes API does"):
        probed(fake.settings())
    fake.answers["/version"] = answer(b"<html>", content_type="text/html")
    with pytest.raises(ToolError, match="no readable JSON"):
        probed(fake.settings())


def test_a_private_address_is_refused_with_a_hint(fake: FakeKubernetes) -> None:
    closed = Reach(Outward(AllowList.parse([])), Connection("1", "kubernetes", "prod", fake.settings()))
    with pytest.raises(ToolError, match="TOOLS_ALLOW_PRIVATE"):
        KUBERNETES.probe(closed)
    assert fake.requests == []
