"""Show what the one judge of secrets takes for one by its name, and that all who ask it agree."""

import pytest

from agent.redaction import find_secrets, holds_secret, redact, redact_json
from agent.secret_judgement import speaks_of_secret
from agent.tools.ci.lint import CI_LINT
from agent.tools.compose.lint import COMPOSE_LINT
from agent.tools.dockerfile.lint import DOCKERFILE_LINT
from agent.tools.kubernetes.trimming import is_secret
from agent.tools.manifests.lint import K8S_MANIFEST_LINT
from agent.tools.terraform.review import TERRAFORM_REVIEW
from logs import hide_secrets
from tests.agent.tools.support import NOWHERE

# Put together here, so that no scanner takes this file for a leak.
GENERATED = "Zk3x9Qp" + "T7wLm"
HEX = "9f8e7d6c5b4a3928" + "1706f5e4d3c2b1a0"
WORD = "swordfish"

SECRETS = [
    # name, value
    ("DB_PASS", GENERATED),
    ("DB_PASS", WORD),
    ("SMTP_PASS", "hunter2"),
    ("db_pass", "hunter2"),
    ("dbPass", "hunter2"),
    ("userPass", WORD),
    ("mail.smtp.pass", "hunter2"),
    ("REDIS_PASS", "correct-horse-battery"),
    ("DB_PASS_PROD", WORD),
    ("DB_PASS2", WORD),
    ("DB_PASS_V2", WORD),
    ("ADMIN_PASS_OLD", WORD),
    ("pass", GENERATED),
    ("pass", "hunter2"),
    ("pw", "hunter2"),
    ("PW", GENERATED),
    ("DB_PW", "hunter2"),
    ("user_pw", WORD),
    ("pwd", "hunter2"),
    ("MYSQL_PWD", WORD),
    ("ftp_pwd", "hunter2"),
    ("DBPASS", WORD),
    ("SSHPASS", WORD),
    ("PGPASSWORD", WORD),
    ("requirepass", WORD),
    ("redis.masterauth", WORD),
    ("rootpassword", WORD),
    ("POSTGRES_PASSWORD", "12345678"),
    ("KEYSTORE_PASSPHRASE", WORD),
    ("keystore.passcode", "hunter2"),
    ("STRIPE_KEY", GENERATED),
    ("STRIPE_KEY", HEX),
    ("STRIPE_KEY", "abc123def456"),
    ("STRIPE_KEY_LIVE", GENERATED),
    ("SENDGRID_KEY", GENERATED),
    ("MAPS_KEY", GENERATED),
    ("JWT_KEY", HEX),
    ("HMAC_KEY", HEX),
    ("APP_KEY", "base64:" + "q7Wn2Kx9Vb4Rt6Yp1Zs8Lc3Md5Nf0Gh=="),
    ("FERNET_KEY", "q7Wn2Kx9Vb4Rt6Yp1Zs8" + "Lc3Md5Nf0Gh="),
    ("stripeKey", GENERATED),
    ("datadog.key", HEX),
    ("license-key", GENERATED),
    ("routing_key", HEX),
    ("deployKey", GENERATED),
    ("API_KEY", WORD),
    ("apikey", GENERATED),
    ("X-Api-Key", HEX),
    ("SIGNING_KEY", WORD),
    ("SIGNING_KEY", GENERATED),
    ("ENCRYPTION_KEY", GENERATED),
    ("encryptionKey", WORD),
    ("SECRET_KEY", WORD),
    ("SECRET_KEY_BASE", HEX),
    ("MASTER_KEY", WORD),
    ("accessKey", GENERATED),
    ("private_key", GENERATED),
    ("ACCOUNT_KEY", GENERATED),
    ("CLIENT_SECRET", WORD),
    ("client_secret", WORD),
    ("JWT_SECRET", WORD),
    ("secret", GENERATED),
    ("WEBHOOK_SECRET", WORD),
    ("SLACK_TOKEN", WORD),
    ("npm_token", GENERATED),
    ("refresh_token", WORD),
    ("CI_JOB_TOKEN", HEX),
    ("CLUSTER_TOKEN", HEX),
    ("DB_CREDENTIALS", WORD),
    ("REDIS_AUTH", GENERATED),
    ("ENABLE_PASSWORD", "hunter2"),
    ("PROMPT_PASSWORD", WORD),
    ("NO_REPLY_SMTP_PASSWORD", "hunter2"),
    ("disabled-user-password", WORD),
    ("askDbPassword", WORD),
    ("ASK_API_KEY", "ab12cd34ef56gh78"),
    ("PROMPT_API_KEY", WORD),
    ("SKIP_TOKEN", GENERATED),
    ("WITHOUT_STRIPE_KEY", GENERATED),
    ("DISABLE_SECRET", GENERATED),
    ("enabled_token", GENERATED),
    ("enable_secret", "s3cr3tPw9"),
]

INNOCENT = [
    # name, value
    ("BYPASS", GENERATED),
    ("BYPASS_CACHE", "true"),
    ("COMPASS_URL", "https://compass.example.com/a1b2c3d4"),
    ("COMPASS", "north-42"),
    ("PASSENGER_MIN_INSTANCES", "2"),
    ("PASSENGER_APP_ENV", "production"),
    ("PASS_THROUGH", "true"),
    ("PASSTHROUGH", "tcp-8080"),
    ("PASSPORT_STRATEGY", "oauth2-google"),
    ("TRESPASS", GENERATED),
    ("PGPASSFILE", "/root/.pgpass"),
    ("PASSWORD_FILE", "/run/secrets/db-4f5a6b"),
    ("DB_PASS_FILE", "/run/secrets/db-4f5a6b"),
    ("SMTP_PASS", "${SMTP_PASS}"),
    ("DB_PASS", "$DB_PASS"),
    ("DB_PASS", "{{ .Values.db.pass }}"),
    ("DB_PASS", "/run/secrets/db_pass"),
    ("DB_PASS", "changeme"),
    ("DB_PASS", "<your password>"),
    ("DB_PASS", "********"),
    ("DB_PASS", "db_pass"),
    ("DB_PASS", ""),
    ("ALLOW_PASS", GENERATED),
    ("first_pass", "completed"),
    ("second_pass", "linear-scan-2"),
    ("shadow_pass", "depth32f"),
    ("proxy_pass", "backend2"),
    ("PASS", "TestParseIPv4Address"),
    ("pass", "completed"),
    ("pass", "12"),
    ("tests.pass", "suite7b"),
    ("PWD", "/home/bob/shop2"),
    ("PW_BROWSERS_PATH", "/opt/pw-1a2b3c"),
    ("password", "${DB_PASSWORD}"),
    ("password", "AgBy3i4OJSWK" + HEX * 20),
    ("NO_PASSWORD", GENERATED),
    ("disabled-password", GENERATED),
    ("askPassword", WORD),
    ("ENABLE_PASSWORD", "true"),
    ("skip_password", "1"),
    ("DISABLE_AUTH", "true"),
    ("passwordPolicy", "strong-12"),
    ("key", "app"),
    ("key", "app.kubernetes.io/name"),
    ("key", HEX),
    ("KEYBOARD", "us-intl-105"),
    ("keyboard_layout", "de105x"),
    ("KEYCLOAK_URL", "https://sso.example.com/a1b2c3"),
    ("monkey", "banana1234"),
    ("hotkey", "Ctrl+F12"),
    ("PRIMARY_KEY", "id"),
    ("PRIMARY_KEY", GENERATED),
    ("foreign_key", "user2_id"),
    ("sort_key", "created_at2"),
    ("partitionKey", GENERATED),
    ("cache_key", HEX),
    ("cache-key", "deps-9f86d081884c7d65"),
    ("object_key", "backups/2024-11-01/a1b2c3d4.gz"),
    ("PUBLIC_KEY", GENERATED),
    ("GPG_KEY", "E3FF2839C048B25C084D" + "EBE9B26995E310250568"),
    ("idempotency_key", HEX),
    ("topologyKey", "kubernetes.io/hostname"),
    ("routing_key", "orders.v2.created"),
    ("routing_key", "shop-orders"),
    ("lock_key", "lock:orders:42"),
    ("STRIPE_KEY", "${STRIPE_KEY}"),
    ("STRIPE_KEY", "your-stripe-key-1"),
    ("STRIPE_KEY", "sk-xxxxxxxxxxxx1"),
    ("STRIPE_KEY", "see-vault"),
    ("SSH_KEY", "~/.ssh/id_ed25519"),
    ("TLS_KEY", "/etc/tls/tls.key"),
    ("TLS_KEY", "server1.key"),
    ("metadata_key", "550e8400-e29b-41d4-a716-446655440000"),
    ("accent-key", "#8a3a92"),
    ("STRIPE_KEY_ID", "key-1a2b3c4d"),
    ("KEY_NAME", "web-1a2b3c4d"),
    ("KEY_VAULT", "kv-shop-1a2b3c"),
    ("secretKeyRef", "db-1a2b3c"),
    ("secretName", "web-tls-1a2b3c"),
    ("token_type", "bearer2b"),
    ("tokenizer", "gpt2-bpe50k"),
    ("MAX_TOKENS", "8192"),
    ("next_token", GENERATED),
    ("ETCD_INITIAL_CLUSTER_TOKEN", "etcd-cluster-1"),
    ("AUTHOR", "jane2"),
    ("auth", "basic"),
    ("image", "shop/api-key:1.4.2"),
    ("IMAGE_TAG", "8f3a9c1d2e7b"),
    ("DIGEST", "sha256:" + HEX + HEX),
    ("GIT_SHA", "9fceb02d0ae598e95dc970b74767f19372d61af8"),
    ("request_id", "550e8400-e29b-41d4-a716-446655440000"),
]

WEAK = ("changeme", "********", "db_pass")
"""Taken for no secret in a text, but as the value of a variable a linter tells of them."""
WRITTEN = (
    "{0}={1}",
    "export {0}={1}\n",
    '{0}: "{1}"',
    "{0}: {1}\n",
    "  - name: {0}\n    value: {1}",
    '{{"{0}": "{1}"}}',
)


def _ids(pairs: list[tuple[str, str]]) -> list[str]:
    return [f"{number}-{name}" for number, (name, _) in enumerate(pairs)]


@pytest.mark.parametrize(("name", "value"), SECRETS, ids=_ids(SECRETS))
def test_a_secret_is_known_by_its_name_however_it_is_written(name: str, value: str) -> None:
    for text in (form.format(name, value) for form in WRITTEN):
        assert value not in redact(text), text
    assert value not in str(redact_json({name: value}))
    assert holds_secret(name, value) and speaks_of_secret(name)


@pytest.mark.parametrize(("name", "value"), INNOCENT, ids=_ids(INNOCENT))
def test_what_is_only_called_alike_stays(name: str, value: str) -> None:
    for text in (form.format(name, value) for form in WRITTEN):
        assert redact(text) == text
        assert find_secrets(text) == []
    assert redact_json({name: value}) == {name: value}
    assert holds_secret(name, value) is (value in WEAK)


LINTED = {
    "compose": (COMPOSE_LINT, "compose", "services: {{web: {{image: 'a:1', environment: {{{0}: '{1}'}}}}}}"),
    "docker": (DOCKERFILE_LINT, "dockerfile", "FROM a:1\nENV {0}={1}\n"),
    "kubernetes": (
        K8S_MANIFEST_LINT,
        "manifest",
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n"
        "spec: {{containers: [{{name: a, image: 'a:1', env: [{{name: {0}, value: '{1}'}}]}}]}}\n",
    ),
    "github": (
        CI_LINT,
        "workflow",
        "on: push\nenv: {{{0}: '{1}'}}\njobs: {{a: {{runs-on: x, steps: [{{run: make}}]}}}}\n",
    ),
    "gitlab": (CI_LINT, "workflow", "variables: {{{0}: '{1}'}}\na: {{script: [make]}}\n"),
    "terraform": (TERRAFORM_REVIEW, "source", 'resource "a" "b" {{\n  environment = {{ {0} = "{1}" }}\n}}\n'),
}
NAMES = ("DB_PASS", "SMTP_PW", "SIGNING_KEY", "ENCRYPTION_KEY", "STRIPE_KEY", "API_TOKEN", "DB_PASSWORD")
HARMLESS = ("BYPASS", "COMPASS_ID", "CACHE_KEY", "PUBLIC_KEY", "KEYBOARD", "PASSENGER_ID", "PASSWORD_POLICY")


@pytest.mark.parametrize("linter", LINTED)
def test_every_linter_asks_the_same_judge(linter: str) -> None:
    tool, key, text = LINTED[linter]

    def tells(name: str) -> bool:
        found = tool.run(tool.read({key: text.format(name, GENERATED)}), NOWHERE).data["findings"]
        return any(one["rule"] in ("secret-in-env", "secret-in-image", "hard-coded-secret") for one in found)

    assert [name for name in NAMES if not tells(name)] == []
    assert [name for name in HARMLESS if tells(name)] == []


def test_a_cluster_and_a_log_hide_what_the_judge_knows_and_more() -> None:
    names = sorted({name for name, _ in SECRETS})
    assert [name for name in names if not is_secret(name, WORD)] == []
    assert [name for name in names if WORD in str(hide_secrets(None, "info", {name: WORD}))] == []
    assert is_secret("SENTRY_DSN", WORD) and WORD not in str(hide_secrets(None, "info", {"cookie": WORD}))
    assert not is_secret("COMPASS", WORD) and WORD in str(hide_secrets(None, "info", {"compass": WORD}))
