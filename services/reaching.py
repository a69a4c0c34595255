"""Open what a tool may reach for its user: the one way out, and the user's own connections."""

from dataclasses import dataclass
from functools import cache

from agent.types import Connection, OpenReach, Reach, Tool, ToolError
from clients.reach import WayOut
from errors import AppError
from services import connections
from services.transaction import Database, utcnow
from services.vault import Vault


@dataclass(frozen=True)
class Reaching:
    """Hand tools what they may reach; every connection is looked up for the one user who asks."""

    db: Database
    vault: Vault
    out: WayOut

    def of(self, user_id: int) -> OpenReach:
        """Return the opener for one user; what it opens is never another user's."""
        hidden = cache(lambda: self.secrets(user_id))

        def open_reach(tool: Tool, name: str | None, *, connection_id: str | None = None) -> Reach:
            kind = tool.needs_connection
            if kind is None:
                return Reach(self.out, hidden=hidden())
            try:
                return Reach(self.out, self._connection(user_id, kind, name, connection_id), hidden=hidden())
            except AppError as refusal:
                raise ToolError(refusal.message, ours=True) from None

        return open_reach

    def secrets(self, user_id: int) -> tuple[str, ...]:
        """Return the credentials of the user's connections, which must stand in nothing that is stored or sent."""
        return tuple(connections.all_secrets(self.db, self.vault, user_id))

    def _connection(self, user_id: int, kind: str, name: str | None, connection_id: str | None) -> Connection:
        if connection_id is None:
            return connections.open_for(self.db, self.vault, user_id, kind, name, now=utcnow())
        opened = connections.open_by_id(self.db, self.vault, user_id, connection_id, now=utcnow())
        if opened.kind != kind:
            raise ToolError("This connection is of another kind.")
        return opened
