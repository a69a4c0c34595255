"""Name the ways in which the product says no; each is rendered in one place (`routes/errors.py`)."""

from typing import Any


class AppError(Exception):
    """Refuse a request with a status, a stable code and one plain sentence.

    `details` are further JSON keys of the answer; they never hold a secret.
    """

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def to_json(self) -> dict[str, Any]:
        """Return the JSON body of the error."""
        return {"error": self.code, "message": self.message, **self.details}


class InvalidInput(AppError):
    """Refuse input whose fields are wrong; `fields` maps each field's name to what is wrong with it."""

    def __init__(self, fields: dict[str, str], message: str | None = None) -> None:
        super().__init__(400, "invalid_input", message or " ".join(fields.values()), fields=fields)


class NotFound(AppError):
    """Answer as if the thing did not exist, also when it is another user's."""

    def __init__(
        self, code: str = "not_found", message: str = "The address may be wrong, or what was here is gone."
    ) -> None:
        super().__init__(404, code, message)


class Conflict(AppError):
    """Refuse what does not fit the present state."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(409, code, message, **details)


class InsufficientCredits(AppError):
    """Refuse a charge that the wallet cannot pay; nothing was written."""

    def __init__(self, remaining: int, required: int, tier: dict[str, Any]) -> None:
        noun = "credit" if required == 1 else "credits"
        super().__init__(
            402,
            "insufficient_credits",
            f"This needs {required} {noun} and you have {remaining}. Buy a pack or upgrade to go on.",
            credits_remaining=remaining,
            credits_required=required,
            tier=tier,
        )
