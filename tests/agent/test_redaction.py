"""Show that secrets are taken out of any text, and that nothing else is."""

import base64
import json
import re
import time
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.redaction import MARKER, Secret, find_secrets, redact, redact_json

# The samples are put together here, so that no scanner takes this file for a leak.
A40 = "aB3dE5fG7h" * 4
H32 = "0123456789abcdef" * 2
AWS_ID = "AKI" + "AZ7QK4M2W" + "XPL3TNRV"
AWS_SECRET = "wJalrXUtnFEM" + "I/K7MDENG/bPxRfiCYzKq9Lm2vQ8"
AWS_EXAMPLE = "AKI" + "AIOSFODNN7EXAMPLE"
AWS_EXAMPLE_SECRET = "wJalrXUtnFEM" + "I/K7MDENG/bPxRfiCYEXAMPLEKEY"
GITHUB = "gh" + "p_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
JWT = "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9Pl"
PEM_BODY = (
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\nVJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDu\n"
)
PEM = "-----BEGIN RSA PRIV" + f"ATE KEY-----\n{PEM_BODY}-----END RSA PRIV" + "ATE KEY-----"
CERTIFICATE = f"-----BEGIN CERTIFICATE-----\n{PEM_BODY}-----END CERTIFICATE-----"

SECRETS = [
    # text, the secret in it, the kind
    (f"id {AWS_ID} end", AWS_ID, "aws-access-key"),
    (f"aws_secret_access_key = {AWS_SECRET}", AWS_SECRET, "aws-secret-key"),
    (f'"SecretAccessKey": "{AWS_SECRET}"', AWS_SECRET, "aws-secret-key"),
    (f"{AWS_ID},{AWS_SECRET}", AWS_SECRET, "aws-secret-key"),
    (f"git clone https://{GITHUB}@github.com/o/r", GITHUB, "github-token"),
    ("github_" + "pat_" + "11ABCDEFG0" + A40, "pat_11ABC", "github-token"),
    ("key: gl" + "pat-" + "abcDEF123456ghiJKL78", "abcDEF123456", "gitlab-token"),
    ("xox" + "b-123456789012-abcdefABCDEF", "123456789012-abc", "slack-token"),
    ("https://hooks.slack" + ".com/services/T0000AAAA/B0000BBBB/abcdefABCDEF123456", "B0000BBBB", "slack-webhook"),
    ("https://discord.com/api/web" + "hooks/123456789012345678/" + A40, A40, "discord-webhook"),
    ("sk_" + "live_" + "abcdEFGH1234ijkl", "abcdEFGH1234", "stripe-key"),
    ("rk_" + "test_" + "abcdEFGH1234ijkl", "abcdEFGH1234", "stripe-key"),
    ("whs" + "ec_" + "abcdEFGH1234ijklMNOP", "abcdEFGH1234", "stripe-webhook-secret"),
    ("use sk-" + "ant-api03-" + A40 + "-" + A40, A40, "anthropic-key"),
    ("OPENAI=sk-" + "proj-" + A40, A40, "openai-key"),
    ("AI" + "za" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q", "SyA1b2C3d4", "google-api-key"),
    ("GOC" + "SPX-" + "abcdEFGH1234ijklMNOP5678qrst", "abcdEFGH1234", "google-oauth"),
    ("//registry.npmjs.org/:_authToken=np" + "m_" + A40[:36], A40[:36], "npm-token"),
    ("py" + "pi-AgE" + "IcHlwaS5vcmcCJ" + A40, A40, "pypi-token"),
    (f"auth {JWT} here", JWT, "jwt"),
    ("DefaultEndpointsProtocol=https;Account" + "Key=" + A40 + A40 + "abcdef==", A40, "azure-storage-key"),
    ("Endpoint=sb://x/;SharedAccess" + "Key=" + A40 + "abc=", A40, "azure-shared-access-key"),
    (
        "https://x.blob.core.example/c?sv=2020&s" + "ig=abcDEF123%2Fabcdefghijklmnopqrstuvwxyz",
        "DEF123",
        "azure-sas",
    ),
    ("abc8Q" + "~" + A40[:34], A40[:34], "azure-client-secret"),
    ("S" + "G." + A40[:22] + "." + A40 + "abc", A40[:22], "sendgrid-key"),
    ("S" + "K" + H32, H32, "twilio-key"),
    ("key" + "-" + H32, H32, "mailgun-key"),
    ("dop" + "_v1_" + H32 + H32, H32, "digitalocean-token"),
    ("h" + "vs." + A40, A40, "vault-token"),
    ("dckr" + "_pat_" + A40[:27], A40[:27], "docker-token"),
    ("hf" + "_" + "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh", "AbCdEfGhIj", "huggingface-token"),
    ("DATABASE_URL=postgres://shop:hunter2@db:5432/shop", "hunter2", "password"),
    ("redis://:p4ssw0rd@cache:6379/0", "p4ssw0rd", "password"),
    ("amqp://u:p@ss:word@mq/", "p@ss:word", "password"),
    ("Authorization: Bearer abcdef1234567890ABCDEF", "abcdef1234567890", "authorization"),
    ("curl -H 'Authorization: Basic dXNlcjpwYXNzd29yZA==' x", "dXNlcjpwYXNz", "authorization"),
    ('{"authorization": "Bearer abcdef1234567890"}', "abcdef1234567890", "authorization"),
    ("Authorization: token 0123456789abcdef0123", "0123456789abcdef0123", "authorization"),
    ("password=hunter2", "hunter2", "password"),
    ("db_password: hunter2", "hunter2", "password"),
    ("  password: 'correct horse battery'  # no", "correct horse battery", "password"),
    ('{"password": "hun\\"ter2", "a": 1}', "ter2", "password"),
    ('"{\\"password\\": \\"hunter2\\"}"', "hunter2", "password"),
    ('"password": 12345678,', "12345678", "password"),
    ('client_secret = "s3cr3t-of-ours"', "s3cr3t-of-ours", "client-secret"),
    ('"secret": "s3cr3t9"', "s3cr3t9", "secret"),
    ("api_key: 3f7a9c1e5b2d4f60", "3f7a9c1e5b2d4f60", "api-key"),
    ("X-Api-Key: 3f7a9c1e5b2d4f60", "3f7a9c1e5b2d4f60", "api-key"),
    ("JWT_SECRET=topsikret", "topsikret", "secret"),
    ("GET /x?access_token=abc123def456&page=2", "abc123def456", "token"),
    ("login with password:hunter2hunter now", "hunter2hunter", "password"),
    ("db-password:hunter2hunter", "hunter2hunter", "password"),
    ("db-password:8f3a9c1d2e7b", "8f3a9c1d2e7b", "password"),
    ("api-token:" + H32, H32, "token"),
    ("api-token:" + H32 + "01234567", H32, "token"),
    ("DB_PASSWORD:1.4.2.8f3a", "8f3a", "password"),
    ("password:2024-11-01x", "11-01x", "password"),
    ("http://x.example/api-token:8f3a9c1d2e7b", "8f3a9c1d2e7b", "token"),
    ("/run/db-password:hunter2hunter", "hunter2hunter", "password"),
    ("bob/password:hunter2hunter", "hunter2hunter", "password"),
    ("image: web\npassword:hunter2hunter", "hunter2hunter", "password"),
    ("image: web, db-password:hunter2hunter", "hunter2hunter", "password"),
    ("image: acme/api-token: 8f3a9c1d2e7b", "8f3a9c1d2e7b", "token"),
    ("image: acme/api-token:8f3a9c1d2e7b!Xy9", "8f3a9c1d2e7b", "token"),
    ("image: acme/x:1 token=9f8e7d6c5b4a39281706", "9f8e7d6c5b4a", "token"),
    ("deploy --password hunter2 --verbose", "hunter2", "password"),
    ("deploy --verbose --password hunter2", "hunter2", "password"),
    ("mysql -h db -u root -phunter2 shop", "hunter2", "password"),
    ("curl -u bob:hunter2 https://x", "hunter2", "password"),
    ("os.environ['DB_PASSWORD'] = 'hunter2'", "hunter2", "password"),
    ("ALTER ROLE bob WITH PASSWORD 'hunter2';", "hunter2", "password"),
    ("<password>hunter2</password>", "hunter2", "password"),
    ("machine x login bob password hunter2", "hunter2", "password"),
    ("- name: DB_PASSWORD\n  value: hunter2", "hunter2", "password"),
    ('{"name": "API_TOKEN", "value": "hunter2hunter2"}', "hunter2hunter2", "token"),
    ("ENV DB_PASSWORD hunter2", "hunter2", "password"),
    ('variable "db_password" {\n  type = string\n  default = "hunter2"\n}', "hunter2", "password"),
    ("Set-Cookie: session=abcdefgh12345678; Path=/; HttpOnly", "abcdefgh12345678", "session-cookie"),
    ("Cookie: theme=dark; sessionid=abcdefgh12345678", "abcdefgh12345678", "session-cookie"),
    ("    client-key-data: " + base64.b64encode(PEM.encode()).decode(), "LS0tLS1CRUdJTi", "private-key"),
    ("    token: 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "9f8e7d6c5b4a", "token"),
    ('".dockerconfigjson": "eyJhdXRocyI6eyJyZWdpc3RyeS5leGFtcGxlIjp7fX19"', "eyJhdXRo", "docker-config"),
    ("apiVersion: v1\nkind: Secret\ndata:\n  login: Ym9i\n", "Ym9i", "kubernetes-secret"),
    (PEM, "MIIEvQ", "private-key"),
    (json.dumps({"key": PEM}), "MIIEvQ", "private-key"),
    (PEM[:110], "MIIEvQ", "private-key"),
    ("lin" + "_api_" + A40, A40, "linear-key"),
    ("dp" + ".pt." + A40 + "abc", A40, "doppler-token"),
    ("dp" + ".st.prd." + A40 + "abc", A40, "doppler-token"),
    ("pu" + "l-" + H32 + "01234567", H32, "pulumi-token"),
    ("sntr" + "ys_" + A40 + "==_" + A40, A40, "sentry-token"),
    ("fo" + "1_" + A40 + "abc", A40, "fly-token"),
    ("FlyV1 fm" + "2_" + A40 + A40, A40, "fly-token"),
    ("psc" + "ale_tkn_" + A40, A40, "planetscale-token"),
    ("tskey" + "-auth-k1aB3dE5fG7h-" + A40, A40, "tailscale-key"),
    ("//registry.npmjs.org/:_authToken=0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "0a1b2c3d", "token"),
    ("//npm.pkg.github.com/:_authToken = " + H32 + "01234567", H32, "token"),
    ("always-auth=true\n//reg.x.io/:_password=UzNjcjN0UHc5OTk5\n", "UzNjcjN0UHc5OTk5", "password"),
    ("//reg.x.io/npm/:_auth=Ym9iOlMzY3IzdFB3", "Ym9iOlMzY3IzdFB3", "authorization"),
    ("port 6379\nrequirepass S3cr3tPw99\n", "S3cr3tPw99", "password"),
    ('redis.conf: |\n  masterauth "swordfish"', "swordfish", "password"),
    ("redis-cli CONFIG SET requirepass S3cr3tPw99 && exit", "S3cr3tPw99", "password"),
    ("command: redis-server --requirepass swordfish", "swordfish", "password"),
    ('command: ["redis-server", "--requirepass", "swordfish"]', "swordfish", "password"),
    ("redis-cli -h cache -a S3cr3tPw99 ping", "S3cr3tPw99", "password"),
    ('test: ["CMD", "redis-cli", "-a", "S3cr3tPw99", "ping"]', "S3cr3tPw99", "password"),
    ("db.example.com:5432:shop:app:S3cr3tPw99\n", "S3cr3tPw99", "password"),
    ("echo '*:*:*:app:S3cr\\:3tPw99' > ~/.pgpass", "3tPw99", "password"),
    ("password: |\n  S3cr3tPw99\n", "S3cr3tPw99", "password"),
    ("db:\n  - password: |-\n      swordfish\n\n    user: bob", "swordfish", "password"),
    ("a:\n  api_key: >\r\n    3f7a9c1e5b2d4f60\r\n  b: 1", "3f7a9c1e5b2d4f60", "api-key"),
    (AWS_EXAMPLE, AWS_EXAMPLE, "aws-example-key"),
    (f"aws_secret_access_key = {AWS_EXAMPLE_SECRET}", AWS_EXAMPLE_SECRET, "aws-example-key"),
    (f'"line\\n{GITHUB}\\nline"', GITHUB, "github-token"),
    (f"state%3D{AWS_ID}", AWS_ID, "aws-access-key"),
    ("password: <hunter", "hunter", "password"),
    ("password: <hunter\n> quoted", "hunter", "password"),
    ("deploy --password <hunter > out.log", "hunter", "password"),
    ("curl -u bob:<hunter https://x", "hunter", "password"),
    ("deploy --password -Abc12345", "Abc12345", "password"),
    ("deploy --password -a!bC12-45 --verbose", "bC12-45", "password"),
    ('command: ["deploy", "--password", "-Abc12345"]', "Abc12345", "password"),
    ('{"name":"NO_REPLY_SMTP_PASSWORD","value":"hunter2"}', "hunter2", "password"),
]

INNOCENT = [
    "password: ${DB_PASSWORD}",
    "password: {{ .Values.db.password }}",
    'password = "${var.db_password}"',
    "password = var.db_password",
    "password=$DB_PASSWORD",
    'PASSWORD="$(cat /run/secrets/db)"',
    "password: !vault |",
    "password: |",
    "passwordFile: /run/secrets/db",
    "password_file: /run/secrets/db-4f5a6b",
    "POSTGRES_PASSWORD_FILE=/run/secrets/db",
    "token: null",
    "password: ''",
    "password: true",
    "password: string",
    "valueFrom:\n  secretKeyRef:\n    name: db-credentials\n    key: password",
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: password}",
    "secretName: web-tls",
    "secret: web-tls-v2",
    "existingSecret: postgres-credentials",
    "imagePullSecret: regcred",
    "token: default-token-x7k2p",
    "automountServiceAccountToken: false",
    "tokenUrl: https://auth.example.com/oauth2/token",
    "max_tokens: 8192",
    "input_tokens=1234567",
    "next_token: aGVsbG8gd29ybGQgMTIzNA==",
    "password must be at least 12 characters",
    "Password: must have 12 characters or more",
    'password authentication failed for user "bob"',
    "error: invalid password: wrong user",
    "if password == expected:",
    "password=get_password(user)",
    "password: process.env.DB_PASSWORD,",
    "def login(user, password=None):",
    "connect(password=password, token=token)",
    "password: <your password>",
    "api_key: YOUR_API_KEY",
    "token: xxxxxxxxxxxxxxxx",
    "password: ********",
    "password: changeme",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "id: 550e8400-e29b-41d4-a716-446655440000",
    "request_token: 550e8400-e29b-41d4-a716-446655440000",
    "image: web@sha256:" + H32 + H32,
    "image: ghcr.io/acme/api-token:8f3a9c1d2e7b",
    "image: 'ghcr.io/acme/api-token:8f3a9c1d2e7b'",
    '{"image": "ghcr.io/acme/api-token:8f3a9c1d2e7b", "port": 1}',
    json.dumps(json.dumps({"image": "db-password:hunter2-7"})),
    'Failed to pull image "ghcr.io/acme/api-token:8f3a9c1d2e7b": not found',
    "pulled ghcr.io/acme/api-token:8f3a9c1d2e7b, done (localhost:5000/db-password:feature-77x)",
    "auth-secret:1.4.2",
    "started auth-secret:1.4.2-rc.1 and db-password:2024-11-01",
    "image: db-password:2024-11-01",
    "image: registry/x/token-service:v1@sha256:" + H32 + H32,
    "image: registry/x/api-token:v1@sha256:" + H32 + H32,
    "image: auth-token:8f3a9c1d2e7b",
    "  - image: db-password:latest9",
    "base_image=db-password:latest9",
    "FROM db-password:3.12-slim",
    "FROM acme/db-password:hunter2-7 AS build",
    "helm pull oci://ghcr.io/acme/api-token:1.2.3-8f3a9c1",
    "docker run acme/token:8f3a9c1d2e7b",
    "sha256:" + H32 + H32 + "  web.tar.gz",
    "integrity sha512-" + base64.b64encode(b"0123456789abcdef" * 4).decode(),
    "certificate-authority-data: " + base64.b64encode(CERTIFICATE.encode()).decode(),
    CERTIFICATE,
    'if "-----BEGIN PRIVATE KEY-----" in text: raise',
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw7T0s0mC3m4oKk bob@laptop",
    "https://user@host/path:80/x@y",
    "postgres://${DB_USER}:${DB_PASSWORD}@db/shop",
    "postgres://user:$DB_PASSWORD@db/shop",
    "http://localhost:8080/a@b",
    "docker run -u 1000:1000 web",
    "docker run -p 8080:80 web",
    "mysql -p shop",
    "curl -u $USER:$PASSWORD https://x",
    'WWW-Authenticate: Bearer realm="x",service="registry"',
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer ${{ secrets.TOKEN }}",
    "Set-Cookie: theme=darkblue; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/",
    "GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}",
    "author: jane@example.com",
    "auth: basic",
    "auth-url: http://auth.svc/verify",
    "docker login --password-stdin",
    "secret/data/shop#password",
    "token_type=bearer",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
    "password: arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
    "pk_" + "live_abcdefgh12345678",
    "monkey: banana1234",
    '10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /reset-password HTTP/1.1" 200 12',
    "password_hash: disabled",
    "secretGenerator:\n- name: db\n  literals: []",
    "kind: Secret\ntype: Opaque\ndata:\n  tls.crt: " + base64.b64encode(CERTIFICATE.encode()).decode(),
    "kind: ConfigMap\ndata:\n  login: bob1234",
    "password: <redacted:password>",
    "rotate_secret: 30d",
    "password: |",
    "password: |\nuser: bob",
    "password: |\n  Words that describe it\n",
    "password: |\n  {{ .Values.db.password }}\n",
    "notes:\n  password: |\n  elsewhere9\n",
    "requirepass is set in redis.conf",
    "# requirepass foobared",
    "requirepass ${REDIS_PASSWORD}",
    "redis-cli -a $REDIS_PASSWORD ping",
    "docker run redis-cli --askpass",
    "localhost:5432:shop:app:password",
    "link 00:11:22:33:44:55 up",
    "INFO:12345:root:main:started",
    "/users/:id/token=abc",
    "password: <your> # fill in",
    "a: {password: <your password>, b: 1}",
    "deploy --password <your password> --verbose",
    "curl -u bob:<your password> https://x",
    "mysql --password -u root -h10.0.0.12 -P3306 shop",
    "deploy --password -Xmx1024m -Dserver.port=8080 -uappuser01",
    'command: ["mysql", "--password", "-uappuser01"]',
    "deploy --password --someFlag12 --skipPassword deploy",
    'command: ["deploy", "--password", "--someFlag12"]',
    "useradd --disabled-password deploy",
    "deploy --skip-password deploy --enable-token-auth webhook2",
    'command: ["createuser", "--no-password", "deploy"]',
    'adduser --disabled-password --gecos "" app',
    "adduser --disabled-password --shell /bin/sh app",
    "mysqladmin --no-password ping",
    "psql --no-password shop",
    "ansible-playbook --ask-become-pass site",
    "opts: --encrypt-password --fail-at-end",
    'parser.add_argument("--password", "-p")',
    "kind: SealedSecret\nspec:\n  encryptedData:\n    password: AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq" + A40 * 17 + "==",
    "",
]


@pytest.mark.parametrize(("text", "secret", "kind"), SECRETS)
def test_it_takes_out_a_secret(text: str, secret: str, kind: str) -> None:
    clean = redact(text)
    assert secret not in clean
    assert f"<redacted:{kind}>" in clean
    assert redact(clean) == clean
    assert clean.count("\n") == text.count("\n")
    assert kind in [found.kind for found in find_secrets(text, examples=True)]
    assert kind in [found.kind for found in find_secrets(clean, examples=True)]


@pytest.mark.parametrize("text", INNOCENT)
def test_it_leaves_the_innocent(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("text", [text for text in INNOCENT if "<redacted:" not in text])
def test_it_finds_nothing_in_the_innocent(text: str) -> None:
    assert find_secrets(text) == []


def test_what_stands_around_a_secret_stays() -> None:
    assert redact("url: postgres://shop:hunter2@db:5432/shop?ssl=1") == (
        "url: postgres://shop:<redacted:password>@db:5432/shop?ssl=1"
    )
    assert redact("Set-Cookie: session=abcdefgh12345678; Path=/; HttpOnly") == (
        "Set-Cookie: session=<redacted:session-cookie>; Path=/; HttpOnly"
    )
    assert (
        redact("Authorization: Basic dXNlcjpwYXNz\nHost: x") == "Authorization: Basic <redacted:authorization>\nHost: x"
    )


def test_a_private_key_keeps_its_lines_and_yaml_its_shape() -> None:
    indented = PEM.replace("\n", "\n    ")
    text = f"tls:\n  key: |\n    {indented}\n  port: 443\n"
    clean = redact(text)
    assert "MIIEvQ" not in clean
    assert clean.splitlines()[-1] == "  port: 443"
    assert clean.count("\n") == text.count("\n")
    assert yaml.safe_load(clean)["tls"]["port"] == 443


def test_a_private_key_in_a_list_of_lines_stays_a_list() -> None:
    clean = redact(json.dumps(PEM.split("\n"), indent=1))
    assert "MIIEvQ" not in clean
    assert len(json.loads(clean)) == 4


def test_json_stays_json() -> None:
    data = {
        "password": 'with " and \\ and ünïcode',
        "nested": [{"api_key": "3f7a9c1e5b2d4f60", "port": 5432}],
        "url": "https://bob:hunter2@x/",
        "text": 'inner {"token": "9f8e7d6c5b4a3928", "n": 1} and PASSWORD=hunter2\nnext',
        "key": PEM,
    }
    for text in (json.dumps(data), json.dumps(data, indent=2), json.dumps(json.dumps(data))):
        clean = redact(text)
        loaded = json.loads(clean)
        loaded = json.loads(loaded) if isinstance(loaded, str) else loaded
        assert list(loaded) == list(data)
        assert "hunter2" not in clean and "3f7a9c1e" not in clean and "9f8e7d6c" not in clean and "MIIEvQ" not in clean
    assert json.loads(redact('{"password": 12345678, "port": 1}')) == {"password": "<redacted:password>", "port": 1}


def test_yaml_and_hcl_keep_their_quotes() -> None:
    assert redact("a: {password: 'hunter2', b: 1}") == "a: {password: '<redacted:password>', b: 1}"
    assert redact("a: {password: hunter2, b: 1}") == "a: {password: <redacted:password>, b: 1}"
    assert redact('password = "hunter2" # x') == 'password = "<redacted:password>" # x'


def test_lines_and_kinds_are_found_but_never_values() -> None:
    text = f"a\npassword=hunter2\n\n{PEM}\n{GITHUB} <redacted:aws-access-key>\n"
    assert find_secrets(text) == [
        Secret("password", 2),
        Secret("private-key", 4),
        Secret("aws-access-key", 8, removed=True),
        Secret("github-token", 8),
    ]


def test_an_example_of_a_manual_is_only_told_when_asked_for() -> None:
    for text in (f"key {AWS_EXAMPLE}", f"secret_key = {AWS_EXAMPLE_SECRET}"):
        assert find_secrets(text) == find_secrets(redact(text)) == []
        assert [one.kind for one in find_secrets(text, examples=True)] == ["aws-example-key"]
        assert [one.kind for one in find_secrets(redact(text), examples=True)] == ["aws-example-key"]


KNOWN = 'k/9+"Zq ü-7:x&'


@pytest.mark.parametrize(
    "form",
    [
        KNOWN,
        quote(KNOWN, safe=""),
        re.sub("%..", lambda code: code[0].lower(), quote(KNOWN, safe="")),
        json.dumps(KNOWN)[1:-1],
        json.dumps(KNOWN, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(KNOWN))[3:-3],
        base64.b64encode(KNOWN.encode()).decode(),
        base64.urlsafe_b64encode(KNOWN.encode()).decode().rstrip("="),
    ],
)
def test_known_strings_go_in_every_form(form: str) -> None:
    assert redact(f"so <{form}> it is", (KNOWN,)) == "so <<redacted:credential>> it is"
    assert form in redact(f"so <{form}> it is")


@pytest.mark.parametrize("user", ["", "a:", "ab:", "abc:", "abcd:"])
def test_a_known_string_inside_of_base64_goes(user: str) -> None:
    coded = base64.b64encode(f"{user}hunter2hunter2".encode()).decode()
    clean = redact(f"header {coded}", ("hunter2hunter2",))
    assert "<redacted:credential>" in clean
    for size in (0, 4, 8):
        left = clean.replace("<redacted:credential>", "")[7 + size :]
        assert b"unter2" not in base64.b64decode(left + "=" * (-len(left) % 4))


def test_a_known_key_goes_line_by_line_too() -> None:
    clean = redact(f"> {PEM_BODY.splitlines()[1]}", (PEM,))
    assert clean == "> <redacted:credential>"


def test_a_secret_that_was_glued_to_another_goes_too() -> None:
    glued = "abc8Q" + "~" + A40[:34] + AWS_ID
    clean = redact(glued)
    assert clean == "<redacted:azure-client-secret><redacted:aws-access-key>"


def test_the_same_letters_inside_of_a_word_are_no_secret() -> None:
    assert redact("x" + AWS_ID) == "x" + AWS_ID


def test_short_known_strings_and_the_words_of_markers_are_left() -> None:
    assert redact("a user is here", ("user", "", "a")) == "a user is here"
    assert redact("password=hunter2 credential", ("credential", "redacted")) == (
        "password=<redacted:password> <redacted:credential>"
    )


def test_json_data_is_cleared_by_key_and_by_shape() -> None:
    data = {
        "password": "abcd",
        "token": "abcdefg",
        "authorization": "Bearer abc",
        "secret": "db-credentials",
        "port": 5432,
        "tokens": 12,
        "items": [{"note": f"see {GITHUB}"}, {"name": "DB_PASSWORD", "value": "hunter2"}],
        "known": "x-hunter9-x",
        "ref": {"password": "${DB_PASSWORD}"},
    }
    before = json.dumps(data)
    assert redact_json(data, ("hunter9",)) == {
        "password": "<redacted:password>",
        "token": "<redacted:token>",
        "authorization": "<redacted:authorization>",
        "secret": "db-credentials",
        "port": 5432,
        "tokens": 12,
        "items": [
            {"note": "see <redacted:github-token>"},
            {"name": "DB_PASSWORD", "value": "<redacted:password>"},
        ],
        "known": "x-<redacted:credential>-x",
        "ref": {"password": "${DB_PASSWORD}"},
    }
    assert json.dumps(data) == before


def test_json_data_may_be_nested_without_end() -> None:
    data: object = "password=hunter2"
    for _ in range(5000):
        data = [data]
    clean = redact_json(data)
    for _ in range(5000):
        clean = clean[0]
    assert clean == "password=<redacted:password>"


PIECES = [text for text, _, _ in SECRETS] + INNOCENT + ["\n", " ", '"', "'", "\\", ": ", "=", "{", "}", ",", "<", "\\n"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=8).map("".join))
@settings(deadline=None, max_examples=400)
def test_twice_is_the_same_as_once_and_no_line_moves(text: str) -> None:
    clean = redact(text)
    assert redact(clean) == clean
    assert clean.count("\n") == text.count("\n")
    assert not [secret for secret in find_secrets(clean, examples=True) if not secret.removed]


HOSTILE = [
    "a" * 200_000,
    "password" * 25_000,
    "password=" * 20_000,
    'password="' * 20_000,
    "password: " * 20_000,
    "a_key=" * 33_000,
    "db_pass=x " * 20_000,
    "eyJ" * 66_000,
    "eyJabcdefgh." * 16_000,
    "://a:" * 40_000,
    "://" + "a:" * 100_000,
    "-----BEGIN PRIV" + "ATE KEY-----" * 7_000,
    ("-----BEGIN PRIV" + "ATE KEY-----\n") * 7_000,
    "password: |\n  x9y8z7w6\n" * 8_600,
    "\nrequirepass x" * 14_000,
    "h:5432:d:u:S3cr3tPw99 " * 9_000,
    "*:*:*:" * 33_000,
    "//r/:_authToken=" * 12_500,
    "dp.pt.aaaaaaaaaaaaaaaaaaaaaaa." * 6_600,
    "'--token', 'a1" * 14_000,
    "redis-cli -a " * 15_000,
    "Cookie: " * 25_000,
    "cookie: " + "a=b;" * 50_000,
    "name: password value" * 10_000,
    'variable "password" { ' * 9_000,
    "--token " * 25_000,
    "--token -a" * 20_000,
    "--token -" + "a" * 200_000,
    "token=<a " * 22_000,
    "curl -u a:" * 20_000,
    (AWS_ID + " ") * 9_500,
    "authorization: " * 13_000,
    "bearer " * 28_000,
    "<secret>" * 25_000,
    "\\" * 200_000,
    '\\"' * 100_000,
    "%41" * 66_000,
    "kind: Secret\n" * 15_000,
    "sk_live_ ghp_ AKIA xoxb- glpat- AIza npm_ SG. SK key- hvs. dapi hf_ Q~ sig= " * 2_600,
    "2026-11-22T10:00:00Z INFO http request path=/api/v1/users/42 status=200 took=12ms ip=10.1.2.3\n" * 2_100,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24])
def test_no_text_takes_long(text: str) -> None:
    best = min(_seconds(text) for _ in range(2))
    assert best < 1  # Usually below 0.1, at worst 0.3; the machine may be busy.


def _seconds(text: str) -> float:
    began = time.process_time()
    redact(text)
    return time.process_time() - began


def test_odd_characters_are_no_trouble() -> None:
    assert (
        redact("\x00\ud800 password=hunter2 \udfff\U0010ffff")
        == "\x00\ud800 password=<redacted:password> \udfff\U0010ffff"
    )
    assert redact("İİİ password=hunter2") == "İİİ password=<redacted:password>"
    assert redact("x", ("\ud800abcdefg",)) == "x"
    assert MARKER.fullmatch("<redacted:private-key>")


def test_an_image_in_json_data_is_known_by_its_key() -> None:
    data = {
        "image": "db-password:latest9",
        "baseImage": "auth-secret:1.4.2",
        "n": [{"image": "acme/api-token:8f3a9c1d"}],
    }
    assert redact_json(data) == data
    assert redact_json({"text": "db-password:latest9"}) == {"text": "db-password:<redacted:password>"}
    assert redact_json({"image": f"x:1 {GITHUB}"}) == {"image": "x:1 <redacted:github-token>"}
