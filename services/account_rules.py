"""Say which addresses, passwords and names an account may have."""

import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from errors import InvalidInput
from services import passwords

USERNAME_MAXIMUM = 80

# Domains of one's own network are fine places to try the product out.
_ALLOWED = frozenset({"local", "localhost", "invalid", "test"})
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _ALLOWED
]


def check(email: str, password: str, username: str | None) -> tuple[str, str]:
    """Return the address and the name of a new account; raises InvalidInput naming each bad field."""
    fields = {}
    address = email.strip()
    try:
        address = valid_address(address)
    except EmailNotValidError:
        fields["email"] = "Enter an e-mail address, such as alice@example.com."
    given = (username or "").strip()
    problems = {
        "password": password_problem(password, address),
        "username": username_problem(given) if given else None,
    }
    fields |= {field: problem for field, problem in problems.items() if problem}
    if fields:
        raise InvalidInput(fields)
    return address, given or first_name(address)


def valid_address(email: str) -> str:
    """Return the address as it is written; raises EmailNotValidError."""
    address = email.strip()
    # A name without a dot is a slip of the hand, but for the one that every machine has. Nothing asks the network.
    dotted = address.rpartition("@")[2].lower() != "localhost"
    return validate_email(address, check_deliverability=False, globally_deliverable=dotted).normalized


def password_problem(password: str, address: str) -> str | None:
    """Say what is wrong with a password, None if nothing is."""
    if len(password) < passwords.MINIMUM:
        return f"Use at least {passwords.MINIMUM} characters."
    if len(password) > passwords.MAXIMUM:
        return f"Use at most {passwords.MAXIMUM} characters."
    if password.strip().lower() == address.lower():
        return "Use something else than your address."
    return None


def username_problem(name: str) -> str | None:
    """Say what is wrong with a name, None if nothing is."""
    if not name:
        return "Enter a name."
    if len(name) > USERNAME_MAXIMUM:
        return f"Use at most {USERNAME_MAXIMUM} characters."
    if not name.isprintable() or any(unicodedata.category(character) == "Cs" for character in name):
        return "Use letters, digits and other signs that can be seen."
    return None


def first_name(email: str) -> str:
    """Return the name that an account has until its owner chooses one."""
    return email.partition("@")[0][:USERNAME_MAXIMUM]
