"""Hold what one app is made of, so that routes find it and services are handed what they need."""

from dataclasses import dataclass

from agent.registry import Registry
from clients.model import Model
from clients.payments import Gateway
from clients.reach import WayOut
from config import Settings
from services.chat import Chat
from services.transaction import Database
from services.vault import Vault


@dataclass(frozen=True)
class House:
    """The parts of one running app."""

    settings: Settings
    db: Database
    model: Model | None
    """Who answers; None in production without a key, where chat says 503 `model_not_configured`."""
    tools: Registry
    chat: Chat
    gateway: Gateway
    """Who takes the payments: Stripe, or nobody (simulated)."""
    out: WayOut
    """The one guarded way out of the server for tools and connections."""
    vault: Vault
    """Keeps users' credentials encrypted."""

    @property
    def simulated(self) -> bool:
        """Say whether payments are simulated."""
        return self.gateway.simulated
