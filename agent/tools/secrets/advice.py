"""Say for each kind of secret what it is called, how bad it is, and where to replace it."""

from agent.secret_shapes import EXAMPLE

_ROTATE = "then issue a new one and keep it in a secret store (Kubernetes Secret, Vault, the CI system's secrets)."

# kind: its name, and where to revoke it
_KNOWN = {
    "aws-access-key": ("AWS access key id", "Deactivate and delete it in AWS IAM (Users, Security credentials)"),
    "aws-secret-key": ("AWS secret access key", "Deactivate and delete its access key in AWS IAM"),
    "aws-signature": ("signed AWS URL", "Let it expire, or revoke the credentials that signed it in AWS IAM"),
    "github-token": ("GitHub token", "Delete it in GitHub, Settings, Developer settings, and read the security log"),
    "gitlab-token": ("GitLab token", "Revoke it in GitLab, Preferences or project Settings, Access tokens"),
    "slack-token": ("Slack token", "Revoke it at api.slack.com/apps, OAuth & Permissions"),
    "slack-webhook": ("Slack webhook", "Delete the incoming webhook at api.slack.com/apps"),
    "discord-webhook": ("Discord webhook", "Delete it in the channel's settings, Integrations"),
    "stripe-key": ("Stripe secret key", "Roll it in the Stripe dashboard, Developers, API keys"),
    "stripe-webhook-secret": ("Stripe webhook secret", "Roll it in the Stripe dashboard, Developers, Webhooks"),
    "anthropic-key": ("Anthropic API key", "Delete it in the Anthropic console, API keys"),
    "openai-key": ("OpenAI API key", "Delete it at platform.openai.com, API keys"),
    "google-api-key": (
        "Google API key",
        "Delete it in Google Cloud, APIs & Services, Credentials, and restrict the next",
    ),
    "google-oauth": ("Google OAuth secret", "Reset it in Google Cloud, APIs & Services, Credentials"),
    "npm-token": ("npm token", "Revoke it at npmjs.com, Access Tokens, and look at the last publishes"),
    "pypi-token": ("PyPI token", "Remove it at pypi.org, Account settings, API tokens"),
    "rubygems-token": ("RubyGems key", "Delete it at rubygems.org, Settings, API keys"),
    "docker-token": ("Docker access token", "Delete it at hub.docker.com, Account settings, Personal access tokens"),
    "docker-config": ("registry credentials", "Change the registry's password or token"),
    "sendgrid-key": ("SendGrid key", "Delete it in SendGrid, Settings, API Keys"),
    "twilio-key": ("Twilio key", "Delete it in the Twilio console, API keys & tokens"),
    "jwt": ("JSON Web Token", "Let it expire or revoke its session; if it does not expire, change the signing key"),
    "private-key": (
        "private key",
        "Make a new key pair, replace the public part or the certificate, revoke the old one",
    ),
    "age-key": ("age private key", "Make a new key and encrypt the files again"),
    "azure-storage-key": ("Azure storage key", "Rotate it in the Azure portal, Storage account, Access keys"),
    "azure-shared-access-key": ("Azure shared access key", "Regenerate it in the Azure portal, Shared access policies"),
    "azure-sas": (
        "Azure SAS signature",
        "Rotate the storage account's key that signed it, or revoke its access policy",
    ),
    "azure-client-secret": ("Azure client secret", "Delete it in Entra ID, App registrations, Certificates & secrets"),
    "vault-token": ("Vault token", "Revoke it with `vault token revoke`"),
    "password": ("password", "Change it in the system that it belongs to"),
    "authorization": ("authorization header", "Revoke the token or change the password that it carries"),
    "session-cookie": ("session cookie", "End the session, for example by signing out everywhere"),
    "kubernetes-secret": (
        "value of a Kubernetes Secret",
        "Base64 is no encryption: change the value, keep the manifest out of git or encrypt it (SOPS, Sealed Secrets)",
    ),
    "credential": ("credential of a connection", "Replace it in its system and in the connection's settings"),
    "high-entropy-string": (
        "string that looks generated",
        "Look at it; if it is a key, revoke it where it was issued",
    ),
}
# These can be taken back or do no harm alone.
_WARNINGS = {"jwt", "aws-signature", "azure-sas", "session-cookie", "authorization"}


def advice(kind: str) -> tuple[str, str, str]:
    """Return the severity, the name and the fix of this kind of secret."""
    if kind == EXAMPLE:
        return "info", "example key of AWS", "Leave it in a text; a program needs a key of its own from a secret store."
    name, where = _KNOWN.get(kind, (kind.replace("-", " "), "Revoke it where it was issued"))
    severity = "info" if kind == "high-entropy-string" else "warning" if kind in _WARNINGS else "error"
    return severity, name, f"{where}, {_ROTATE}"
